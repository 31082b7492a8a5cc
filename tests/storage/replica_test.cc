// SPDX-License-Identifier: Apache-2.0
// What replication needs of the store: cut suffixes, epochs that are never trimmed, what a replica
// remembers, a shard's snapshot and its import, and when the store becomes another one (R7).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/storage/crash_file_system.h"
#include "tests/storage/store_fixture.h"

namespace roost::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ShardId kShard{2}, kOther{3};

class Replicas : public StoreFixture {
 protected:
  using Table = std::vector<EpochStart>;

  void append_many(ShardId shard, std::uint64_t epoch, LogIndex first, LogIndex last) {
    for (LogIndex i = first; i <= last; ++i) append_one(shard, i, "r" + std::to_string(i), epoch);
  }
  void cut(ShardId shard, LogIndex last) {
    LogBatch batch;
    batch.cut_after(shard, last);
    ASSERT_TRUE(append(std::move(batch), true));
  }
  std::vector<LogIndex> indexes(ShardId shard) {
    std::vector<LogIndex> found;
    for (const auto& [epoch, index, record] : replay(shard, 0)) found.push_back(index);
    return found;
  }
  template <typename Start>
  static Result<void> wait(Start&& start) {
    std::promise<Result<void>> answer;
    start([&answer](Result<void> result) { answer.set_value(std::move(result)); });
    return answer.get_future().get();
  }
  Result<void> begin_import(ShardId shard) {
    return wait([&](auto done) { store_->begin_import(shard, done); });
  }
  Result<void> end_import(ShardId shard, ReplicaStore::Imported imported) {
    return wait([&](auto done) { store_->end_import(shard, std::move(imported), done); });
  }
  Result<void> write_unapplied(ShardId shard, const std::string& key, const std::string& value) {
    StateBatch batch;
    batch.put(key, as_bytes(value));
    return wait([&](auto done) { store_->write_state(shard, 0, 0, std::move(batch), done); });
  }
  std::vector<std::string> read_log(ShardId shard, LogIndex first, LogIndex last,
                                    std::uint64_t bytes) {
    std::promise<std::vector<std::string>> answer;
    store_->read_log(shard, first, last, bytes,
                     [&](Result<std::vector<ReplicaStore::LogPiece>> read) {
                       std::vector<std::string> lines;
                       if (!read) lines.push_back(read.error().message);
                       for (std::size_t i = 0; read && i < read->size(); ++i) {
                         const ReplicaStore::LogPiece& one = (*read)[i];
                         lines.push_back(std::to_string(one.position.epoch) + "/" +
                                         std::to_string(one.position.index) + " " + one.record);
                       }
                       answer.set_value(std::move(lines));
                     });
    return answer.get_future().get();
  }
};

TEST_F(Replicas, KnowsWhichEpochBeginsWhere) {
  open();
  append_many(kShard, 3, 1, 4);
  append_many(kShard, 7, 5, 6);
  append_many(kOther, 1, 1, 1);
  reopen();
  EXPECT_EQ(store_->replica(kShard).epochs, (Table{{3, 1}, {7, 5}}));
  EXPECT_EQ(store_->replica(kOther).epochs, (Table{{1, 1}}));
  append_many(kShard, 7, 7, 7);
  append_many(kShard, 8, 8, 8);
  reopen();
  EXPECT_EQ(store_->replica(kShard).epochs, (Table{{3, 1}, {7, 5}, {8, 8}}));
}

TEST_F(Replicas, ASuffixIsCutWithItsEpochs) {
  open();
  append_many(kShard, 1, 1, 3);
  append_many(kShard, 2, 4, 5);
  append_many(kOther, 1, 1, 2);
  cut(kShard, 2);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(indexes(kShard), ElementsAre(1, 2));
    EXPECT_THAT(indexes(kOther), ElementsAre(1, 2));
    reopen();
    EXPECT_EQ(store_->replica(kShard).last, (Position{1, 2}));
    EXPECT_EQ(store_->replica(kShard).epochs, (Table{{1, 1}}));
  }
}

