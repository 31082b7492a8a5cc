// SPDX-License-Identifier: Apache-2.0
// Share groups of a cluster: three nodes, members on all of them, leaders that come and go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "broker/session/state_codec.h"
#include "broker/session/state_key.h"
#include "tests/gates/client_packets.h"
#include "tests/gates/relay_stage.h"

namespace roost::gates {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using session::ShardGroups;
using support::RawClient;
using testing::Each;
using testing::HasSubstr;
using testing::Pair;

constexpr std::string_view kShare = "crew/jobs/#";
constexpr std::string_view kFilter = "$share/crew/jobs/#";

class ShareGroups : public testing::Test {
 protected:
  struct Member {
    std::unique_ptr<RawClient> client = std::make_unique<RawClient>("");
    std::vector<std::string> lines;
  };

  ShareGroups() {
    for (std::uint16_t shard = 0; shard < kShardCountDefault; ++shard) {
      stage.lead(ShardId{shard}, shard % 3);
    }
    stage.lead(group_, 0);
    for (std::size_t node = 1; node < 3; ++node) {  // as its leader's interest would say
      routing::InterestWriter(stage.at(node).routing.shards, group_.value).add("jobs/#");
    }
    stage.come(publisher, 2, clean("publisher"));
  }
  // A client id whose shard that node leads, and isn't the group's.
  std::string id_led_by(std::size_t node, std::string name) {
    for (int number = 0;; ++number) {
      std::string id = name + std::to_string(number);
      const ShardId shard = RelayStage::shard_of(id);
      if (shard != group_ && stage.leads[shard.value] == node) return id;
    }
  }
  Member& join(std::size_t node, const mqtt::Connect& connect, Qos qos = Qos::exactly_once) {
    Member& member = *members_.emplace_back(std::make_unique<Member>());
    stage.come(*member.client, node, connect);
    stage.send(*member.client, {subscribe(kFilter, qos)});
    return member;
  }
  void publish_all(std::string_view name, int count, Qos qos) {
    for (int i = 0; i < count; ++i) {
      const std::string payload = std::string(name) + std::to_string(i);
      stage.send(publisher,
                 {publish("jobs/x", payload, qos,
                          qos == Qos::at_most_once ? mqtt::PacketId{0}
                                                   : static_cast<mqtt::PacketId>(++last_id_))});
      if (qos == Qos::exactly_once) {
        stage.send(publisher, {ack(PacketType::pubrel, last_id_)});
      }
    }
  }
  // What has come to a member since the last call, acknowledged or not.
  std::vector<std::string> take(Member& member, bool acknowledges = true) {
    std::vector<std::string> payloads;
    for (bool any = true; any;) {
      any = false;
      for (const std::string& line : read_all(*member.client)) {
        member.lines.push_back(line);
        if (!line.starts_with("PUBLISH") && !line.starts_with("PUBREL")) continue;
        const std::size_t at = line.find("id=");
        const auto id = static_cast<mqtt::PacketId>(
            at == std::string::npos ? 0 : std::stoul(line.substr(at + 3)));
        if (line.starts_with("PUBREL")) {
          stage.send(*member.client, {ack(PacketType::pubcomp, id)});
          continue;
        }
        const std::size_t begin = line.find("payload=") + 8;
        std::string payload = line.substr(begin, line.find(' ', begin) - begin);
        std::erase(payload, '"');
        payloads.push_back(payload);
        if (!acknowledges || id == 0) continue;
        any = true;
        const bool once = line.find("qos=1") != std::string::npos;
        stage.send(*member.client, {ack(once ? PacketType::puback : PacketType::pubrec, id)});
      }
    }
    return payloads;
  }
  std::map<std::string, int> take_all() {
    std::map<std::string, int> counts;
    for (const auto& member : members_) {
      for (const std::string& payload : take(*member)) ++counts[payload];
    }
    return counts;
  }
  // Members as every node that lives has them.
  std::vector<std::string> names(std::size_t node) {
    std::vector<std::string> names;
    const auto stored = stage.sessions(node, group_).shard(group_).groups().stored(kShare);
    if (!stored) return names;
    for (const auto& member : stored->members) names.push_back(member.client_id);
    return names;
  }

