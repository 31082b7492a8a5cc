// SPDX-License-Identifier: Apache-2.0
#include "cluster/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/controller/controller_cluster.h"

namespace roost::cluster {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

std::vector<PlacementNode> nodes(const std::vector<std::string>& names) {
  std::vector<PlacementNode> all;
  for (const std::string& name : names) all.push_back({name, ""});
  return all;
}

TEST(Placement, IsTheSameInWhateverOrderTheNodesAreNamed) {
  for (std::uint16_t id = 0; id < 64; ++id) {
    EXPECT_EQ(place(ShardId{id}, nodes({"a", "b", "c", "d"})),
              place(ShardId{id}, nodes({"d", "b", "a", "c"})));
  }
}

TEST(Placement, TakesAllWhereThereAreFew) {
  EXPECT_EQ(place(ShardId{1}, nodes({"a", "b"})).size(), 2u);
  EXPECT_TRUE(place(ShardId{1}, {}).empty());
}

TEST(Placement, ANodeThatComesMovesOnlyItsShare) {
  int moved = 0, led = 0;
  for (std::uint16_t id = 0; id < 256; ++id) {
    const auto before = place(ShardId{id}, nodes({"a", "b", "c", "d"}));
    const auto after = place(ShardId{id}, nodes({"a", "b", "c", "d", "e"}));
    for (const std::string& name : after) {
      const bool is_new = std::find(before.begin(), before.end(), name) == before.end();
      EXPECT_TRUE(!is_new || name == "e");
      moved += is_new ? 1 : 0;
    }
    led += after.front() == "e" ? 1 : 0;
  }
  EXPECT_NEAR(moved, 256 * 3 / 5, 40);
  EXPECT_NEAR(led, 256 / 5, 25);
}

TEST(Placement, SpreadsOverZonesFirst) {
  const std::vector<PlacementNode> all = {{"a1", "a"}, {"a2", "a"}, {"a3", "a"},
                                          {"b1", "b"}, {"b2", "b"}, {"c1", "c"}};
  for (std::uint16_t id = 0; id < 64; ++id) {
    std::set<char> zones;
    for (const std::string& name : place(ShardId{id}, all)) zones.insert(name[0]);
    EXPECT_EQ(zones.size(), 3u);
  }
  const std::vector<PlacementNode> two = {{"a1", "a"}, {"a2", "a"}, {"a3", "a"}, {"b1", "b"}};
  for (std::uint16_t id = 0; id < 64; ++id) {
    EXPECT_THAT(place(ShardId{id}, two), Contains("b1"));
    EXPECT_EQ(place(ShardId{id}, two).size(), 3u);
  }
}

class Moving : public testing::Test {
 protected:
  void begin(const std::vector<std::string>& names) {
    cluster.settings.first_nodes = names.size();
    for (const std::string& name : names) cluster.add(name);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.has(kShards - 1); }));
  }

  std::map<std::string, int> led() {
    std::map<std::string, int> counts;
    for (std::uint16_t id = 0; id < kShards; ++id) ++counts[cluster.shard(id).leader.name];
    return counts;
  }

  int held_by(const std::string& name) {
    int count = 0;
    for (std::uint16_t id = 0; id < kShards; ++id) {
      const auto holders = names_of(cluster.shard(id).replicas);
      count += std::count(holders.begin(), holders.end(), name) > 0 ? 1 : 0;
    }
    return count;
  }

  int moving() {
    int count = 0;
    for (std::uint16_t id = 0; id < kShards; ++id) {
      const ShardRecord record = cluster.shard(id);
      count += !record.adding.empty() || !record.removing.empty() ? 1 : 0;
    }
    return count;
  }

  static constexpr std::uint16_t kShards = 16;
  ControllerCluster cluster{kShards};
};

TEST_F(Moving, ANewClusterHasItsShardsOnAllAndLeadersSpread) {
  begin({"a", "b", "c"});
  for (std::uint16_t id = 0; id < kShards; ++id) {
    EXPECT_EQ(cluster.shard(id).isr.size(), 3u);
    EXPECT_EQ(cluster.shard(id).min_in_sync, 2u);
    EXPECT_EQ(cluster.shard(id).epoch, 1u);
  }
  EXPECT_EQ(led().size(), 3u);
  EXPECT_FALSE(cluster.has(kShards));
}

// The nodes were there for the first shards only: the rest wait for them.
TEST_F(Moving, NoShardIsMadeWhileTooFewNodesAreThere) {
  cluster.settings.first_nodes = 3;
  for (const char* name : {"a", "b", "c"}) cluster.add(name);
  ASSERT_TRUE(
      cluster.run_until([&] { return cluster.backup().count(cluster.names.shard_count()) > 0; }));
  ASSERT_FALSE(cluster.has(kShards - 1));
  for (const char* name : {"b", "c"}) cluster.stop(name);
  cluster.run(20000);
  EXPECT_FALSE(cluster.has(kShards - 1));
  for (const char* name : {"b", "c"}) cluster.start(name);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.has(kShards - 1); }));
  EXPECT_EQ(cluster.shard(kShards - 1).isr.size(), 3u);
}

