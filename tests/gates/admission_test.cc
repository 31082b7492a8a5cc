// SPDX-License-Identifier: Apache-2.0
// The authenticator's word, early or late; the way to the session's core; back-pressure; the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/gates/stage.h"

namespace roost::gates {
namespace {

using mqtt::ProtocolVersion;
using mqtt::ReasonCode;
using support::RawClient;
using testing::ElementsAre;
using testing::HasSubstr;
using Lines = std::vector<std::string>;

mqtt::Connect hello(std::string_view id, ProtocolVersion version = ProtocolVersion::v5) {
  mqtt::Connect connect;
  connect.version = version;
  connect.client_id = id;
  return connect;
}

mqtt::Subscribe subscribe(std::string_view filter) {
  mqtt::Subscribe packet;
  packet.packet_id = 1;
  packet.entries.push_back({filter, {}});
  return packet;
}

mqtt::Publish publish(std::string_view topic, std::string_view payload) {
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = as_bytes(payload);
  return packet;
}

class Admission : public testing::TestWithParam<std::uint16_t> {};

// SUBSCRIBE, three messages and PINGREQ were right behind CONNECT. PINGRESP may overtake messages
// that wait until another core has said what it retains.
void expect_pipelined_answers(RawClient& client) {
  Lines lines = read_all(client);
  EXPECT_EQ(std::erase(lines, "PINGRESP"), 1U);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("CONNACK 00"), "SUBACK id=1 00",
                                 "PUBLISH qos=0 topic=\"own\" payload=\"1\"",
                                 "PUBLISH qos=0 topic=\"own\" payload=\"2\"",
                                 "PUBLISH qos=0 topic=\"own\" payload=\"3\""));
}

TEST_P(Admission, KeepsTheOrderOfWhatFollowsConnect) {
  Stage stage;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello(stage.id_on(GetParam())), subscribe("own"), publish("own", "1"),
                      publish("own", "2"), publish("own", "3"), mqtt::Pingreq{}});
  expect_pipelined_answers(client);
  EXPECT_EQ(stage.sum(&GateCounters::moved), GetParam());
}

TEST_P(Admission, KeepsTheOrderWhenTheAnswerIsLate) {
  Stage stage;
  stage.authenticator.late = true;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello(stage.id_on(GetParam())), subscribe("own"), publish("own", "1")});
  stage.send(client, {publish("own", "2")});
  EXPECT_TRUE(read_all(client).empty());
  ASSERT_EQ(stage.authenticator.waiting.size(), 1U);
  stage.authenticator.waiting[0]({});
  stage.send(client, {publish("own", "3"), mqtt::Pingreq{}});
  expect_pipelined_answers(client);
  EXPECT_EQ(stage.sum(&session::SessionCounters::packets_in), 6U);
  EXPECT_EQ(stage.log.count("connected client="), 1U);
}

TEST_P(Admission, SurvivesAClientThatLeftBeforeTheAnswer) {
  Stage stage;
  stage.authenticator.late = true;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello(stage.id_on(GetParam())), publish("own", "1")});
  client.drop();
  stage.settle();
  stage.authenticator.waiting[0]({});
  stage.settle();
  stage.advance_ms(60'000);
  EXPECT_EQ(stage.open_gates(), 0U);
  EXPECT_EQ(stage.sum(&session::SessionCounters::connected), 0U);
}

INSTANTIATE_TEST_SUITE_P(OfASessionOnCore, Admission, testing::Values(0, 1),
                         testing::PrintToStringParamName());

TEST(Authentication, AnswerAfterTheTimeoutChangesNothing) {
  Stage stage;
  stage.authenticator.late = true;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello("late")});
  stage.advance_ms(10'100);
  EXPECT_EQ(read_all(client), Lines{"END"});
  EXPECT_EQ(stage.sum(&GateCounters::connect_timeouts), 1U);
  EXPECT_EQ(stage.log.count("no answer from the authenticator in time"), 1U);
  stage.authenticator.waiting[0]({});
  stage.settle();
  EXPECT_EQ(stage.sum(&session::SessionCounters::connects), 0U);
}

