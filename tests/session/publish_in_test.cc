// SPDX-License-Identifier: Apache-2.0
// What a client publishes: acks, QoS 2 repeats, Receive Maximum, aliases, what is refused.
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class PublishIn : public Chapter {
 protected:
  Client witness{broker, "witness", Hello()};

  void SetUp() override {
    witness.subscribe(Sub("#", kQos2));
    witness.take();
  }
};
INSTANTIATE_TEST_SUITE_P(Cores, PublishIn, testing::Values(1, 3));

// [MQTT-4.3.1-1]
TEST_P(PublishIn, AtQos0IsDeliveredAndNotAnswered) {
  Client client(broker, "a", Hello());
  client.publish(Pub("t", "x"));
  EXPECT_THAT(client.got(), IsEmpty());
  EXPECT_THAT(witness.got(), ElementsAre("t=x"));
}

// [MQTT-4.3.2-4]
TEST_P(PublishIn, AtQos1IsAnsweredByPuback) {
  Client client(broker, "a", Hello());
  client.publish(Pub("t", "x", kQos1).id(77));
  EXPECT_THAT(client.got(), ElementsAre("PUBACK 77"));
  EXPECT_THAT(witness.got(), ElementsAre("t=x q1 #1"));
}

// A repeat at QoS 1 is a message of its own; DUP is not passed on. [MQTT-3.3.1-3]
TEST_P(PublishIn, AtQos1WithDupIsDeliveredAgainWithoutDup) {
  Client client(broker, "a", Hello());
  client.publish(Pub("t", "x", kQos1).id(5));
  client.publish(Pub("t", "x", kQos1).id(5).again());
  EXPECT_THAT(client.got(), ElementsAre("PUBACK 5", "PUBACK 5"));
  EXPECT_THAT(witness.got(), ElementsAre("t=x q1 #1", "t=x q1 #2"));
}

// [MQTT-4.3.3-8] [MQTT-4.3.3-11]
TEST_P(PublishIn, AtQos2IsDeliveredOnceHoweverOftenItIsSent) {
  Client client(broker, "a", Hello());
  client.publish(Pub("t", "x", kQos2).id(9));
  client.publish(Pub("t", "x", kQos2).id(9).again());
  EXPECT_THAT(client.got(), ElementsAre("PUBREC 9", "PUBREC 9"));
  client.pubrel(9);
  EXPECT_THAT(client.got(), ElementsAre("PUBCOMP 9"));
  client.publish(Pub("t", "y", kQos2).id(9));  // free again
  EXPECT_THAT(client.got(), ElementsAre("PUBREC 9"));
  EXPECT_THAT(witness.got(), ElementsAre("t=x q2 #1", "t=y q2 #2"));
}

// [MQTT-4.3.3-10]
TEST_P(PublishIn, AtQos2IsStillDeliveredOnceAcrossReconnects) {
  Client client(broker, "a", Hello().resume().expiry(100));
  client.publish(Pub("t", "x", kQos2).id(9));
  for (int i = 0; i < 3; ++i) {
    client.vanish();
    client.connect(Hello().resume().expiry(100));
    client.publish(Pub("t", "x", kQos2).id(9).again());
    EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "PUBREC 9"));
  }
  client.vanish();
  client.connect(Hello().resume().expiry(100));
  client.pubrel(9);
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "PUBCOMP 9"));
  EXPECT_THAT(witness.got(), ElementsAre("t=x q2 #1"));
}

TEST_P(PublishIn, AtQos2IsForgottenWithItsSession) {
  Client client(broker, "a", Hello());
  client.publish(Pub("t", "x", kQos2).id(9));
  client.vanish();
  client.connect(Hello());
  client.publish(Pub("t", "x", kQos2).id(9).again());
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00", "PUBREC 9"));
  EXPECT_THAT(witness.got(), ElementsAre("t=x q2 #1", "t=x q2 #2"));
}

// [MQTT-4.3.3-12] v5 says 0x92, 3.x has no word for it
TEST_P(PublishIn, PubrelOfAnUnknownIdIsAnswered) {
  Client newer(broker, "a", Hello());
  newer.pubrel(3);
  EXPECT_THAT(newer.got(), ElementsAre("PUBCOMP 3 92"));
  Client older(broker, "b", Hello().v3());
  older.pubrel(3);
  EXPECT_THAT(older.got(), ElementsAre("PUBCOMP 3"));
}

