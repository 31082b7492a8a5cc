// SPDX-License-Identifier: Apache-2.0
// Replicas on real stores: what was committed is on every disk, also behind restarts, cuts and
// lost disks.
#include "cluster/replica_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/replica_meta.h"
#include "tests/cluster/disk_trio.h"

namespace roost::cluster {
namespace {

using Texts = std::vector<std::string>;
using replication::Role;

class ReplicaOnDisk : public testing::Test {
 protected:
  ReplicaOnDisk() : trio_(settings()) {}

  static replication::Settings settings() {
    replication::Settings settings;
    settings.heartbeat_ms = 20;
    settings.retry_ms = 40;
    settings.shrink_ms = 300;
    settings.grow_ms = 50;
    settings.tail_records_max = 8;  // what is older comes from the disk
    return settings;
  }
  bool serves(std::size_t leader) {
    return trio_.run_until([&] { return trio_.node(leader).host->replica().can_propose(); });
  }
  // Writes through that leader.
  void write(std::size_t leader, int first, int last) {
    for (int i = first; i <= last; ++i) {
      const std::string text = std::to_string(i);
      ASSERT_TRUE(trio_.run_until([&] { return trio_.node(leader).write(text); }));
      written_.push_back(text);
    }
  }
  bool all_applied(const std::vector<std::size_t>& nodes) {
    return trio_.run_until([&] {
      return std::all_of(nodes.begin(), nodes.end(),
                         [&](std::size_t i) { return trio_.node(i).applied == written_; });
    });
  }

