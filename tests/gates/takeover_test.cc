// SPDX-License-Identifier: Apache-2.0
// One client id, one connection, whatever the nodes. REPLICATION "Session ownership"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

struct Case {
  const char* name;
  mqtt::Connect older, newer;
};

std::vector<Case> cases() {
  return {{"durable, durable", durable(kId), durable(kId)},
          {"clean, clean", clean(kId), clean(kId)},
          {"clean, durable", clean(kId), durable(kId)},
          {"durable, clean", durable(kId), clean(kId)},
          {"clean with will, clean", with_will(clean(kId)), clean(kId)}};
}

std::size_t live_anywhere(RelayStage& stage) {
  std::size_t live = 0;
  for (std::size_t node = 0; node < stage.nodes.size(); ++node) {
    live += stage.sessions(node, RelayStage::shard_of(kId)).live(kId) != nullptr ? 1 : 0;
  }
  return live;
}

TEST(Takeover, EndsTheOlderConnectionWhereverBothAre) {
  for (const Case& each : cases()) {
    for (std::size_t from = 0; from < 3; ++from) {
      for (std::size_t to = 0; to < 3; ++to) {
        SCOPED_TRACE(std::string(each.name) + " " + std::to_string(from) + std::to_string(to));
        RelayStage stage(3);
        stage.lead_all(0);
        RawClient older(""), newer("");
        EXPECT_THAT(stage.come(older, from, each.older), ElementsAre(HasSubstr("CONNACK 00")));
        EXPECT_THAT(stage.come(newer, to, each.newer), ElementsAre(HasSubstr("CONNACK 00")));
        EXPECT_EQ(read_all(older), (Lines{"DISCONNECT 8E", "END"}));
        EXPECT_EQ(live_anywhere(stage), 1U);
        stage.send(newer, {mqtt::Pingreq{}});
        EXPECT_EQ(read_all(newer), Lines{"PINGRESP"});
      }
    }
  }
}

TEST(Takeover, AnswersTheNewOneWhenTheOldOneIsClosed) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    RelayStage stage(3);
    stage.lead_all(0);
    RawClient older(""), newer("");
    stage.come(older, 1, each.older);
    stage.hold(1, 0);  // what the older one's front says
    EXPECT_THAT(stage.come(newer, 2, each.newer), IsEmpty());
    EXPECT_EQ(read_all(older), (Lines{"DISCONNECT 8E", "END"}));
    stage.advance_ms(2'000);
    EXPECT_THAT(read_all(newer), IsEmpty());
    stage.let_go(1, 0);
    stage.settle();
    EXPECT_THAT(read_all(newer), ElementsAre(HasSubstr("CONNACK 00")));
  }
}

TEST(Takeover, DoesNotWaitForEverForAFrontThatIsSilent) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    RelayStage stage(3);
    stage.lead_all(0);
    RawClient older(""), newer("");
    stage.come(older, 1, each.older);
    stage.hold(1, 0);
    stage.come(newer, 2, each.newer);
    stage.advance_ms(3'100);
    EXPECT_THAT(read_all(newer), ElementsAre(HasSubstr("CONNACK 00")));
    EXPECT_EQ(stage.relay(0, RelayStage::shard_of(kId)).leader().counters().takeovers_late.value(),
              1U);
    stage.let_go(1, 0);
    stage.settle();
    EXPECT_EQ(live_anywhere(stage), 1U);
  }
}

TEST(Takeover, DoesNotWaitForAFrontThatIsOutOfReach) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    RelayStage stage(3);
    stage.lead_all(0);
    RawClient older(""), newer("");
    stage.come(older, 1, each.older);
    stage.hold(1, 0);
    EXPECT_THAT(stage.come(newer, 2, each.newer), IsEmpty());
    stage.cut(0, 1);
    EXPECT_THAT(read_all(newer), ElementsAre(HasSubstr("CONNACK 00")));
    // When it is back, it learns that the id is another's.
    stage.let_go(1, 0);
    stage.link(0, 1);
    EXPECT_EQ(live_anywhere(stage), 1U);
    for (int i = 0; i < 3; ++i) stage.advance_ms(100);
    EXPECT_EQ(read_all(older).back(), "END");
  }
}