TEST_F(Moving, WhatANodeBringsFromBeforeBecomesTheCluster) {
  cluster.settings.first_nodes = 3;
  for (const char* name : {"a", "b", "c"}) cluster.add(name);
  cluster.stop("b");
  cluster.node("b").brings = Brought::content;
  cluster.node("b").brings_epoch = 7;  // it has been started that often
  cluster.run(1000);
  ASSERT_FALSE(cluster.has(0)) << "the others wait for it";
  cluster.leaders_work = false;
  cluster.start("b");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.has(kShards - 1); }));
  for (std::uint16_t id = 0; id < kShards; ++id) {
    EXPECT_THAT(names_of(cluster.shard(id).isr), ElementsAre("b"));
    EXPECT_EQ(cluster.shard(id).leader.name, "b");
    EXPECT_GT(cluster.shard(id).epoch, 7U) << "its log has records of that one";
  }
  cluster.leaders_work = true;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.shard(kShards - 1).isr.size() == 3; }, 60000));
}

TEST_F(Moving, NoClusterIsMadeOfWhatSeveralBring) {
  cluster.settings.first_nodes = 3;
  for (const char* name : {"a", "b", "c"}) {
    cluster.add(name);
    cluster.stop(name);
    cluster.node(name).brings = *name != 'c' ? Brought::content : Brought::bookkeeping;
  }
  for (const char* name : {"a", "b", "c"}) cluster.start(name);
  cluster.run(10000);
  EXPECT_FALSE(cluster.has(0));
  EXPECT_THAT(cluster.node(cluster.controller_name()).alarms,
              Contains(ControllerAlarm::data_of_several));
  cluster.stop("a");
  cluster.node("a").brings = Brought::nothing;  // its directory was emptied
  cluster.start("a");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.has(kShards - 1); }));
  EXPECT_EQ(cluster.shard(0).leader.name, "b");
}

// A shard has one first replica, and the others are imported over what they have.
class Alone : public Moving, public testing::WithParamInterface<std::string> {};

TEST_P(Alone, WhoKeptNothingIsInNobodysWay) {
  const std::string& has_content = GetParam();
  cluster.settings.first_nodes = 3;
  for (const char* name : {"a", "b", "c"}) {
    cluster.add(name);
    cluster.stop(name);
    cluster.node(name).brings = name == has_content ? Brought::content
                                : *name == 'a'      ? Brought::nothing
                                                    : Brought::bookkeeping;
  }
  cluster.leaders_work = false;
  for (const char* name : {"a", "b", "c"}) cluster.start(name);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.has(kShards - 1); }));
  const std::string first = has_content.empty() ? "b" : has_content;
  for (std::uint16_t id = 0; id < kShards; ++id) {
    EXPECT_THAT(names_of(cluster.shard(id).isr), ElementsAre(first));
  }
  EXPECT_TRUE(cluster.node(cluster.controller_name()).alarms.empty());
  cluster.leaders_work = true;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.shard(0).isr.size() == 3; }, 60000));
}

INSTANTIATE_TEST_SUITE_P(Moving, Alone, testing::Values("", "c"));

TEST_F(Moving, TheNumberOfShardsIsNeverChanged) {
  begin({"a"});
  EXPECT_EQ(cluster.shard(0).min_in_sync, 1u);
  cluster.settings.shard_count = 99;
  cluster.stop("a");
  cluster.start("a");
  cluster.run(10000);
  EXPECT_FALSE(cluster.has(kShards));
}

TEST_F(Moving, ANodeThatJoinsGetsItsShareAFewShardsAtATime) {
  begin({"a", "b", "c"});
  cluster.leaders_work = false;
  cluster.add("d");
  ASSERT_TRUE(cluster.run_until([&] { return moving() > 0; }));
  cluster.run(5000);
  EXPECT_EQ(moving(), 4) << "no more before these are through";
  cluster.leaders_work = true;
  ASSERT_TRUE(cluster.run_until([&] { return moving() == 0; }, 60000));
  cluster.run(30000);
  EXPECT_GT(held_by("d"), 6);
  EXPECT_GT(led()["d"], 0);
  for (std::uint16_t id = 0; id < kShards; ++id) {
    EXPECT_EQ(cluster.shard(id).replicas.size(), 3u);
    EXPECT_EQ(cluster.shard(id).leader.name,
              place(ShardId{id}, nodes({"a", "b", "c", "d"})).front());
  }
}

TEST_F(Moving, ARestartMovesNoReplica) {
  begin({"a", "b", "c", "d"});
  const int held = held_by("d");
  cluster.stop("d");
  cluster.run(120000);
  EXPECT_EQ(held_by("d"), held);
  EXPECT_EQ(led()["d"], 0);
  cluster.start("d");
  cluster.run(60000);
  EXPECT_EQ(held_by("d"), held);
  EXPECT_GT(led()["d"], 0);
}

