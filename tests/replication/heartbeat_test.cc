// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/replication/shard_cluster.h"

namespace roost::cluster::replication {
namespace {

class Heartbeats : public testing::Test {
 protected:
  void lead(const std::string& leader, const std::vector<std::string>& isr) {
    cluster.elect(leader, isr);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.at(leader).role() == Role::leader; }));
  }

  ShardCluster cluster{{"a", "b", "c"}};
};

TEST_F(Heartbeats, ConfirmTheEpochAsOfWhenTheWholeIsrWasAsked) {
  lead("a", {"a", "b", "c"});
  cluster.run(1000);
  ASSERT_TRUE(cluster.at("a").confirmed_ms());
  EXPECT_GT(*cluster.at("a").confirmed_ms(), cluster.now - 400);  // idle_heartbeat_ms
  cluster.cut("a", "b");
  const SteadyMs then = cluster.now;
  cluster.run(1000);
  EXPECT_LE(*cluster.at("a").confirmed_ms(), then);
}

TEST_F(Heartbeats, AreRarerWhileNobodyAsksForConfirmations) {
  lead("a", {"a", "b", "c"});
  cluster.run(1000);
  const auto oldest_ms = [&](int rounds) {
    SteadyMs oldest = 0;
    for (int i = 0; i < rounds; ++i) {
      cluster.run(20);
      oldest = std::max(oldest, cluster.now - *cluster.at("a").confirmed_ms());
    }
    return oldest;
  };
  EXPECT_LT(oldest_ms(100), 400);  // idle_heartbeat_ms
  cluster.at("a").set_quiet(true);
  const SteadyMs quiet = oldest_ms(100);
  EXPECT_GT(quiet, 500);  // quiet_heartbeat_ms
  EXPECT_LT(quiet, 700);
  cluster.at("a").set_quiet(false);
  cluster.run(100);
  EXPECT_LT(oldest_ms(100), 400);
  EXPECT_EQ(cluster.record().isr.size(), 3u);
}

}  // namespace
}  // namespace roost::cluster::replication
