// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/controller/controller_cluster.h"

namespace roost::cluster {
namespace {

using replication::Role;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

using Fate = ControllerCluster::Fate;

class Election : public testing::Test {
 protected:
  void SetUp() override {
    cluster.settings.first_nodes = 3;
    for (const char* name : {"a", "b", "c"}) cluster.add(name);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.has(0); }));
    ASSERT_EQ(cluster.shard().isr.size(), 3u);
    cluster.run(6000);
    leader = cluster.shard().leader.name;
    for (const char* name : {"a", "b", "c"}) {
      if (name != leader) (first.empty() ? first : second) = name;
    }
    // Who is the controller is another question: never the one that fails here.
    while (cluster.controller_name() == leader) {
      cluster.stop(leader);
      cluster.run(1000);
      cluster.start(leader);
      cluster.run(10000);
      leader = cluster.shard().leader.name;
    }
    first.clear();
    second.clear();
    for (const char* name : {"a", "b", "c"}) {
      if (name != leader) (first.empty() ? first : second) = name;
    }
    epoch = cluster.shard().epoch;
  }

  bool is_elected(std::int64_t ms = 10000) {
    return cluster.run_until([&] { return cluster.shard().epoch > epoch; }, ms);
  }

  void say(const std::string& name, std::function<void(ShardStatus&)> edit) {
    cluster.node(name).edits[0] = std::move(edit);
  }

  ControllerCluster cluster;
  std::string leader, first, second;
  std::uint64_t epoch = 0;
};

TEST_F(Election, ALeaderWhoseLeaseRunsOutIsFollowedByAMemberOfTheIsr) {
  cluster.leaders_work = false;
  cluster.stop(leader);
  ASSERT_TRUE(is_elected(1000));
  EXPECT_EQ(cluster.shard().epoch, epoch + 1);
  EXPECT_NE(cluster.shard().leader.name, leader);
  EXPECT_THAT(names_of(cluster.shard().isr), ElementsAre(first, second));
  EXPECT_EQ(cluster.shard().replicas.size(), 3u) << "a restart is no leaving";
}

TEST_F(Election, RefusedConnectionsAreEnough) {
  cluster.leaders_work = false;
  cluster.node(leader).reports = false;  // its lease lives on for a while
  cluster.node(first).sees[leader] = PeerView::Seen::refused;
  cluster.node(second).sees[leader] = PeerView::Seen::refused;
  EXPECT_TRUE(is_elected(1500));
  EXPECT_THAT(names_of(cluster.shard().isr), ElementsAre(first, second));
}

TEST_F(Election, ARefusalThatSomebodyDeniesIsNone) {
  cluster.node(first).sees[leader] = PeerView::Seen::refused;
  EXPECT_FALSE(is_elected(5000));
}

TEST_F(Election, WhoHasNotRestartedComesBeforeWhoHas) {
  say(first, [](ShardStatus& status) {
    status.is_restarted = true;
    status.last.index = 99;
  });
  cluster.run(600);
  cluster.stop(leader);
  ASSERT_TRUE(is_elected());
  EXPECT_EQ(cluster.shard().leader.name, second);
}

TEST_F(Election, TheLongestLogLeads) {
  say(second, [](ShardStatus& status) { status.last.index = 11; });
  cluster.run(600);
  cluster.stop(leader);
  ASSERT_TRUE(is_elected());
  EXPECT_EQ(cluster.shard().leader.name, second);
}

TEST_F(Election, ALaterEpochIsLongerThanMoreRecords) {
  say(first, [](ShardStatus& status) { status.last = {status.epoch - 1, 500}; });
  cluster.run(600);
  cluster.stop(leader);
  ASSERT_TRUE(is_elected());
  EXPECT_EQ(cluster.shard().leader.name, second);
}

// R7: the name alone is nothing.
TEST_F(Election, AnotherStoreIsNoMember) {
  cluster.leaders_work = false;
  cluster.edit(0, [&](ShardRecord& record) {
    std::erase_if(record.isr, [&](const Replica& one) { return one.name == second; });
  });
  cluster.stop(first);
  cluster.node(first).store = "fresh";
  cluster.start(first);
  cluster.stop(leader);
  EXPECT_FALSE(is_elected(8000));
  EXPECT_THAT(cluster.node(cluster.controller_name()).alarms,
              Contains(ControllerAlarm::no_candidate));
}

