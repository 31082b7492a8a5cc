// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/replication/shard_cluster.h"

namespace roost::cluster::replication {
namespace {

using testing::Contains;
using testing::IsEmpty;

class Resync : public testing::Test {
 protected:
  void SetUp() override {
    cluster.elect("a", {"a", "b", "c"});
    lead("a");
  }

  void lead(const std::string& leader) {
    ASSERT_TRUE(cluster.run_until([&] { return cluster.at(leader).role() == Role::leader; }));
  }

  void write(int count) {
    for (int i = 0; i < count; ++i) cluster.write("a", std::to_string(i));
  }

  void trim(const std::string& name) {
    TestNode& node = cluster.node(name);
    TestDisk& disk = node.disk;
    disk.stored.first_kept = disk.stored.applied + 1;
    disk.records.erase(disk.records.begin(),
                       disk.records.end() - (disk.stored.last - disk.stored.applied));
    node.replica->on_trimmed(disk.stored.first_kept);
  }

  // c loses its disk and comes back as another replica, in place of the old one.
  void replace_c() {
    const Replica old = cluster.node("c").who;
    cluster.crash("c");
    ASSERT_TRUE(cluster.run_until([&] { return cluster.record().isr.size() == 2; }));
    cluster.lose_disk("c");
    cluster.start("c");
    cluster.change([&](ShardRecord& record) {
      record.replicas.push_back(cluster.node("c").who);
      record.adding = {cluster.node("c").who};
      record.removing = {old};
    });
  }

  bool is_whole() {
    return cluster.run_until(
        [&] {
          return cluster.record().isr.size() == 3 && cluster.are_same({"a", "b", "c"});
        },
        20000);
  }

  ShardCluster cluster{{"a", "b", "c"}};
};

TEST_F(Resync, AnEmptyReplicaIsStreamedTheWholeLogWhereItIsKept) {
  write(20);
  replace_c();
  EXPECT_TRUE(is_whole());
  EXPECT_EQ(cluster.snapshots, 0);
}

TEST_F(Resync, BehindTheTrimPointItImports) {
  write(20);
  cluster.crash("b");
  cluster.start("b");
  trim("a");
  replace_c();
  EXPECT_TRUE(is_whole());
  EXPECT_EQ(cluster.snapshots, 1);
  EXPECT_FALSE(cluster.node("c").disk.stored.meta.is_importing);
  EXPECT_EQ(cluster.node("c").disk.stored.meta.lineage, 1u);
  EXPECT_EQ(cluster.record().replicas.size(), 3u);
}

TEST_F(Resync, WhatNoMemoryHoldsIsReadFromTheLog) {
  write(20);
  cluster.crash("a");
  cluster.start("a");
  TestDisk& disk = cluster.node("a").disk;
  const StoredReplica stored = disk.stored;  // without the records: nothing in memory
  cluster.node("a").replica = std::make_unique<ShardReplica>(
      ShardId{1}, cluster.node("a").who, "/roost/test/shards/1", Settings{}, stored, cluster.now);
  cluster.elect("a", {"a", "b"});
  lead("a");
  cluster.crash("c");
  replace_c();
  EXPECT_TRUE(is_whole());
  EXPECT_EQ(cluster.snapshots, 0);
}

// The importing mark is on disk before anything is deleted, and stands until all is there.
TEST_F(Resync, AnImportThatBreaksOffIsBegunAnew) {
  write(20);
  trim("a");
  cluster.sends_snapshots = false;
  replace_c();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("c").role() == Role::importing; }));
  cluster.run(100);
  EXPECT_TRUE(cluster.node("c").disk.stored.meta.is_importing);
  cluster.crash("c");
  cluster.sends_snapshots = true;
  cluster.at("a").on_snapshot_ended(cluster.id("c"), 1);
  cluster.start("c");
  EXPECT_EQ(cluster.at("c").role(), Role::importing);
  EXPECT_TRUE(is_whole());
  EXPECT_EQ(cluster.node("c").disk.stored.meta.import, 2u);
}

TEST_F(Resync, AnImportWithoutProgressIsBegunAnew) {
  write(20);
  trim("a");
  cluster.sends_snapshots = false;
  replace_c();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("c").role() == Role::importing; }));
  cluster.sends_snapshots = true;
  cluster.run(70000);
  EXPECT_TRUE(is_whole());
}

// A BeginImport that comes late, or again, deletes nothing that counts.
TEST_F(Resync, ALateBeginImportIsNotObeyed) {
  write(20);
  trim("a");
  std::vector<ShardCluster::Flying> begins;
  cluster.holds = [&](const auto& flying) {
    if (std::holds_alternative<BeginImport>(flying.message)) begins.push_back(flying);
    return false;
  };
  replace_c();
  ASSERT_TRUE(is_whole());
  ASSERT_FALSE(begins.empty());
  for (const auto& flying : begins) cluster.deliver(flying);
  cluster.deliver({cluster.id("a"), cluster.id("c"), BeginImport{1, 1, 2}});
  cluster.run(100);
  EXPECT_EQ(cluster.at("c").role(), Role::follower);
  EXPECT_TRUE(cluster.are_same({"a", "b", "c"}));
}