TEST(Authentication, AsksWithAllThatIsKnown) {
  Stage stage;
  stage.listener.allow_anonymous = true;
  RawClient client("");
  stage.open(client, "198.51.100.4:1000");
  mqtt::Connect connect = hello("asked");
  connect.user_name = "ada";
  connect.password = as_bytes("secret");
  stage.send(client, {connect});
  ASSERT_EQ(stage.authenticator.requests.size(), 1U);
  const auth::AuthRequest& request = stage.authenticator.requests[0];
  EXPECT_EQ(request.client_id, "asked");
  EXPECT_EQ(request.user_name, "ada");
  EXPECT_EQ(request.password, "secret");
  EXPECT_EQ(request.address, "198.51.100.4");
  EXPECT_FALSE(request.peer_is_loopback);
  EXPECT_EQ(request.listener, "door");
  EXPECT_EQ(request.allow_anonymous, true);
  EXPECT_EQ(stage.log.count("secret"), 0U);
}

struct Refusal {
  ReasonCode code;
  std::string_view v5, v3;  // empty: said by closing only
  Counter GateCounters::*counter;
};

TEST(Authentication, RefusalIsSaidInTheClientsVersionAndCounted) {
  const Refusal refusals[] = {
      {ReasonCode::bad_user_name_or_password, "CONNACK 86", "CONNACK 86",
       &GateCounters::refused_authentication},
      {ReasonCode::not_authorized, "CONNACK 87", "CONNACK 87",
       &GateCounters::refused_authentication},
      {ReasonCode::server_busy, "CONNACK 89", "CONNACK 88", &GateCounters::refused_busy},
  };
  for (const Refusal& refusal : refusals) {
    for (const auto version :
         {ProtocolVersion::v5, ProtocolVersion::v3_1_1, ProtocolVersion::v3_1}) {
      for (const bool late : {false, true}) {
        Stage stage;
        stage.authenticator.late = late;
        stage.authenticator.result = {refusal.code, "because", false};
        RawClient client("", version);
        stage.open(client);
        stage.send(client, {hello("refused", version), mqtt::Pingreq{}}, version);
        if (late) stage.authenticator.waiting[0](stage.authenticator.result);
        stage.settle();
        const std::string_view said = version == ProtocolVersion::v5 ? refusal.v5 : refusal.v3;
        EXPECT_EQ(read_all(client), (Lines{std::string(said), "END"}));
        EXPECT_EQ(stage.sum(refusal.counter), 1U);
        EXPECT_EQ(stage.log.count("refused client=refused"), 1U);
        EXPECT_EQ(stage.log.count("reason=\"because\""), 1U);
        EXPECT_EQ(stage.sum(&session::SessionCounters::connects), 0U);
      }
    }
  }
}

TEST(Authentication, ClosedDoorNamesTheSettingsThatOpenIt) {
  Stage stage;
  stage.authenticator.result = {ReasonCode::not_authorized, "nobody may come from afar", true};
  RawClient client("", ProtocolVersion::v3_1_1);
  stage.open(client);
  stage.send(client, {hello("remote", ProtocolVersion::v3_1_1)}, ProtocolVersion::v3_1_1);
  EXPECT_EQ(read_all(client), (Lines{"CONNACK 87", "END"}));
  EXPECT_EQ(stage.sum(&GateCounters::refused_door_closed), 1U);
  const Lines log = stage.log.take();
  ASSERT_EQ(log.size(), 1U);
  EXPECT_THAT(log[0], HasSubstr("auth.password_file"));
  EXPECT_THAT(log[0], HasSubstr("auth.allow_anonymous"));
  EXPECT_THAT(log[0], HasSubstr("address=192.0.2.7:51234"));
}

