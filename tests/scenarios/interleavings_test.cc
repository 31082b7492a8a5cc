// SPDX-License-Identifier: Apache-2.0
// The interleavings that REPLICATION names at its end, as far as they happen below the sessions.
#include "tests/scenarios/stage.h"

namespace roost::simulation {
namespace {

class Interleavings : public Stage {};

TEST_F(Interleavings, GrowThatLandsAfterTheLeaderStoppedCountingTheJoiner) {
  const NodeIndex leader = start();
  const NodeIndex joiner = other_than(leader);
  cluster.crash(joiner, "for a while");
  ASSERT_TRUE(run_until([&] { return !is_in_sync(joiner); }));
  ASSERT_TRUE(append());
  run_for(kSecond);
  // The transaction that the leader sends now is executed 6 s later; it is to grow.
  const auto before = cluster.record(kShard);
  std::size_t sent = 0;
  cluster.set_trips(
      [&](NodeIndex client, cluster::MemoryRequest request) -> std::optional<cluster::MemoryTrip> {
        if (client != leader || request != cluster::MemoryRequest::transact || sent > 0) {
          return std::nullopt;
        }
        ++sent;
        return cluster::MemoryTrip{6 * kSecond, 100};
      });
  cluster.start(joiner);
  ASSERT_TRUE(run_until([&] { return sent > 0; }));
  run_for(200 * kMs);
  EXPECT_EQ(cluster.record(kShard), before);
  cluster.crash(joiner, "before the grow lands");
  // Acknowledged only once it is certain that the joiner doesn't count, or counts.
  ASSERT_TRUE(append());
  run_for(8 * kSecond);
  ASSERT_TRUE(append());
  cluster.start(joiner);
  cluster.crash(leader, "and the joiner could be elected");
  ASSERT_TRUE(append());
  cluster.start(leader);
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
}

TEST_F(Interleavings, LeaderThatRestartsWithinItsOwnEpochLeadsNoMore) {
  start();
  const NodeIndex leader = lead_elsewhere();
  ASSERT_TRUE(append());
  isolate(leader, false);  // what it appends now is on its disk alone, and on no other
  clients.append_at(leader, kShard);
  run_for(10 * kMs);
  const auto epoch = cluster.record(kShard)->epoch;
  cluster.crash(leader, "and comes back before anybody noticed");
  run_for(0);
  cluster.start(leader);
  run_for(20 * kMs);
  ASSERT_EQ(cluster.record(kShard)->epoch, epoch);  // the record still names it
  EXPECT_FALSE(cluster.leader(kShard).has_value());
  clients.append_at(leader, kShard);
  cluster.network().mend_all();
  EXPECT_TRUE(append());
  EXPECT_GT(cluster.record(kShard)->epoch, epoch);
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
}

TEST_F(Interleavings, DamagedMemberIsNotElected) {
  const NodeIndex leader = start();
  const NodeIndex damaged = other_than(leader);
  const NodeIndex healthy = other_than(leader, damaged);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(append());
  }
  cluster.crash(damaged, "with damage");
  cluster.disk(damaged).damage();
  cluster.crash(leader, "at the same time");
  run_for(0);
  cluster.start(damaged);
  ASSERT_TRUE(append());
  EXPECT_EQ(cluster.leader(kShard), healthy);
  cluster.start(leader);
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
}

TEST_F(Interleavings, JoinerIsAdmittedOnlyWithAllThatIsCommitted) {
  const NodeIndex leader = start();
  const NodeIndex joiner = other_than(leader);
  cluster.crash(joiner, "for a while");
  ASSERT_TRUE(run_until([&] { return !is_in_sync(joiner); }));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(append());
  }
  cluster.disk(joiner).set_delay(40 * kMs, 80 * kMs);
  cluster.start(joiner);
  // Appends go on, so that there is always something that it doesn't have yet.
  while (!is_in_sync(joiner) && cluster.queue().now_us() < 200 * kSecond) {
    const LogIndex acknowledged = cluster.checker().acknowledged(kShard);
    clients.append_at(cluster.leader(kShard).value_or(leader), kShard);
    run_until([&] { return is_in_sync(joiner); }, 30 * kMs);
    if (is_in_sync(joiner)) {
      EXPECT_GE(cluster.disk(joiner).synced(kShard).last(), acknowledged);
    }
  }
  EXPECT_TRUE(is_in_sync(joiner));
  cluster.crash(leader, "and the joiner may be elected");
  EXPECT_TRUE(append());
}

TEST_F(Interleavings, DeposedLeaderThatIsSplitOffConfirmsNothing) {
  const NodeIndex old = start();
  ASSERT_TRUE(append());
  isolate(old, true);
  ASSERT_TRUE(run_until([&] { return cluster.leader(kShard).value_or(old) != old; }));
  ASSERT_TRUE(append());
  EXPECT_TRUE(cluster.host(old)->leads(kShard));  // it doesn't know, and grants nothing
  const auto reads = [&] {
    const auto& all = cluster.counters().all();
    const auto found = all.find("reads");
    return found == all.end() ? 0 : found->second;
  };
  cluster.host(old)->read(kShard, 1);
  run_for(5 * kSecond);
  EXPECT_EQ(reads(), 0U);
  const std::uint64_t appended = clients.append_at(old, kShard);
  run_for(5 * kSecond);
  EXPECT_FALSE(clients.was_acknowledged(appended));
  cluster.network().mend_all();
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
}

}  // namespace
}  // namespace roost::simulation