TEST_F(Election, NobodyOutsideTheIsrIsElectedHoweverLongItTakes) {
  cluster.leaders_work = false;
  cluster.edit(0, [&](ShardRecord& record) {
    record.isr = {record.leader};
    record.min_in_sync = 1;
  });
  cluster.stop(leader);
  EXPECT_FALSE(is_elected(60000));
  cluster.start(leader);
  ASSERT_TRUE(is_elected());
  EXPECT_EQ(cluster.shard().leader.name, leader);
}

TEST_F(Election, TheDeadStayInTheIsrRatherThanMinInSyncIsBroken) {
  cluster.leaders_work = false;
  const std::string other = cluster.controller_name() == first ? second : first;
  cluster.stop(other);
  cluster.stop(leader);
  ASSERT_TRUE(is_elected());
  EXPECT_EQ(cluster.shard().isr.size(), 2u);
  EXPECT_THAT(names_of(cluster.shard().isr), Contains(cluster.controller_name()));
}

TEST_F(Election, ALeaderThatSaysThatItDoesntLeadIsReplaced) {
  say(leader, [](ShardStatus& status) {
    status.role = Role::follower;
    status.is_restarted = true;
  });
  ASSERT_TRUE(is_elected(2000));
  EXPECT_NE(cluster.shard().leader.name, leader);
}

TEST_F(Election, ALeaderThatHasNotSeenItsRecordYetIsNotBlamed) {
  say(leader, [](ShardStatus& status) {
    status.role = Role::follower;
    --status.counter;
  });
  EXPECT_FALSE(is_elected(5000));
}

TEST_F(Election, ALeaderThatStandsStillIsReplacedWhereOthersCouldGoOn) {
  say(leader, [](ShardStatus& status) { status.stalled_ms = 3100; });
  ASSERT_TRUE(is_elected());
  EXPECT_NE(cluster.shard().leader.name, leader);
  EXPECT_THAT(names_of(cluster.shard().isr), Not(IsEmpty()));
}

TEST_F(Election, ALeaderThatStandsStillStaysWhereNobodyCouldGoOnWithoutIt) {
  say(leader, [](ShardStatus& status) { status.stalled_ms = 60000; });
  cluster.node(first).sees[second] = PeerView::Seen::silent;
  EXPECT_FALSE(is_elected(8000));
}

TEST_F(Election, ALeaderThatIsSilentToControllerAndFollowersIsReplaced) {
  cluster.node(leader).reports = false;
  for (const std::string& name : {first, second}) {
    cluster.node(name).sees[leader] = PeerView::Seen::silent;
    say(name, [](ShardStatus& status) { status.stalled_ms = 3100; });
  }
  EXPECT_TRUE(is_elected());
}

// It was elected, and then cut off from all but etcd before anyone heard of it.
TEST_F(Election, ALeaderThatNobodyHasHeardOfIsReplaced) {
  cluster.node(leader).reports = false;
  for (const std::string& name : {first, second}) {
    cluster.node(name).sees[leader] = PeerView::Seen::silent;
    say(name, [](ShardStatus& status) {
      --status.epoch;
      status.stalled_ms = 3100;
    });
  }
  EXPECT_TRUE(is_elected());
}

TEST_F(Election, WhoHoldsNothingOrHasStoppedIsNotElected) {
  say(first, [](ShardStatus& status) { status.role = Role::importing; });
  say(second, [](ShardStatus& status) { status.role = Role::stopped; });
  cluster.run(600);
  cluster.stop(leader);
  EXPECT_FALSE(is_elected(6000));
}

TEST_F(Election, AnElectionOfADeposedControllerIsRefused) {
  const std::string old = cluster.controller_name();
  cluster.fate = Fate::unknown_lost;
  cluster.stop(leader);
  cluster.run(1000);
  ASSERT_EQ(cluster.shard().epoch, epoch);
  // It still believes that it is the controller; the key is another one by now.
  cluster.fate = Fate::done;
  const auto keys = cluster.backup();
  EXPECT_EQ(keys.at(cluster.names.controller()).value.substr(0, 1), old);
  cluster.expire_controller();
  cluster.run(5000);
  EXPECT_EQ(cluster.shard().epoch, epoch + 1) << "once, by whoever is the controller now";
}

TEST_F(Election, AnUnknownOutcomeElectsOnce) {
  cluster.leaders_work = false;
  cluster.fate = Fate::unknown_done;
  cluster.stop(leader);
  cluster.run(5000);
  EXPECT_EQ(cluster.shard().epoch, epoch + 1);
}

TEST_F(Election, TheControllerItselfMayBeLost) {
  const std::string lost = cluster.controller_name();
  cluster.stop(lost);
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.controller_name().empty(); }));
  EXPECT_NE(cluster.controller_name(), lost);
  cluster.run(2000);
  EXPECT_NE(cluster.shard().leader.name, lost);
}