TEST_F(Moving, WhoLeavesForGoodIsEmptiedAlsoWhenItIsDead) {
  begin({"a", "b", "c", "d"});
  cluster.stop("d");
  cluster.run(2000);
  ASSERT_TRUE(cluster.controller().leave("d"));
  ASSERT_TRUE(cluster.run_until([&] { return held_by("d") == 0 && moving() == 0; }, 120000));
  for (std::uint16_t id = 0; id < kShards; ++id) {
    EXPECT_THAT(names_of(cluster.shard(id).isr), ElementsAre("a", "b", "c"));
  }
  // Not even another controller forgets it, nor does it get anything when it is back.
  cluster.expire_controller();
  cluster.start("d");
  cluster.run(30000);
  EXPECT_EQ(held_by("d"), 0);
  ASSERT_TRUE(cluster.controller().undo_leave("d"));
  EXPECT_TRUE(cluster.run_until([&] { return held_by("d") > 0; }, 30000));
}

TEST_F(Moving, ALivingNodeThatLeavesGivesItsLeadershipAwayFirst) {
  begin({"a", "b", "c", "d"});
  ASSERT_TRUE(cluster.controller().leave("b"));
  ASSERT_TRUE(cluster.run_until([&] { return held_by("b") == 0; }, 120000));
  EXPECT_EQ(led()["b"], 0);
}

TEST_F(Moving, NobodyLeavesWhereTooFewWouldStay) {
  begin({"a", "b"});
  EXPECT_FALSE(cluster.controller().leave("b"));
  EXPECT_FALSE(cluster.controller().leave("nobody"));
}

TEST_F(Moving, ADrainingNodeLeadsNothingButKeepsItsReplicas) {
  begin({"a", "b", "c"});
  const int held = held_by("b");
  ASSERT_GT(led()["b"], 0);
  cluster.node("b").is_draining = true;
  ASSERT_TRUE(cluster.run_until([&] { return led()["b"] == 0; }));
  EXPECT_EQ(held_by("b"), held);
  for (std::uint16_t id = 0; id < kShards; ++id) {
    EXPECT_EQ(cluster.shard(id).isr.size(), 3u) << "it is alive, and stays in sync";
  }
  cluster.node("b").is_draining = false;
  EXPECT_TRUE(cluster.run_until([&] { return led()["b"] > 0; }, 60000));
}

TEST_F(Moving, ANodeWithANewStoreComesBackAsAnotherReplica) {
  begin({"a", "b", "c"});
  const Replica old{"c", cluster.node("c").store};
  cluster.stop("c");
  cluster.node("c").store = "fresh";
  cluster.run(2000);
  cluster.start("c");
  ASSERT_TRUE(cluster.run_until([&] {
    for (std::uint16_t id = 0; id < kShards; ++id) {
      const Replicas& isr = cluster.shard(id).isr;
      if (std::count(isr.begin(), isr.end(), Replica{"c", "fresh"}) == 0) return false;
    }
    return true;
  }));
  for (std::uint16_t id = 0; id < kShards; ++id) {
    EXPECT_THAT(cluster.shard(id).replicas, Not(Contains(old)));
    EXPECT_EQ(cluster.shard(id).replicas.size(), 3u);
  }
}

TEST_F(Moving, ACommandMovesALeaderToAMemberOfTheIsrOnly) {
  begin({"a", "b", "c"});
  const ShardRecord before = cluster.shard(0);
  EXPECT_FALSE(cluster.controller().move_leader(ShardId{0}, before.leader.name));
  EXPECT_FALSE(cluster.controller().move_leader(ShardId{0}, "nobody"));
  EXPECT_FALSE(cluster.controller().move_leader(ShardId{77}, "a"));
  const std::string to = before.isr.back().name;
  ASSERT_TRUE(cluster.controller().move_leader(ShardId{0}, to));
  cluster.run(50);
  EXPECT_EQ(cluster.shard(0).leader.name, to);
  EXPECT_EQ(cluster.shard(0).epoch, before.epoch + 1);
}

TEST_F(Moving, CommandsAreForTheControllerOnly) {
  begin({"a", "b", "c"});
  for (const char* name : {"a", "b", "c"}) {
    if (name == cluster.controller_name()) continue;
    EXPECT_FALSE(cluster.node(name).controller->leave("a"));
    EXPECT_FALSE(cluster.node(name).controller->set_min_in_sync(ShardId{0}, 1));
  }
  EXPECT_FALSE(cluster.controller().set_min_in_sync(ShardId{0}, 0));
  EXPECT_FALSE(cluster.controller().set_min_in_sync(ShardId{0}, 4));
  ASSERT_TRUE(cluster.controller().set_min_in_sync(ShardId{0}, 1));
  cluster.run(100);
  EXPECT_EQ(cluster.shard(0).min_in_sync, 1u);
}

}  // namespace
}  // namespace roost::cluster
