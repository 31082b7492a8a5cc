// SPDX-License-Identifier: Apache-2.0
// Nodes whose coordinator is away, forgets, or wakes them up under somebody else's epoch.
// REPLICATION, "What must hold, event by event".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/live_cluster.h"

namespace roost::cluster {
namespace {

using support::eventually;

class WithCoordinator : public testing::TestWithParam<LiveCluster::Disks> {
 protected:
  void start_three() {
    for (const char* name : {"n1", "n2", "n3"}) cluster_.start(name);
    ASSERT_TRUE(cluster_.all_serve());
    ASSERT_TRUE(cluster_.all_in_sync(3));
  }
  void commit_rounds(const std::string& text, int rounds) {
    for (int i = 0; i < rounds; ++i) {
      ASSERT_TRUE(cluster_.commit_round(text + " " + std::to_string(i)));
    }
  }
  ClusterStatus status(const std::string& name) { return cluster_.node(name).node().status(); }
  bool is_alarmed(std::uint16_t shard, const std::string& by) {
    const std::string begin = "shard " + std::to_string(shard) + ": ";
    for (const auto& [name, process] : cluster_.nodes()) {
      for (const std::string& alarm : process->node().status().alarms) {
        if (alarm.starts_with(begin) && alarm.find(by) != std::string::npos) return true;
      }
    }
    return false;
  }
  std::string other_than(const std::string& name) {
    for (const auto& [other, process] : cluster_.nodes()) {
      if (other != name) return other;
    }
    return {};
  }

  LiveCluster cluster_{GetParam(), 4};
};

// etcd loses its quorum: nobody fails over, what is led goes on, and each node says so.
TEST_P(WithCoordinator, AwayIsSaidAndNoNodeIsReplaced) {
  start_three();
  cluster_.coordinator.set_away(true);
  for (const char* name : {"n1", "n2", "n3"}) {
    ASSERT_TRUE(eventually([&] { return !status(name).coordinator_reached; })) << name;
  }
  commit_rounds("while it is away", 2);
  const std::string lost = cluster_.leader(0);
  const ShardRecord record = cluster_.record(0);
  cluster_.crash(lost);
  // The others see it go; still nobody takes its place, and their own shards stall as their members
  // can't leave.
  const std::string other = other_than(lost);
  ASSERT_TRUE(eventually([&] {
    const ClusterStatus seen = status(other);
    return std::any_of(seen.nodes.begin(), seen.nodes.end(), [&](const auto& node) {
      return node.record.name == lost && !node.is_linked;
    });
  }));
  EXPECT_EQ(cluster_.leader(0), "");
  EXPECT_EQ(cluster_.record(0), record);
  cluster_.coordinator.set_away(false);
  commit_rounds("it is back", 1);
  EXPECT_GT(cluster_.record(0).epoch, record.epoch);
  cluster_.start(lost);
  ASSERT_TRUE(cluster_.all_in_sync(3));
  EXPECT_TRUE(cluster_.all_have_all());
}

// etcd restored from yesterday: traffic goes on, nothing moves, an alarm; the way out is a forced
// leader, chosen by whoever knows who has most.
TEST_P(WithCoordinator, RestoredFromABackupMovesNothingAndIsSaid) {
  start_three();
  commit_rounds("before", 1);
  const MemoryKeys yesterday = cluster_.coordinator.backup();
  const std::string moved = cluster_.leader(0);
  ASSERT_TRUE(cluster_.node("n1").node().move_leaders(moved));
  ASSERT_TRUE(eventually([&] {
    return cluster_.leader(0) != moved && !cluster_.leader(0).empty() &&
           cluster_.record(0).leader.name != moved;
  }));
  ASSERT_TRUE(cluster_.all_serve());
  ASSERT_TRUE(cluster_.all_in_sync(3));
  commit_rounds("since", 1);
  const std::string leads = cluster_.leader(0);
  const ShardRecord newest = cluster_.record(0);

  cluster_.coordinator.restore(yesterday);
  const ShardRecord old = cluster_.record(0);
  ASSERT_LT(old.counter, newest.counter);
  ASSERT_TRUE(eventually([&] { return is_alarmed(0, "was seen"); }));
  EXPECT_EQ(cluster_.leader(0), leads);
  EXPECT_TRUE(cluster_.commit(0, "under an older record"));
  ASSERT_TRUE(eventually([&] { return !status(other_than(leads)).controller.empty(); }));

  cluster_.crash(leads);
  const std::string next = other_than(leads);
  // The controller knows that it is gone, decides for whom it may, and not for this shard.
  ASSERT_TRUE(eventually([&] {
    for (std::uint16_t i = 0; i < cluster_.shards(); ++i) {
      const bool is_older = is_alarmed(i, "was seen");
      if (!is_older && cluster_.leader(i).empty()) return false;
    }
    return is_alarmed(0, "was seen") && !status(next).controller.empty();
  }));
  EXPECT_EQ(cluster_.record(0), old);
  EXPECT_EQ(cluster_.leader(0), "");

  for (std::uint16_t i = 0; i < cluster_.shards(); ++i) {
    if (!is_alarmed(i, "was seen") && !cluster_.leader(i).empty()) continue;
    ASSERT_TRUE(eventually(
        [&] { return cluster_.node(next).node().force_leader(ShardId{i}, next).has_value(); }));
  }
  EXPECT_TRUE(eventually([&] { return cluster_.record(0).counter > newest.counter; }));
  cluster_.start(leads);
  commit_rounds("after", 1);
  ASSERT_TRUE(cluster_.all_in_sync(3));
  EXPECT_TRUE(cluster_.all_have_all());
}

INSTANTIATE_TEST_SUITE_P(InMemory, WithCoordinator, testing::Values(LiveCluster::Disks::memory));

}  // namespace
}  // namespace roost::cluster
