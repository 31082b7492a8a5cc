// SPDX-License-Identifier: Apache-2.0
// Who may call himself what, and what the cluster is asked to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "tests/cluster/live_cluster.h"

namespace roost::cluster {
namespace {

using support::eventually;
using testing::Contains;
using testing::HasSubstr;

class Membership : public testing::TestWithParam<LiveCluster::Disks> {
 protected:
  void start_three(std::uint32_t feature_level) {
    for (const char* name : {"n1", "n2", "n3"}) {
      ClusterSettings settings = cluster_.settings(name);
      settings.feature_level = feature_level;
      cluster_.start(settings);
    }
    ASSERT_TRUE(cluster_.all_serve());
  }
  bool is_at_level(std::uint32_t level) {
    return eventually([&] {
      return std::all_of(cluster_.nodes().begin(), cluster_.nodes().end(), [&](const auto& one) {
        return one.second->node().feature_level() == level;
      });
    });
  }
  static bool is_troubled(LiveCluster::Process& process, const std::string& by) {
    return eventually([&] {
      const auto alarms = process.node().status().alarms;
      return std::any_of(alarms.begin(), alarms.end(),
                         [&](const std::string& one) { return one.find(by) != std::string::npos; });
    });
  }
  std::string registered(const std::string& name) {
    return cluster_.coordinator.value(cluster_.keys.node(name));
  }

