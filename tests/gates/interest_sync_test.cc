// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/interest_sync.h"

#include <string>
#include <vector>

#include "tests/gates/interest_nodes.h"

namespace roost::gates {
namespace {

struct InterestSyncTest : InterestNodes {};

constexpr ShardId kShard{1};

TEST_F(InterestSyncTest, AFilterIsSeenAtTheOtherNodesAndGoesAgain) {
  lead(0, kShard, 5, {});
  settle();
  nodes[0]->led[1]->add("home/+");
  nodes[0]->memory[1].add("garden");
  settle();
  for (const std::size_t at : {1u, 2u}) {
    EXPECT_EQ(nodes[at]->table.shards.candidates("home/x"), bit(1));
    EXPECT_EQ(nodes[at]->table.nodes.candidates("garden"), bit(id(at, 0).value));
    EXPECT_EQ(nodes[at]->table.shards.candidates("other"), 0u);
  }
  nodes[0]->led[1]->remove("home/+");
  nodes[0]->memory[1].remove("garden");
  settle();
  for (const std::size_t at : {1u, 2u}) {
    EXPECT_EQ(nodes[at]->table.shards.candidates("home/x"), 0u);
    EXPECT_EQ(nodes[at]->table.nodes.candidates("garden"), 0u);
  }
}

TEST_F(InterestSyncTest, ANodeThatComesLaterIsToldEverything) {
  cluster.cut(0, 2);
  lead(0, kShard, 5, {"home/+"});
  nodes[0]->memory[0].add("garden");
  settle();
  EXPECT_EQ(nodes[2]->table.shards.candidates("home/x"), 0u);
  cluster.link_all();
  settle();
  EXPECT_EQ(nodes[2]->table.shards.candidates("home/x"), bit(1));
  EXPECT_EQ(nodes[2]->table.nodes.candidates("garden"), bit(id(2, 0).value));
  EXPECT_EQ(nodes[2]->peers[0]->leader_of(kShard), id(2, 0));
}

TEST_F(InterestSyncTest, AllCoresKnowWhoLeads) {
  lead(0, kShard, 5, {});
  settle();
  for (std::uint16_t core = 0; core < kCores; ++core) {
    EXPECT_EQ(nodes[0]->peers[core]->leader_of(kShard), kThisNode);
    EXPECT_EQ(nodes[1]->peers[core]->leader_of(kShard), id(1, 0));
    EXPECT_EQ(nodes[1]->peers[core]->epoch_of(kShard), 5u);
  }
  follow(0, kShard);
  settle();
  EXPECT_EQ(nodes[1]->peers[1]->leader_of(kShard), kNoPeer);
  EXPECT_EQ(nodes[1]->peers[1]->epoch_of(kShard), 5u);
}

TEST_F(InterestSyncTest, TheHigherEpochWinsAndBringsItsOwnFilters) {
  lead(0, kShard, 5, {"old"});
  settle();
  lead(1, kShard, 6, {"new"});
  settle();
  EXPECT_EQ(nodes[2]->peers[0]->leader_of(kShard), id(2, 1));
  EXPECT_EQ(nodes[2]->table.shards.candidates("new"), bit(1));
  EXPECT_EQ(nodes[2]->table.shards.candidates("old"), 0u);
  // The deposed one, who hasn't heard, changes nothing any more.
  nodes[0]->led[1]->add("late");
  settle();
  EXPECT_EQ(nodes[2]->table.shards.candidates("late"), 0u);
  // Its own table is still its own, until it follows: then it is the new leader's.
  EXPECT_EQ(nodes[0]->table.shards.candidates("old"), bit(1));
  nodes[1]->led[1]->add("newer");
  settle();
  follow(0, kShard);
  settle();
  EXPECT_EQ(nodes[0]->table.shards.candidates("old"), 0u);
  EXPECT_EQ(nodes[0]->table.shards.candidates("new"), bit(1));
  EXPECT_EQ(nodes[0]->table.shards.candidates("newer"), bit(1));
  EXPECT_EQ(nodes[0]->peers[1]->leader_of(kShard), id(0, 1));
}

TEST_F(InterestSyncTest, WhoBeganInVainGetsBackWhatItHadWipedOut) {
  lead(0, kShard, 5, {"a"});
  settle();
  on_core(1, kShard, [&] {
    nodes[1]->table.feed->begin(kShard, 4);
    nodes[1]->table.feed->end(kShard);
  });
  settle();
  EXPECT_EQ(nodes[1]->table.shards.candidates("a"), bit(1));
  EXPECT_EQ(nodes[1]->table.feed->unsure_shards(), 0u);
}

TEST_F(InterestSyncTest, WithPermissionOnlyWhatMatchesIsAsked) {
  lead(0, kShard, 5, {"a"});
  settle();
  EXPECT_NE(asks(1, "b") & bit(1), 0u);
  advance_ms(500);
  EXPECT_EQ(asks(1, "b") & bit(1), 0u);
  EXPECT_NE(asks(1, "a") & bit(1), 0u);
  EXPECT_EQ(asks(0, "b") & bit(1), 0u);  // the leader itself
  EXPECT_EQ(asks_nodes(1, "b"), 0u);
  EXPECT_EQ(asks(1, "b"), bit(0) | bit(2) | bit(3));  // nobody leads those
}

TEST_F(InterestSyncTest, PermissionRunsOutASecondAfterTheQuestion) {
  lead(0, kShard, 5, {});
  advance_ms(1'000);
  cluster.cut(0, 1);
  settle();
  EXPECT_NE(asks(1, "b") & bit(1), 0u);  // with the session at once
  cluster.link_all();
  advance_ms(400);
  EXPECT_EQ(asks(1, "b") & bit(1), 0u);
  for (SteadyMs left = 1'000; left > 0; left -= 20) {  // nobody answers any more
    clock.advance_ms(20);
    turn_all();
  }
  EXPECT_NE(asks(1, "b") & bit(1), 0u);
  EXPECT_NE(asks_nodes(1, "b") & bit(id(1, 0).value), 0u);
}

// An idle cluster says nothing; whoever publishes then asks all shards, for half a second.
TEST_F(InterestSyncTest, WhileNobodyPublishesNothingIsAsked) {
  lead(0, kShard, 5, {});
  advance_ms(1'000);
  EXPECT_EQ(asks(1, "b") & bit(1), 0u);
  advance_ms(7'000);
  const std::uint64_t asked = nodes[1]->sync->counters().asked.value();
  advance_ms(2'000);
  EXPECT_EQ(nodes[1]->sync->counters().asked.value(), asked);
  EXPECT_NE(asks(1, "b") & bit(1), 0u);  // which is a publish
  advance_ms(500);
  EXPECT_GT(nodes[1]->sync->counters().asked.value(), asked);
  EXPECT_EQ(asks(1, "b") & bit(1), 0u);
  EXPECT_EQ(asks_nodes(1, "b"), 0u);
  for (int i = 0; i < 10; ++i) {
    advance_ms(900);
    EXPECT_EQ(asks(1, "b") & bit(1), 0u) << i;
  }
}

// A grant is worth a second less the age of what confirmed the epoch.
TEST_F(InterestSyncTest, TheAgeOfAGrantCounts) {
  lead(0, kShard, 5, {});
  advance_ms(1'000);
  deaf.insert(nodes[0].get());
  const SteadyMs confirmed_ms = clock.steady_ms();
  while (asks(1, "b") == (bit(0) | bit(2) | bit(3))) {
    ASSERT_LE(clock.steady_ms(), confirmed_ms + 1'000);
    advance_ms(20);
  }
  EXPECT_LE(clock.steady_ms(), confirmed_ms + 1'020);
  EXPECT_NE(asks(0, "b") & bit(1), 0u);  // nor may the leader say no by itself
  EXPECT_EQ(asks_nodes(1, "b"), 0u);     // sessions in memory need no confirmation
}

// Node 0 leads and is split off from its followers together with front 2, while node 1 becomes the
// leader: from the moment that somebody's SUBACK leaves node 1, front 2 doesn't say "no match".
TEST_F(InterestSyncTest, AFrontSplitOffWithADeposedLeaderDoesntAnswerNoMatch) {
  lead(0, kShard, 5, {});
  advance_ms(1'000);
  EXPECT_EQ(asks(2, "news") & bit(1), 0u);
  cluster.cut(0, 1);
  cluster.cut(1, 2);
  deaf.insert(nodes[0].get());
  settle();
  lead(1, kShard, 6, {});
  const SteadyMs led_ms = clock.steady_ms();
  on_core(1, kShard, [&] { nodes[1]->led[1]->add("news"); });
  bool seen = false;
  when_seen(1, seen);
  settle();
  EXPECT_FALSE(seen);
  while (!seen) {
    ASSERT_LE(clock.steady_ms(), led_ms + 2'000);
    advance_ms(20);
  }
  EXPECT_NE(asks(2, "news") & bit(1), 0u);
  EXPECT_NE(asks(0, "news") & bit(1), 0u);
  EXPECT_LE(clock.steady_ms(), led_ms + 2'040);
}

TEST_F(InterestSyncTest, ASubackLeavesAsSoonAsAllHaveSeenTheFilter) {
  lead(0, kShard, 5, {});
  advance_ms(2'500);
  nodes[0]->memory[1].add("garden");
  bool seen = false;
  when_seen(0, seen);
  turn_all();
  turn_all();
  EXPECT_FALSE(seen);
  settle();
  EXPECT_TRUE(seen);
  EXPECT_NE(asks_nodes(1, "garden") & bit(id(1, 0).value), 0u);
}

TEST_F(InterestSyncTest, ASilentNodeHoldsASubackForTwoSecondsAtMost) {
  advance_ms(1'000);
  nodes[0]->memory[1].add("garden");
  bool seen = false;
  when_seen(0, seen);
  const SteadyMs began_ms = clock.steady_ms();
  // Node 2 says nothing any more, and nothing reaches it.
  while (!seen) {
    ASSERT_LE(clock.steady_ms(), began_ms + 2'000);
    clock.advance_ms(20);
    turn_all();
    for (std::size_t a : {0u, 1u}) {
      for (std::size_t b : {0u, 1u}) {
        while (cluster.let_through(a, b)) {
        }
      }
    }
    turn_all();
  }
  EXPECT_GT(clock.steady_ms(), began_ms);
  EXPECT_NE(asks_nodes(2, "garden") & bit(id(2, 0).value), 0u);
}

TEST_F(InterestSyncTest, ANodeThatIsGoneIsForgotten) {
  nodes[2]->memory[0].add("garden");
  advance_ms(400);
  EXPECT_NE(asks_nodes(0, "garden"), 0u);
  cluster.restart(2);
  settle();
  EXPECT_EQ(asks_nodes(0, "garden"), 0u);
}

// It didn't hear of node 2, which nobody has given up: what it published meanwhile is missing
// there.
TEST_F(InterestSyncTest, ANodeThatANewProcessMeetsLateIsToldThatItMissedMessages) {
  cluster.cut(0, 2);
  cluster.restart(0);
  nodes[0] = std::make_unique<InterestNode>(cluster, 0, clock);
  cluster.link(0, 1);
  settle();
  nodes[0]->cores.at(CoreId{0}).post([&] { nodes[0]->sync->serve(); });
  settle();
  EXPECT_EQ(nodes[1]->shards.times_missed, 0) << "it was there before the first client";
  EXPECT_EQ(nodes[2]->shards.times_missed, 0);
  cluster.link(0, 2);
  settle();
  EXPECT_EQ(nodes[2]->shards.times_missed, kCores);
  EXPECT_EQ(nodes[0]->shards.times_missed, kCores) << "and what was published at 2 is missing here";
  EXPECT_EQ(nodes[1]->shards.times_missed, 0);
}

TEST_F(InterestSyncTest, ANodeThatJoinsHasMissedNothing) {
  cluster.restart(2);
  nodes[2] = std::make_unique<InterestNode>(cluster, 2, clock);
  cluster.link_all();
  settle();
  EXPECT_EQ(nodes[2]->shards.times_missed, 0);
  EXPECT_EQ(nodes[0]->shards.times_missed, 0);
}

TEST_F(InterestSyncTest, ANodeThatWasGivenUpIsToldThatItMissedMessages) {
  nodes[2]->memory[0].add("garden");
  settle();
  cluster.cut(0, 2);
  cluster.link_all();
  settle();
  EXPECT_EQ(nodes[2]->shards.times_missed, 0) << "it was only away";
  cluster.give_up(2);
  settle();
  cluster.link(0, 2);
  cluster.cut(0, 2);  // before it could be told
  cluster.link_all();
  settle();
  EXPECT_EQ(nodes[2]->shards.times_missed, kCores * 2) << "by both, on each core";
  EXPECT_EQ(nodes[0]->shards.times_missed, 0);
  EXPECT_NE(asks_nodes(0, "garden"), 0u);
  cluster.cut(0, 2);
  cluster.link_all();
  settle();
  EXPECT_EQ(nodes[2]->shards.times_missed, kCores * 2) << "it knows";
}

}  // namespace
}  // namespace roost::gates
