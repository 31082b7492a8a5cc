// SPDX-License-Identifier: Apache-2.0
// Nodes that form a cluster: what was committed stays, whoever goes or comes.
#include "cluster/cluster_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/live_cluster.h"

namespace roost::cluster {
namespace {

using support::eventually;
using testing::Contains;

class Nodes : public testing::TestWithParam<LiveCluster::Disks> {
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
  std::size_t led_by(const std::string& name) {
    std::size_t count = 0;
    for (std::uint16_t i = 0; i < cluster_.shards(); ++i) {
      count += cluster_.node(name).leads(i) ? 1 : 0;
    }
    return count;
  }
  std::size_t held_by(const std::string& name) {
    std::size_t count = 0;
    for (std::uint16_t i = 0; i < cluster_.shards(); ++i) {
      count += cluster_.node(name).holds(i) ? 1 : 0;
    }
    return count;
  }
  bool is_left_by(const std::string& name) {
    return eventually([&] { return led_by(name) == 0; }) && cluster_.all_serve();
  }

  LiveCluster cluster_{GetParam()};
};

TEST_P(Nodes, ThreeFormACluster) {
  start_three();
  for (const auto& [name, process] : cluster_.nodes()) {
    ASSERT_TRUE(eventually([&] { return process->has_joined(); })) << name;
    ASSERT_TRUE(eventually([&] {
      const ClusterStatus status = process->node().status();
      return status.is_joined && status.nodes.size() == 3 && status.shards.size() == 8 &&
             !status.controller.empty() && status.coordinator_reached;
    })) << name;
    EXPECT_GT(process->node().incarnation(), 1'600'000'000'000U);
    EXPECT_EQ(process->node().feature_level(), 1U);
  }
  commit_rounds("first", 5);
  EXPECT_TRUE(cluster_.all_have_all());
}

// The first one alone would make shards of one replica.
TEST_P(Nodes, ANewClusterWaitsForItsFirstNodes) {
  cluster_.start("n1");
  cluster_.start("n2");
  ASSERT_TRUE(eventually([&] {
    return cluster_.node("n1").has_joined() && cluster_.node("n2").has_joined() &&
           !cluster_.node("n1").node().status().controller.empty();
  }));
  EXPECT_EQ(cluster_.coordinator.value(cluster_.keys.shard_count()), "");
  cluster_.start("n3");
  ASSERT_TRUE(cluster_.all_serve());
  EXPECT_EQ(cluster_.record(0).replicas.size(), 3U);
  EXPECT_EQ(cluster_.record(0).min_in_sync, 2U);
}

TEST_P(Nodes, AKilledNodeLosesNothing) {
  start_three();
  commit_rounds("before", 3);
  const std::string killed = cluster_.leader(0);
  const std::uint64_t incarnation = cluster_.node(killed).node().incarnation();
  cluster_.crash(killed);
  commit_rounds("without", 3);
  const auto& other = cluster_.nodes().begin()->second;
  const std::string gone = "gone " + killed + "." + std::to_string(incarnation);
  EXPECT_TRUE(eventually([&] {
    const Texts told = other->told();
    return std::find(told.begin(), told.end(), gone) != told.end();
  }));
  EXPECT_THAT(other->told(), Contains("down " + killed));
  cluster_.start(killed);
  EXPECT_TRUE(cluster_.all_in_sync(3));
  EXPECT_GT(cluster_.node(killed).node().incarnation(), incarnation);
  commit_rounds("after", 2);
  EXPECT_TRUE(cluster_.all_have_all());
}

TEST_P(Nodes, ASilentNodeIsReplacedWhenItsLeaseEnds) {
  start_three();
  commit_rounds("before", 2);
  const std::string lost = cluster_.leader(0);
  cluster_.network.set_silent(lost, true);
  cluster_.crash(lost);
  commit_rounds("after", 2);
  EXPECT_TRUE(cluster_.all_have_all());
}

// What was acknowledged is on the others' disks; the new one comes by snapshot and log.
TEST_P(Nodes, ALostDiskIsFilledAgain) {
  start_three();
  commit_rounds("in the snapshot", 4);
  for (const auto& [name, process] : cluster_.nodes()) process->checkpoint();
  commit_rounds("in the log", 2);
  const std::string store = cluster_.node("n2").store().uuid();
  cluster_.crash("n2");
  cluster_.lose_disk("n2");
  commit_rounds("meanwhile", 2);
  for (const auto& [name, process] : cluster_.nodes()) process->checkpoint();
  cluster_.start("n2");
  EXPECT_NE(cluster_.node("n2").store().uuid(), store);
  ASSERT_TRUE(cluster_.all_in_sync(3));
  commit_rounds("after", 2);
  EXPECT_TRUE(cluster_.all_have_all());
  EXPECT_EQ(held_by("n2"), 8U);
  // And it serves as well as any other.
  cluster_.crash("n1");
  commit_rounds("without n1", 1);
  EXPECT_TRUE(cluster_.all_have_all());
}

// Values and records that are longer than a piece and a part of it.
TEST_P(Nodes, LargeRecordsFillALostDisk) {
  start_three();
  const std::string large(ShardHosts::kRecordBytesMax - 10, 'x');
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(cluster_.commit(0, large + std::to_string(i)));
  for (const auto& [name, process] : cluster_.nodes()) process->checkpoint();
  for (int i = 4; i < 8; ++i) ASSERT_TRUE(cluster_.commit(0, large + std::to_string(i)));
  cluster_.crash("n3");
  cluster_.lose_disk("n3");
  cluster_.start("n3");
  ASSERT_TRUE(cluster_.all_in_sync(3));
  EXPECT_TRUE(cluster_.all_have_all());
}

// Callers slow down where can_propose() says no; what they propose all the same is taken.
TEST_P(Nodes, WhatIsOverTheLimitIsTaken) {
  for (const char* name : {"n1", "n2", "n3"}) {
    ClusterSettings settings = cluster_.settings(name);
    settings.replication.pending_records_max = 4;
    cluster_.start(settings);
  }
  ASSERT_TRUE(cluster_.all_serve());
  ASSERT_TRUE(cluster_.all_in_sync(3));
  const std::string leader = cluster_.leader(0);
  LiveCluster::Core& core = cluster_.node(leader).core_of(0);
  std::vector<bool> could;
  core.run([&] {
    for (int i = 0; i < 8; ++i) {
      could.push_back(core.hosts->can_propose(ShardId{0}));
      const auto record = replication::make_record({}, as_bytes("over the limit"));
      EXPECT_GT(core.hosts->propose(ShardId{0}, record.owner, record.bytes).index, 0U);
    }
  });
  EXPECT_EQ(could, (std::vector<bool>{true, true, true, true, false, false, false, false}));
  EXPECT_TRUE(eventually([&] { return cluster_.node(leader).texts(0).size() == 8; }));
}

// A join: what moves away is deleted where it was; and it may come back in the same process's life.
TEST_P(Nodes, ShardsMoveToANewNodeAndBack) {
  start_three();
  commit_rounds("before", 3);
  for (const auto& [name, process] : cluster_.nodes()) process->checkpoint();
  cluster_.start("n4");
  const auto holds_three = [&] {
    std::size_t held = 0;
    for (const auto& [name, process] : cluster_.nodes()) held += held_by(name);
    return held == 3 * std::size_t{cluster_.shards()};
  };
  ASSERT_TRUE(eventually([&] { return held_by("n4") > 0 && holds_three(); }));
  ASSERT_TRUE(cluster_.all_in_sync(3));
  commit_rounds("with four", 2);
  EXPECT_TRUE(cluster_.all_have_all());
  for (const auto& [name, process] : cluster_.nodes()) {
    for (std::uint16_t shard = 0; shard < cluster_.shards(); ++shard) {
      if (process->holds(shard)) continue;
      EXPECT_TRUE(eventually([&] { return process->is_empty_on_disk(shard); })) << name << shard;
    }
  }
  ASSERT_TRUE(cluster_.node("n2").node().remove_node("n4", false));
  ASSERT_TRUE(eventually([&] { return held_by("n4") == 0 && holds_three(); }));
  ASSERT_TRUE(cluster_.all_in_sync(3));
  commit_rounds("with three", 2);
  EXPECT_TRUE(cluster_.all_have_all());
  EXPECT_TRUE(eventually([&] {
    const ClusterStatus status = cluster_.node("n1").node().status();
    return std::any_of(status.nodes.begin(), status.nodes.end(), [](const auto& node) {
      return node.record.name == "n4" && node.is_leaving && node.holds == 0;
    });
  }));
  ASSERT_TRUE(cluster_.node("n1").node().remove_node("n4", true));
  ASSERT_TRUE(eventually([&] { return held_by("n4") > 0 && holds_three(); }));
  commit_rounds("with four again", 1);
  EXPECT_TRUE(cluster_.all_have_all());
}

TEST_P(Nodes, LeadershipLeavesADrainingNode) {
  start_three();
  ASSERT_TRUE(eventually([&] { return led_by("n1") > 0; }));
  EXPECT_FALSE(cluster_.node("n1").node().is_drained());
  cluster_.node("n1").node().drain();
  ASSERT_TRUE(eventually([&] { return cluster_.node("n1").node().is_drained(); }));
  EXPECT_EQ(led_by("n1"), 0U);
  commit_rounds("while it drains", 2);
  cluster_.stop("n1");
  commit_rounds("without", 1);
  EXPECT_TRUE(cluster_.all_have_all());
}

TEST_P(Nodes, LeadersAreMovedByCommandFromAnyNode) {
  start_three();
  ASSERT_TRUE(eventually([&] { return led_by("n3") > 0; }));
  ASSERT_TRUE(cluster_.node("n1").node().move_leaders("n3"));
  EXPECT_TRUE(is_left_by("n3"));
  const auto unknown = cluster_.node("n2").node().move_leaders("n9");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().kind, ErrorKind::not_found);
}

// R3: a process that starts leads nothing, whatever the record says.
TEST_P(Nodes, LeadershipEndsWithTheProcess) {
  start_three();
  commit_rounds("before", 3);
  cluster_.node("n1").checkpoint();
  std::vector<std::uint64_t> epochs;
  for (std::uint16_t i = 0; i < cluster_.shards(); ++i) epochs.push_back(cluster_.record(i).epoch);
  for (const char* name : {"n1", "n2", "n3"}) cluster_.crash(name);
  for (const char* name : {"n3", "n1", "n2"}) cluster_.start(name);
  commit_rounds("after", 2);
  EXPECT_TRUE(cluster_.all_have_all());
  for (std::uint16_t i = 0; i < cluster_.shards(); ++i) {
    EXPECT_GT(cluster_.record(i).epoch, epochs[i]);
  }
}

TEST_P(Nodes, TrafficGoesOnWithoutTheCoordinator) {
  start_three();
  cluster_.coordinator.set_away(true);
  ASSERT_TRUE(eventually([&] { return !cluster_.node("n1").node().status().coordinator_reached; }));
  commit_rounds("while it is away", 3);
  cluster_.coordinator.set_away(false);
  ASSERT_TRUE(eventually([&] { return cluster_.node("n1").node().status().coordinator_reached; }));
  commit_rounds("after", 1);
  EXPECT_TRUE(cluster_.all_have_all());
}

TEST_P(Nodes, OneThatLosesTheCoordinatorRegistersAgain) {
  start_three();
  const std::uint64_t incarnation = cluster_.node("n2").node().incarnation();
  cluster_.coordinator.set_cut("n2", true);
  ASSERT_TRUE(
      eventually([&] { return cluster_.coordinator.value(cluster_.keys.node("n2")).empty(); }));
  ASSERT_TRUE(is_left_by("n2"));
  commit_rounds("without it", 2);
  cluster_.coordinator.set_cut("n2", false);
  ASSERT_TRUE(eventually([&] {
    const auto record = decode_node_record(cluster_.coordinator.value(cluster_.keys.node("n2")));
    return record && record->incarnation == incarnation;
  }));
  ASSERT_TRUE(cluster_.all_in_sync(3));
  EXPECT_TRUE(cluster_.all_have_all());
}

// R3: hung disk.
TEST_P(Nodes, ANodeWhoseLogIsStuckLosesItsLease) {
  // The nodes outlive this body: what they ask lives as long as they do.
  const auto is_stuck = std::make_shared<std::atomic<bool>>(false);
  ClusterSettings settings = cluster_.settings("n1");
  settings.is_log_stuck = [is_stuck] { return is_stuck->load(); };
  cluster_.start(settings);
  cluster_.start("n2");
  cluster_.start("n3");
  ASSERT_TRUE(cluster_.all_serve());
  *is_stuck = true;
  ASSERT_TRUE(
      eventually([&] { return cluster_.coordinator.value(cluster_.keys.node("n1")).empty(); }));
  ASSERT_TRUE(is_left_by("n1"));
  *is_stuck = false;
  ASSERT_TRUE(
      eventually([&] { return !cluster_.coordinator.value(cluster_.keys.node("n1")).empty(); }));
  ASSERT_TRUE(cluster_.all_in_sync(3));
}

// A split: the minority commits nothing, and what it proposed is nowhere.
TEST_P(Nodes, ACutOffLeaderCommitsNothing) {
  start_three();
  commit_rounds("before", 1);
  const std::string off = cluster_.leader(0);
  cluster_.network.cut_off(off);
  cluster_.coordinator.set_cut(off, true);
  const auto lost = cluster_.node(off).propose(0, "lost");
  ASSERT_TRUE(lost != nullptr);
  ASSERT_TRUE(eventually([&] {
    for (const auto& [name, process] : cluster_.nodes()) {
      if (name != off && process->leads(0)) return true;
    }
    return false;
  }));
  EXPECT_NE(*lost, 1);
  cluster_.network.heal_all();
  cluster_.coordinator.set_cut(off, false);
  ASSERT_TRUE(eventually([&] { return *lost == -1; }));
  commit_rounds("after", 2);
  ASSERT_TRUE(cluster_.all_in_sync(3));
  EXPECT_TRUE(cluster_.all_have_all());
  for (const auto& [name, process] : cluster_.nodes()) {
    EXPECT_THAT(process->texts(0), testing::Not(Contains("lost")));
  }
}

TEST_P(Nodes, ACutOneWayIsSurvived) {
  start_three();
  commit_rounds("before", 1);
  cluster_.network.cut_one_way("n1", "n2");
  commit_rounds("while it is cut", 2);
  cluster_.network.heal_all();
  ASSERT_TRUE(cluster_.all_in_sync(3));
  commit_rounds("after", 1);
  EXPECT_TRUE(cluster_.all_have_all());
}

TEST_P(Nodes, TrafficReachesItsPeer) {
  start_three();
  std::optional<PeerInfo> peer;
  ASSERT_TRUE(eventually([&] { return (peer = cluster_.node("n1").peer("n2")).has_value(); }));
  EXPECT_EQ(peer->incarnation, cluster_.node("n2").node().incarnation());
  ClusterNode& node = cluster_.node("n1").node();
  EXPECT_TRUE(node.send(peer->id, peer->session, "hello"));
  EXPECT_TRUE(eventually([&] { return cluster_.node("n2").traffic() == Texts{"n1: hello"}; }));
  EXPECT_FALSE(node.send(peer->id, peer->session + 100, "hello"));
  EXPECT_EQ(node.waiting_bytes(peer->id), 0U);
}

// Under TSan those in memory only: RocksDB isn't instrumented.
INSTANTIATE_TEST_SUITE_P(InMemory, Nodes, testing::Values(LiveCluster::Disks::memory));
INSTANTIATE_TEST_SUITE_P(OnDisk, Nodes, testing::Values(LiveCluster::Disks::real));

}  // namespace
}  // namespace roost::cluster
