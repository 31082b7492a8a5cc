// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/replication/shard_cluster.h"

namespace roost::cluster::replication {
namespace {

using testing::Contains;
using testing::UnorderedElementsAre;

using Fate = ShardCluster::Fate;

class Isr : public testing::Test {
 protected:
  void lead(const std::string& leader, const std::vector<std::string>& isr) {
    cluster.elect(leader, isr);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.at(leader).role() == Role::leader; }));
  }

  std::vector<std::string> isr() const {
    std::vector<std::string> names;
    for (const Replica& who : cluster.record().isr) names.push_back(who.name);
    return names;
  }

  // Without the member `name`, acknowledged or not.
  Position write_without(const std::string& name) {
    cluster.isolate(name);
    return cluster.write("a");
  }

  ShardCluster cluster{{"a", "b", "c"}};
};

TEST_F(Isr, ASilentMemberLeavesAndComesBackWhenItHasCaughtUp) {
  lead("a", {"a", "b", "c"});
  const Position place = write_without("c");
  cluster.run(1000);
  EXPECT_LT(cluster.at("a").commit(), place.index) << "within the patience it is waited for";
  cluster.run(1000);
  EXPECT_THAT(isr(), UnorderedElementsAre("a", "b"));
  EXPECT_EQ(cluster.at("a").commit(), place.index);
  cluster.heal();
  EXPECT_TRUE(cluster.run_until([&] { return isr().size() == 3; }));
  EXPECT_TRUE(cluster.are_same({"a", "b", "c"}));
}

// And comes back as soon each time: a crash says nothing of its disk.
TEST_F(Isr, AMemberThatIsGoneLeavesAtOnce) {
  lead("a", {"a", "b", "c"});
  for (int i = 0; i < 5; ++i) {
    const Position place = write_without("c");
    cluster.node("a").replica->on_gone(cluster.at("c").self());
    cluster.run(200);
    ASSERT_THAT(isr(), UnorderedElementsAre("a", "b"));
    ASSERT_EQ(cluster.at("a").commit(), place.index);
    cluster.heal();
    ASSERT_TRUE(cluster.run_until([&] { return isr().size() == 3; }, 3000)) << i;
  }
}

TEST_F(Isr, AMemberWithASlowDiskLeavesToo) {
  lead("a", {"a", "b", "c"});
  cluster.node("c").syncs = false;
  const Position place = cluster.write("a");
  EXPECT_TRUE(cluster.run_until([&] { return isr().size() == 2; }, 3000));
  cluster.settle();
  EXPECT_EQ(cluster.at("a").commit(), place.index);
}

TEST_F(Isr, NothingLeavesBelowMinInSync) {
  lead("a", {"a", "b"});
  const Position place = write_without("b");
  cluster.run(10000);
  EXPECT_THAT(isr(), UnorderedElementsAre("a", "b"));
  EXPECT_LT(cluster.at("a").commit(), place.index);
  cluster.heal();
  cluster.run(500);
  EXPECT_EQ(cluster.at("a").commit(), place.index);
}

TEST_F(Isr, ALonelyLeaderShrinksToMinAndStalls) {
  lead("a", {"a", "b", "c"});
  cluster.cut("a", "b");
  cluster.cut("a", "c");
  const Position place = cluster.write("a");
  cluster.run(10000);
  EXPECT_EQ(isr().size(), 2u);
  EXPECT_LT(cluster.at("a").commit(), place.index);
}

// R6: another one that has caught up replaces the dead member, in one transaction.
TEST_F(Isr, ADeadMemberAtMinIsReplaced) {
  lead("a", {"a", "b", "c"});
  write_without("c");
  ASSERT_TRUE(cluster.run_until([&] { return isr().size() == 2; }));
  cluster.crash("b");
  cluster.heal();
  const Position place = cluster.write("a");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("a").commit() >= place.index; }));
  EXPECT_THAT(isr(), UnorderedElementsAre("a", "c"));
}