// A report that was overtaken is not believed: the member needs no other import.
TEST_F(Resync, AnOldReportIsNotBelieved) {
  write(20);
  trim("a");
  std::vector<ShardCluster::Flying> reports;
  cluster.holds = [&](const auto& flying) {
    const auto* fenced = std::get_if<Fenced>(&flying.message);
    if (fenced && fenced->last == 0) reports.push_back(flying);  // as it was before the import
    return false;
  };
  replace_c();
  ASSERT_TRUE(is_whole());
  ASSERT_FALSE(reports.empty());
  for (const auto& flying : reports) cluster.deliver(flying);
  cluster.run(3000);
  EXPECT_EQ(cluster.record().isr.size(), 3u);
  EXPECT_EQ(cluster.snapshots, 1);
  EXPECT_THAT(cluster.node("a").alarms, IsEmpty());
}

TEST_F(Resync, WhoIsAskedForAnImportThatIsOverSaysSo) {
  write(20);
  trim("a");
  replace_c();
  ASSERT_TRUE(is_whole());
  std::vector<Fenced> answers;
  cluster.holds = [&](const auto& flying) {
    if (const auto* fenced = std::get_if<Fenced>(&flying.message)) answers.push_back(*fenced);
    return false;
  };
  cluster.deliver({cluster.id("a"), cluster.id("c"), BeginImport{1, 1, 1}});
  cluster.settle();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_FALSE(answers.front().is_importing);
  EXPECT_EQ(answers.front().import_next, 2u);
}

TEST_F(Resync, AMemberOfTheIsrIsNotImportedBeforeItHasLeft) {
  write(20);
  trim("a");
  cluster.crash("c");
  cluster.node("c").disk.stored.meta.is_importing = true;  // it doesn't know what it has
  cluster.start("c");
  cluster.run(500);
  EXPECT_EQ(cluster.snapshots, 0);
  EXPECT_TRUE(is_whole());
  EXPECT_EQ(cluster.snapshots, 1);
}

TEST_F(Resync, WhoHoldsNothingDoesNotLeadEvenIfNamed) {
  write(3);
  cluster.crash("c");
  cluster.node("c").disk.stored.meta.is_importing = true;
  cluster.start("c");
  cluster.elect("c", {"b", "c"});
  cluster.run(3000);
  EXPECT_EQ(cluster.at("c").role(), Role::importing);
  EXPECT_THAT(cluster.node("c").alarms, Contains(Alarm::leads_while_importing));
  EXPECT_EQ(cluster.at("b").epoch(), 1u);
}

// R6: a leader by force begins a new lineage, and all others take its log, whatever they hold.
TEST_F(Resync, AnotherLineageIsImportedInFull) {
  write(5);
  cluster.isolate("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.record().isr.size() == 2; }));
  write(5);
  cluster.crash("a");
  cluster.crash("b");
  cluster.change([&](ShardRecord& record) {
    ++record.epoch;
    ++record.lineage;
    record.leader = cluster.node("c").who;
    record.isr = {record.leader};
    record.min_in_sync = 1;
  });
  cluster.heal();
  lead("c");
  EXPECT_EQ(cluster.at("c").commit(), 7u) << "what only the others had is lost: that was asked";
  cluster.start("a");
  cluster.start("b");
  EXPECT_TRUE(is_whole());
  EXPECT_EQ(cluster.snapshots, 2);
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(cluster.node(name).disk.stored.meta.lineage, 2u);
    EXPECT_EQ(cluster.node(name).disk.stored.last, 7u);
  }
}

TEST_F(Resync, SpokenNonsenseIsIgnored) {
  const LogIndex commit = cluster.at("a").commit();
  Fenced fenced;
  fenced.epoch = 1;
  fenced.table = {{3, 7}, {2, 9}};
  cluster.deliver({cluster.id("b"), cluster.id("a"), fenced});
  cluster.deliver({cluster.id("b"), cluster.id("a"), Ack{1, 500, 500, 0}});
  cluster.deliver({cluster.id("b"), cluster.id("a"), Ack{1, 0, 1, 0}});
  cluster.deliver({MemberId{77}, cluster.id("a"), Ack{1, 1, 1, 0}});
  auto records = std::make_shared<std::vector<LogRecord>>();
  records->push_back(make_record({1, 9}, as_bytes("hole")));
  cluster.deliver({cluster.id("a"), cluster.id("b"), Append{1, {1, 1}, 9, 0, records}});
  cluster.settle();
  EXPECT_EQ(cluster.at("a").commit(), commit);
  EXPECT_EQ(cluster.at("b").last().index, 1u);
  EXPECT_THAT(cluster.node("a").alarms, IsEmpty());
}

}  // namespace
}  // namespace roost::cluster::replication
