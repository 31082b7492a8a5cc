// SPDX-License-Identifier: Apache-2.0
// Which Appends are sent again.
#include <gtest/gtest.h>

#include <utility>
#include <variant>

#include "tests/replication/shard_cluster.h"

namespace roost::cluster::replication {
namespace {

class Resending : public testing::Test {
 protected:
  void SetUp() override {
    cluster.elect("a", {"a", "b", "c"});
    ASSERT_TRUE(cluster.run_until([&] { return cluster.at("a").role() == Role::leader; }));
  }

  ShardCluster cluster{{"a", "b", "c"}};
};

// It would have the more to do.
TEST_F(Resending, WhoIsOnlySlowIsSentNothingTwice) {
  int sent = 0;
  cluster.holds = [&](const ShardCluster::Flying& one) {
    if (one.to != cluster.id("c")) return false;
    const auto* append = std::get_if<Append>(&one.message);
    if (append != nullptr && append->records != nullptr) ++sent;
    return true;
  };
  const Position place = cluster.write("a");
  cluster.run(1000);
  EXPECT_EQ(sent, 1);
  EXPECT_LT(cluster.at("a").commit(), place.index);
  cluster.holds = nullptr;
  cluster.release();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("a").commit() == place.index; }, 100));
  EXPECT_EQ(cluster.record().isr.size(), 3u);
}

TEST_F(Resending, WhatWasLostIsSentAgainAtTheNextHeartbeat) {
  bool is_lost = false;
  cluster.holds = [&](const ShardCluster::Flying& one) {
    const auto* append = std::get_if<Append>(&one.message);
    const bool has_records = append != nullptr && append->records != nullptr;
    return one.to == cluster.id("c") && has_records && !std::exchange(is_lost, true);
  };
  const Position place = cluster.write("a");
  EXPECT_LT(cluster.at("a").commit(), place.index);
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("a").commit() == place.index; }, 400));
  EXPECT_TRUE(is_lost);
}

}  // namespace
}  // namespace roost::cluster::replication