// The same while the epoch doesn't serve yet, because a dead member keeps its no-op back.
TEST_F(Isr, ADeadMemberAtMinIsReplacedDuringTheTakeOver) {
  lead("a", {"a", "b", "c"});
  cluster.isolate("c");
  ASSERT_TRUE(cluster.run_until([&] { return isr().size() == 2; }));
  const Position place = cluster.write("a");
  cluster.crash("a");
  cluster.heal();
  lead("b", {"a", "b"});
  EXPECT_THAT(isr(), UnorderedElementsAre("b", "c"));
  EXPECT_GT(cluster.at("b").commit(), place.index);
  EXPECT_TRUE(cluster.run_until([&] { return cluster.are_same({"b", "c"}); }));
}

TEST_F(Isr, NothingIsCommittedPastASilentMemberUntilItsLeavingIsSettled) {
  lead("a", {"a", "b", "c"});
  cluster.fate = Fate::unknown_lost;
  const Position place = write_without("c");
  cluster.node("a").sees_coordinator = false;  // no answer to the read either
  cluster.run(5000);
  EXPECT_GT(cluster.txns, 0);
  EXPECT_LT(cluster.at("a").commit(), place.index);
  cluster.node("a").sees_coordinator = true;
  cluster.fate = Fate::done;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("a").commit() == place.index; }));
  EXPECT_THAT(isr(), UnorderedElementsAre("a", "b"));
}

// R5: executed, but the answer was lost: the read shows it.
TEST_F(Isr, AnUnknownOutcomeThatWasDoneIsFoundByReading) {
  lead("a", {"a", "b", "c"});
  cluster.fate = Fate::unknown_done;
  const Position place = write_without("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("a").commit() == place.index; }));
  EXPECT_EQ(cluster.txns, 1);
}

// R5: a grow that lands after its outcome was unknown. The joiner counts all the time.
TEST_F(Isr, AGrowThatMayStillLandCountsTheJoiner) {
  lead("a", {"a", "b"});
  cluster.change([&](ShardRecord& record) {
    record.replicas.push_back(cluster.node("c").who);
    record.adding = {cluster.node("c").who};
  });
  cluster.fate = Fate::held;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.txns > 0; }));
  cluster.node("a").sees_coordinator = false;
  cluster.run(300);
  const Position place = write_without("c");
  cluster.run(5000);
  EXPECT_LT(cluster.at("a").commit(), place.index) << "c may be elected, and hasn't this";
  EXPECT_EQ(isr().size(), 2u);
  cluster.land();
  EXPECT_EQ(isr().size(), 3u);
  EXPECT_LT(cluster.at("a").commit(), place.index);
  cluster.fate = Fate::done;
  cluster.node("a").sees_coordinator = true;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("a").commit() >= place.index; }));
  EXPECT_THAT(isr(), UnorderedElementsAre("a", "b"));
}

// R5: the old revision stands, so the record is written unchanged, and the late one is refused.
TEST_F(Isr, AnUnknownOutcomeIsSettledByWritingTheRecordUnchanged) {
  lead("a", {"a", "b", "c"});
  cluster.fate = Fate::held;
  write_without("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.txns > 0; }));
  const Revision before = cluster.revision();
  const ShardRecord record = cluster.record();
  cluster.fate = Fate::done;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.revision() > before; }));
  EXPECT_EQ(cluster.record(), record) << "unchanged";
  cluster.land();
  EXPECT_EQ(cluster.record(), record) << "too late";
  EXPECT_TRUE(cluster.run_until([&] { return isr().size() == 2; }));
}