// [MQTT5-3.4.2.1]: 0x10 only in PUBACK, only where nobody can have wanted it
TEST_P(PublishIn, TellsV5WhereNobodySubscribed) {
  witness.unsubscribe({"#"});
  Client client(broker, "a", Hello());
  client.publish(Pub("t", "x", kQos1));
  client.publish(Pub("t", "x", kQos2));
  EXPECT_THAT(client.got(), ElementsAre("PUBACK 1 10", "PUBREC 2"));
  client.pubrel(2);
  EXPECT_THAT(client.got(), ElementsAre("PUBCOMP 2"));
  client.publish(Pub("t", "x", kQos1).retained());  // kept, so not in vain
  EXPECT_THAT(client.got(), ElementsAre("PUBACK 3"));
}

// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
TEST_P(PublishIn, AcksLeaveInTheOrderOfThePublishes) {
  Client sleepers[] = {{broker, broker.id_on(0, "s0"), Hello().resume().expiry(9)},
                       {broker, broker.id_on(1, "s1"), Hello().resume().expiry(9)},
                       {broker, broker.id_on(2, "s2"), Hello().resume().expiry(9)}};
  for (int i = 0; i < 3; ++i) sleepers[i].subscribe(Sub("t/" + std::to_string(i), kQos1));
  Client client(broker, broker.id_on(0, "a"), Hello());
  client.manual = true;
  Lines expected;
  for (mqtt::PacketId i = 1; i <= 30; ++i) {
    client.publish(Pub("t/" + std::to_string((i + 2) % 4), "x", i % 5 == 0 ? kQos2 : kQos1).id(i));
    expected.push_back((i % 5 == 0 ? "PUBREC " : "PUBACK ") + std::to_string(i));
  }
  broker.settle();
  EXPECT_EQ(client.got(), expected);
}

// [MQTT-3.3.4-7] [MQTT-3.3.4-9]
TEST_P(PublishIn, OverTheReceiveMaximumIsAnswered93) {
  broker.limits().receive_maximum = 3;
  Client client(broker, "a", Hello());
  for (mqtt::PacketId id = 1; id <= 3; ++id) client.publish(Pub("t", "x", kQos2).id(id));
  client.publish(Pub("t", "x", kQos1).id(1));
  EXPECT_THAT(client.got(),
              ElementsAre("PUBREC 1", "PUBREC 2", "PUBREC 3", "DISCONNECT 93", "CLOSED"));
  EXPECT_EQ(broker.sum(&SessionCounters::refused_receive_maximum), 1U);
}

TEST_P(PublishIn, TheReceiveMaximumCountsWhatIsOpenOnly) {
  broker.limits().receive_maximum = 2;
  Client client(broker, "a", Hello());
  for (int i = 0; i < 100; ++i) client.publish(Pub("t", "x", kQos1));
  for (int i = 0; i < 100; ++i) {
    client.publish(Pub("t", "x", kQos2));
    client.finish_all();
  }
  client.publish(Pub("t", "x", kQos2).id(7));
  client.publish(Pub("t", "x", kQos2).id(7).again());  // a repeat takes no room
  client.publish(Pub("t", "x", kQos2).id(8));
  client.publish(Pub("t", "x", kQos0));
  EXPECT_TRUE(client.is_connected());
}

// [MQTT5-4.9]: it isn't kept across connections.
TEST_P(PublishIn, TheReceiveMaximumBeginsAnewWithAConnection) {
  broker.limits().receive_maximum = 2;
  const Hello hello = Hello().resume().expiry(1000);
  Client client(broker, "a", hello);
  for (mqtt::PacketId id = 1; id <= 2; ++id) client.publish(Pub("t", "x", kQos2).id(id));
  client.vanish();
  client.connect(hello);
  for (mqtt::PacketId id = 3; id <= 4; ++id) client.publish(Pub("t", "x", kQos2).id(id));
  client.pubrel(1);  // of the earlier one: makes no room
  EXPECT_TRUE(client.is_connected());
  client.publish(Pub("t", "x", kQos2).id(5));
  EXPECT_FALSE(client.is_connected());
}

TEST_P(PublishIn, AV3ClientKnowsNoReceiveMaximum) {
  broker.limits().receive_maximum = 2;
  Client client(broker, "a", Hello().v3());
  for (int i = 0; i < 100; ++i) client.publish(Pub("t", "x", kQos2));
  EXPECT_TRUE(client.is_connected());
  EXPECT_EQ(client.got().size(), 100U);
}

// [MQTT-3.2.2-15] 0x95
TEST_P(PublishIn, OverThePacketSizeIsAnswered95) {
  broker.limits().wire.packet_size_max = 1000;
  Client client(broker, "a", Hello());
  const std::string fits(1000 - 3 - 3 - 1, 'x');
  client.publish(Pub("t", fits));
  EXPECT_TRUE(client.is_connected());
  client.publish(Pub("t", fits + 'x'));
  EXPECT_THAT(client.got(), ElementsAre("DISCONNECT 95", "CLOSED"));
  EXPECT_EQ(broker.sum(&SessionCounters::refused_packet_size), 1U);
}

