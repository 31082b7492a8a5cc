// SPDX-License-Identifier: Apache-2.0
// What a client is sent: QoS 1 and 2 flows, resending, windows, ids, packet sizes, aliases.
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using mqtt::PacketType;
using mqtt::ReasonCode;

class PublishOut : public Chapter {
 protected:
  Client source{broker, "source", Hello()};

  // A subscriber of "t" at QoS 2 with a session that stays.
  static Hello staying() { return Hello().resume().expiry(1000); }
  void subscribe(Client& client, mqtt::Qos qos = kQos2) {
    client.subscribe(Sub("t", qos));
    client.take();
  }
  void reconnect(Client& client, const Hello& hello = staying()) {
    client.vanish();
    client.connect(hello);
  }
};
INSTANTIATE_TEST_SUITE_P(Cores, PublishOut, testing::Values(1, 3));

// [MQTT-3.8.4-8]: the lower of both QoS
TEST_P(PublishOut, GoesWithTheLowerOfPublishedAndGrantedQos) {
  Client client(broker, "a", Hello());
  client.subscribe({Sub("q0", kQos0), Sub("q1", kQos1), Sub("q2", kQos2)});
  client.take();
  for (const char* topic : {"q0", "q1", "q2"}) {
    for (const auto qos : {kQos0, kQos1, kQos2}) source.publish(Pub(topic, "x", qos));
  }
  EXPECT_THAT(client.got(), ElementsAre("q0=x", "q0=x", "q0=x", "q1=x", "q1=x q1 #1", "q1=x q1 #2",
                                        "q2=x", "q2=x q1 #3", "q2=x q2 #4"));
}

TEST_P(PublishOut, AtQos1EndsWithPuback) {
  Client client(broker, "a", staying());
  subscribe(client);
  source.publish(Pub("t", "x", kQos1));
  EXPECT_THAT(client.got(), ElementsAre("t=x q1 #1"));
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 1U);
  client.puback(1);
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
  reconnect(client);
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present"));
}

// [MQTT-4.3.3-3..6]
TEST_P(PublishOut, AtQos2EndsWithPubcomp) {
  Client client(broker, "a", staying());
  subscribe(client);
  source.publish(Pub("t", "x", kQos2));
  client.pubrec(1);
  EXPECT_THAT(client.got(), ElementsAre("t=x q2 #1", "PUBREL 1"));
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 1U);
  client.pubcomp(1);
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
}

// [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1]
TEST_P(PublishOut, ResendsWhatIsUnfinishedInOrderUnderTheSameIdsWithDup) {
  Client client(broker, "a", staying());
  subscribe(client);
  publish_numbered(source, 3, "t", kQos1);
  publish_numbered(source, 3, "t", kQos2, 4);
  client.take();
  client.puback(2);
  client.pubrec(5);
  client.pubrec(6);
  client.pubcomp(6);
  client.take();
  reconnect(client);
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "PUBREL 5", "t=1 q1 #1 dup",
                                        "t=3 q1 #3 dup", "t=4 q2 #4 dup"));
  source.publish(Pub("t", "7", kQos1));
  EXPECT_THAT(client.finish_all(), ElementsAre("t=7 q1 #7"));
}

TEST_P(PublishOut, SetsDupOnlyOnWhatWasSentBefore) {
  Client client(broker, "a", staying().receive_max(2));
  subscribe(client);
  publish_numbered(source, 4, "t", kQos1);
  EXPECT_EQ(client.got(), numbered(2, "t", 1));
  reconnect(client, staying());
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "t=1 q1 #1 dup", "t=2 q1 #2 dup",
                                        "t=3 q1 #3", "t=4 q1 #4"));
}

// Found by kill -9 rounds: its connection ended before CONNACK and said that nothing was sent.
TEST_P(PublishOut, SetsDupBehindAConnectionThatEndedBeforeItsConnack) {
  Client client(broker, "a", staying());
  subscribe(client);
  publish_numbered(source, 2, "t", kQos1);
  client.take();
  client.disconnect();
  broker.disk_of("a").hold();
  client.connect(staying());
  client.vanish();
  broker.disk_of("a").let_go();
  broker.settle();
  EXPECT_THAT(client.got(), IsEmpty());
  client.connect(staying());
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "t=1 q1 #1 dup", "t=2 q1 #2 dup"));
}

