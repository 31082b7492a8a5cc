// SPDX-License-Identifier: Apache-2.0
// CONNECT, takeover, session present, clean start, keep alive, what CONNACK says.
#include <deque>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using mqtt::PropertyId;

ROOST_CHAPTER(Connect);

// [MQTT-3.2.2-2] [MQTT-3.1.2-4]
TEST_P(Connect, SaysNoSessionTheFirstTimeAndPresentTheNext) {
  Client client(broker, "a");
  client.connect(Hello().resume().expiry(100));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00"));
  client.vanish();
  client.connect(Hello().resume().expiry(100));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present"));
}

TEST_P(Connect, CleanStartThrowsTheOldSessionAway) {
  Client client(broker, "a", Hello().resume().expiry(100));
  client.subscribe(Sub("t", kQos1));
  client.vanish();
  client.connect(Hello().expiry(100));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00"));
  Client other(broker, "b", Hello());
  other.publish(Pub("t", "x", kQos1));
  EXPECT_THAT(other.got(), ElementsAre("PUBACK 1 10"));
  EXPECT_THAT(client.got(), IsEmpty());
}

TEST_P(Connect, ASessionOfACleanV3ClientEndsWithItsConnection) {
  Client client(broker, "a", Hello().v3());
  client.vanish();
  EXPECT_FALSE(broker.knows("a"));
  client.connect(Hello().v3().resume());
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00"));
}

// 3.1.1 with clean session 0 stays for ever by default.
TEST_P(Connect, ASessionOfAPersistentV3ClientNeverExpires) {
  Client client(broker, "a", Hello().v3().resume());
  client.disconnect();
  broker.advance_s(20L * 365 * 24 * 3600);
  client.connect(Hello().v3().resume());
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present"));
}

TEST_P(Connect, AV3ClientMayResumeWhatItBeganInV5AndBack) {
  Client client(broker, "a", Hello().resume().expiry(100));
  client.vanish();
  client.connect(Hello().v3().resume());
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present"));
  client.vanish();
  broker.advance_s(1000);  // what counts is the last CONNECT
  client.connect(Hello().resume());
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present"));
  client.vanish();  // and that had no expiry
  EXPECT_FALSE(broker.knows("a"));
}

// [MQTT-3.1.3-4]: any text is an id.
TEST_P(Connect, TakesIdsOfAnyLength) {
  const std::string longest(65535, 'x');
  for (const std::string& id : {std::string("/"), std::string("a b/+/#"), longest}) {
    Client client(broker, id);
    client.connect(Hello().v3());
    EXPECT_THAT(client.got(), ElementsAre("CONNACK 00"));
  }
}

ROOST_CHAPTER(Takeover);

// [MQTT-3.1.4-3]
TEST_P(Takeover, TellsTheOlderV5Connection8E) {
  Client older(broker, "a", Hello().resume().expiry(100));
  Client newer(broker, "a");
  newer.connect(Hello().resume().expiry(100));
  EXPECT_THAT(older.got(), ElementsAre("DISCONNECT 8E", "CLOSED"));
  EXPECT_THAT(newer.got(), ElementsAre("CONNACK 00 present"));
  EXPECT_EQ(broker.sum(&SessionCounters::takeovers), 1U);
  EXPECT_EQ(broker.sum(&SessionCounters::connected), 1U);
}

TEST_P(Takeover, JustClosesAnOlderV3Connection) {
  Client older(broker, "a", Hello().v3().resume());
  Client newer(broker, "a");
  newer.connect(Hello().v3().resume());
  EXPECT_THAT(older.got(), ElementsAre("CLOSED"));
  EXPECT_THAT(newer.got(), ElementsAre("CONNACK 00 present"));
}

TEST_P(Takeover, OfACleanSessionBeginsAnew) {
  Client older(broker, "a", Hello());
  older.subscribe(Sub("t"));
  Client newer(broker, "a");
  newer.connect(Hello().resume());
  EXPECT_THAT(newer.got(), ElementsAre("CONNACK 00"));
  EXPECT_EQ(broker.sum(&SessionCounters::subscriptions), 0U);
}

TEST_P(Takeover, WithCleanStartEndsThePersistentSession) {
  Client older(broker, "a", Hello().resume().expiry(100));
  older.subscribe(Sub("t", kQos1));
  Client newer(broker, "a");
  newer.connect(Hello().expiry(100));
  EXPECT_THAT(older.got(), ElementsAre("SUBACK 1 01", "DISCONNECT 8E", "CLOSED"));
  EXPECT_THAT(newer.got(), ElementsAre("CONNACK 00"));
  EXPECT_EQ(broker.sum(&SessionCounters::sessions_durable), 1U);
}

