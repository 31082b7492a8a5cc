// SPDX-License-Identifier: Apache-2.0
// The first packet: who gets in, who is refused, with which words, and what is counted and logged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/mqtt/encode.h"
#include "tests/gates/stage.h"
#include "tests/support/wire_cases.h"

namespace roost::gates {
namespace {

using mqtt::ProtocolVersion;
using mqtt::ReasonCode;
using support::RawClient;
using support::wire_bytes;
using testing::ElementsAre;
using testing::HasSubstr;
using Lines = std::vector<std::string>;

mqtt::Connect hello(std::string_view id, ProtocolVersion version = ProtocolVersion::v5) {
  mqtt::Connect connect;
  connect.version = version;
  connect.client_id = id;
  return connect;
}

// What a client reads after these bytes on a fresh connection.
Lines after_bytes(Stage& stage, std::string_view notation,
                  ProtocolVersion version = ProtocolVersion::v3_1_1) {
  RawClient client("", version);
  stage.open(client);
  client.send_bytes(wire_bytes(notation));
  stage.settle();
  return read_all(client);
}

TEST(Connect, IsAnsweredAndLoggedInOneLine) {
  Stage stage;
  RawClient client("");
  stage.open(client);
  mqtt::Connect connect = hello("kitchen");
  connect.keep_alive_s = 60;
  connect.user_name = "ada";
  stage.send(client, {connect});
  EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00")));
  EXPECT_THAT(stage.log.take(),
              ElementsAre("connected client=kitchen address=192.0.2.7:51234 listener=door "
                          "version=5.0 clean=1 keep_alive=60 user=ada"));
  stage.send(client, {mqtt::Disconnect{}});
  EXPECT_THAT(stage.log.take(),
              ElementsAre("disconnected client=kitchen address=192.0.2.7:51234 listener=door "
                          "version=5.0 clean=1 keep_alive=60 user=ada "
                          "reason=\"client disconnected\""));
  EXPECT_THAT(read_all(client), ElementsAre("END"));
}

TEST(Connect, WithAnotherFirstByteIsClosedAtOnce) {
  Stage stage;
  EXPECT_EQ(after_bytes(stage, "47"), Lines{"END"});  // GET
  EXPECT_EQ(after_bytes(stage, "30"), Lines{"END"});
  EXPECT_EQ(after_bytes(stage, "11"), Lines{"END"});
  EXPECT_EQ(stage.sum(&GateCounters::refused_malformed), 3U);
  EXPECT_THAT(stage.log.take().front(),
              "refused address=192.0.2.7:51234 listener=door "
              "reason=\"first packet is not CONNECT\"");
}

TEST(Connect, OfAnotherProtocolIsClosedInSilence) {
  Stage stage;
  EXPECT_EQ(after_bytes(stage, "10 * 'HTTP' 04 02 0000 'a'"), Lines{"END"});
  EXPECT_EQ(stage.sum(&GateCounters::refused_malformed), 1U);
  EXPECT_EQ(stage.log.count("refused"), 1U);
}

TEST(Connect, InAVersionThatWeDoNotSpeakIsToldSoInItsForm) {
  Stage stage;
  EXPECT_EQ(after_bytes(stage, "10 * 'MQTT' 02 02 0000 'a'"), (Lines{"CONNACK 84", "END"}));
  EXPECT_THAT(after_bytes(stage, "10 * 'MQTT' 07 02 0000 00 'a'", ProtocolVersion::v5),
              ElementsAre(HasSubstr("CONNACK 84"), "END"));
  EXPECT_EQ(stage.sum(&GateCounters::refused_version), 2U);
}

TEST(Connect, OfAMosquittoBridgeIsLetIn) {
  Stage stage;
  EXPECT_EQ(after_bytes(stage, "10 * 'MQIsdp' 83 02 0000 'a'"), Lines{"CONNACK 00"});
  EXPECT_EQ(after_bytes(stage, "10 * 'MQTT' 84 02 0000 'b'"), Lines{"CONNACK 00"});
}

TEST(Connect, WithoutAnIdDependsOnTheVersion) {
  Stage stage;
  EXPECT_EQ(after_bytes(stage, "10 * 'MQIsdp' 03 02 0000 ''"), (Lines{"CONNACK 85", "END"}));
  EXPECT_EQ(after_bytes(stage, "10 * 'MQTT' 04 00 0000 ''"), (Lines{"CONNACK 85", "END"}));
  EXPECT_EQ(stage.sum(&GateCounters::refused_client_id), 2U);
  EXPECT_EQ(after_bytes(stage, "10 * 'MQTT' 04 02 0000 ''"), Lines{"CONNACK 00"});
  const Lines named = after_bytes(stage, "10 * 'MQTT' 05 00 0000 00 ''", ProtocolVersion::v5);
  EXPECT_THAT(named, ElementsAre(HasSubstr("assigned_client_identifier=\"roost-")));
  EXPECT_EQ(stage.sum(&GateCounters::moved), 0U) << "a made id belongs where the client is";
}

TEST(Connect, ThatNeverComesTimesOut) {
  Stage stage;
  RawClient silent("");
  RawClient slow("", ProtocolVersion::v3_1_1);
  stage.open(silent);
  stage.open(slow);
  slow.send_bytes(wire_bytes("10 20 'MQTT' 04"));
  stage.advance_ms(9'900);
  EXPECT_TRUE(read_all(silent).empty());
  EXPECT_TRUE(read_all(slow).empty());
  stage.advance_ms(200);
  EXPECT_EQ(read_all(silent), Lines{"END"});
  EXPECT_EQ(read_all(slow), Lines{"END"});
  EXPECT_EQ(stage.sum(&GateCounters::connect_timeouts), 2U);
  EXPECT_EQ(stage.log.count("no CONNECT in time"), 2U);
}

TEST(Connect, ThatCameDoesNotTimeOut) {
  Stage stage;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello(stage.id_on(1))});
  stage.advance_ms(60'000);
  EXPECT_EQ(read_all(client).size(), 1U);
  EXPECT_TRUE(client.is_open());
  EXPECT_EQ(stage.sum(&GateCounters::connect_timeouts), 0U);
}

TEST(Connect, OverThePacketSizeIsClosed) {
  Stage stage;
  stage.listener.limits.packet_size_max = 1024;
  EXPECT_EQ(after_bytes(stage, "10 80 08"), Lines{"END"});
  EXPECT_EQ(after_bytes(stage, "10 FF FF FF FF 01"), Lines{"END"});
  EXPECT_EQ(stage.sum(&GateCounters::refused_too_large), 1U);
  EXPECT_EQ(stage.sum(&GateCounters::refused_malformed), 1U);
}

TEST(Connect, OverItsOwnSizeIsClosedWhateverPacketsMayBe) {
  Stage stage;
  stage.listener.connect_size_max = 1024;
  EXPECT_EQ(after_bytes(stage, "10 80 08"), Lines{"END"});
  EXPECT_EQ(stage.sum(&GateCounters::refused_too_large), 1U);
}

TEST(Connect, WithAWillOverTheLimitsOfItsTopicOrRetainedPayloadIsTold) {
  Stage stage;
  stage.tables.limits.max_topic_bytes = 4;
  stage.tables.limits.max_retained_bytes = 3;
  const auto answer = [&](std::string_view topic, std::string_view payload, bool retain) {
    RawClient client("");
    stage.open(client);
    mqtt::Connect connect = hello("dying");
    connect.will = mqtt::WillFields{};
    connect.will->topic = topic;
    connect.will->payload = as_bytes(payload);
    connect.will->retain = retain;
    stage.send(client, {connect});
    return read_all(client);
  };
  EXPECT_EQ(answer("12345", "x", false), (Lines{"CONNACK 90", "END"}));
  EXPECT_EQ(answer("t", "four", true), (Lines{"CONNACK 97", "END"}));
  EXPECT_THAT(answer("t", "four", false), ElementsAre(HasSubstr("CONNACK 00")));
  EXPECT_EQ(stage.sum(&GateCounters::refused_will), 2U);
}

TEST(Connect, IsToldThePacketSizeOfItsListener) {
  Stage stage;
  stage.listener.limits.packet_size_max = 2048;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello("small")});
  EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("maximum_packet_size=2048")));
}

