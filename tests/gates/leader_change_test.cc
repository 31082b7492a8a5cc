// SPDX-License-Identifier: Apache-2.0
// Leaders and fronts that come and go, and what their clients notice of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/gates/client_packets.h"
#include "tests/gates/relay_stage.h"

namespace roost::gates {
namespace {

using mqtt::Qos;
using support::RawClient;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Lines = std::vector<std::string>;

constexpr std::string_view kId = "kitchen";
const ShardId kShard = RelayStage::shard_of(kId);

// Somebody at `node` who sees the wills. Its shard isn't the one that moves.
std::unique_ptr<RawClient> watch(RelayStage& stage, std::size_t node) {
  auto watcher = std::make_unique<RawClient>("");
  std::string id = "watcher";
  while (RelayStage::shard_of(id) == kShard) id += "x";
  stage.come(*watcher, node, clean(id));
  stage.send(*watcher, {subscribe("last", Qos::at_most_once)});
  EXPECT_EQ(read_all(*watcher).size(), 1U);
  return watcher;
}

TEST(LeaderChange, SendsRelayedClientsOffAndTheyResume) {
  RelayStage stage(3);
  stage.lead_all(0);
  RawClient client("");
  stage.come(client, 1, durable(kId));
  stage.send(client, {subscribe("a", Qos::at_least_once)});
  read_all(client);
  stage.lead(kShard, 2);
  for (int i = 0; i < 2; ++i) stage.advance_ms(100);
  EXPECT_EQ(read_all(client), (Lines{"DISCONNECT 8B", "END"}));
  EXPECT_EQ(stage.relay(0, kShard).leader().links(), 0U);
  RawClient again("");
  EXPECT_THAT(stage.come(again, 1, durable(kId)), ElementsAre(HasSubstr("CONNACK 00 present")));
  stage.send(again, {publish("a", "still there", Qos::at_least_once, 1)});
  EXPECT_EQ(read_all(again).size(), 2U);
}

TEST(LeaderChange, SendsThemOffAtAPace) {
  RelayStage stage(
      3, {.send_off_per_s = 20, .unserved_ms = 5000, .alone_ms = 1000, .server_reference = {}});
  stage.lead_all(0);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; clients.size() < 10; ++i) {
    const std::string id = "client" + std::to_string(i);
    if (RelayStage::shard_of(id).value % RelayStage::kCores != 0) continue;
    clients.push_back(std::make_unique<RawClient>(""));
    stage.come(*clients.back(), 1, durable(id));
  }
  const auto open = [&] {
    std::size_t count = 0;
    for (const auto& client : clients) {
      read_all(*client);
      count += client->is_open() ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(open(), 10U);
  stage.kill(0);
  EXPECT_EQ(open(), 10U);
  std::vector<std::size_t> left;
  for (int i = 0; i < 6; ++i) {
    stage.advance_ms(120);
    left.push_back(open());
  }
  EXPECT_THAT(left, ElementsAre(8, 6, 4, 2, 0, 0));
}

// Its client should try another node at once; a little is waited, as links come back.
TEST(LeaderChange, ANodeThatSeesNoOtherRefusesSoon) {
  RelayStage stage(3);
  stage.lead_all(0);
  stage.kill(0);
  RawClient client("");
  stage.come(client, 1, durable(kId));
  for (int i = 0; i < 20; ++i) stage.advance_ms(100);
  EXPECT_EQ(read_all(client), Lines{});  // the third may become the leader
  stage.kill(2);
  for (int i = 0; i < 9; ++i) stage.advance_ms(100);
  EXPECT_EQ(read_all(client), Lines{});
  for (int i = 0; i < 2; ++i) stage.advance_ms(100);
  EXPECT_EQ(read_all(client), (Lines{"CONNACK 88", "END"}));
}

// Its sessions are led elsewhere by then, where they would wait for a client that waits here.
TEST(LeaderChange, ANodeThatIsCutOffSendsItsPersistentSessionsOff) {
  RelayStage stage(3);
  stage.lead_all(1);
  RawClient persistent(""), volatile_one("");
  stage.come(persistent, 1, durable(kId));
  stage.come(volatile_one, 1, clean("other"));
  read_all(persistent);
  read_all(volatile_one);
  stage.kill(0);
  stage.kill(2);
  for (int i = 0; i < 40; ++i) stage.advance_ms(100);
  EXPECT_EQ(read_all(persistent), Lines{}) << "the others are dead: nobody else serves it";
  stage.without_coordinator.insert(1);
  for (int i = 0; i < 3; ++i) stage.advance_ms(100);
  EXPECT_EQ(read_all(persistent), (Lines{"DISCONNECT 8B", "END"}));
  EXPECT_EQ(read_all(volatile_one), Lines{});
}

TEST(LeaderChange, OfAnOldProtocolJustClosesThem) {
  RelayStage stage(2);
  stage.lead_all(0);
  RawClient client("", mqtt::ProtocolVersion::v3_1_1);
  mqtt::Connect connect = clean(kId);
  connect.version = mqtt::ProtocolVersion::v3_1_1;
  connect.clean_start = false;
  EXPECT_EQ(stage.come(client, 1, connect), Lines{"CONNACK 00"});
  stage.kill(0);
  for (int i = 0; i < 2; ++i) stage.advance_ms(100);
  EXPECT_EQ(read_all(client), Lines{"END"});
}

TEST(LeaderChange, LeavesCleanSessionsAloneAndTheirIdsUnique) {
  for (const bool dies : {false, true}) {
    RelayStage stage(3);
    stage.lead_all(0);
    RawClient client(""), other("");
    stage.come(client, 1, clean(kId));
    stage.send(client, {subscribe("a", Qos::at_most_once)});
    read_all(client);
    if (dies) stage.kill(0);
    stage.lead(kShard, 2);
    for (int i = 0; i < 3; ++i) stage.advance_ms(100);
    stage.send(client, {publish("a", "undisturbed", Qos::at_most_once)});
    EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("undisturbed")));
    EXPECT_NE(stage.relay(2, kShard).leader().claim_of(kId), nullptr);
    EXPECT_THAT(stage.come(other, 2, clean(kId)), ElementsAre(HasSubstr("CONNACK 00")));
    EXPECT_EQ(read_all(client), (Lines{"DISCONNECT 8E", "END"}));
  }
}

TEST(LeaderChange, ToTheFrontsOwnNodeKeepsIdsUniqueToo) {
  RelayStage stage(2);
  stage.lead_all(0);
  RawClient client(""), other("");
  stage.come(client, 1, clean(kId));
  stage.lead(kShard, 1);
  EXPECT_NE(stage.relay(1, kShard).leader().claim_of(kId), nullptr);
  EXPECT_THAT(stage.come(other, 0, durable(kId)), ElementsAre(HasSubstr("CONNACK 00")));
  read_all(client);
  EXPECT_FALSE(client.is_open());
}

TEST(LeaderChange, OfTwoThatClaimAnIdTheOlderGoes) {
  RelayStage stage(3);
  stage.lead_all(0);
  RawClient older(""), newer("");
  stage.come(older, 1, clean(kId));
  stage.cut(0, 1);
  EXPECT_THAT(stage.come(newer, 2, clean(kId)), ElementsAre(HasSubstr("CONNACK 00")));
  EXPECT_THAT(read_all(older), IsEmpty());
  EXPECT_TRUE(older.is_open()) << "out of reach of its leader, it lives on";
  stage.lead(kShard, 2);
  EXPECT_EQ(read_all(older), (Lines{"DISCONNECT 8E", "END"}));
  EXPECT_TRUE(newer.is_open());
  EXPECT_NE(stage.relay(2, kShard).leader().claim_of(kId), nullptr);
}

TEST(LeaderChange, WhileAConnectWaitsItIsAskedOfTheNext) {
  for (const mqtt::Connect& connect : {durable(kId), clean(kId), with_will(clean(kId))}) {
    RelayStage stage(3);
    stage.lead_all(0);
    stage.hold(0, 1);  // the answer
    RawClient client("");
    EXPECT_THAT(stage.come(client, 1, connect), IsEmpty());
    stage.lead(kShard, 2);
    EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00")));
    stage.let_go(0, 1);
    stage.settle();
    for (int i = 0; i < 2; ++i) stage.advance_ms(100);
    EXPECT_THAT(read_all(client), IsEmpty());
    EXPECT_TRUE(client.is_open());
  }
}

TEST(LeaderChange, WhileTheRecordIsNotCommittedItIsAskedAgain) {
  RelayStage stage(3);
  stage.lead_all(0);
  stage.at(0).logs[kShard.value % RelayStage::kCores]->hold();
  RawClient client("");
  EXPECT_THAT(stage.come(client, 1, with_will(clean(kId))), IsEmpty());
  stage.lead(kShard, 2);
  EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00")));
  EXPECT_NE(stage.relay(2, kShard).leader().claim_of(kId), nullptr);
  EXPECT_EQ(stage.relay(0, kShard).leader().claim_of(kId), nullptr);
}

TEST(LeaderChange, WhoIsNotCertainToLeadLetsNoCleanSessionBegin) {
  RelayStage stage(3);
  stage.lead_all(0);
  stage.at(0).hosts.cut_off();
  stage.advance_ms(900);
  RawClient early(""), late(""), here("");
  EXPECT_THAT(stage.come(early, 1, clean("early")), ElementsAre(HasSubstr("CONNACK 00")));
  stage.advance_ms(200);
  EXPECT_THAT(stage.come(late, 1, clean("late")), IsEmpty());
  EXPECT_THAT(stage.come(here, 0, clean("here")), IsEmpty());
  stage.at(0).hosts.reach();
  for (int i = 0; i < 2; ++i) stage.advance_ms(100);
  EXPECT_THAT(read_all(late), ElementsAre(HasSubstr("CONNACK 00")));
  EXPECT_THAT(read_all(here), ElementsAre(HasSubstr("CONNACK 00")));
}

TEST(LeaderChange, AnAnswerOfItsEarlierEpochIsNone) {
  for (const mqtt::Connect& connect : {durable(kId), clean(kId), with_will(clean(kId))}) {
    RelayStage stage(2);
    stage.lead_all(0);
    stage.hold(0, 1);
    RawClient client("");
    EXPECT_THAT(stage.come(client, 1, connect), IsEmpty());
    stage.lead(kShard, 0);  // the same one, in a new epoch
    stage.let_go(0, 1);
    stage.settle();
    for (int i = 0; i < 2; ++i) stage.advance_ms(120);
    EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00")));
    EXPECT_TRUE(client.is_open());
    EXPECT_LE(stage.relay(0, kShard).leader().links() + stage.relay(0, kShard).leader().claims(),
              1U);
  }
}

// R1: what a deposed leader says is not heard any more.
TEST(LeaderChange, ADeposedLeaderIsNotHeard) {
  RelayStage stage(3);
  stage.lead_all(0);
  RawClient client("");
  stage.come(client, 1, durable(kId));
  stage.hold(0, 1);
  stage.in_turn(0, kShard, [&] { stage.sessions(0, kShard).live(kId)->handle_pingreq(); });
  const std::uint64_t epoch = ++stage.epochs[kShard.value];
  stage.in_turn(1, kShard, [&] {
    stage.at(1).leaders[kShard.value % RelayStage::kCores]->set(kShard, stage.peer(1, 2), epoch);
  });
  stage.let_go(0, 1);
  stage.settle();
  EXPECT_THAT(read_all(client), IsEmpty());
  for (int i = 0; i < 2; ++i) stage.advance_ms(100);
  EXPECT_EQ(read_all(client), (Lines{"DISCONNECT 8B", "END"}));
}

TEST(FrontLost, DetachesItsSessionsAndTheirWillsFire) {
  RelayStage stage(3);
  stage.lead_all(0);
  const auto watcher = watch(stage, 0);
  RawClient client("");
  stage.come(client, 1, with_will(durable(kId)));
  EXPECT_TRUE(stage.sessions(0, kShard).stored(kId)->attached);
  stage.kill(1);
  EXPECT_FALSE(stage.sessions(0, kShard).stored(kId)->attached);
  EXPECT_THAT(read_all(*watcher), ElementsAre(HasSubstr("\"words\"")));
  RawClient again("");
  EXPECT_THAT(stage.come(again, 2, durable(kId)), ElementsAre(HasSubstr("CONNACK 00 present")));
}

TEST(FrontLost, ForGoodFiresTheWillsOfItsCleanSessions) {
  RelayStage stage(3);
  stage.lead_all(0);
  const auto watcher = watch(stage, 0);
  RawClient client("");
  stage.come(client, 1, with_will(clean(kId)));
  stage.cut(0, 1);
  EXPECT_THAT(read_all(*watcher), IsEmpty()) << "it may live on";
  stage.kill(1);
  EXPECT_THAT(read_all(*watcher), ElementsAre(HasSubstr("\"words\"")));
  EXPECT_EQ(stage.relay(0, kShard).leader().claim_of(kId), nullptr);
  EXPECT_EQ(stage.sessions(0, kShard).stored(kId), nullptr);
}

TEST(CleanWill, IsThrownAwayOrPublishedAsTheClientGoes) {
  for (const std::string_view how : {"drop", "with will", "normal"}) {
    for (const std::size_t node : {std::size_t{0}, std::size_t{1}}) {
      SCOPED_TRACE(how);
      RelayStage stage(2);
      stage.lead_all(0);
      const auto watcher = watch(stage, 0);
      RawClient client("");
      EXPECT_THAT(stage.come(client, node, with_will(clean(kId))),
                  ElementsAre(HasSubstr("CONNACK 00")));
      EXPECT_NE(stage.sessions(0, kShard).stored(kId), nullptr);
      mqtt::Disconnect disconnect;
      if (how == "with will") disconnect.reason = mqtt::ReasonCode::disconnect_with_will;
      if (how == "drop") {
        client.drop();
        stage.settle();
      } else {
        stage.send(client, {disconnect});
      }
      EXPECT_EQ(read_all(*watcher).size(), how == "normal" ? 0U : 1U);
      EXPECT_EQ(stage.sessions(0, kShard).stored(kId), nullptr);
      EXPECT_EQ(stage.relay(0, kShard).leader().claim_of(kId), nullptr);
    }
  }
}

TEST(CleanWill, IsNotPublishedByATakeOverWhileItsFrontLives) {
  RelayStage stage(3);
  stage.lead_all(0);
  const auto watcher = watch(stage, 1);
  RawClient client("");
  stage.come(client, 1, with_will(clean(kId)));
  stage.kill(0);
  stage.lead(kShard, 2);
  EXPECT_THAT(read_all(*watcher), IsEmpty());
  stage.send(client, {mqtt::Pingreq{}});
  EXPECT_EQ(read_all(client).back(), "PINGRESP");
  EXPECT_TRUE(stage.sessions(2, kShard).stored(kId)->attached);
  stage.send(client, {mqtt::Disconnect{}});  // and the new leader knows how it went
  EXPECT_THAT(read_all(*watcher), IsEmpty());
  EXPECT_EQ(stage.sessions(2, kShard).stored(kId), nullptr);
}

TEST(CleanWill, OfAFrontThatDiedWithTheLeaderIsPublishedByTheNext) {
  RelayStage stage(3);
  stage.lead_all(0);
  stage.lead(RelayStage::shard_of("watcher"), 2);
  const auto watcher = watch(stage, 2);
  RawClient client("");
  stage.come(client, 0, with_will(clean(kId)));
  stage.kill(0);
  EXPECT_THAT(read_all(*watcher), IsEmpty());
  stage.hold(1, 2);  // what the other front has is not known yet
  stage.lead(kShard, 2);
  EXPECT_EQ(stage.sessions(2, kShard).stored(kId)->attached, true);
  stage.let_go(1, 2);
  stage.settle();
  EXPECT_EQ(stage.sessions(2, kShard).stored(kId), nullptr);
  EXPECT_THAT(read_all(*watcher), ElementsAre(HasSubstr("\"words\"")));
}

TEST(CleanWill, IsToldToTheNextLeaderWhereTheOldOneDidNotHear) {
  for (const bool normal : {true, false}) {
    RelayStage stage(3);
    stage.lead_all(0);
    stage.lead(RelayStage::shard_of("watcher"), 2);
    const auto watcher = watch(stage, 2);
    RawClient client("");
    stage.come(client, 1, with_will(clean(kId)));
    stage.hold(1, 0);
    if (normal) {
      stage.send(client, {mqtt::Disconnect{}});
    } else {
      client.drop();
      stage.settle();
    }
    stage.kill(0);
    stage.lead(kShard, 2);
    EXPECT_EQ(stage.sessions(2, kShard).stored(kId), nullptr);
    EXPECT_EQ(read_all(*watcher).size(), normal ? 0U : 1U);
  }
}

TEST(CleanWill, ThatWasPublishedEndsTheConnectionWhenItsFrontIsBack) {
  RelayStage stage(3);
  stage.lead_all(0);
  const auto watcher = watch(stage, 0);
  RawClient client("");
  stage.come(client, 1, with_will(clean(kId)));
  read_all(client);
  stage.cut(0, 1);
  stage.at(0).inbox.on_peer_gone(stage.peer(0, 1), 1);  // its lease ended; it doesn't know
  stage.settle();
  EXPECT_EQ(read_all(*watcher).size(), 1U);
  stage.link(0, 1);
  EXPECT_EQ(read_all(client), (Lines{"DISCONNECT 8B", "END"}));
  EXPECT_EQ(read_all(*watcher).size(), 0U);
}

}  // namespace
}  // namespace roost::gates