  // Of all shards of that one's core.
  void checkpoint(ShardId shard) {
    for (std::size_t node = 0; node < 3; ++node) {
      stage.in_turn(node, shard, [&] { stage.sessions(node, shard).checkpoint([] {}); });
    }
  }
  // Members and turns, as a node would write them to disk.
  std::vector<std::uint8_t> state(std::size_t node) {
    std::vector<std::uint8_t> bytes;
    const auto stored = stage.sessions(node, group_).shard(group_).groups().stored(kShare);
    if (stored) session::encode_value(*stored, bytes);
    return bytes;
  }

  RelayStage stage{3, StageSettings{{}, true}};
  const ShardId group_ = RelayStage::shard_of(kShare);
  RawClient publisher{""};
  std::uint16_t last_id_ = 0;
  std::vector<std::unique_ptr<Member>> members_;
};

TEST_F(ShareGroups, GiveEachMessageToOneMemberWhereverItIs) {
  for (std::size_t node = 0; node < 3; ++node) {
    join(node, clean("clean" + std::to_string(node)));
    join(node, durable("durable" + std::to_string(node)));
  }
  for (const Qos qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
    publish_all("m", 12, qos);
    std::size_t least = SIZE_MAX;
    std::map<std::string, int> counts;
    for (const auto& member : members_) {
      const auto payloads = take(*member);
      least = std::min(least, payloads.size());
      for (const std::string& payload : payloads) ++counts[payload];
    }
    EXPECT_EQ(counts.size(), 12u);
    EXPECT_THAT(counts, Each(Pair(testing::_, 1)));
    EXPECT_EQ(least, 2u) << "in turn";
  }
  EXPECT_EQ(names(0).size(), 6u);
  for (std::size_t node = 1; node < 3; ++node) EXPECT_EQ(state(node), state(0));
}

TEST_F(ShareGroups, SubackAndPubackWaitForTheGroupsShard) {
  StageLog& log = *stage.at(0).logs[group_.value % RelayStage::kCores];
  log.hold();
  Member& member = join(1, clean(id_led_by(1, "m")));
  EXPECT_TRUE(read_all(*member.client).empty());
  log.let_go();
  stage.settle();
  EXPECT_THAT(read_all(*member.client), testing::ElementsAre(HasSubstr("SUBACK")));
  log.hold();
  publish_all("m", 1, Qos::at_least_once);
  EXPECT_TRUE(read_all(publisher).empty());
  EXPECT_TRUE(take(member).empty());
  log.let_go();
  stage.settle();
  EXPECT_THAT(read_all(publisher), testing::ElementsAre(HasSubstr("PUBACK")));
  EXPECT_EQ(take(member).size(), 1u);
}

// The new leader sends what the old one had chosen, to whom it had chosen.
TEST_F(ShareGroups, GiveAMessageToOneMemberThoughTheirLeaderDies) {
  join(1, durable(id_led_by(1, "a")));
  join(2, durable(id_led_by(2, "b")));
  join(1, clean(id_led_by(1, "c")));
  publish_all("before", 6, Qos::exactly_once);
  stage.hold(0, 1);  // half of the assignments are on their way
  publish_all("then", 6, Qos::exactly_once);
  stage.kill(0);
  for (std::uint16_t shard = 0; shard < kShardCountDefault; ++shard) {
    if (stage.leads[shard] == 0) stage.lead(ShardId{shard}, 1 + shard % 2);
  }
  stage.settle();
  publish_all("after", 6, Qos::exactly_once);
  const auto counts = take_all();
  EXPECT_EQ(counts.size(), 18u);
  EXPECT_THAT(counts, Each(Pair(testing::_, 1)));
  EXPECT_EQ(state(1), state(2));
}

TEST_F(ShareGroups, ReturnWhatACleanMemberDidntAcknowledge) {
  Member& first = join(1, clean(id_led_by(1, "a")));
  publish_all("once", 3, Qos::at_least_once);
  publish_all("exactly", 3, Qos::exactly_once);
  EXPECT_EQ(take(first, false).size(), 6u);
  Member& second = join(2, clean(id_led_by(2, "b")));
  first.client->drop();
  stage.settle();
  EXPECT_EQ(take(second), (std::vector<std::string>{"once0", "once1", "once2"}));
  EXPECT_EQ(names(0).size(), 1u);
}

// From memory and from disk, to one in memory and to one that stays.
class QueueOfOneThatEnds : public ShareGroups,
                           public testing::WithParamInterface<std::tuple<bool, bool>> {};
INSTANTIATE_TEST_SUITE_P(Kinds, QueueOfOneThatEnds,
                         testing::Combine(testing::Bool(), testing::Bool()));

TEST_P(QueueOfOneThatEnds, GoesBackPageByPage) {
  const auto [on_disk, to_durable] = GetParam();
  const std::string id = id_led_by(1, "a"), other = id_led_by(2, "b");
  join(1, durable(id)).client->drop();
  stage.settle();
  publish_all("m", 200, Qos::at_least_once);
  if (on_disk) checkpoint(RelayStage::shard_of(id));
  Member& second = join(2, to_durable ? durable(other) : clean(other));
  RawClient again("");
  stage.come(again, 2, clean(id));  // a clean session: the other one ends
  std::map<std::string, int> counts;
  for (const std::string& payload : take(second)) ++counts[payload];
  EXPECT_EQ(counts.size(), 200u);
  EXPECT_THAT(counts, Each(Pair(testing::_, 1)));
}

// Its queue goes back one record a message: no leader loses one or gives it twice.
TEST_F(ShareGroups, ReturnTheQueueOfASessionThatEndsThoughItsLeaderDies) {
  const std::string id = id_led_by(1, "a");
  const ShardId shard = RelayStage::shard_of(id);
  Member& first = join(1, durable(id));
  first.client->drop();
  stage.settle();
  publish_all("m", 100, Qos::at_least_once);
  Member& second = join(2, clean(id_led_by(2, "b")));
  RawClient again("");
  stage.hold(1, 0);                 // what goes back is on its way
  stage.come(again, 2, clean(id));  // a clean session: the other one ends
  EXPECT_TRUE(take(second).empty());
  stage.kill(1);
  for (std::uint16_t each = 0; each < kShardCountDefault; ++each) {
    if (stage.leads[each] == 1) stage.lead(ShardId{each}, 2);
  }
  stage.settle();
  std::map<std::string, int> counts;
  for (const std::string& payload : take(second)) ++counts[payload];
  EXPECT_EQ(counts.size(), 100u);
  EXPECT_THAT(counts, Each(Pair(testing::_, 1)));
  EXPECT_EQ(stage.sessions(2, shard).shard(shard).session_count(),
            stage.sessions(0, shard).shard(shard).session_count());
}

// They were told to nobody else, and nobody will tell.
TEST_F(ShareGroups, LoseTheCleanMembersOfANodeThatIsOver) {
  join(1, clean(id_led_by(2, "a")));
  Member& second = join(2, clean(id_led_by(2, "b")));
  EXPECT_EQ(names(0).size(), 2u);
  stage.hold(0, 1);
  publish_all("m", 4, Qos::at_least_once);  // two are on their way
  stage.kill(1);
  EXPECT_EQ(names(0).size(), 1u);
  publish_all("n", 2, Qos::at_least_once);
  std::map<std::string, int> counts;
  for (const std::string& payload : take(second)) ++counts[payload];
  EXPECT_EQ(counts.size(), 6u);
  EXPECT_THAT(counts, Each(Pair(testing::_, 1)));
}

// Nobody who lives has heard of its end, but the coordinator knows.
TEST_F(ShareGroups, LoseThemToALeaderThatNeverKnewTheNode) {
  join(1, clean(id_led_by(2, "a")));
  Member& second = join(2, clean(id_led_by(2, "b")));
  stage.dead.insert(1);
  for (const std::size_t other : {0u, 2u}) stage.cut(1, other);
  ++stage.at(1).incarnation;
  stage.dead.erase(1);
  for (const std::size_t other : {0u, 2u}) stage.link(1, other);
  stage.dead.insert(1);
  publish_all("m", 4, Qos::at_least_once);
  stage.advance_ms(20'000);
  EXPECT_EQ(names(0).size(), 1u);
  EXPECT_EQ(take(second).size(), 4u);
}

// A node that slept so long that others took it for dead: its members are in again with its link.
TEST_F(ShareGroups, TakeBackTheCleanMembersOfANodeThatOnlySlept) {
  Member& first = join(1, clean(id_led_by(2, "a")));
  Member& second = join(2, clean(id_led_by(2, "b")));
  for (const std::size_t other : {0u, 2u}) stage.cut(1, other);
  for (const std::size_t other : {0u, 2u}) {
    stage.at(other).inbox.on_peer_gone(stage.peer(other, 1), stage.at(1).incarnation);
  }
  stage.settle();
  EXPECT_EQ(names(0).size(), 1u);
  for (const std::size_t other : {0u, 2u}) stage.link(1, other);
  EXPECT_EQ(names(0).size(), 2u);
  publish_all("m", 4, Qos::at_least_once);
  EXPECT_EQ(take(first).size(), 2u);
  EXPECT_EQ(take(second).size(), 2u);
}

// One message that sessions of the group's own shard want too: its body stays on disk for as long.
TEST_F(ShareGroups, LeaveTheirMessagesToWhoeverElseWantsThem) {
  std::vector<std::string> ids;
  for (int number = 0; ids.size() < 2; ++number) {
    std::string id = "s" + std::to_string(number);
    if (RelayStage::shard_of(id) == group_) ids.push_back(std::move(id));
  }
  for (const std::string& id : ids) {
    RawClient client("");
    stage.come(client, 0, durable(id));
    stage.send(client, {subscribe("jobs/#", Qos::at_least_once)});
    client.drop();
    stage.settle();
  }
  Member& member = join(1, clean(id_led_by(1, "m")));
  stage.hold(0, 1);
  publish_all("m", 1, Qos::at_least_once);
  checkpoint(group_);
  stage.let_go(0, 1);
  stage.settle();
  EXPECT_EQ(take(member), std::vector<std::string>{"m0"});
  checkpoint(group_);
  for (const std::string& id : ids) {
    Member& session = *members_.emplace_back(std::make_unique<Member>());
    stage.open(*session.client, 0);
    stage.send(*session.client, {durable(id)});
    EXPECT_EQ(take(session), std::vector<std::string>{"m0"}) << id;
    checkpoint(group_);
    checkpoint(group_);
  }
  for (std::size_t node = 0; node < 3; ++node) {
    const support::RemainsReader disk(stage.at(node).remains.shards.at(group_.value));
    const std::string bodies = session::state_key(session::StateKind::body);
    bool any = false;
    disk.scan(bodies, session::next_key(bodies),
              [&](std::string_view, ByteView) { return any = true; });
    EXPECT_FALSE(any) << "on node " << node;
  }
}

// A client that goes to another node is one member, whatever order the two nodes speak in.
TEST_F(ShareGroups, KeepAMemberThatMovedToAnotherNode) {
  const std::string id = id_led_by(2, "a");
  join(1, clean(id));
  stage.hold(1, 0);  // its leaving comes late
  Member& moved = join(2, clean(id));
  stage.let_go(1, 0);
  stage.settle();
  EXPECT_EQ(names(0), std::vector<std::string>{id});
  publish_all("m", 3, Qos::at_least_once);
  EXPECT_EQ(take(moved).size(), 3u);
}

}  // namespace
}  // namespace roost::gates
