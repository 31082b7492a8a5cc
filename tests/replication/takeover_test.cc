// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/replication/shard_cluster.h"

namespace roost::cluster::replication {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

template <typename M>
bool is(const ShardCluster::Flying& flying) {
  return std::holds_alternative<M>(flying.message);
}

bool serves(ShardCluster& cluster, const std::string& name) {
  return cluster.run_until([&] { return cluster.at(name).role() == Role::leader; });
}

TEST(TakeOver, ServesWhenTheWholeIsrHasTheNoOp) {
  ShardCluster cluster({"a", "b", "c"});
  cluster.holds = [](const auto& flying) { return is<Ack>(flying); };
  cluster.elect("a", {"a", "b", "c"});
  cluster.settle();
  EXPECT_EQ(cluster.at("a").role(), Role::confirming);
  EXPECT_FALSE(cluster.at("a").can_propose());
  cluster.holds = nullptr;
  cluster.release();
  EXPECT_EQ(cluster.at("a").role(), Role::leader);
  EXPECT_EQ(cluster.at("a").commit(), 1u);
  cluster.run(200);
  EXPECT_EQ(cluster.at("c").commit(), 1u);
  EXPECT_TRUE(cluster.are_same({"a", "b", "c"}));
}

TEST(TakeOver, AnswersAFenceOnlyWhenTheEpochIsOnDisk) {
  ShardCluster cluster({"a", "b"});
  cluster.node("b").syncs = false;
  std::vector<Message> answers;
  cluster.holds = [&](const auto& flying) {
    if (flying.from == cluster.id("b")) answers.push_back(flying.message);
    return false;
  };
  cluster.elect("a", {"a", "b"});
  cluster.run(500);
  EXPECT_THAT(answers, IsEmpty());
  EXPECT_EQ(cluster.node("b").disk.stored.meta.fenced, 0u);
  cluster.node("b").syncs = true;
  cluster.run(500);
  ASSERT_FALSE(answers.empty());
  EXPECT_TRUE(std::holds_alternative<Fenced>(answers.front()));
  EXPECT_EQ(cluster.node("b").disk.stored.meta.fenced, 1u);
}

TEST(TakeOver, AcknowledgesOnlyWhatIsOnDisk) {
  ShardCluster cluster({"a", "b"});
  cluster.elect("a", {"a", "b"});
  ASSERT_TRUE(serves(cluster, "a"));
  cluster.node("b").syncs = false;
  const Position place = cluster.write("a");
  cluster.run(300);
  EXPECT_LT(cluster.at("a").commit(), place.index);
  cluster.node("b").syncs = true;
  cluster.run(300);
  EXPECT_EQ(cluster.at("a").commit(), place.index);
}

TEST(TakeOver, TheLeadersOwnDiskCountsToo) {
  ShardCluster cluster({"a", "b"});
  cluster.elect("a", {"a", "b"});
  ASSERT_TRUE(serves(cluster, "a"));
  cluster.node("a").syncs = false;
  const Position place = cluster.write("a");
  cluster.run(300);
  EXPECT_EQ(cluster.at("b").last(), place);
  EXPECT_LT(cluster.at("a").commit(), place.index);
}

TEST(TakeOver, CutsWhatTheNewLeaderHasNot) {
  ShardCluster cluster({"a", "b", "c"});
  cluster.elect("a", {"a", "b", "c"});
  ASSERT_TRUE(serves(cluster, "a"));
  cluster.write("a");
  cluster.cut("a", "b");
  cluster.cut("a", "c");
  for (int i = 0; i < 5; ++i) cluster.write("a", "lost");  // on a alone: never acknowledged
  EXPECT_EQ(cluster.at("a").commit(), 2u);
  cluster.elect("b", {"b", "c"});
  ASSERT_TRUE(serves(cluster, "b"));
  cluster.write("b", "new");
  cluster.heal();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.are_same({"a", "b", "c"}); }));
  EXPECT_EQ(cluster.at("a").role(), Role::follower);
  EXPECT_TRUE(cluster.run_until([&] { return cluster.record().isr.size() == 3; }));
}