TEST(Takeover, TakesSeveralOneAfterTheOther) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    RelayStage stage(3);
    stage.lead_all(0);
    RawClient first(""), second(""), third(""), last("");
    stage.come(first, 1, each.older);
    stage.hold(1, 0);
    stage.come(second, 2, each.newer);
    stage.come(third, 0, each.older);
    stage.come(last, 2, each.newer);
    for (RawClient* client : {&second, &third, &last}) EXPECT_THAT(read_all(*client), IsEmpty());
    stage.let_go(1, 0);
    stage.settle();
    EXPECT_EQ(read_all(first), (Lines{"DISCONNECT 8E", "END"}));
    for (RawClient* client : {&second, &third}) {
      // The next one stood behind it already: it may have been ended before it was answered.
      const Lines lines = read_all(*client);
      EXPECT_TRUE(lines == Lines{"END"} ||
                  (lines.size() == 3 && lines[1] == "DISCONNECT 8E" && lines[2] == "END"))
          << testing::PrintToString(lines);
    }
    EXPECT_THAT(read_all(last), ElementsAre(HasSubstr("CONNACK 00")));
    EXPECT_EQ(live_anywhere(stage), 1U);
  }
}

TEST(Takeover, OfManyAtOnceLeavesOne) {
  RelayStage stage(3);
  stage.lead_all(0);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t node = 0; node < 3; ++node) {
    stage.hold(node, (node + 1) % 3);
    stage.hold(node, (node + 2) % 3);
  }
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<RawClient>(""));
    const mqtt::Connect connect = i % 3 == 0   ? durable(kId)
                                  : i % 3 == 1 ? clean(kId)
                                               : with_will(clean(kId));
    stage.come(*clients.back(), static_cast<std::size_t>(i) / 2 % 3, connect);
  }
  stage.held.clear();
  stage.settle();
  int open = 0;
  for (const auto& client : clients) {
    const Lines lines = read_all(*client);
    if (client->is_open()) ++open;
  }
  EXPECT_EQ(open, 1);
  EXPECT_EQ(live_anywhere(stage), 1U);
  const ShardId shard = RelayStage::shard_of(kId);
  EXPECT_LE(stage.relay(0, shard).leader().links() + stage.relay(0, shard).leader().claims(), 1U);
}

TEST(Takeover, OfACleanSessionPublishesItsWill) {
  RelayStage stage(3);
  stage.lead_all(0);
  RawClient watcher(""), older(""), newer("");
  stage.come(watcher, 0, durable("watcher"));
  stage.send(watcher, {subscribe("last", Qos::at_most_once)});
  read_all(watcher);
  stage.come(older, 1, with_will(clean(kId)));
  stage.come(newer, 2, clean(kId));
  EXPECT_THAT(read_all(watcher), ElementsAre(HasSubstr("\"words\"")));
  EXPECT_EQ(stage.sessions(0, RelayStage::shard_of(kId)).stored(kId), nullptr);
}

TEST(Takeover, ACleanStartEndsTheDurableSession) {
  RelayStage stage(3);
  stage.lead_all(0);
  const ShardId shard = RelayStage::shard_of(kId);
  RawClient older(""), newer(""), again("");
  stage.come(older, 1, durable(kId));
  older.drop();
  stage.settle();
  ASSERT_NE(stage.sessions(0, shard).stored(kId), nullptr);
  stage.come(newer, 2, clean(kId));
  EXPECT_EQ(stage.sessions(0, shard).stored(kId), nullptr);
  EXPECT_NE(stage.sessions(2, shard).live(kId), nullptr) << "a clean session runs at its front";
}

// A clean session that goes on with a durable one is durable itself: nothing is lost by it.
TEST(Takeover, WithoutCleanStartGoesOnAtTheLeader) {
  RelayStage stage(3);
  stage.lead_all(0);
  RawClient older(""), newer("");
  stage.come(older, 1, durable(kId));
  older.drop();
  stage.settle();
  mqtt::Connect connect = clean(kId);
  connect.clean_start = false;
  EXPECT_THAT(stage.come(newer, 2, connect), ElementsAre(HasSubstr("CONNACK 00 present")));
  EXPECT_NE(stage.sessions(0, RelayStage::shard_of(kId)).live(kId), nullptr);
}

}  // namespace
}  // namespace roost::gates