// [MQTT-3.3.2-10] [MQTT-3.3.2-12]
TEST_P(PublishIn, ByAliasGoesToTheTopicThatTheAliasWasGivenLast) {
  Client client(broker, "a", Hello());
  client.publish(Pub("t/1", "1").alias(1));
  client.publish(Pub("t/2", "2", kQos1).alias(10));
  client.publish(Pub("", "3").alias(1));
  client.publish(Pub("", "4", kQos2).alias(10));
  client.publish(Pub("t/3", "5").alias(1));
  client.publish(Pub("", "6").alias(1));
  EXPECT_THAT(witness.got(),
              ElementsAre("t/1=1", "t/2=2 q1 #1", "t/1=3", "t/2=4 q2 #2", "t/3=5", "t/3=6"));
}

// [MQTT-3.3.2-7]
TEST_P(PublishIn, AliasesEndWithTheConnection) {
  Client client(broker, "a", Hello().resume().expiry(9));
  client.publish(Pub("t/1", "1").alias(1));
  client.vanish();
  client.connect(Hello().resume().expiry(9));
  client.publish(Pub("", "2").alias(1));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "DISCONNECT 82", "CLOSED"));
}

// [MQTT-3.3.2-9]
TEST_P(PublishIn, AnAliasOverTheMaximumIsAnswered94) {
  Client client(broker, "a", Hello());
  client.publish(Pub("t/1", "1").alias(11));
  EXPECT_THAT(client.got(), ElementsAre("DISCONNECT 94", "CLOSED"));
  EXPECT_THAT(witness.got(), IsEmpty());
}

TEST_P(PublishIn, CarriesItsPropertiesUnaltered) {
  Pub publish("t", "x");
  mqtt::Properties& said = publish.properties;
  said.payload_format_indicator = 0;  // explicit zero too
  said.mark(mqtt::PropertyId::payload_format_indicator);
  said.response_topic = "answer/here";
  said.mark(mqtt::PropertyId::response_topic);
  said.correlation_data = as_bytes("\x01\x02");
  said.mark(mqtt::PropertyId::correlation_data);
  said.user_properties = {{"z", "1"}, {"a", "2"}, {"z", ""}};
  said.mark(mqtt::PropertyId::user_property);
  Client client(broker, "a", Hello());
  client.publish(publish);
  const auto packets = witness.take();
  ASSERT_EQ(packets.size(), 1U);
  const mqtt::Properties& got = std::get<mqtt::Publish>(packets[0]).properties;
  EXPECT_EQ(got.present, said.present);
  EXPECT_EQ(got.payload_format_indicator, 0);
  EXPECT_EQ(got.response_topic, "answer/here");
  EXPECT_EQ(as_text(got.correlation_data), "\x01\x02");
  EXPECT_EQ(got.user_properties, said.user_properties);
}

// A v3 subscriber gets none of them, and the same message.
TEST_P(PublishIn, ReachesV3WithoutProperties) {
  Client older(broker, "old", Hello().v3());
  older.subscribe(Sub("t"));
  Client client(broker, "a", Hello());
  client.publish(Pub("t", "x").expiry(100).alias(1));
  EXPECT_THAT(older.got(), ElementsAre("SUBACK 1 00", "t=x"));
}

TEST_P(PublishIn, ToSysIsRefusedWithAWordWhereThereIsOne) {
  witness.subscribe(Sub("$SYS/#", kQos2));
  witness.take();
  Client newer(broker, "a", Hello());
  newer.publish(Pub("$SYS/x", "1"));
  newer.publish(Pub("$SYS/x", "1", kQos1).retained());
  newer.publish(Pub("$SYS/x", "1", kQos2));
  EXPECT_THAT(newer.got(), ElementsAre("PUBACK 1 87", "PUBREC 2 87"));
  newer.publish(Pub("$SYS/x", "1", kQos2).id(2));  // that id is free: the flow is over
  EXPECT_THAT(newer.got(), ElementsAre("PUBREC 2 87"));
  Client older(broker, "b", Hello().v3());
  older.publish(Pub("$SYS/x", "1", kQos1));
  older.publish(Pub("$SYS/x", "1", kQos2));
  older.pubrel(2);
  EXPECT_THAT(older.got(), ElementsAre("PUBACK 1", "PUBREC 2", "PUBCOMP 2"));
  EXPECT_THAT(witness.got(), IsEmpty());
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_not_authorized), 6U);
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 0U);
}