TEST(TakeOver, KeepsWhatOnlyTheLongerMemberHad) {
  ShardCluster cluster({"a", "b", "c"});
  cluster.elect("a", {"a", "b", "c"});
  ASSERT_TRUE(serves(cluster, "a"));
  cluster.cut("a", "c");
  const Position place = cluster.write("a");
  cluster.crash("a");
  cluster.elect("b", {"b", "c"});
  ASSERT_TRUE(serves(cluster, "b"));
  EXPECT_TRUE(cluster.run_until([&] { return cluster.are_same({"b", "c"}); }));
  EXPECT_EQ(cluster.node("c").disk.records[place.index - 1].position, place);
}

// A leader that restarts within its own epoch and reuses an index.
TEST(TakeOver, ALeaderThatRestartsIsAFollowerOfItsOwnEpoch) {
  ShardCluster cluster({"a", "b", "c"});
  cluster.elect("a", {"a", "b", "c"});
  ASSERT_TRUE(serves(cluster, "a"));
  cluster.node("a").syncs = false;
  const Position place = cluster.write("a", "sent, not synced here");
  EXPECT_EQ(cluster.at("b").last(), place);
  cluster.crash("a");
  cluster.node("a").syncs = true;
  cluster.start("a");
  cluster.run(3000);
  EXPECT_EQ(cluster.at("a").role(), Role::follower);
  EXPECT_EQ(cluster.at("a").status().epoch, cluster.record().epoch);
  EXPECT_TRUE(cluster.at("a").status().is_restarted);
  cluster.elect("a", {"a", "b", "c"});
  ASSERT_TRUE(serves(cluster, "a"));
  EXPECT_TRUE(cluster.run_until([&] { return cluster.are_same({"a", "b", "c"}); }));
  EXPECT_EQ(cluster.node("b").disk.records[place.index - 1].position.epoch, 2u);
}

TEST(TakeOver, ARestartBeforeTheFenceWasOnDiskMayLeadThatEpoch) {
  ShardCluster cluster({"a", "b"});
  cluster.node("a").syncs = false;
  cluster.elect("a", {"a", "b"});
  cluster.run(100);
  EXPECT_EQ(cluster.at("b").epoch(), 0u);  // nobody was fenced with it yet
  cluster.crash("a");
  cluster.node("a").syncs = true;
  cluster.start("a");
  EXPECT_TRUE(serves(cluster, "a"));
}

TEST(TakeOver, AnOlderLeaderIsRefusedAndStepsDown) {
  ShardCluster cluster({"a", "b", "c"});
  cluster.elect("a", {"a", "b", "c"});
  ASSERT_TRUE(serves(cluster, "a"));
  cluster.node("a").sees_coordinator = false;
  cluster.cut("a", "b");  // so that b can't fence it
  cluster.elect("b", {"b", "c"});
  ASSERT_TRUE(serves(cluster, "b"));
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("a").role() == Role::follower; }));
}

TEST(TakeOver, ResignsWhereAMemberKnowsOfACommitBeyondItsLog) {
  ShardCluster cluster({"a", "b", "c"});
  cluster.elect("a", {"a", "b", "c"});
  ASSERT_TRUE(serves(cluster, "a"));
  for (int i = 0; i < 5; ++i) cluster.write("a");
  cluster.run(200);
  cluster.crash("c");
  TestDisk& broken = cluster.node("c").disk;  // a disk that lies: R7 was not kept
  broken.carry_out({1, CutOp{broken.stored.applied = 2}});
  cluster.start("c");
  cluster.elect("c", {"b", "c"});
  cluster.run(500);
  EXPECT_EQ(cluster.at("c").role(), Role::follower);
  EXPECT_THAT(cluster.node("c").alarms, Contains(Alarm::commit_beyond_log));
  EXPECT_EQ(cluster.node("b").disk.stored.last, 6u) << "nothing is cut for that";
}