TEST(Connect, WithAnUnknownAuthenticationMethodIsToldSo) {
  Stage stage;
  RawClient client("");
  stage.open(client);
  mqtt::Connect connect = hello("scrambled");
  connect.properties.authentication_method = "SCRAM-SHA-1";
  connect.properties.mark(mqtt::PropertyId::authentication_method);
  stage.send(client, {connect});
  EXPECT_EQ(read_all(client), (Lines{"CONNACK 8C", "END"}));
  EXPECT_TRUE(stage.authenticator.requests.empty());
  EXPECT_EQ(stage.sum(&GateCounters::refused_authentication), 1U);
}

TEST(Connect, MayComeByteByByte) {
  Stage stage;
  RawClient client("", ProtocolVersion::v3_1_1);
  stage.open(client);
  std::vector<std::uint8_t> bytes = wire_bytes("10 * 'MQTT' 04 02 0000 'slow'");
  bytes.insert(bytes.end(), {0xC0, 0x00});
  for (const std::uint8_t byte : bytes) {
    client.send_bytes({&byte, 1});
    stage.settle();
  }
  EXPECT_EQ(read_all(client), (Lines{"CONNACK 00", "PINGRESP"}));
}

TEST(Connect, ASecondTimeEndsTheConnection) {
  Stage stage;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello("twice"), hello("twice"), mqtt::Pingreq{}});
  EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00"), "DISCONNECT 82", "END"));
}

