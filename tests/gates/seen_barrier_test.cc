// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/seen_barrier.h"

#include <gtest/gtest.h>

#include <vector>

#include "broker/gates/permissions.h"

namespace roost::gates {
namespace {

using Tags = std::vector<std::uint64_t>;
constexpr PeerId kOne{1}, kTwo{2};

struct SeenBarrierTest : testing::Test {
  SeenBarrierTest() {
    barrier.know(kOne, 11);
    barrier.know(kTwo, 12);
    barrier.all_known(true);
  }
  SeenBarrier barrier;
};

TEST_F(SeenBarrierTest, WithoutPermissionsNothingWaits) {
  barrier.wait(5, 1, 1'000);
  EXPECT_EQ(barrier.due(1'000), Tags{1});
  EXPECT_FALSE(barrier.is_waiting());
}

TEST_F(SeenBarrierTest, WaitsForTheAckOfWhoeverMayHaveAPermission) {
  barrier.granted(kOne, 1'000);
  barrier.granted(kTwo, 1'000);
  barrier.wait(5, 1, 1'200);
  barrier.acked(kOne, 5);
  EXPECT_TRUE(barrier.due(1'300).empty());
  barrier.acked(kTwo, 4);
  EXPECT_TRUE(barrier.due(1'300).empty());
  barrier.acked(kTwo, 6);
  EXPECT_EQ(barrier.due(1'300), Tags{1});
}

TEST_F(SeenBarrierTest, WhatWasAckedBeforeIsNotWaitedFor) {
  barrier.granted(kOne, 1'000);
  barrier.acked(kOne, 5);
  barrier.wait(5, 1, 1'100);
  EXPECT_EQ(barrier.due(1'100), Tags{1});
}

TEST_F(SeenBarrierTest, OfASilentNodeThePermissionIsWaitedFor) {
  barrier.granted(kOne, 1'000);
  barrier.wait(5, 1, 1'900);
  EXPECT_TRUE(barrier.due(1'999).empty());
  EXPECT_EQ(barrier.due(2'000), Tags{1});
}

// What is granted later knows the filter: it doesn't make anybody wait longer.
TEST_F(SeenBarrierTest, ALaterGrantDoesntProlongTheWait) {
  barrier.granted(kOne, 1'000);
  barrier.wait(5, 1, 1'900);
  barrier.granted(kOne, 1'950);
  EXPECT_EQ(barrier.due(2'000), Tags{1});
}

// REPLICATION: a new leader waits that long for fronts that it hasn't heard.
TEST_F(SeenBarrierTest, ANewLeaderWaitsTwoSecondsForASilentNode) {
  barrier.began_leading(1'000);
  barrier.wait(5, 1, 1'000);
  barrier.acked(kOne, 5);
  EXPECT_TRUE(barrier.due(2'999).empty());
  EXPECT_EQ(barrier.due(3'000), Tags{1});
}

TEST_F(SeenBarrierTest, ANewLeaderWaitsForNodesThatItHasNeverHeardOf) {
  barrier.all_known(false);
  barrier.began_leading(1'000);
  barrier.wait(5, 1, 1'500);
  barrier.acked(kOne, 5);
  barrier.acked(kTwo, 5);
  EXPECT_TRUE(barrier.wants_all_known());
  EXPECT_TRUE(barrier.due(2'999).empty());
  barrier.all_known(true);  // there are none
  EXPECT_EQ(barrier.due(2'999), Tags{1});
  barrier.all_known(false);
  barrier.wait(6, 2, 3'000);
  EXPECT_EQ(barrier.due(3'000), Tags{2});
}

TEST_F(SeenBarrierTest, AProcessThatIsOverIsNotWaitedForAndTheNextHasNoPermission) {
  barrier.granted(kOne, 1'000);
  barrier.acked(kOne, 9);
  barrier.wait(10, 1, 1'100);
  barrier.forget(kOne);
  EXPECT_EQ(barrier.due(1'100), Tags{1});
  barrier.know(kOne, 21);
  barrier.wait(11, 2, 1'100);
  EXPECT_EQ(barrier.due(1'100), Tags{2});
}

TEST_F(SeenBarrierTest, WhoIsTakenForGoneIsWaitedForUntilItsPermissionHasRunOut) {
  barrier.granted(kOne, 1'000);
  barrier.gone(kOne);
  barrier.wait(5, 1, 1'200);
  EXPECT_TRUE(barrier.due(1'999).empty());
  barrier.know(kOne, 11);
  barrier.wait(6, 2, 1'500);
  EXPECT_TRUE(barrier.due(1'999).empty());
  EXPECT_EQ(barrier.due(2'000), (Tags{1, 2}));
}

TEST_F(SeenBarrierTest, WhoIsGoneGetsNoPermissionByAnEarlierLeader) {
  barrier.gone(kOne);
  barrier.began_leading(5'000);
  barrier.all_known(true);
  barrier.acked(kTwo, 5);
  barrier.wait(5, 1, 5'100);
  EXPECT_EQ(barrier.due(5'100), Tags{1});
}

TEST_F(SeenBarrierTest, ANewSessionWithTheSameProcessKeepsWhatItMayHave) {
  barrier.granted(kOne, 1'000);
  barrier.know(kOne, 11);
  barrier.wait(5, 1, 1'100);
  EXPECT_TRUE(barrier.due(1'100).empty());
}

TEST_F(SeenBarrierTest, SomeAreDueBeforeOthers) {
  barrier.granted(kOne, 1'000);
  barrier.wait(5, 1, 1'000);
  barrier.wait(6, 2, 1'000);
  barrier.acked(kOne, 5);
  EXPECT_EQ(barrier.due(1'000), Tags{1});
  barrier.acked(kOne, 6);
  EXPECT_EQ(barrier.due(1'000), Tags{2});
}

// --- the other side ---

struct PermissionsTest : testing::Test {
  ManualClock clock;
  Permissions permissions{clock, 4};
  SteadyMs now() { return clock.steady_ms(); }
};

TEST_F(PermissionsTest, NothingIsCertainAtFirst) {
  EXPECT_EQ(permissions.uncertain_shards(), 0xFu);
  EXPECT_EQ(permissions.uncertain_nodes(), 0u);  // there are none
  permissions.know(kTwo);
  EXPECT_EQ(permissions.uncertain_nodes(), 4u);
}

TEST_F(PermissionsTest, EachRunsOutByItself) {
  permissions.allow(ShardId{1}, now() + 100);
  permissions.allow(ShardId{2}, now() + 200);
  EXPECT_EQ(permissions.uncertain_shards(), 0b1001u);
  clock.advance_ms(99);
  EXPECT_EQ(permissions.uncertain_shards(), 0b1001u);
  clock.advance_ms(1);
  EXPECT_EQ(permissions.uncertain_shards(), 0b1011u);
  permissions.allow(ShardId{2}, now() + 500);
  clock.advance_ms(100);
  EXPECT_EQ(permissions.uncertain_shards(), 0b1011u);
}

TEST_F(PermissionsTest, AnOlderGrantDoesntShortenOne) {
  permissions.allow(ShardId{1}, now() + 200);
  permissions.allow(ShardId{1}, now() + 100);
  permissions.allow(ShardId{0}, now() - 1);
  clock.advance_ms(150);
  EXPECT_EQ(permissions.uncertain_shards(), 0b1101u);
}

TEST_F(PermissionsTest, CanBeTakenAway) {
  permissions.know(kTwo);
  permissions.allow(kTwo, now() + 100);
  permissions.allow(ShardId{1}, now() + 100);
  EXPECT_EQ(permissions.uncertain_nodes(), 0u);
  permissions.forbid(kTwo);
  permissions.forbid(ShardId{1});
  EXPECT_EQ(permissions.uncertain_nodes(), 4u);
  EXPECT_EQ(permissions.uncertain_shards(), 0xFu);
  permissions.forget(kTwo);
  EXPECT_EQ(permissions.uncertain_nodes(), 0u);
}

}  // namespace
}  // namespace roost::gates