  Texts written_;
  DiskTrio trio_;
};

TEST_F(ReplicaOnDisk, AppliesWhatIsCommittedOnAllThree) {
  trio_.elect(0, {0, 1, 2});
  ASSERT_TRUE(serves(0));
  write(0, 1, 100);
  EXPECT_TRUE(all_applied({0, 1, 2}));
}

TEST_F(ReplicaOnDisk, HasItAllAfterARestartOfAll) {
  trio_.elect(0, {0, 1, 2});
  ASSERT_TRUE(serves(0));
  write(0, 1, 50);
  ASSERT_TRUE(all_applied({0, 1, 2}));
  trio_.node(1).checkpoint();
  for (std::size_t i = 0; i < 3; ++i) trio_.node(i).stop();
  for (std::size_t i = 0; i < 3; ++i) trio_.node(i).start();
  trio_.elect(2, {0, 1, 2});
  ASSERT_TRUE(serves(2));
  write(2, 51, 60);
  EXPECT_TRUE(all_applied({0, 2}));
  const Texts later(written_.begin() + 50, written_.end());  // the rest is in its state
  EXPECT_TRUE(trio_.run_until([&] { return trio_.node(1).applied == later; }));
  EXPECT_EQ(trio_.node(1).state().size(), 50U);
}

// R3: a process that starts leads nothing, even if the record still names it.
TEST_F(ReplicaOnDisk, ALeaderThatRestartsWaitsForANewEpoch) {
  trio_.elect(0, {0, 1, 2});
  ASSERT_TRUE(serves(0));
  trio_.node(0).stop();
  trio_.node(0).start();
  for (int i = 0; i < 20; ++i) trio_.node(0).turn();
  EXPECT_EQ(trio_.node(0).host->replica().role(), Role::follower);
  trio_.elect(0, {0, 1, 2});
  EXPECT_TRUE(serves(0));
}

// R4: what a leader wrote that nobody else had is cut off when it comes back.
TEST_F(ReplicaOnDisk, CutsWhatWasNeverCommitted) {
  trio_.elect(0, {0, 1, 2});
  ASSERT_TRUE(serves(0));
  write(0, 1, 10);
  ASSERT_TRUE(all_applied({0, 1, 2}));
  trio_.node(0).is_cut_off = true;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(trio_.node(0).write("lost " + std::to_string(i)));
  const auto end = trio_.node(0).host->replica().last().index;
  ASSERT_TRUE(trio_.run_until([&] { return trio_.node(0).host->replica().synced() == end; }));
  trio_.elect(1, {1, 2});
  ASSERT_TRUE(serves(1));
  write(1, 11, 20);
  ASSERT_TRUE(all_applied({1, 2}));
  trio_.node(0).is_cut_off = false;
  trio_.elect(1, {1, 2});
  EXPECT_TRUE(all_applied({0, 1, 2}));
  ASSERT_TRUE(trio_.run_until([&] { return trio_.record().isr.size() == 3; }));
  const auto last = trio_.node(1).host->replica().last();
  for (std::size_t i = 0; i < 3; ++i) trio_.node(i).stop();
  for (std::size_t i = 0; i < 3; ++i) trio_.node(i).start();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(trio_.node(i).host->replica().last(), last) << i;
    EXPECT_EQ(trio_.node(i).store->replica(kTrioShard).epochs,
              trio_.node(1).store->replica(kTrioShard).epochs);
  }
}

// A member that was away reads from the leader's disk what its memory doesn't hold any more.
TEST_F(ReplicaOnDisk, AMemberThatWasAwayCatchesUpFromTheLog) {
  trio_.elect(0, {0, 1, 2});
  ASSERT_TRUE(serves(0));
  trio_.node(2).stop();
  write(0, 1, 200);
  ASSERT_TRUE(all_applied({0, 1}));
  EXPECT_EQ(trio_.record().isr.size(), 2U);
  trio_.node(2).start();
  EXPECT_TRUE(all_applied({0, 1, 2}));
  EXPECT_TRUE(trio_.run_until([&] { return trio_.record().isr.size() == 3; }));
  EXPECT_EQ(trio_.node(2).imports, 0);
}

// Resync: the log that it lacks was trimmed.
TEST_F(ReplicaOnDisk, ALostDiskIsFilledAgain) {
  trio_.elect(0, {0, 1, 2});
  ASSERT_TRUE(serves(0));
  write(0, 1, 100);
  ASSERT_TRUE(all_applied({0, 1, 2}));
  trio_.node(2).stop();
  trio_.node(2).lose_disk();
  ASSERT_TRUE(trio_.run_until([&] { return trio_.record().isr.size() == 2; }));
  trio_.node(0).checkpoint();
  write(0, 101, 110);  // come as log
  ASSERT_TRUE(all_applied({0, 1}));
  trio_.node(2).start();
  trio_.elect(0, {0, 1});
  ASSERT_TRUE(trio_.run_until([&] { return trio_.record().isr.size() == 3; }));
  EXPECT_EQ(trio_.node(2).imports, 1);
  EXPECT_EQ(trio_.node(2).state().size(), 100U);
  write(0, 111, 115);
  const Texts later(written_.begin() + 100, written_.end());
  EXPECT_TRUE(trio_.run_until([&] { return trio_.node(2).applied == later; }));
  // What came is a replica like any other: it can lead.
  trio_.node(0).stop();
  trio_.elect(2, {1, 2});
  EXPECT_TRUE(serves(2));
}

// The mark stands until all is there: half an import is nothing.
TEST_F(ReplicaOnDisk, AnImportThatBreaksOffIsBegunAgain) {
  trio_.elect(0, {0, 1, 2});
  ASSERT_TRUE(serves(0));
  write(0, 1, 100);
  ASSERT_TRUE(all_applied({0, 1, 2}));
  trio_.node(2).stop();
  trio_.node(2).lose_disk();
  ASSERT_TRUE(trio_.run_until([&] { return trio_.record().isr.size() == 2; }));
  trio_.node(0).checkpoint();
  trio_.node(2).start();
  trio_.elect(0, {0, 1});
  ASSERT_TRUE(trio_.run_until([&] { return trio_.node(2).imports == 1; }));
  trio_.node(2).stop();
  trio_.node(2).start();
  ASSERT_TRUE(trio_.run_until([&] { return trio_.record().isr.size() == 3; }));
  EXPECT_EQ(trio_.node(2).state().size(), 100U);
}

// The records come back one by one out of a batch with a damaged one; what said where their epoch
// begins doesn't.
TEST_F(ReplicaOnDisk, RecordsOfAnEpochThatItDoesNotKnowAreNoLog) {
  storage::LogBatch batches[3];
  batches[0].add(kTrioShard, 1, 1, as_bytes("one"));
  batches[1].add(kTrioShard, 2, 2, as_bytes("two"));
  batches[1].add(ShardId{kTrioShard.value + 1}, 1, 1, as_bytes("the bit is here"));
  batches[2].add(kTrioShard, 2, 3, as_bytes("three"));
  for (storage::LogBatch& batch : batches) {
    bool is_written = false;
    trio_.node(1).append(kTrioShard, std::move(batch), [&](const auto&) { is_written = true; });
    ASSERT_TRUE(trio_.run_until([&] { return is_written; }));
  }
  trio_.node(1).stop();
  ASSERT_TRUE(trio_.node(1).damage("the bit is here"));
  trio_.node(1).start();
  EXPECT_EQ(trio_.node(1).store->last(kTrioShard).index, 3U) << "all are there";
  trio_.elect(0, {0, 2});
  ASSERT_TRUE(serves(0));
  write(0, 1, 20);
  ASSERT_TRUE(trio_.run_until([&] { return trio_.record().isr.size() == 3; }));
  EXPECT_EQ(trio_.node(1).imports, 1) << "what it had is replaced";
}

TEST(ReplicaMeta, SurvivesItsBytes) {
  replication::Meta meta;
  meta.fenced = 7;
  meta.lineage = 2;
  meta.is_importing = true;
  meta.import = 9;
  meta.record.counter = 12;
  meta.record.leader = {"a", "uuid"};
  meta.record.isr = {{"a", "uuid"}, {"b", "other"}};
  const auto decoded = decode_meta(encode(meta));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, meta);
  EXPECT_EQ(*decode_meta(""), replication::Meta());
  for (const char* bad : {"x", "roost replica 1", "roost replica 1 1 2 3\n",
                          "roost replica 1 1 2 3 4\n", "roost replica 1 1 2 3 x\n"}) {
    EXPECT_FALSE(decode_meta(bad)) << bad;
  }
}

}  // namespace
}  // namespace roost::cluster
