// SPDX-License-Identifier: Apache-2.0
// The will: when it is published, when not, and what of it. [MQTT5-3.1.2.5]
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class Will : public Chapter {
 protected:
  Client witness{broker, "witness", Hello()};

  void SetUp() override {
    witness.subscribe(Sub("will/#", kQos2).as_published());
    witness.take();
  }
};
INSTANTIATE_TEST_SUITE_P(Cores, Will, testing::Values(1, 3));

// [MQTT-3.1.2-8]
TEST_P(Will, IsPublishedWhenTheConnectionIsLost) {
  Client client(broker, "a", Hello().last_words("will/a", "gone"));
  client.vanish();
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
}

// [MQTT-3.1.2-10] [MQTT-3.14.4-3]
TEST_P(Will, IsThrownAwayByANormalDisconnect) {
  Client client(broker, "a", Hello().last_words("will/a", "gone").resume().expiry(10));
  client.disconnect();
  broker.advance_s(100);
  EXPECT_THAT(witness.got(), IsEmpty());
}

TEST_P(Will, IsPublishedByDisconnect04) {
  Client client(broker, "a", Hello().last_words("will/a", "gone"));
  client.disconnect(mqtt::ReasonCode::disconnect_with_will);
  EXPECT_THAT(client.got(), ElementsAre("CLOSED"));
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
}

TEST_P(Will, IsPublishedAfterDisconnectWithAnError) {
  Client client(broker, "a", Hello().last_words("will/a", "gone"));
  client.disconnect(mqtt::ReasonCode::unspecified_error);
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
}