TEST_P(PublishOut, NeverResendsOnTheSameConnection) {
  Client client(broker, "a", staying().keep_alive(0));
  subscribe(client);
  source.publish(Pub("t", "x", kQos1));
  client.take();
  broker.advance_s(100'000);
  EXPECT_THAT(client.got(), IsEmpty());
}

// The new connection has a smaller window than what is in flight: it is kept, in order.
TEST_P(PublishOut, ResendsWithinTheNewReceiveMaximum) {
  Client client(broker, "a", staying());
  subscribe(client);
  publish_numbered(source, 5, "t", kQos2);
  client.take();
  client.pubrec(3);
  client.take();
  reconnect(client, staying().receive_max(2));
  EXPECT_THAT(client.got(),
              ElementsAre("CONNACK 00 present", "PUBREL 3", "t=1 q2 #1 dup", "t=2 q2 #2 dup"));
  client.pubrec(1);
  client.pubcomp(1);
  EXPECT_THAT(client.got(), ElementsAre("PUBREL 1", "t=4 q2 #4 dup"));
  source.publish(Pub("t", "6", kQos2));
  client.pubcomp(3);  // was no PUBLISH here: opens no room
  EXPECT_THAT(client.got(), IsEmpty());
  client.pubrec(2);
  client.pubcomp(2);
  EXPECT_THAT(client.got(), ElementsAre("PUBREL 2", "t=5 q2 #5 dup"));
  client.pubrec(4);
  client.pubcomp(4);
  EXPECT_THAT(client.got(), ElementsAre("PUBREL 4", "t=6 q2 #6"));
}

// [MQTT-4.4.0-2]: an ack that was on its way when the connection broke
TEST_P(PublishOut, TakesLateAcksForWhatItHasNotResentYetWithoutHarm) {
  Client client(broker, "a", staying());
  subscribe(client);
  publish_numbered(source, 4, "t", kQos1);
  client.take();
  reconnect(client, staying().receive_max(1));
  client.send(mqtt::Ack{PacketType::puback, 3, {}, {}});  // not resent on this connection
  EXPECT_THAT(client.finish_all(),
              ElementsAre("t=1 q1 #1 dup", "t=2 q1 #2 dup", "t=3 q1 #3 dup", "t=4 q1 #4 dup"));
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
}

TEST_P(PublishOut, IgnoresAcksOfUnknownIds) {
  Client client(broker, "a", Hello());
  subscribe(client);
  source.publish(Pub("t", "1", kQos1));
  source.publish(Pub("t", "2", kQos2));
  client.take();
  for (const mqtt::PacketId id : std::initializer_list<mqtt::PacketId>{3, 65535}) {
    client.puback(id);
    client.pubcomp(id);
  }
  EXPECT_THAT(client.got(), IsEmpty());
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 2U);
  client.puback(1);
  client.pubrec(2);
  client.pubcomp(2);
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
  client.puback(1);  // twice
  EXPECT_TRUE(client.is_connected());
}

TEST_P(PublishOut, AnswersAcksOfTheWrongKind82) {
  for (const auto& [qos, type] : {std::pair(kQos1, PacketType::pubrec),
                                  {kQos1, PacketType::pubcomp},
                                  {kQos2, PacketType::puback},
                                  {kQos2, PacketType::pubcomp}}) {
    Client client(broker, "a", Hello());
    subscribe(client);
    source.publish(Pub("t", "1", qos));
    client.take();
    client.send(mqtt::Ack{type, 1, {}, {}});
    EXPECT_THAT(client.got(), ElementsAre("DISCONNECT 82", "CLOSED"));
  }
}

// [MQTT-4.3.3-4] v5: 0x92
TEST_P(PublishOut, AnswersPubrecOfAnUnknownId) {
  Client newer(broker, "a", Hello());
  newer.pubrec(9);
  EXPECT_THAT(newer.got(), ElementsAre("PUBREL 9 92"));
  newer.ack(PacketType::pubrec, 9, ReasonCode::quota_exceeded);
  EXPECT_THAT(newer.got(), IsEmpty());
  Client older(broker, "b", Hello().v3());
  older.pubrec(9);
  EXPECT_THAT(older.got(), ElementsAre("PUBREL 9"));
}