TEST_P(Takeover, HandsOverWhatIsInFlightInOrder) {
  Client older(broker, "a", Hello().resume().expiry(100));
  older.subscribe(Sub("t", kQos1));
  older.take();
  Client other(broker, "b", Hello());
  publish_numbered(other, 3, "t", kQos1);
  EXPECT_EQ(older.got(), numbered(3, "t", 1));
  older.puback(2);
  Client newer(broker, "a");
  newer.connect(Hello().v3().resume());
  const auto packets = newer.link().take();
  ASSERT_EQ(packets.size(), 3U);
  EXPECT_EQ(support::line_of(packets[1]), "t=1 q1 #1 dup");
  EXPECT_EQ(support::line_of(packets[2]), "t=3 q1 #3 dup");
}

// One id flapping costs nobody else.
TEST_P(Takeover, OneThousandTimesLeavesNothingBehind) {
  Client witness(broker, "w", Hello());
  witness.subscribe(Sub("x"));
  witness.take();
  std::deque<Client> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.emplace_back(broker, "a", Hello().resume().expiry(i % 2 == 0 ? 10 : 0));
    clients.back().subscribe(Sub("t/#", kQos1));
  }
  EXPECT_EQ(broker.sum(&SessionCounters::connected), 2U);
  EXPECT_EQ(broker.sum(&SessionCounters::subscriptions), 2U);
  witness.publish(Pub("x", "1"));
  EXPECT_THAT(witness.got(), ElementsAre("x=1"));
}

ROOST_CHAPTER(SessionExpiry);