TEST(TakeOver, AMemberThatLostWhatItAcknowledgedIsReported) {
  ShardCluster cluster({"a", "b", "c"});
  cluster.elect("a", {"a", "b", "c"});
  ASSERT_TRUE(serves(cluster, "a"));
  for (int i = 0; i < 5; ++i) cluster.write("a");
  cluster.run(200);
  cluster.crash("c");
  TestDisk& broken = cluster.node("c").disk;
  broken.carry_out({1, CutOp{broken.stored.applied = 2}});
  cluster.start("c");
  cluster.write("a");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.are_same({"a", "b", "c"}); }));
  EXPECT_THAT(cluster.node("a").alarms, ElementsAre(Alarm::acknowledged_is_gone));
}

TEST(TakeOver, AnotherRecordAtOnePlaceStopsTheReplica) {
  ShardCluster cluster({"a", "b"});
  cluster.elect("a", {"a", "b"});
  ASSERT_TRUE(serves(cluster, "a"));
  const Position place = cluster.write("a");
  auto records = std::make_shared<std::vector<LogRecord>>();
  records->push_back(make_record(place, as_bytes("other")));
  const Append append{1, {1, place.index - 1}, 1, cluster.now, records};
  cluster.deliver({cluster.id("a"), cluster.id("b"), append});
  EXPECT_EQ(cluster.at("b").role(), Role::stopped);
  cluster.run(100);
  EXPECT_THAT(cluster.node("b").alarms, ElementsAre(Alarm::checksum_differs));
}

TEST(TakeOver, ACommittedRecordIsNeverCutForALeaderThatHasAnother) {
  ShardCluster cluster({"a", "b"});
  cluster.elect("a", {"a", "b"});
  ASSERT_TRUE(serves(cluster, "a"));
  cluster.write("a");
  cluster.run(200);
  ASSERT_EQ(cluster.at("b").commit(), 2u);
  cluster.deliver({cluster.id("a"), cluster.id("b"), Fence{2, 1, 100}});
  cluster.run(20);
  auto records = std::make_shared<std::vector<LogRecord>>();
  records->push_back(make_record({2, 2}, as_bytes("other")));
  cluster.deliver({cluster.id("a"), cluster.id("b"), Append{2, {1, 1}, 1, cluster.now, records}});
  cluster.run(20);
  EXPECT_EQ(cluster.at("b").role(), Role::stopped);
  EXPECT_THAT(cluster.node("b").alarms, ElementsAre(Alarm::cut_below_commit));
  EXPECT_EQ(cluster.node("b").disk.stored.last, 2u);
}

// Messages of an epoch may come late and twice: nothing that was acknowledged goes.
TEST(TakeOver, LateAndRepeatedMessagesDoNoHarm) {
  ShardCluster cluster({"a", "b"});
  std::vector<ShardCluster::Flying> all;
  cluster.holds = [&](const auto& flying) {
    all.push_back(flying);
    return false;
  };
  cluster.elect("a", {"a", "b"});
  ASSERT_TRUE(serves(cluster, "a"));
  for (int i = 0; i < 10; ++i) cluster.write("a", std::to_string(i));
  const std::vector<ShardCluster::Flying> repeated = all;
  for (auto flying = repeated.rbegin(); flying != repeated.rend(); ++flying) {
    cluster.deliver(*flying);
    cluster.settle();
    EXPECT_GE(cluster.node("b").disk.stored.last, 11u);
    EXPECT_GE(cluster.at("b").synced(), 11u);
  }
  EXPECT_TRUE(cluster.run_until([&] { return cluster.are_same({"a", "b"}); }));
  EXPECT_THAT(cluster.node("a").alarms, IsEmpty());
  EXPECT_THAT(cluster.node("b").alarms, IsEmpty());
}

TEST(TakeOver, AnAppendOfARestartedFollowersEpochIsFoundToFitOrNot) {
  ShardCluster cluster({"a", "b"});
  cluster.elect("a", {"a", "b"});
  ASSERT_TRUE(serves(cluster, "a"));
  cluster.node("b").syncs = false;
  cluster.write("a", "received, not synced");
  cluster.crash("b");
  cluster.node("b").syncs = true;
  cluster.start("b");
  cluster.write("a", "behind a gap");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.are_same({"a", "b"}); }));
  EXPECT_EQ(cluster.at("a").commit(), 3u);
  EXPECT_FALSE(cluster.at("b").status().is_restarted);
}

}  // namespace
}  // namespace roost::cluster::replication