TEST_F(Isr, ATransactionThatFailedIsSentAnew) {
  lead("a", {"a", "b", "c"});
  cluster.fate = Fate::failed;
  write_without("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.txns > 2; }));
  EXPECT_EQ(isr().size(), 3u);
  cluster.fate = Fate::done;
  EXPECT_TRUE(cluster.run_until([&] { return isr().size() == 2; }));
}

// A joiner admitted while it was behind the commit.
TEST_F(Isr, AJoinerComesInOnlyWithAllUpToCommitOnItsDisk) {
  lead("a", {"a", "b"});
  cluster.node("c").syncs = false;
  cluster.change([&](ShardRecord& record) {
    record.replicas.push_back(cluster.node("c").who);
    record.adding = {cluster.node("c").who};
  });
  const Position place = cluster.write("a");
  cluster.run(5000);
  EXPECT_EQ(isr().size(), 2u);
  cluster.node("c").syncs = true;
  ASSERT_TRUE(cluster.run_until([&] { return isr().size() == 3; }));
  EXPECT_GE(cluster.node("c").disk.stored.last, place.index);
  EXPECT_TRUE(cluster.record().adding.empty());
}

// Its disk is slower than the others', so that at every tick it is a record behind their commit.
TEST_F(Isr, AJoinerWithASlowerDiskComesInUnderLoad) {
  lead("a", {"a", "b"});
  cluster.change([&](ShardRecord& record) {
    record.replicas.push_back(cluster.node("c").who);
    record.adding = {cluster.node("c").who};
  });
  LogIndex before = 0;
  for (int i = 0; i < 300 && isr().size() < 3; ++i) {
    cluster.node("c").syncs = false;
    cluster.write("a");
    if (i % 50 == 0) {
      EXPECT_GT(cluster.at("a").commit(), before) << "nobody waits for long";
      before = cluster.at("a").commit();
    }
    cluster.run(20);
    cluster.node("c").syncs = true;
    cluster.settle();
  }
  EXPECT_EQ(isr().size(), 3u);
}

TEST_F(Isr, AJoinerThatIsTooSlowIsNotAwaitedForEver) {
  lead("a", {"a", "b"});
  cluster.change([&](ShardRecord& record) {
    record.replicas.push_back(cluster.node("c").who);
    record.adding = {cluster.node("c").who};
  });
  cluster.run(700);
  cluster.node("c").syncs = false;
  for (int i = 0; i < 10; ++i) cluster.write("a");
  cluster.run(1000);
  EXPECT_EQ(isr().size(), 2u);
  EXPECT_EQ(cluster.at("a").commit(), cluster.at("a").last().index);
}

TEST_F(Isr, ASurplusReplicaGoesWhenTheNewOneHasCome) {
  lead("a", {"a", "b"});
  cluster.isolate("c");
  cluster.change([&](ShardRecord& record) {
    record.replicas.push_back(cluster.node("c").who);
    record.adding = {cluster.node("c").who};
    record.removing = {cluster.node("b").who};
  });
  cluster.run(3000);
  EXPECT_THAT(isr(), UnorderedElementsAre("a", "b"));
  cluster.heal();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.record().removing.empty(); }));
  EXPECT_THAT(isr(), UnorderedElementsAre("a", "c"));
  EXPECT_EQ(cluster.record().replicas.size(), 2u);
  EXPECT_TRUE(cluster.record().adding.empty());
}

TEST_F(Isr, TheSecondReplicaRaisesMinInSync) {
  lead("a", {"a"});
  EXPECT_EQ(cluster.record().min_in_sync, 1u);
  cluster.change([&](ShardRecord& record) {
    record.replicas.push_back(cluster.node("b").who);
    record.adding = {cluster.node("b").who};
  });
  ASSERT_TRUE(cluster.run_until([&] { return isr().size() == 2; }));
  EXPECT_EQ(cluster.record().min_in_sync, 2u);
  cluster.crash("b");
  const Position place = cluster.write("a");
  cluster.run(5000);
  EXPECT_LT(cluster.at("a").commit(), place.index);
}

TEST_F(Isr, AMemberThatFlapsWaitsLongerEachTime) {
  lead("a", {"a", "b", "c"});
  std::int64_t before = 0;
  for (int i = 0; i < 3; ++i) {
    cluster.isolate("c");
    ASSERT_TRUE(cluster.run_until([&] { return isr().size() == 2; }));
    cluster.heal();
    const SteadyMs healed = cluster.now;
    ASSERT_TRUE(cluster.run_until([&] { return isr().size() == 3; }));
    EXPECT_GT(cluster.now - healed, before);
    before = cluster.now - healed;
  }
}

// A leader that stood still (SIGSTOP) takes nobody for silent.
TEST_F(Isr, ALeaderThatWakesUpBlamesNobody) {
  lead("a", {"a", "b", "c"});
  cluster.run(500);
  cluster.now += 30000;
  cluster.run(1000);
  EXPECT_EQ(isr().size(), 3u);
  EXPECT_EQ(cluster.txns, 0);
}