// [MQTT-3.1.2-23]
TEST_P(SessionExpiry, EndsTheSessionWhenItIsOverAndNotBefore) {
  Client client(broker, "a", Hello().resume().expiry(10));
  client.subscribe(Sub("t", kQos1));
  client.vanish();
  broker.advance_ms(9'999);
  EXPECT_TRUE(broker.knows("a"));
  broker.advance_ms(20);
  EXPECT_FALSE(broker.knows("a"));
  EXPECT_EQ(broker.sum(&SessionCounters::sessions_expired), 1U);
  EXPECT_EQ(broker.sum(&SessionCounters::subscriptions), 0U);
  client.connect(Hello().resume().expiry(10));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00"));
}

TEST_P(SessionExpiry, IsCountedFromTheLastDisconnection) {
  Client client(broker, "a", Hello().resume().expiry(10));
  client.vanish();
  broker.advance_s(9);
  client.connect(Hello().resume().expiry(10));
  broker.advance_s(100);
  client.vanish();
  broker.advance_s(9);
  client.connect(Hello().resume().expiry(10));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present"));
}

TEST_P(SessionExpiry, OfAllOnesNeverComes) {
  Client client(broker, "a", Hello().resume().expiry(mqtt::kNeverExpires));
  client.vanish();
  broker.advance_s(10L * mqtt::kNeverExpires);
  EXPECT_TRUE(broker.knows("a"));
}

// [MQTT-3.14.2-2] and what the client may do
TEST_P(SessionExpiry, IsChangedByDisconnect) {
  Client client(broker, "a", Hello().resume().expiry(10));
  client.disconnect_with_expiry(1000);
  broker.advance_s(900);
  client.connect(Hello().resume().expiry(10));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present"));
  client.disconnect_with_expiry(0);
  EXPECT_THAT(client.got(), ElementsAre("CLOSED"));
  EXPECT_FALSE(broker.knows("a"));
}

TEST_P(SessionExpiry, IsNeverChangedFromZero) {
  Client client(broker, "a", Hello());
  client.disconnect_with_expiry(5);
  EXPECT_THAT(client.got(), ElementsAre("DISCONNECT 82", "CLOSED"));
  EXPECT_FALSE(broker.knows("a"));
  client.connect(Hello());
  client.disconnect_with_expiry(0);  // that is no change
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00", "CLOSED"));
}

TEST_P(SessionExpiry, IsCappedAndTheCapAnnounced) {
  broker.limits().session_expiry_max_s = 60;
  Client client(broker, "a");
  client.connect(Hello().resume().expiry(1000));
  const auto packets = client.take();
  const auto& connack = std::get<mqtt::Connack>(packets.at(0));
  EXPECT_TRUE(connack.properties.has(PropertyId::session_expiry_interval));
  EXPECT_EQ(connack.properties.session_expiry_interval_s, 60U);
  client.disconnect_with_expiry(5000);
  broker.advance_s(61);
  EXPECT_FALSE(broker.knows("a"));
}

ROOST_CHAPTER(KeepAlive);

// [MQTT-3.1.2-22]
TEST_P(KeepAlive, EndsTheConnectionAfterOneAndAHalfTimesItself) {
  Client client(broker, "a", Hello().keep_alive(10));
  broker.advance_ms(14'999);
  EXPECT_THAT(client.got(), IsEmpty());
  broker.advance_ms(20);
  EXPECT_THAT(client.got(), ElementsAre("DISCONNECT 8D", "CLOSED"));
  EXPECT_EQ(broker.sum(&SessionCounters::keep_alive_timeouts), 1U);
}

TEST_P(KeepAlive, AnyPacketIsASignOfLife) {
  Client client(broker, "a", Hello().v3().keep_alive(10));
  for (int i = 0; i < 5; ++i) {
    broker.advance_s(14);
    client.send(mqtt::Pingreq{});
    EXPECT_THAT(client.got(), ElementsAre("PINGRESP"));
    broker.advance_s(14);
    client.publish(Pub("t", "x"));
  }
  broker.advance_ms(15'020);
  EXPECT_THAT(client.got(), ElementsAre("CLOSED"));
}

// [MQTT-3.1.2.10]: 0 turns it off
TEST_P(KeepAlive, OfZeroNeverEndsAnything) {
  Client client(broker, "a", Hello());
  broker.advance_s(1'000'000);
  EXPECT_TRUE(client.is_connected());
}

// [MQTT-3.1.2-21]: only v5 can be told
TEST_P(KeepAlive, IsCappedForV5AndSaidSo) {
  broker.limits().keep_alive_max_s = 20;
  Client newer(broker, "a");
  newer.connect(Hello().keep_alive(100));
  const auto packets = newer.take();
  const auto& connack = std::get<mqtt::Connack>(packets.at(0));
  EXPECT_EQ(connack.properties.server_keep_alive_s, 20U);
  Client zero(broker, "b", Hello());
  Client older(broker, "c", Hello().v3().keep_alive(100));
  broker.advance_s(31);
  EXPECT_FALSE(newer.is_connected());
  EXPECT_FALSE(zero.is_connected());
  EXPECT_TRUE(older.is_connected());
  broker.advance_s(120);
  EXPECT_FALSE(older.is_connected());
}

ROOST_CHAPTER(Connack);

TEST_P(Connack, SaysWhatIsNotTheDefault) {
  Client client(broker, "a");
  client.connect(Hello());
  const auto packets = client.take();
  const mqtt::Properties& said = std::get<mqtt::Connack>(packets.at(0)).properties;
  EXPECT_EQ(said.receive_maximum, broker.limits().receive_maximum);
  EXPECT_EQ(said.maximum_packet_size, broker.limits().wire.packet_size_max);
  EXPECT_EQ(said.topic_alias_maximum, broker.limits().topic_alias_maximum);
  for (const PropertyId id :
       {PropertyId::session_expiry_interval, PropertyId::server_keep_alive,
        PropertyId::assigned_client_identifier, PropertyId::response_information}) {
    EXPECT_FALSE(said.has(id));
  }
}

// [MQTT-3.1.2-28]
TEST_P(Connack, GivesResponseInformationOnlyWhereAsked) {
  Hello hello;
  hello.properties.request_response_information = 1;
  hello.marked(PropertyId::request_response_information);
  Client client(broker, "a");
  client.connect(hello);
  const auto packets = client.take();
  EXPECT_EQ(std::get<mqtt::Connack>(packets.at(0)).properties.response_information, "response/a");
}

TEST_P(Connack, GivesTheAssignedId) {
  support::FakeLink link(mqtt::ProtocolVersion::v5);
  const std::string id = broker.id_on(0, "made");
  mqtt::Connect connect;
  connect.version = mqtt::ProtocolVersion::v5;
  broker.run_on(CoreId{0}, [&] { broker.table(CoreId{0}).connect(connect, link, id); });
  const auto packets = link.take();
  EXPECT_EQ(std::get<mqtt::Connack>(packets.at(0)).properties.assigned_client_identifier, id);
  broker.run_on(CoreId{0}, [&] {
    broker.table(CoreId{0}).kick_all(mqtt::ReasonCode::server_shutting_down, "over");
  });
}

ROOST_CHAPTER(Kick);

TEST_P(Kick, SaysTheReasonToV5AndClosesV3) {
  Client newer(broker, "a", Hello().last_words("w", "1"));
  Client older(broker, "b", Hello().v3());
  for (std::uint16_t core = 0; core < broker.size(); ++core) {
    broker.run_on(CoreId{core}, [&] {
      broker.table(CoreId{core}).kick_all(mqtt::ReasonCode::server_shutting_down, "stopping");
    });
  }
  broker.settle();
  EXPECT_THAT(newer.got(), ElementsAre("DISCONNECT 8B", "CLOSED"));
  EXPECT_THAT(older.got(), ElementsAre("CLOSED"));
  EXPECT_EQ(broker.sum(&SessionCounters::wills_sent), 1U);
}

// [MQTT-3.1.0-2] a second CONNECT
TEST_P(Kick, AnswersASecondConnect82) {
  Client client(broker, "a", Hello());
  Hello again;
  again.client_id = "a";
  client.send(again);
  EXPECT_THAT(client.got(), ElementsAre("DISCONNECT 82", "CLOSED"));
  EXPECT_EQ(broker.sum(&SessionCounters::refused_protocol), 1U);
}

}  // namespace
}  // namespace roost::session
