// SPDX-License-Identifier: Apache-2.0
// Processes of two nodes that started in the same millisecond and so have one incarnation: whose a
// message is says the node's name as well.
#include <string>
#include <vector>

#include "tests/gates/peer_stage.h"

namespace roost::gates {
namespace {

struct PeerLivesTest : PeerGateTest {
  static constexpr std::uint64_t kSame = 5000;

  // All linked, the shard led at a node that everybody knows of.
  void start_at_once(std::initializer_list<std::size_t> twins, ShardId shard, std::size_t leader) {
    for (const std::size_t node : twins) nodes.restart(node, kSame);
    nodes.lead(shard, leader);
    nodes.link_all();
    nodes.announce_all();
    nodes.settle();
  }
  void settle_all() {
    for (int i = 0; i < 3; ++i) {
      nodes.settle();
      nodes.commit_all();
    }
    nodes.settle();
  }
  void expect_both_get_it(std::size_t leader) {
    const ShardId home = shard_of("r", PeerNodes::kShards);
    start_at_once({1, 2}, home, leader);
    nodes.want(1, "r", 1);
    publish(0, "r", "x", kAtLeast, true);
    nodes.want(2, "r", 1);
    settle_all();
    EXPECT_EQ(node(1).sessions[1]->got, Lines{"x"});
    EXPECT_EQ(node(2).sessions[1]->got, Lines{"x"});
    EXPECT_EQ(confirmed.size(), 1u);
  }
};

// Both number their messages from 1.
TEST_F(PeerLivesTest, WhatOneTwinSendsIsNoRepeatOfTheOthers) {
  const ShardId home{3};
  start_at_once({1, 2}, home, 0);
  nodes.want(home, "a");
  for (int round = 0; round < 3; ++round) {
    publish(1, "a", "one " + std::to_string(round));
    publish(2, "a", "two " + std::to_string(round));
    settle_all();
  }
  EXPECT_EQ(shard(home.value).delivered,
            (Lines{"one 0", "two 0", "one 1", "two 1", "one 2", "two 2"}));
  EXPECT_EQ(confirmed.size(), 6u);
}

TEST_F(PeerLivesTest, WhatALeadingTwinPublishesItselfIsNoRepeatEither) {
  const ShardId home{3};
  start_at_once({1, 2}, home, 1);
  nodes.want(home, "a");
  publish(2, "a", "from the other");
  settle_all();
  publish(1, "a", "its own");
  settle_all();
  EXPECT_EQ(shard(home.value).delivered, (Lines{"from the other", "its own"}));
  EXPECT_EQ(confirmed.size(), 2u);
}

// A repeat is known as one all the same: its leader changes before the publisher is told.
TEST_F(PeerLivesTest, ARepeatOfATwinIsOne) {
  const ShardId home{3};
  start_at_once({1, 2}, home, 0);
  nodes.want(home, "a");
  publish(1, "a", "x");
  publish(2, "a", "y");
  while (shard(home.value).proposals.size() < 2) {
    nodes.turn_all();
    ASSERT_TRUE(nodes.cluster.let_through(1, 0) || nodes.cluster.let_through(2, 0));
    nodes.turn_all();
  }
  nodes.lead(home, 2, 2);  // both survive, nobody was told
  nodes.announce_all();
  settle_all();
  EXPECT_EQ(shard(home.value).delivered, (Lines{"x", "y"}));
  EXPECT_EQ(confirmed.size(), 2u);
}

// The publisher told one twin; the other has subscribed since, and isn't taken for the one.
TEST_F(PeerLivesTest, WhoWasToldIsNotTakenForItsTwin) { expect_both_get_it(0); }

TEST_F(PeerLivesTest, ALeaderThatWasNotToldIsNotTakenForItsTwin) { expect_both_get_it(2); }

}  // namespace
}  // namespace roost::gates