TEST(BackPressure, StopsReadingUntilTheOtherCoreHasCaughtUp) {
  Stage stage;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello(stage.id_on(0))});
  EXPECT_EQ(read_all(client).size(), 1U);
  for (int i = 0; i < 100; ++i) stage.cores.at(CoreId{1}).post([] {});
  ASSERT_TRUE(client.send(mqtt::Pingreq{}));
  stage.turn(0);
  stage.turn(0);
  EXPECT_EQ(read_all(client), Lines{"PINGRESP"});
  EXPECT_EQ(stage.sum(&GateCounters::reads_paused), 1U);
  ASSERT_TRUE(client.send(mqtt::Pingreq{}));
  for (int i = 0; i < 5; ++i) {
    stage.clock.advance_ms(100);
    stage.turn(0);
  }
  EXPECT_TRUE(read_all(client).empty()) << "core 1 has not run yet";
  stage.settle();
  stage.advance_ms(100);
  EXPECT_EQ(read_all(client), Lines{"PINGRESP"});
  EXPECT_EQ(stage.sum(&GateCounters::reads_paused), 1U);
}

TEST(BackPressure, ForgetsWhoLeftMeanwhile) {
  Stage stage;
  RawClient client("");
  stage.open(client);
  stage.send(client, {hello(stage.id_on(0))});
  for (int i = 0; i < 100; ++i) stage.cores.at(CoreId{1}).post([] {});
  ASSERT_TRUE(client.send(mqtt::Pingreq{}));
  stage.turn(0);
  client.reset();
  stage.settle();
  stage.advance_ms(100);
  stage.advance_ms(10'000);
  EXPECT_EQ(stage.open_gates(), 0U);
}

TEST(End, IsLoggedOnceWithItsReason) {
  Stage stage;
  RawClient vanishes(""), old(""), young("");
  stage.open(vanishes);
  stage.open(old);
  stage.open(young);
  stage.send(vanishes, {hello("vanishes")});
  stage.send(old, {hello("same")});
  stage.send(young, {hello("same")});
  EXPECT_EQ(read_all(vanishes).size(), 1U);
  vanishes.drop();
  stage.settle();
  EXPECT_THAT(read_all(old), ElementsAre(HasSubstr("CONNACK 00"), "DISCONNECT 8E", "END"));
  EXPECT_EQ(stage.log.count("disconnected client=vanishes"), 1U);
  EXPECT_EQ(stage.log.count("reason=\"connection closed by client\""), 1U);
  EXPECT_EQ(stage.log.count("disconnected client=same"), 1U);
  EXPECT_EQ(stage.log.count("connected client="), 3U + 2U) << "disconnected contains it";
}

TEST(End, OfTheNodeLeavesNobodyBehind) {
  Stage stage;
  RawClient silent(""), asked(""), moved("");
  stage.open(silent);
  stage.open(moved);
  stage.send(moved, {hello(stage.id_on(1))});
  stage.open(asked);
  stage.authenticator.late = true;
  stage.send(asked, {hello("asked")});
  for (std::uint16_t core = 0; core < Stage::kCores; ++core) {
    stage.cores.at(CoreId{core}).post([&stage, core] {
      stage.sessions[core]->kick_all(ReasonCode::server_shutting_down, "stopping");
      stage.gates[core]->shut();
    });
  }
  stage.settle();
  EXPECT_EQ(read_all(silent), Lines{"END"});
  EXPECT_EQ(read_all(asked), Lines{"END"});
  EXPECT_THAT(read_all(moved), ElementsAre(HasSubstr("CONNACK 00"), "DISCONNECT 8B", "END"));
  stage.authenticator.waiting[0]({});
  RawClient late("");
  stage.open(late);
  EXPECT_EQ(read_all(late), Lines{"END"});
  stage.settle();
  EXPECT_EQ(stage.sum(&session::SessionCounters::connected), 0U);
}

}  // namespace
}  // namespace roost::gates