TEST_F(Isr, APausedLeaderIsRefusedAndHasLostNothing) {
  lead("a", {"a", "b", "c"});
  const Position place = cluster.write("a");
  cluster.isolate("a");
  cluster.node("a").sees_coordinator = false;
  cluster.elect("b", {"b", "c"});
  cluster.run(5000);
  cluster.write("b");
  cluster.heal();
  cluster.run(500);
  EXPECT_EQ(cluster.at("a").role(), Role::follower);
  EXPECT_EQ(cluster.node("a").disk.records[place.index - 1].position, place);
}

// The leader of the smaller side: nothing is committed, its shrink is refused.
TEST_F(Isr, AMinorityLeaderCommitsNothing) {
  lead("a", {"a", "b", "c"});
  cluster.isolate("a");
  cluster.node("a").sees_coordinator = false;
  const Position place = cluster.write("a");
  const LogIndex before = cluster.at("a").commit();
  lead("b", {"b", "c"});
  cluster.write("b");
  cluster.run(10000);
  EXPECT_EQ(cluster.at("a").commit(), before);
  EXPECT_FALSE(cluster.at("a").confirmed_ms() > cluster.now - 9000);
  cluster.heal();
  cluster.node("a").sees_coordinator = true;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.are_same({"a", "b", "c"}); }));
  EXPECT_NE(cluster.node("b").disk.records[place.index - 1].position, place);
}

// Etcd restored from yesterday: noticed, nothing moves, an alarm.
TEST_F(Isr, AnOlderRecordIsNoticedAndNothingMoves) {
  lead("a", {"a", "b", "c"});
  const SeenRecord old = cluster.seen();
  cluster.isolate("c");
  ASSERT_TRUE(cluster.run_until([&] { return isr().size() == 2; }));
  cluster.restore(old);
  cluster.settle();
  EXPECT_THAT(cluster.node("a").alarms, Contains(Alarm::older_record));
  cluster.txns = 0;
  cluster.isolate("b");
  cluster.run(5000);
  EXPECT_EQ(cluster.txns, 0);
  cluster.heal();
  const Position place = cluster.write("a");
  cluster.run(500);
  EXPECT_GE(cluster.at("a").commit(), place.index) << "traffic goes on";
  // And elected from the old record nobody leads, nor is anybody fenced.
  cluster.elect("c", {"c", "b"});
  cluster.run(3000);
  EXPECT_NE(cluster.at("c").role(), Role::leader);
  EXPECT_EQ(cluster.at("b").epoch(), 1u);
}

// A read that was begun before the record changed, and answered after: no forgetting.
TEST_F(Isr, AnAnswerThatWasOvertakenIsNoOlderCoordinator) {
  lead("a", {"a", "b", "c"});
  const SeenRecord old = cluster.seen();
  cluster.at("a").on_record({ShardRecord{}, 1});  // late news make it ask
  Output out;
  cluster.at("a").take(cluster.now, out);
  ASSERT_TRUE(out.record_read);
  cluster.change([](ShardRecord&) {});
  cluster.at("a").on_record_read(*out.record_read, &old);
  cluster.run(100);
  EXPECT_THAT(cluster.node("a").alarms, testing::IsEmpty());
  cluster.isolate("c");
  EXPECT_TRUE(cluster.run_until([&] { return isr().size() == 2; }));
}

// Everything stops at once, and comes back in any order: what was acknowledged is there.
TEST_F(Isr, AllNodesAtOnceLoseNothing) {
  lead("a", {"a", "b", "c"});
  const Position place = cluster.write("a");
  ASSERT_EQ(cluster.at("a").commit(), place.index);
  for (const char* name : {"a", "b", "c"}) cluster.crash(name);
  for (const char* name : {"c", "b"}) cluster.start(name);
  lead("c", {"b", "c"});
  cluster.start("a");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_same({"a", "b", "c"}); }));
  EXPECT_EQ(cluster.node("c").disk.records[place.index - 1].position, place);
}

}  // namespace
}  // namespace roost::cluster::replication