// [MQTT-4.3.3-4]: an error ends the flow, without PUBREL, and is counted
TEST_P(PublishOut, PubrecWithAnErrorEndsTheFlow) {
  Client client(broker, "a", staying().receive_max(1));
  subscribe(client);
  publish_numbered(source, 2, "t", kQos2);
  EXPECT_THAT(client.got(), ElementsAre("t=1 q2 #1"));
  client.ack(PacketType::pubrec, 1, ReasonCode::quota_exceeded);
  EXPECT_THAT(client.got(), ElementsAre("t=2 q2 #2"));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_rejected), 1U);
  reconnect(client);
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "t=2 q2 #2 dup"));
}

TEST_P(PublishOut, PubackWithAnErrorEndsTheFlowAndIsCounted) {
  Client client(broker, "a", staying());
  subscribe(client);
  source.publish(Pub("t", "x", kQos1));
  client.take();
  client.ack(PacketType::puback, 1, ReasonCode::unspecified_error);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_rejected), 1U);
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
}

TEST_P(PublishOut, AnswersARepeatedPubrecAgain) {
  Client client(broker, "a", Hello());
  subscribe(client);
  source.publish(Pub("t", "x", kQos2));
  client.pubrec(1);
  client.pubrec(1);
  EXPECT_THAT(client.got(), ElementsAre("t=x q2 #1", "PUBREL 1", "PUBREL 1"));
}

// [MQTT-3.3.4-9]: queued, not dropped
TEST_P(PublishOut, KeepsTheReceiveMaximumAndQueuesTheRest) {
  Client client(broker, "a", staying().receive_max(3));
  subscribe(client);
  publish_numbered(source, 10, "t", kQos1);
  EXPECT_EQ(client.got(), numbered(3, "t", 1));
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 7U);
  source.publish(Pub("t", "past the window"));  // QoS 0 needs none
  EXPECT_THAT(client.got(), ElementsAre("t=past the window"));
  client.puback(2);
  EXPECT_THAT(client.got(), ElementsAre("t=4 q1 #4"));
  client.puback(1);
  client.puback(3);
  client.puback(4);
  EXPECT_EQ(client.finish_all(), numbered(6, "t", 1, 5));
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::queued_bytes), 0U);
}

TEST_P(PublishOut, KeepsItsOwnWindowTowardsEverybody) {
  broker.limits().max_inflight = 2;
  Client client(broker, "a", Hello().v3().resume());
  subscribe(client);
  publish_numbered(source, 5, "t", kQos1);
  EXPECT_EQ(client.got(), numbered(2, "t", 1));
  client.puback(1);
  client.puback(2);
  EXPECT_EQ(client.finish_all(), numbered(3, "t", 1, 3));
}

// Packet ids are sequences mod 65535 + 1 and never meet one that is open.
TEST_P(PublishOut, GoesRoundAll65535IdsAndWaitsForTheOldest) {
  broker.limits().max_inflight = 65535;
  Client client(broker, "a", staying());
  subscribe(client);
  for (int i = 1; i <= 65535; ++i) source.publish(Pub("t", "x", kQos1));
  EXPECT_EQ(client.take().size(), 65535U);
  source.publish(Pub("t", "waits", kQos1));
  EXPECT_THAT(client.got(), IsEmpty());
  client.puback(2);  // room in the window, but id 1 is the next and open
  EXPECT_THAT(client.got(), IsEmpty());
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 1U);
  client.puback(1);
  EXPECT_THAT(client.got(), ElementsAre("t=waits q1 #1"));
}

// [MQTT-3.1.2-24] [MQTT-3.1.2-25]: dropped as if sent, counted, the flow goes on
TEST_P(PublishOut, TooLargeForTheClientIsDroppedAndCounted) {
  Client client(broker, "a", staying().packet_max(100).receive_max(1));
  subscribe(client);
  const std::string large(100, 'x');
  for (const auto qos : {kQos0, kQos1, kQos2}) source.publish(Pub("t", large, qos));
  publish_numbered(source, 2, "t", kQos1);
  source.publish(Pub("t", large, kQos1));  // this one while another is in flight
  publish_numbered(source, 1, "t", kQos1, 3);
  EXPECT_THAT(client.finish_all(), ElementsAre("t=1 q1 #3", "t=2 q1 #4", "t=3 q1 #6"));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_too_large), 4U);
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
}