// In one batch with what takes its place, as a follower gets it.
TEST_F(Replicas, WhatWasCutIsReplaced) {
  open();
  append_many(kShard, 1, 1, 3);
  LogBatch batch;
  batch.cut_after(kShard, 1);
  batch.add(kShard, 4, 2, as_bytes("new"));
  ASSERT_TRUE(append(std::move(batch)));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(replay(kShard, 0), (Records{{1, 1, "r1"}, {4, 2, "new"}}));
    reopen();
    EXPECT_EQ(store_->replica(kShard).epochs, (Table{{1, 1}, {4, 2}}));
  }
}

TEST_F(Replicas, ABatchBehindAnotherIsWrittenInThatOrder) {
  open();
  append_many(kShard, 1, 1, 3);
  LogBatch all, cut, added;
  cut.cut_after(kShard, 1);
  added.add(kShard, 4, 2, as_bytes("new"));
  added.put_meta(kOther, "meta");
  all.add(std::move(cut));
  all.add(LogBatch());
  all.add(std::move(added));
  EXPECT_EQ(all.count(), 1U);
  EXPECT_EQ(all.record_bytes(), 3U);
  ASSERT_TRUE(append(std::move(all)));
  EXPECT_EQ(replay(kShard, 0), (Records{{1, 1, "r1"}, {4, 2, "new"}}));
  reopen();
  EXPECT_EQ(store_->replica(kOther).meta, "meta");
}

TEST_F(Replicas, TheTableOutlivesTheTrim) {
  open();
  append_many(kShard, 1, 1, 3);
  append_many(kShard, 2, 4, 6);
  write_state(kShard, 5, State{{"k", "v"}});
  ASSERT_TRUE(flush());
  reopen();
  const ReplicaOnDisk replica = store_->replica(kShard);
  EXPECT_EQ(replica.epochs, (Table{{1, 1}, {2, 4}}));
  EXPECT_EQ(replica.first_kept, 6U);
  EXPECT_EQ(replica.applied, 5U);
  EXPECT_EQ(replica.last, (Position{2, 6}));
}

// The trim's mark was written while the log ended in an epoch that is cut off later.
TEST_F(Replicas, ALogCutBackToItsTrimEndsInTheEpochOfThatRecord) {
  open();
  append_many(kShard, 1, 1, 3);
  append_many(kShard, 2, 4, 4);
  write_state(kShard, 3, State{{"k", "v"}});
  ASSERT_TRUE(flush());
  cut(kShard, 3);
  reopen();
  EXPECT_EQ(store_->replica(kShard).last, (Position{1, 3}));
}

TEST_F(Replicas, RemembersTheLastMetaOfEachShard) {
  open();
  EXPECT_EQ(store_->replica(kShard).meta, "");
  for (const std::string_view meta : {"first", "second"}) {
    LogBatch batch;
    batch.put_meta(kShard, meta);
    ASSERT_TRUE(append(std::move(batch), true));
  }
  reopen();
  EXPECT_EQ(store_->replica(kShard).meta, "second");
  EXPECT_EQ(store_->replica(kOther).meta, "");
}

TEST_F(Replicas, ReadsAPieceOfTheLog) {
  open();
  append_many(kShard, 1, 1, 5);
  EXPECT_THAT(read_log(kShard, 2, 4, 1000), ElementsAre("1/2 r2", "1/3 r3", "1/4 r4"));
  EXPECT_THAT(read_log(kShard, 2, 9, 3), ElementsAre("1/2 r2", "1/3 r3"));
  EXPECT_THAT(read_log(kShard, 2, 9, 0), ElementsAre("1/2 r2"));
  EXPECT_THAT(read_log(kShard, 6, 9, 1000), IsEmpty());
  write_state(kShard, 2, State{{"k", "v"}});
  ASSERT_TRUE(flush());
  EXPECT_THAT(read_log(kShard, 2, 4, 1000), IsEmpty()) << "its beginning was trimmed";
  EXPECT_THAT(read_log(kShard, 3, 4, 1000), ElementsAre("1/3 r3", "1/4 r4"));
}