  LiveCluster cluster_{GetParam(), 2};
};

TEST_P(Membership, ANameIsHeldByOneProcess) {
  cluster_.start("n1");
  ASSERT_TRUE(eventually([&] { return !registered("n1").empty(); }));
  const auto first = cluster_.node("n1").node().incarnation();
  const auto second = cluster_.make(cluster_.settings("n1"), "other disk");
  EXPECT_TRUE(is_troubled(*second, "the name n1 is held by another process"));
  EXPECT_EQ(second->node().incarnation(), 0U);
  EXPECT_EQ(decode_node_record(registered("n1"))->incarnation, first);
  cluster_.crash("n1");
  ASSERT_TRUE(eventually([&] { return second->has_joined(); }));
  EXPECT_GT(second->node().incarnation(), first);
}

// What is left of an earlier process on the same disk is no obstacle: it is over for certain.
TEST_P(Membership, ARestartDoesNotWaitForItsLease) {
  ClusterSettings settings = cluster_.settings("n1");
  settings.lease_ms = 600'000;
  cluster_.start(settings);
  ASSERT_TRUE(eventually([&] { return !registered("n1").empty(); }));
  const auto first = cluster_.node("n1").node().incarnation();
  cluster_.crash("n1");
  cluster_.start(settings);
  ASSERT_TRUE(eventually([&] { return cluster_.node("n1").has_joined(); }));
  EXPECT_GT(cluster_.node("n1").node().incarnation(), first);
}

// Also where the clock was set back meanwhile.
TEST_P(Membership, IncarnationsRiseWhateverTheClockSays) {
  const std::uint64_t far = 99'000'000'000'000;
  cluster_.coordinator.put(cluster_.keys.incarnation("n1"), std::to_string(far));
  cluster_.start("n1");
  ASSERT_TRUE(eventually([&] { return cluster_.node("n1").has_joined(); }));
  EXPECT_EQ(cluster_.node("n1").node().incarnation(), far + 1);
}

TEST_P(Membership, ANameThatWasTakenIsNotTakenBack) {
  cluster_.start("n1");
  ASSERT_TRUE(eventually([&] { return cluster_.node("n1").has_joined(); }));
  cluster_.coordinator.set_cut("n1", true);
  ASSERT_TRUE(eventually([&] { return registered("n1").empty(); }));
  const auto taken = std::to_string(cluster_.node("n1").node().incarnation() + 1);
  cluster_.coordinator.put(cluster_.keys.incarnation("n1"), taken);
  cluster_.coordinator.set_cut("n1", false);
  EXPECT_TRUE(is_troubled(cluster_.node("n1"), "another process has had the name"));
  EXPECT_EQ(registered("n1"), "");
}

TEST_P(Membership, TheFeatureLevelRisesWhenAllHaveIt) {
  start_three(1);
  ASSERT_TRUE(is_at_level(1));
  for (const char* name : {"n1", "n2", "n3"}) {
    EXPECT_EQ(cluster_.coordinator.value(cluster_.keys.feature_level()), "1");
    cluster_.stop(name);
    ClusterSettings settings = cluster_.settings(name);
    settings.feature_level = 3;
    cluster_.start(settings);
    ASSERT_TRUE(eventually([&] { return cluster_.node(name).has_joined(); }));
    ASSERT_TRUE(cluster_.all_serve());
  }
  EXPECT_TRUE(is_at_level(3));
  // Not back.
  cluster_.stop("n1");
  cluster_.start("n1");
  EXPECT_TRUE(is_troubled(cluster_.node("n1"), "the cluster is at feature level 3"));
  EXPECT_EQ(registered("n1"), "");
  EXPECT_EQ(cluster_.coordinator.value(cluster_.keys.feature_level()), "3");
}

TEST_P(Membership, CommandsReachTheControllerFromAnyNode) {
  start_three(1);
  for (const auto& [name, process] : cluster_.nodes()) {
    const auto unknown = process->node().remove_node("n9", false);
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().kind, ErrorKind::not_found);
    EXPECT_EQ(unknown.error().message, "there is no node n9");
    const auto none = process->node().force_leader(ShardId{40}, "n1");
    ASSERT_FALSE(none.has_value());
    EXPECT_EQ(none.error().kind, ErrorKind::not_found);
    // Of three one may leave; the one before must be seen to have come back.
    EXPECT_TRUE(eventually([&] { return process->node().remove_node(name, false).has_value(); }));
    EXPECT_TRUE(eventually([&] { return process->node().remove_node(name, true).has_value(); }));
  }
}

TEST_P(Membership, ACommandWithoutAControllerIsGivenUp) {
  ClusterSettings settings = cluster_.settings("n1");
  settings.command_ms = 300;
  cluster_.coordinator.set_away(true);
  cluster_.start(settings);
  const auto result = cluster_.node("n1").node().move_leaders("n1");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
  EXPECT_FALSE(cluster_.node("n1").node().status().is_joined);
}

// R6: what only the lost had is lost, and said so by another lineage.
TEST_P(Membership, AForcedLeaderBeginsANewLineage) {
  start_three(1);
  ASSERT_TRUE(cluster_.commit_round("before"));
  ASSERT_TRUE(cluster_.all_in_sync(3));
  for (const char* name : {"n2", "n3"}) {
    cluster_.crash(name);
    cluster_.lose_disk(name);
  }
  ASSERT_TRUE(eventually([&] { return registered("n2").empty() && registered("n3").empty(); }));
  ASSERT_TRUE(eventually([&] {
    const auto status = cluster_.node("n1").node().status();
    return !status.controller.empty() && status.shards.size() == 2 && status.shards[0].is_stalled;
  }));
  for (std::uint16_t shard = 0; shard < cluster_.shards(); ++shard) {
    ASSERT_TRUE(eventually(
        [&] { return cluster_.node("n1").node().force_leader(ShardId{shard}, "n1").has_value(); }));
  }
  cluster_.start("n2");
  ASSERT_TRUE(cluster_.commit_round("after"));
  for (std::uint16_t shard = 0; shard < cluster_.shards(); ++shard) {
    EXPECT_GE(cluster_.record(shard).lineage, 2U);
  }
  EXPECT_TRUE(cluster_.all_have_all());
}

INSTANTIATE_TEST_SUITE_P(InMemory, Membership, testing::Values(LiveCluster::Disks::memory));

TEST_P(Membership, NodesAskEachOther) {
  start_three(1);
  for (const char* name : {"n1", "n2"}) {
    cluster_.node(name).node().on_question([name](std::string question, Cluster::Reply reply) {
      reply(name + (" heard " + question));
    });
  }
  const auto ask = [&](const std::string& node, const std::string& question) {
    auto told = std::make_shared<std::promise<Result<std::string>>>();
    cluster_.node("n1").node().ask(node, question, 5000,
                                   [told](Result<std::string> answer) { told->set_value(answer); });
    return told->get_future().get();
  };
  EXPECT_EQ(ask("n2", "hello").value(), "n2 heard hello");
  const std::string large(3 * kTalkPartBytes + 1, 'x');
  EXPECT_EQ(ask("n2", large).value(), "n2 heard " + large);
  EXPECT_EQ(ask("n3", "hello").value(), "");  // nobody answers there
  EXPECT_EQ(ask("n9", "hello").error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace roost::cluster