TEST_P(PublishOut, TooLargeForTheNextConnectionIsDroppedWhenResending) {
  Client client(broker, "a", staying());
  subscribe(client);
  source.publish(Pub("t", "1", kQos1));
  source.publish(Pub("t", std::string(100, 'x'), kQos1));
  source.publish(Pub("t", "3", kQos2));
  client.take();
  reconnect(client, staying().packet_max(100));
  EXPECT_THAT(client.finish_all(), ElementsAre("t=1 q1 #1 dup", "t=3 q2 #3 dup"));
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
}

// The limit is the limit: exactly so many bytes fit, with or without an alias in reach.
TEST_P(PublishOut, OfExactlyTheClientsLimitFits) {
  for (const std::uint16_t aliases : std::initializer_list<std::uint16_t>{0, 5}) {
    Client client(broker, "a", Hello().packet_max(100).aliases(aliases));
    subscribe(client);
    source.publish(Pub("t", std::string(100 - 2 - 3 - 1, 'x')));
    source.publish(Pub("t", std::string(100 - 2 - 3 - 2 - 1, 'x'), kQos1));
    EXPECT_THAT(client.got(), ElementsAre("t=<94 B>", "t=<92 B> q1 #1"));
  }
}

TEST_P(PublishOut, OfManyKilobytesIsSentWhole) {
  Client client(broker, "a", Hello());
  subscribe(client);
  const std::string payload(300'000, 'p');
  source.publish(Pub("t", payload, kQos2));
  const auto packets = client.take();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(as_text(std::get<mqtt::Publish>(packets[0]).payload), payload);
}

// [MQTT-3.1.2-26]: as many aliases as the client wants and the broker has
TEST_P(PublishOut, UsesAsManyAliasesAsTheClientTakes) {
  Client client(broker, "a", Hello().aliases(2));
  client.subscribe(Sub("#"));
  client.take();
  for (const char* topic : {"t/one", "t/two", "t/three", "t/one", "t/two", "t/three"}) {
    source.publish(Pub(topic, "x"));
  }
  const auto bytes = broker.sum(&SessionCounters::packets_out);
  EXPECT_GT(bytes, 0U);
  EXPECT_THAT(client.got(), ElementsAre("t/one=x alias=1", "t/two=x alias=2", "t/three=x",
                                        "t/one=x alias=1", "t/two=x alias=2", "t/three=x"));
}

TEST_P(PublishOut, UsesNoAliasWhereNoneWasAllowed) {
  Client client(broker, "a", Hello());
  subscribe(client);
  source.publish(Pub("t", "x"));
  source.publish(Pub("t", "x"));
  EXPECT_THAT(client.got(), ElementsAre("t=x", "t=x"));
}

TEST_P(PublishOut, AliasesBeginAnewWithEachConnection) {
  Client client(broker, "a", staying().aliases(5));
  subscribe(client);
  source.publish(Pub("t", "x", kQos1));
  EXPECT_THAT(client.got(), ElementsAre("t=x q1 #1 alias=1"));
  reconnect(client, staying().aliases(5));  // the client would throw at an unknown alias
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "t=x q1 #1 dup alias=1"));
  reconnect(client, staying());
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "t=x q1 #1 dup"));
}

TEST_P(PublishOut, KeepsTheOrderOfATopicThroughQueueAndReconnects) {
  Client client(broker, "a", staying().receive_max(2));
  subscribe(client);
  Lines all;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 3; ++i) {
      source.publish(Pub("t", std::to_string(round * 3 + i), kQos2));
      source.finish_all();
    }
    client.vanish();
    client.connect(staying().receive_max(2));
    source.publish(Pub("t", "", kQos0));
  }
  for (const std::string& line : client.finish_all()) {
    if (line.starts_with("t= ") || line == "t=") continue;
    all.push_back(line.substr(0, line.find(" dup")));
  }
  Lines expected;
  for (int i = 0; i < 30; ++i) {
    expected.push_back("t=" + std::to_string(i) + " q2 #" + std::to_string(i + 1));
  }
  EXPECT_EQ(all, expected);
}

}  // namespace
}  // namespace roost::session