TEST_F(Replicas, ASnapshotIsOneMoment) {
  open();
  append_many(kShard, 1, 1, 4);
  write_state(kShard, 2, State{{"a", "1"}, {"b", "2"}});
  ASSERT_TRUE(flush());
  auto taken = store_->shard_snapshot(kShard);
  ASSERT_TRUE(taken);
  append_many(kShard, 2, 5, 6);
  write_state(kShard, 6, State{{"a", "later"}, {"c", "3"}});
  ASSERT_TRUE(flush());
  const ShardSnapshot& snapshot = **taken;
  EXPECT_EQ(snapshot.last(), (Position{1, 4}));
  EXPECT_EQ(snapshot.first_kept(), 3U);
  EXPECT_EQ(snapshot.applied(), 2U);
  EXPECT_EQ(snapshot.epochs(), (Table{{1, 1}}));
  State state;
  ASSERT_TRUE(snapshot.scan_state("", [&](std::string_view key, ByteView value) {
    state.emplace(key, as_text(value));
    return true;
  }));
  EXPECT_EQ(state, (State{{"a", "1"}, {"b", "2"}}));
  std::vector<LogIndex> records;
  ASSERT_TRUE(snapshot.scan_log(0, [&](std::uint64_t, LogIndex index, ByteView) {
    records.push_back(index);
    return true;
  }));
  EXPECT_THAT(records, ElementsAre(3, 4));
}

TEST_F(Replicas, AnImportReplacesAllThatWasThere) {
  open();
  append_many(kShard, 1, 1, 9);
  append_many(kOther, 1, 1, 2);
  write_state(kShard, 8, State{{"old", "x"}});
  write_state(kOther, 2, State{{"other", "y"}});
  ASSERT_TRUE(flush());
  ASSERT_TRUE(begin_import(kShard));
  EXPECT_THAT(state(kShard), IsEmpty());
  ASSERT_TRUE(write_unapplied(kShard, "new", "z"));
  append_many(kShard, 5, 4, 6);  // came as log, behind what was trimmed
  ASSERT_TRUE(end_import(kShard, {{{2, 1}, {5, 3}}, {5, 3}, 5, "whole"}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(state(kShard), (State{{"new", "z"}}));
    EXPECT_EQ(state(kOther), (State{{"other", "y"}}));
    EXPECT_THAT(indexes(kShard), ElementsAre(4, 5, 6));
    reopen();
    const ReplicaOnDisk replica = store_->replica(kShard);
    EXPECT_EQ(replica.epochs, (Table{{2, 1}, {5, 3}}));
    EXPECT_EQ(replica.first_kept, 4U);
    EXPECT_EQ(replica.applied, 5U);
    EXPECT_EQ(replica.last, (Position{5, 6}));
    EXPECT_EQ(replica.meta, "whole");
  }
  // And goes on as any shard does.
  write_state(kShard, 6, State{{"new", "zz"}});
  ASSERT_TRUE(flush());
  append_many(kShard, 5, 7, 7);
  EXPECT_THAT(indexes(kShard), ElementsAre(7));
}

TEST_F(Replicas, AnImportWithoutRecordsEndsWhereItsTrimDoes) {
  open();
  append_many(kShard, 1, 1, 9);
  ASSERT_TRUE(begin_import(kShard));
  ASSERT_TRUE(end_import(kShard, {{{2, 1}}, {2, 4}, 4, "whole"}));
  append_many(kShard, 2, 5, 5);
  reopen();
  EXPECT_EQ(store_->replica(kShard).last, (Position{2, 5}));
  EXPECT_EQ(store_->replica(kShard).first_kept, 5U);
}

TEST_F(Replicas, IsAnotherOneAfterAFailedFsync) {
  auto disk = std::make_shared<CrashFileSystem>(1, folder_);
  options_.file_system = disk;
  std::string why;
  options_.on_fatal = [&](std::string_view said) { why = said; };
  open();
  append_many(kShard, 1, 1, 1);
  const std::string uuid = store_->uuid();
  disk->fail_at(CrashFileSystem::Event::sync, 0);
  LogBatch batch;
  batch.add(kShard, 1, 2, as_bytes("x"));
  ASSERT_FALSE(append(std::move(batch)));
  EXPECT_NE(why, "");
  reopen();
  const std::string next = store_->uuid();
  EXPECT_NE(next, uuid);
  reopen();
  EXPECT_EQ(store_->uuid(), next);
}

}  // namespace
}  // namespace roost::storage