TEST_P(Will, IsPublishedWhenTheKeepAliveIsOver) {
  Client client(broker, "a", Hello().v3().last_words("will/a", "gone").keep_alive(10));
  broker.advance_ms(14'990);
  EXPECT_THAT(witness.got(), IsEmpty());
  broker.advance_ms(30);
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
}

TEST_P(Will, IsPublishedAfterAProtocolError) {
  Client client(broker, "a", Hello().last_words("will/a", "gone"));
  client.send(Hello());
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
}

// [MQTT-3.1.3-9]
TEST_P(Will, WaitsForItsDelay) {
  Client client(broker, "a",
                Hello().resume().expiry(100).last_words("will/a", "gone").will_delay(30));
  client.vanish();
  broker.advance_ms(29'999);
  EXPECT_THAT(witness.got(), IsEmpty());
  broker.advance_ms(20);
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
  EXPECT_TRUE(broker.knows("a"));
  broker.advance_s(100);
  EXPECT_THAT(witness.got(), IsEmpty());
}

TEST_P(Will, WaitsNoLongerThanItsSession) {
  Client client(broker, "a",
                Hello().resume().expiry(10).last_words("will/a", "gone").will_delay(3000));
  client.vanish();
  broker.advance_ms(9'999);
  EXPECT_THAT(witness.got(), IsEmpty());
  broker.advance_ms(20);
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
  EXPECT_FALSE(broker.knows("a"));
}

TEST_P(Will, WithADelayButNoSessionToWaitInIsPublishedAtOnce) {
  Client client(broker, "a", Hello().last_words("will/a", "gone").will_delay(30));
  client.vanish();
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
}

TEST_P(Will, IsPublishedAtOnceWhereDisconnectSetsTheExpiryToZero) {
  Client client(broker, "a",
                Hello().resume().expiry(10).last_words("will/a", "gone").will_delay(5));
  mqtt::Disconnect packet;
  packet.reason = mqtt::ReasonCode::disconnect_with_will;
  packet.properties.mark(mqtt::PropertyId::session_expiry_interval);
  client.send(packet);
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
}

TEST_P(Will, IsCancelledByAReconnectWithinItsDelay) {
  const Hello hello = Hello().resume().expiry(100).last_words("will/a", "gone").will_delay(30);
  Client client(broker, "a", hello);
  client.vanish();
  broker.advance_s(29);
  client.connect(Hello().resume().expiry(100));
  broker.advance_s(100);
  client.disconnect();
  broker.advance_s(200);
  EXPECT_THAT(witness.got(), IsEmpty());
  EXPECT_EQ(broker.sum(&SessionCounters::wills_sent), 0U);
}

// The session of the will ends by clean start, so the will goes out: before the new birth.
TEST_P(Will, IsPublishedBeforeTheBirthOfACleanStart) {
  Client client(broker, "a",
                Hello().resume().expiry(100).last_words("will/a", "gone").will_delay(30));
  client.vanish();
  client.connect(Hello());
  client.publish(Pub("will/a", "online"));
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone", "will/a=online"));
}

TEST_P(Will, OfATakenOverConnectionGoesOutBeforeTheBirth) {
  Client older(broker, "a", Hello().v3().resume().last_words("will/a", "gone"));
  Client newer(broker, "a", Hello().v3().resume());
  newer.publish(Pub("will/a", "online"));
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone", "will/a=online"));
}

TEST_P(Will, OfATakenOverConnectionWithADelayIsCancelledWhereTheSessionGoesOn) {
  Client older(broker, "a",
               Hello().resume().expiry(100).last_words("will/a", "gone").will_delay(30));
  Client newer(broker, "a", Hello().resume().expiry(100));
  broker.advance_s(1000);
  EXPECT_THAT(witness.got(), IsEmpty());
}

TEST_P(Will, OfATakenOverConnectionWithADelayGoesOutWhereTheSessionEnds) {
  Client older(broker, "a",
               Hello().resume().expiry(100).last_words("will/a", "gone").will_delay(30));
  Client newer(broker, "a", Hello());
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone"));
}

TEST_P(Will, OfEachConnectionIsItsOwn) {
  Client client(broker, "a", Hello().resume().expiry(9).last_words("will/a", "one"));
  client.disconnect();
  client.connect(Hello().resume().expiry(9).last_words("will/a", "two"));
  client.vanish();
  EXPECT_THAT(witness.got(), ElementsAre("will/a=two"));
}

// [MQTT-3.1.2-14] [MQTT-3.1.2-15]
TEST_P(Will, IsRetainedWhereItSaysSo) {
  Client client(broker, "a", Hello().last_words("will/a", "gone").will_retained().will_qos(kQos1));
  client.vanish();
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone q1 #1 retain"));
  Client late(broker, "late", Hello());
  late.subscribe(Sub("will/a"));
  EXPECT_THAT(late.got(), ElementsAre("SUBACK 1 00", "will/a=gone retain"));
}

TEST_P(Will, WithoutPayloadClearsTheRetainedMessage) {
  witness.publish(Pub("will/a", "online").retained());
  witness.take();
  Client client(broker, "a", Hello().last_words("will/a", "").will_retained());
  client.vanish();
  EXPECT_THAT(witness.got(), ElementsAre("will/a= retain"));
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 0U);
}

// [MQTT5-3.1.3.2.4]: the life of the message begins when it is published
TEST_P(Will, ExpiresCountedFromItsPublication) {
  Client sleeper(broker, "sleeper", Hello().resume().expiry(1000));
  sleeper.subscribe(Sub("will/a", kQos1));
  sleeper.vanish();
  Hello hello = Hello().resume().expiry(1000).last_words("will/a", "gone").will_qos(kQos1);
  Client client(broker, "a", hello.will_delay(100).will_expiry(50));
  broker.advance_s(500);
  client.vanish();
  broker.advance_s(101);
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone q1 #1 expiry=50"));
  broker.advance_s(20);
  sleeper.connect(Hello().resume().expiry(1000));
  EXPECT_THAT(sleeper.got(), ElementsAre("CONNACK 00 present", "will/a=gone q1 #1 expiry=30"));
}

// [MQTT5-3.1.3.2.4]: it is as old as its publication, though its shard has been quiet since.
TEST_P(Will, ThatWaitedStepByStepIsNotBornExpired) {
  Hello hello = Hello().resume().expiry(1000).last_words("will/a", "gone").will_qos(kQos1);
  Client client(broker, "a", hello.will_delay(8).will_expiry(2));
  client.vanish();
  for (int i = 0; i < 9; ++i) broker.advance_s(1);
  EXPECT_THAT(witness.got(), ElementsAre("will/a=gone q1 #1 expiry=2"));
}

TEST_P(Will, CarriesItsProperties) {
  Hello hello = Hello().last_words("will/a", "gone");
  hello.will->properties.content_type = "text/plain";
  hello.will->properties.mark(mqtt::PropertyId::content_type);
  hello.will->properties.user_properties = {{"b", "1"}, {"a", "2"}, {"b", "3"}};
  hello.will->properties.mark(mqtt::PropertyId::user_property);
  Client client(broker, "a", hello);
  client.vanish();
  const auto packets = witness.take();
  ASSERT_EQ(packets.size(), 1U);
  const mqtt::Properties& properties = std::get<mqtt::Publish>(packets[0]).properties;
  EXPECT_EQ(properties.content_type, "text/plain");
  EXPECT_EQ(properties.user_properties, hello.will->properties.user_properties);
}

TEST_P(Will, ReachesItsOwnOfflineSession) {
  Client client(broker, "a",
                Hello().resume().expiry(100).last_words("will/a", "gone").will_qos(kQos1));
  client.subscribe(Sub("will/a", kQos1));
  client.vanish();
  client.connect(Hello().resume().expiry(100));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "will/a=gone q1 #1"));
}

// The broker's own topics are nobody's to write, not by last will either.
TEST_P(Will, ToSysIsNotPublished) {
  witness.subscribe(Sub("$SYS/#"));
  witness.take();
  Client client(broker, "a", Hello().last_words("$SYS/broker/uptime", "1").will_retained());
  client.vanish();
  EXPECT_THAT(witness.got(), IsEmpty());
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_not_authorized), 1U);
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 0U);
}

}  // namespace
}  // namespace roost::session