TEST_P(PublishIn, OverTheLengthOfATopicIsRefusedWithAWordWhereThereIsOne) {
  broker.limits().max_topic_bytes = 4;
  witness.subscribe(Sub("#", kQos2));
  witness.take();
  Client newer(broker, "a", Hello());
  newer.publish(Pub("12345", "x"));
  newer.publish(Pub("12345", "x", kQos1));
  newer.publish(Pub("12345", "x", kQos2));
  newer.publish(Pub("1234", "fits", kQos1));
  EXPECT_THAT(newer.got(), ElementsAre("PUBACK 1 90", "PUBREC 2 90", "PUBACK 3"));
  Client older(broker, "b", Hello().v3());
  older.publish(Pub("12345", "x", kQos1));
  EXPECT_THAT(older.got(), ElementsAre("PUBACK 1"));
  EXPECT_THAT(witness.got(), ElementsAre("1234=fits q1 #1"));
  EXPECT_EQ(broker.sum(&SessionCounters::refused_topic_length), 4U);
}

TEST_P(PublishIn, OverTheSizeOfRetainedPayloadsIsRefused) {
  broker.limits().max_retained_bytes = 3;
  Client newer(broker, "a", Hello());
  newer.publish(Pub("t", "four").retained());
  newer.publish(Pub("t", "four", kQos1).retained());
  newer.publish(Pub("t", "four", kQos2).retained());
  EXPECT_THAT(newer.got(), ElementsAre("PUBACK 1 97", "PUBREC 2 97"));
  Client older(broker, "b", Hello().v3());
  older.publish(Pub("t", "four", kQos1).retained());
  EXPECT_THAT(older.got(), ElementsAre("PUBACK 1"));
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::refused_retained_size), 4U);
  newer.publish(Pub("t", "fit", kQos1).retained());
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 1U);
}

TEST_P(PublishIn, OverTheCountOfRetainedTopicsOneMoreIsRefused) {
  broker.limits().max_retained = 2;
  Client newer(broker, "a", Hello());
  newer.publish(Pub("one", "1", kQos1).retained());
  newer.publish(Pub("two", "1", kQos1).retained());
  newer.publish(Pub("three", "1", kQos1).retained());
  newer.publish(Pub("three", "1", kQos2).retained());
  EXPECT_THAT(newer.got(), ElementsAre("PUBACK 1", "PUBACK 2", "PUBACK 3 97", "PUBREC 4 97"));
  Client older(broker, "b", Hello().v3());
  older.publish(Pub("three", "1", kQos1).retained());
  EXPECT_THAT(older.got(), ElementsAre("PUBACK 1"));
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 2U);
  EXPECT_EQ(broker.sum(&SessionCounters::refused_retained_count), 3U);
  // What is kept changes as ever, goes, and makes room.
  newer.publish(Pub("one", "2", kQos1).retained());
  newer.publish(Pub("two", "", kQos1).retained());
  newer.publish(Pub("three", "1", kQos1).retained());
  newer.publish(Pub("three", "1", kQos1));
  EXPECT_THAT(newer.got(), ElementsAre("PUBACK 5", "PUBACK 6", "PUBACK 7", "PUBACK 8"));
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 2U);
}

// It is too late to refuse a will: its subscribers have it, and it isn't kept.
TEST_P(PublishIn, OverTheCountOfRetainedTopicsAWillIsNotKept) {
  broker.limits().max_retained = 1;
  Client(broker, "a", Hello()).publish(Pub("one", "1", kQos1).retained());
  witness.subscribe(Sub("wills", kQos1));
  witness.take();
  Client dying(broker, "d", Hello().last_words("wills", "gone").will_retained());
  dying.vanish();
  EXPECT_THAT(witness.got(), ElementsAre("wills=gone"));
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 1U);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_retained_full), 1U);
}

TEST_P(PublishIn, CountsWhatComesAndGoesByQos) {
  Client client(broker, "a", Hello());
  client.publish(Pub("t", "abc"));
  client.publish(Pub("t", "abc", kQos1));
  client.publish(Pub("t", "abc", kQos2));
  SessionCounters& in = broker.home("a").counters();
  EXPECT_EQ(in.publishes_in[0].value(), 1U);
  EXPECT_EQ(in.publishes_in[1].value(), 1U);
  EXPECT_EQ(in.publishes_in[2].value(), 1U);
  for (const Counter& bytes : in.publish_bytes_in) EXPECT_EQ(bytes.value(), 3U);
  SessionCounters& out = broker.home("witness").counters();
  EXPECT_EQ(out.publishes_out[0].value(), 1U);
  EXPECT_EQ(out.publishes_out[1].value(), 1U);
  EXPECT_EQ(out.publishes_out[2].value(), 1U);
  for (const Counter& bytes : out.publish_bytes_out) EXPECT_EQ(bytes.value(), 3U);
}

}  // namespace
}  // namespace roost::session
