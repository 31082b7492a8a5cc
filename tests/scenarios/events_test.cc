// SPDX-License-Identifier: Apache-2.0
// REPLICATION, "What must hold, event by event": what of it is decided below the sessions.
#include "tests/scenarios/stage.h"

namespace roost::simulation {
namespace {

class Events : public Stage {
 protected:
  // How long nobody acknowledges after this.
  std::int64_t outage_us() {
    const std::int64_t since_us = cluster.queue().now_us();
    EXPECT_TRUE(append());
    return cluster.queue().now_us() - since_us;
  }
};

TEST_F(Events, NodeCrashIsOverInASecond) {
  start();
  cluster.crash(lead_elsewhere(), "its process ends, its machine doesn't");
  run_for(0);
  EXPECT_LT(outage_us(), kSecond);
}

TEST_F(Events, SilentNodeIsReplacedInFiveSeconds) {
  isolate(start(), true);
  run_for(kMs);
  std::uint64_t request = 0;
  const NodeIndex old = *cluster.leader(kShard);
  EXPECT_TRUE(run_until([&] { return *cluster.leader(kShard) != old; }, 5 * kSecond));
  request = clients.append_at(*cluster.leader(kShard), kShard);
  EXPECT_TRUE(run_until([&] { return clients.was_acknowledged(request); }, kSecond));
}

TEST_F(Events, HungDiskOfALeaderIsReplacedInFiveSeconds) {
  const NodeIndex old = start();
  cluster.disk(old).hang();
  clients.append_at(old, kShard);
  EXPECT_TRUE(run_until([&] { return cluster.leader(kShard).value_or(old) != old; }, 6 * kSecond));
  cluster.disk(old).go_on();
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
}

TEST_F(Events, SlowFollowerLeavesAndComesBack) {
  const NodeIndex leader = start();
  const NodeIndex slow = other_than(leader);
  cluster.disk(slow).hang();
  const std::uint64_t request = clients.append_at(leader, kShard);
  EXPECT_TRUE(run_until([&] { return clients.was_acknowledged(request); }, 3 * kSecond));
  EXPECT_FALSE(is_in_sync(slow));
  cluster.disk(slow).go_on();
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
}

TEST_F(Events, SplitFromTheCoordinatorOnlyDoesNotStopTraffic) {
  start();
  cluster.coordinator().set_away(true);
  for (int i = 0; i < 10; ++i) {
    EXPECT_LT(outage_us(), kSecond);
    run_for(kSecond);
  }
  cluster.coordinator().set_away(false);
  EXPECT_TRUE(append());
}

TEST_F(Events, PausedLeaderIsRefusedByEpochAndHasLostNothing) {
  const NodeIndex old = start();
  ASSERT_TRUE(append());
  cluster.pause(old);
  ASSERT_TRUE(run_until([&] { return cluster.leader(kShard).value_or(old) != old; }));
  run_for(30 * kSecond);
  ASSERT_TRUE(append());
  cluster.go_on(old);
  const std::uint64_t request = clients.append_at(old, kShard);
  run_for(2 * kSecond);
  EXPECT_FALSE(clients.was_acknowledged(request));
  EXPECT_FALSE(cluster.host(old)->leads(kShard) && *cluster.leader(kShard) != old);
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
}

TEST_F(Events, AllNodesAtOnceInAnyOrderOfStart) {
  start();
  for (NodeIndex first = 0; first < cluster.size(); ++first) {
    ASSERT_TRUE(append());
    for (NodeIndex i = 0; i < cluster.size(); ++i) {
      cluster.crash(i, "loses its power");
    }
    run_for(10 * kSecond);
    for (NodeIndex i = 0; i < cluster.size(); ++i) {
      cluster.start((first + i) % static_cast<NodeIndex>(cluster.size()));
      run_for(3 * kSecond);
    }
    ASSERT_TRUE(append());
    ASSERT_TRUE(run_until([&] { return is_settled(); }));
  }
}

TEST_F(Events, NodeLostWithItsDiskIsFilledAgain) {
  const NodeIndex leader = start();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(append());
  }
  cluster.crash(leader, "is lost");
  cluster.disk(leader).lose();
  ASSERT_TRUE(append());
  cluster.start(leader);
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
}

TEST_F(Events, OneLiveMemberAloneAcknowledgesNothing) {
  const NodeIndex leader = start();
  for (NodeIndex i = 0; i < cluster.size(); ++i) {
    if (i != leader) {
      cluster.crash(i, "and stays away");
    }
  }
  run_for(kMs);
  const std::uint64_t request = clients.append_at(leader, kShard);
  run_for(60 * kSecond);
  EXPECT_FALSE(clients.was_acknowledged(request));
  cluster.start(other_than(leader));
  EXPECT_TRUE(append());
}

// Nothing moves, and it is said; the documented way out is to write the record that the replicas
// remember, with a higher counter.
TEST_F(Events, CoordinatorRestoredFromABackupIsNoticed) {
  const NodeIndex first = start();
  const cluster::MemoryKeys backup = cluster.coordinator().keys();
  cluster.crash(first, "so that the records move on");
  ASSERT_TRUE(append());
  cluster.start(first);
  ASSERT_TRUE(run_until([&] { return is_settled(); }));
  const NodeIndex second = *cluster.leader(kShard);
  const auto newest = *cluster.record(kShard);
  cluster.coordinator().restore(backup);
  const auto old = *cluster.record(kShard);
  ASSERT_LT(old.counter, newest.counter);
  run_for(10 * kSecond);
  EXPECT_TRUE(append());  // traffic goes on
  cluster.crash(second, "under an old record");
  run_for(20 * kSecond);
  EXPECT_EQ(*cluster.record(kShard), old);  // nobody is elected
  EXPECT_GT(cluster.counters().all().count("alarm_0"), 0U);
  EXPECT_GT(cluster.counters().all().count("controller_alarm_0"), 0U);
  cluster.start(second);
  auto mended = newest;
  ++mended.counter;
  const auto operators = cluster.coordinator().connect("n1");
  operators->transact({{}, {cluster::PutKey{cluster.keys().shard(kShard), encode(mended)}}},
                      [](const cluster::TxnResult&) {});
  EXPECT_TRUE(append());
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
}

}  // namespace
}  // namespace roost::simulation