// Its lease need not be waited for where its address refuses; who denies it keeps it.
TEST_F(Election, TheKeyOfAControllerWhoseConnectionIsRefusedIsErased) {
  const std::string lost = cluster.controller_name();
  const Revision before = cluster.backup().at(cluster.names.controller()).created;
  cluster.node(lost).reports = false;
  cluster.node(lost).controller.reset();  // dead, but its keys are there
  cluster.run(2000);
  EXPECT_EQ(cluster.backup().at(cluster.names.controller()).created, before);
  const std::string witness = lost == first ? second : first;
  cluster.node(witness).sees[lost] = PeerView::Seen::refused;
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.controller_name().empty(); }, 700));
  EXPECT_GT(cluster.backup().at(cluster.names.controller()).created, before);
}

// Nobody waits for a report of who can't be reached.
TEST_F(Election, ALeaderThatWasTheControllerTooIsReplacedAtOnce) {
  for (int i = 0; i < 10 && cluster.controller_name() != cluster.shard().leader.name; ++i) {
    cluster.expire_controller();
    cluster.run(10000);
  }
  const std::string lost = cluster.controller_name();
  ASSERT_EQ(cluster.shard().leader.name, lost);
  cluster.node(lost).reports = false;
  cluster.node(lost).controller.reset();  // dead, but its keys are there
  for (const std::string& name : {leader, first, second}) {
    if (name != lost) cluster.node(name).sees[lost] = PeerView::Seen::refused;
  }
  EXPECT_TRUE(cluster.run_until([&] { return cluster.shard().leader.name != lost; }, 1400));
}

// As when its disk hangs: the lease would run out only seconds later. R3
TEST_F(Election, AControllerThatResignsIsReplacedAtOnce) {
  const std::string lost = cluster.controller_name();
  ASSERT_NE(lost, "");
  cluster.node(lost).controller->resign();
  const auto has_another = [&] {
    return cluster.controller_name() != "" && cluster.controller_name() != lost;
  };
  EXPECT_TRUE(cluster.run_until(has_another, 500));
  cluster.run(2000);
  EXPECT_TRUE(has_another());
}

// The watch is late, and replicas know more: no decision, and no alarm either.
TEST_F(Election, ALateWatchIsNoRestoredStore) {
  cluster.shows = false;
  cluster.edit(0, [](ShardRecord&) {});
  cluster.leaders_work = false;
  cluster.run(5000);
  cluster.node(leader).edits[0] = [](ShardStatus& status) { status.role = Role::follower; };
  EXPECT_FALSE(is_elected(3000));
  for (const std::string& name : {first, second}) {
    EXPECT_THAT(cluster.node(name).alarms, Not(Contains(ControllerAlarm::older_record)));
  }
  cluster.shows = true;
  cluster.edit(0, [](ShardRecord&) {});
  EXPECT_TRUE(is_elected(2000));
}

// Etcd restored from yesterday: nothing moves, an alarm; the way out is a forced leader.
TEST_F(Election, ARestoredStoreDecidesNothing) {
  const auto old = cluster.backup();
  for (int i = 0; i < 3; ++i) cluster.edit(0, [](ShardRecord&) {});
  cluster.run(1000);
  const std::uint64_t seen = cluster.shard().counter;
  cluster.restore(old);
  cluster.leaders_work = false;
  cluster.run(3000);
  ASSERT_LT(cluster.shard().counter, seen);
  cluster.stop(leader);
  EXPECT_FALSE(is_elected(8000));
  EXPECT_THAT(cluster.node(cluster.controller_name()).alarms,
              Contains(ControllerAlarm::older_record));
  // It stands: whoever shows alarms for a while is told again.
  cluster.node(cluster.controller_name()).alarms.clear();
  cluster.run(2 * ControllerSettings().alarm_ms);
  EXPECT_THAT(cluster.node(cluster.controller_name()).alarms,
              Contains(ControllerAlarm::older_record));
  const std::string to = cluster.controller_name();
  EXPECT_FALSE(cluster.controller().move_leader(ShardId{0}, to));
  ASSERT_TRUE(cluster.controller().force_leader(ShardId{0}, {to, cluster.node(to).store}));
  cluster.run(1000);
  EXPECT_GT(cluster.shard().counter, seen);
  EXPECT_EQ(cluster.shard().lineage, 2u);
  EXPECT_EQ(cluster.shard().leader.name, to);
  EXPECT_THAT(names_of(cluster.shard().isr), ElementsAre(to));
}

}  // namespace
}  // namespace roost::cluster
