// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/checker.h"

#include <gtest/gtest.h>

namespace roost::simulation {
namespace {

constexpr ShardId kShard{3};

struct FakeLog final : LogView {
  std::uint64_t first_index = 1;
  std::vector<Seen> records;
  std::uint64_t first() const override { return first_index; }
  std::uint64_t last() const override { return first_index + records.size() - 1; }
  Seen at(std::uint64_t index) const override { return records[index - first_index]; }
};

class CheckerTest : public testing::Test {
 protected:
  // Two records of epoch 1, both committed.
  void SetUp() override {
    checker.on_apply(kShard, "n1", 1, {1, 11});
    checker.on_apply(kShard, "n1", 2, {1, 12});
    log.records = {{1, 11}, {1, 12}};
    ASSERT_FALSE(checker.violation());
  }
  std::string found() const {
    return checker.violation() ? std::string(name_of(checker.violation()->property)) : "nothing";
  }
  Checker checker;
  FakeLog log;
};

TEST_F(CheckerTest, SeesAPositionThatNamesTwoRecords) {
  checker.on_named(kShard, 3, {1, 13});
  checker.on_named(kShard, 3, {2, 14});
  checker.on_named(kShard, 3, {1, 13});
  EXPECT_EQ(found(), "nothing");
  checker.on_named(kShard, 3, {1, 15});
  EXPECT_EQ(found(), "position reused");
}

TEST_F(CheckerTest, SeesTwoLeadersOfOneEpoch) {
  checker.on_commit(kShard, 1, "n1.1", 1);
  checker.on_commit(kShard, 1, "n1.1", 2);
  checker.on_commit(kShard, 2, "n2.1", 3);
  EXPECT_EQ(found(), "nothing");
  checker.on_commit(kShard, 1, "n1.2", 3);  // the same node, restarted
  EXPECT_EQ(found(), "two leaders");
}

TEST_F(CheckerTest, SeesReplicasThatApplyDifferently) {
  checker.on_apply(kShard, "n2", 1, {1, 11});
  EXPECT_EQ(found(), "nothing");
  checker.on_apply(kShard, "n2", 2, {2, 12});
  EXPECT_EQ(found(), "diverged apply");
}

TEST_F(CheckerTest, SeesAGapInWhatIsApplied) {
  checker.on_apply(kShard, "n2", 4, {1, 14});
  EXPECT_EQ(found(), "diverged apply");
}

TEST_F(CheckerTest, SeesACutOfWhatIsCommittedAndOnlyThat) {
  log.records.push_back({1, 99});
  checker.on_cut(kShard, "n2", 3, log);
  EXPECT_EQ(found(), "nothing");
  checker.on_cut(kShard, "n2", 2, log);
  EXPECT_EQ(found(), "cut commit");
}

TEST_F(CheckerTest, LetsAnotherRecordAtACommittedPlaceBeCut) {
  log.records[1] = {2, 12};
  checker.on_cut(kShard, "n2", 2, log);
  EXPECT_EQ(found(), "nothing");
}

TEST_F(CheckerTest, SeesAnAcknowledgementOfWhatNobodyApplied) {
  checker.on_acknowledged(kShard, 2, {1, 12});
  EXPECT_EQ(found(), "nothing");
  EXPECT_EQ(checker.acknowledged(kShard), 2U);
  checker.on_acknowledged(kShard, 3, {1, 13});
  EXPECT_EQ(found(), "lost ack");
}

TEST_F(CheckerTest, SeesALaterLeaderWithoutWhatWasAcknowledged) {
  checker.on_acknowledged(kShard, 2, {1, 12});
  checker.on_serving(kShard, 2, "n2", log);
  EXPECT_EQ(found(), "nothing");
  log.records[1] = {2, 50};
  checker.on_serving(kShard, 3, "n3", log);
  EXPECT_EQ(found(), "lost ack");
}

TEST_F(CheckerTest, SeesALaterLeaderWithoutWhatWasOnlyCommitted) {
  checker.on_acknowledged(kShard, 1, {1, 11});
  log.records.pop_back();
  checker.on_serving(kShard, 2, "n2", log);
  EXPECT_EQ(found(), "cut commit");
}

// Whoever leads in epoch 1 and hears late of its end.
TEST_F(CheckerTest, LetsADeposedLeaderLackWhatALaterEpochCommitted) {
  checker.on_apply(kShard, "n2", 3, {2, 13});
  checker.on_serving(kShard, 1, "n1", log);
  EXPECT_EQ(found(), "nothing");
  checker.on_serving(kShard, 2, "n3", log);
  EXPECT_EQ(found(), "cut commit");
}

TEST_F(CheckerTest, TakesWhatWasTrimmedAsHeld) {
  log.first_index = 2;
  log.records = {{1, 12}};
  checker.on_serving(kShard, 2, "n2", log);
  EXPECT_EQ(found(), "nothing");
}

TEST_F(CheckerTest, SeesAStaleRead) {
  checker.on_read(kShard, "n1", 2, 2);
  EXPECT_EQ(found(), "nothing");
  checker.on_read(kShard, "n1", 2, 1);
  EXPECT_EQ(found(), "stale read");
}

TEST_F(CheckerTest, SeesAReplicaThatIsBehindInTheEnd) {
  checker.on_acknowledged(kShard, 2, {1, 12});
  checker.on_end(kShard, "n2", 2, log);
  EXPECT_EQ(found(), "nothing");
  checker.on_end(kShard, "n3", 1, log);
  EXPECT_EQ(found(), "lost ack");
}

TEST_F(CheckerTest, SeesAReplicaThatHoldsAnotherRecordInTheEnd) {
  checker.on_acknowledged(kShard, 1, {1, 11});
  log.records[1] = {1, 50};
  checker.on_end(kShard, "n2", 2, log);
  EXPECT_EQ(found(), "lost ack");
}

TEST_F(CheckerTest, KeepsTheFirstViolation) {
  checker.on_stuck(kShard, "nobody leads");
  checker.on_read(kShard, "n1", 2, 1);
  EXPECT_EQ(found(), "stuck shard");
  EXPECT_EQ(checker.violation()->what, "shard 3: nobody leads");
}

}  // namespace
}  // namespace roost::simulation