TEST(Connect, IsCountedOnceWhereverItsSessionLives) {
  Stage stage;
  RawClient here(""), there("");
  stage.open(here);
  stage.open(there);
  stage.send(here, {hello(stage.id_on(0))});
  stage.send(there, {hello(stage.id_on(1))});
  EXPECT_EQ(stage.sum(&session::SessionCounters::packets_in), 2U);
  EXPECT_EQ(stage.sum(&session::SessionCounters::packets_out), 2U);
  EXPECT_EQ(stage.sum(&session::SessionCounters::connects), 2U);
}

TEST(Connect, ThatCameWithItsSocketIsReadByItsSessionsCoreAlone) {
  for (const std::uint16_t core : {std::uint16_t{0}, std::uint16_t{1}}) {
    Stage stage;
    RawClient client("");
    const std::size_t other = 1U - core;
    std::vector<std::uint8_t> bytes;
    mqtt::encode(hello(stage.id_on(core)), ProtocolVersion::v5, bytes);
    mqtt::encode(mqtt::Pingreq{}, ProtocolVersion::v5, bytes);
    stage.open(client, "192.0.2.7:51234", bytes);
    EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00"), "PINGRESP"));
    EXPECT_EQ(stage.gates[core]->size(), 1U);
    EXPECT_EQ(stage.gates[other]->size(), 0U);
    EXPECT_EQ(stage.net_counters[other].reads.value(), 0U);
    EXPECT_EQ(stage.sum(&GateCounters::moved), core == 0 ? 0U : 1U);
    EXPECT_EQ(stage.sum(&session::SessionCounters::packets_in), 2U);
  }
}

TEST(Connect, ThatCameInPartWithItsSocketIsReadWhereItWasAccepted) {
  Stage stage;
  RawClient client("");
  std::vector<std::uint8_t> bytes;
  mqtt::encode(hello(stage.id_on(1)), ProtocolVersion::v5, bytes);
  const std::vector<std::uint8_t> rest(bytes.begin() + 9, bytes.end());
  bytes.resize(9);
  stage.open(client, "192.0.2.7:51234", bytes);
  EXPECT_EQ(stage.gates[0]->size(), 1U);
  client.send_bytes(rest);
  stage.settle();
  EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00")));
  EXPECT_EQ(stage.gates[1]->size(), 1U);
}

TEST(Packet, OverTheLimitIsToldBeforeTheEnd) {
  Stage stage;
  stage.listener.limits.packet_size_max = 1024;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello("chatty")});
  EXPECT_EQ(read_all(client).size(), 1U);
  mqtt::Publish publish;
  publish.topic = "a";
  const std::vector<std::uint8_t> payload(1'000'000);
  publish.payload = payload;
  std::vector<std::uint8_t> bytes = wire_bytes("30 80 80 40 'a' 00");  // a megabyte follows
  client.send_bytes(bytes);
  stage.settle();
  client.send_bytes({payload.data(), 100'000});
  stage.settle();
  EXPECT_EQ(read_all(client), (Lines{"DISCONNECT 95", "END"}));
  EXPECT_EQ(stage.sum(&session::SessionCounters::refused_packet_size), 1U);
}

}  // namespace
}  // namespace roost::gates
