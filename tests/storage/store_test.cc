// SPDX-License-Identifier: Apache-2.0
// The store on a real folder: what goes in comes out, also of the next life.
#include "storage/store.h"

#include <gtest/gtest.h>
#include <rocksdb/table.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "broker/base/check.h"
#include "storage/database.h"
#include "tests/storage/store_fixture.h"

namespace roost::storage {
namespace {

constexpr ShardId kShard{7}, kOther{8};

class StoreTest : public StoreFixture {};

TEST_F(StoreTest, GivesBackWhatWasAppended) {
  open();
  LogBatch batch;
  batch.add(kShard, 3, 1, as_bytes("one"));
  batch.add(kOther, 3, 1, as_bytes("other"));
  batch.add(kShard, 4, 2, as_bytes(""));
  EXPECT_EQ(batch.count(), 3u);
  EXPECT_EQ(batch.record_bytes(), 8u);
  ASSERT_TRUE(append(std::move(batch)));
  EXPECT_EQ(store_->last(kShard), Position{}) << "as of open()";
  reopen();
  EXPECT_EQ(store_->last(kShard), (Position{4, 2}));
  EXPECT_EQ(store_->last(kOther), (Position{3, 1}));
  EXPECT_EQ(store_->last(ShardId{9}), Position{});
  EXPECT_EQ(replay(kShard, 0), (Records{{3, 1, "one"}, {4, 2, ""}}));
  EXPECT_EQ(replay(kShard, 1), (Records{{4, 2, ""}}));
  EXPECT_EQ(replay(kShard, 2), Records{});
  EXPECT_EQ(replay(kOther, 0), (Records{{3, 1, "other"}}));
}

TEST_F(StoreTest, CallsBackInOrderOfSubmission) {
  open();
  std::vector<int> order;
  std::mutex mutex;
  for (int i = 0; i < 500; ++i) {
    LogBatch batch;
    batch.add(kShard, 1, static_cast<LogIndex>(i + 1), as_bytes("x"));
    store_->append(std::move(batch), i % 2 == 0, [&, i](Result<void> result) {
      const std::lock_guard lock(mutex);
      if (result) order.push_back(i);
    });
  }
  store_.reset();
  ASSERT_EQ(order.size(), 500u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(StoreTest, OneSyncCarriesWhatManySubmitted) {
  open();
  std::vector<std::thread> cores;
  for (std::uint16_t core = 0; core < 8; ++core) {
    cores.emplace_back([this, core] {
      for (LogIndex i = 1; i <= 200; ++i) {
        LogBatch batch;
        batch.add(ShardId{core}, 1, i, as_bytes("record"));
        store_->append(std::move(batch), false, [](Result<void> result) { CHECK(result); });
      }
    });
  }
  for (std::thread& core : cores) core.join();
  append_one(ShardId{20}, 1, "last");
  EXPECT_EQ(store_->counters().appended_records.value(), 1601u);
  EXPECT_LT(store_->counters().syncs.value(), 800u);
  EXPECT_EQ(store_->counters().pending_bytes.value(), 0u);
}

TEST_F(StoreTest, UnderLoadAPacedFsyncWaitsForItsSlot) {
  options_.is_paced = true;
  open();
  const auto begin = std::chrono::steady_clock::now();
  // Enough for 81 in one window of 128 ms, wherever that begins, and for those that wait behind.
  for (LogIndex i = 1; i <= 250; ++i) append_one(kShard, i, "record");
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GT(took, std::chrono::milliseconds(120))
      << "from the 81st on each waits for its slot, to the end of the next window";
  EXPECT_EQ(store_->counters().syncs.value(), 250u);
}

TEST_F(StoreTest, IsCongestedAboveItsLimit) {
  options_.pending_bytes_max = 1000;
  open();
  LogBatch batch;
  batch.add(kShard, 1, 1, as_bytes(std::string(5000, 'x')));
  // The writer can't answer before this callback returns.
  std::atomic<bool> seen{false};
  LogBatch first;
  first.add(kOther, 1, 1, as_bytes("x"));
  store_->append(std::move(first), false, [&](Result<void>) { seen.wait(false); });
  store_->append(std::move(batch), false, [](Result<void>) {});
  EXPECT_TRUE(store_->is_congested());
  seen = true;
  seen.notify_all();
  append_one(kOther, 2, "last");
  EXPECT_FALSE(store_->is_congested());
}

TEST_F(StoreTest, StateIsThereAtOnceAndDurableAfterAFlush) {
  open();
  append_one(kShard, 1, "one");
  write_state(kShard, 1, {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(get(kShard, "a"), "1");
  EXPECT_EQ(get(kOther, "a"), std::nullopt);
  reopen();  // without a flush: the log still has it
  EXPECT_EQ(store_->applied(kShard), 0u);
  EXPECT_EQ(get(kShard, "a"), std::nullopt);
  EXPECT_EQ(replay(kShard, 0).size(), 1u);
  write_state(kShard, 1, {{"a", "1"}, {"b", "2"}});
  ASSERT_TRUE(flush());
  reopen();
  EXPECT_EQ(store_->applied(kShard), 1u);
  EXPECT_EQ(state(kShard), (State{{"a", "1"}, {"b", "2"}}));
}

TEST_F(StoreTest, AFlushTrimsTheLogAndKeepsThePosition) {
  open();
  for (LogIndex i = 1; i <= 10; ++i) append_one(kShard, i, "record", 5);
  write_state(kShard, 8, State{});
  ASSERT_TRUE(flush());
  EXPECT_EQ(store_->counters().trimmed_records.value(), 8u);
  reopen();
  EXPECT_EQ(replay(kShard, 0), (Records{{5, 9, "record"}, {5, 10, "record"}}));
  EXPECT_EQ(store_->last(kShard), (Position{5, 10}));
  write_state(kShard, 10, State{});
  ASSERT_TRUE(flush());
  reopen();
  EXPECT_EQ(replay(kShard, 0), Records{});
  EXPECT_EQ(store_->last(kShard), (Position{5, 10})) << "a trimmed shard knows its last position";
  EXPECT_EQ(store_->applied(kShard), 10u);
  EXPECT_EQ(store_->counters().damaged_records.value(), 0u);
}

TEST_F(StoreTest, ErasesKeysAndRangesOfOneShard) {
  open();
  append_one(kShard, 1, "one");
  for (const ShardId shard : {kShard, kOther}) {
    write_state(shard, 1, {{"a", "1"}, {"b1", "2"}, {"b2", "3"}, {"c", "4"}, {"d", "5"}});
  }
  StateBatch batch;
  batch.erase("a");
  batch.erase_range("b", "c");
  batch.erase_range("d", "");
  write_state(kShard, 2, std::move(batch));
  EXPECT_EQ(state(kShard), (State{{"c", "4"}}));
  EXPECT_EQ(state(kOther).size(), 5u);
}

TEST_F(StoreTest, ScansARangeUntilTheVisitorHasEnough) {
  open();
  write_state(kShard, 1, {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}});
  std::string keys;
  const auto visit = [&](std::string_view key, ByteView) {
    keys.append(key);
    return keys.size() < 2;
  };
  ASSERT_TRUE(store_->view()->scan(kShard, "b", "d", visit));
  EXPECT_EQ(keys, "bc");
  keys.clear();
  ASSERT_TRUE(store_->view()->scan(kShard, "a", "", visit));
  EXPECT_EQ(keys, "ab");
}

TEST_F(StoreTest, AViewDoesNotSeeWhatCameLater) {
  open();
  write_state(kShard, 1, {{"a", "old"}});
  const auto view = store_->view();
  write_state(kShard, 2, {{"a", "new"}});
  EXPECT_EQ(**view->get(kShard, "a"), "old");
  EXPECT_EQ(get(kShard, "a"), "new");
}

TEST_F(StoreTest, ReadsRunOnOtherThreads) {
  open();
  write_state(kShard, 1, {{"a", "1"}});
  std::promise<std::pair<std::thread::id, std::string>> read;
  store_->read([&](const StateView& view) {
    read.set_value({std::this_thread::get_id(), view.get(kShard, "a")->value_or("none")});
  });
  const auto [thread, value] = read.get_future().get();
  EXPECT_NE(thread, std::this_thread::get_id());
  EXPECT_EQ(value, "1");
}

TEST_F(StoreTest, HasOneUuidForLife) {
  open();
  const std::string uuid = store_->uuid();
  EXPECT_EQ(uuid.size(), 36u);
  reopen();
  EXPECT_EQ(store_->uuid(), uuid);
}

TEST_F(StoreTest, RefusesASecondProcessAndNamesTheFirst) {
  int ready[2], finish[2];
  ASSERT_EQ(::pipe(ready) | ::pipe(finish), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto opened = Store::open(options_, log_);
    char byte = opened ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1 || ::read(finish[0], &byte, 1) != 1) ::_exit(1);
    ::_exit(0);  // as kill -9 would: nothing is closed
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const auto refused = Store::open(options_, log_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::already_exists);
  EXPECT_NE(refused.error().message.find("pid " + std::to_string(child)), std::string::npos)
      << refused.error().message;
  ASSERT_EQ(::write(finish[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const int fd : {ready[0], ready[1], finish[0], finish[1]}) ::close(fd);
  open();  // a lock whose owner is gone is none
}

TEST_F(StoreTest, RefusesANewerFormatNamingBoth) {
  open();
  store_.reset();
  std::ofstream(options_.path + "/FORMAT") << "roost store format 12\n";
  const auto refused = Store::open(options_, log_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
  EXPECT_NE(refused.error().message.find("format 12"), std::string::npos);
  EXPECT_NE(refused.error().message.find("up to 1"), std::string::npos);
}

TEST_F(StoreTest, AGarbledFormatFileIsNoReasonToRefuse) {
  open();
  append_one(kShard, 1, "one");
  store_.reset();
  std::ofstream(options_.path + "/FORMAT") << "\x01\x02";
  open();
  EXPECT_EQ(replay(kShard, 0).size(), 1u);
  EXPECT_EQ(log_.count("FORMAT is garbled"), 1u);
}

// Only the write-ahead log and the state: what was trimmed is never written to a table.
TEST_F(StoreTest, WritesARecordOnceWhereItIsTrimmedInTime) {
  options_.write_buffer_bytes = 8 << 20;
  open();
  constexpr int kRounds = 40, kRecords = 5000;
  const std::string record(64, 'r');
  for (int round = 0; round < kRounds; ++round) {
    LogBatch batch;
    for (int i = 1; i <= kRecords; ++i) {
      batch.add(kShard, 1, static_cast<LogIndex>(round * kRecords + i), as_bytes(record));
    }
    ASSERT_TRUE(append(std::move(batch)));
    if (round % 4 != 3) continue;
    write_state(kShard, static_cast<LogIndex>(round + 1) * kRecords, {{"a", "1"}});
    ASSERT_TRUE(flush());
  }
  const StoreCounters& counters = store_->counters();
  const auto records = static_cast<double>(counters.appended_records.value());
  const auto written =
      static_cast<double>(counters.wal_bytes.value() + counters.table_bytes.value());
  RecordProperty("bytes_per_record", std::to_string(written / records));
  EXPECT_LT(written / records, 64 * 1.0 + 45);
  EXPECT_LT(static_cast<double>(counters.table_bytes.value()) / records, 5);
  EXPECT_LT(size_of_files(".log"), 8u << 20) << "write-ahead logs go away";
}

// A backlog that outgrew the write buffer stands in tables; once it is applied, they go.
TEST_F(StoreTest, TablesOfATrimmedLogGoAway) {
  options_.write_buffer_bytes = 1 << 20;
  open();
  std::string record(1000, 'r');
  LogIndex next = 1;
  for (int round = 0; round < 100; ++round) {
    LogBatch batch;
    for (int i = 0; i < 100; ++i, ++next) {
      for (char& c : record) c = static_cast<char>(c * 31 + 7 + static_cast<char>(next));
      batch.add(kShard, 1, next, as_bytes(record));
    }
    ASSERT_TRUE(append(std::move(batch)));
  }
  write_state(kShard, next - 1, State{});
  ASSERT_TRUE(flush());
  reopen();
  EXPECT_LT(size_of_files(".sst") + size_of_files(".log"), 1u << 20);
}

// RocksDB keeps to what it is told; so this is what must be told.
TEST_F(StoreTest, CapsOpenFilesAndMemory) {
  options_.max_open_files = 77;
  options_.cache_bytes = 3 << 20;
  options_.write_buffer_bytes = 5 << 20;
  StoreCounters counters;
  const DatabaseSetup setup(options_, log_, counters);
  EXPECT_EQ(setup.db_options().max_open_files, 77);
  const rocksdb::Cache* shared = nullptr;
  for (const rocksdb::ColumnFamilyOptions& family : {setup.log_options(), setup.state_options()}) {
    EXPECT_EQ(family.write_buffer_size, options_.write_buffer_bytes);
    EXPECT_LE(family.max_write_buffer_number, 4);
    const auto* table = family.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
    ASSERT_NE(table, nullptr);
    EXPECT_TRUE(table->cache_index_and_filter_blocks);  // else they grow beside the cache
    EXPECT_EQ(table->block_cache->GetCapacity(), options_.cache_bytes);
    if (shared != nullptr) {
      EXPECT_EQ(table->block_cache.get(), shared);
    }
    shared = table->block_cache.get();
  }
}

// What is read often stands in memory, and no more of it than was asked for.
TEST_F(StoreTest, CachesAsMuchAsItWasTold) {
  options_.cache_bytes = 256 << 10;
  open();
  std::string value(4000, 'v');
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    for (char& c : value) c = static_cast<char>(random());
    write_state(kShard, static_cast<LogIndex>(i + 1), {{"k" + std::to_string(i), value}});
  }
  ASSERT_TRUE(flush());
  std::promise<int> found;
  store_->read([&](const StateView& view) {
    int there = 0;
    for (int i = 0; i < 500; ++i) {
      const auto read = view.get(kShard, "k" + std::to_string(i));
      if (read && *read) ++there;
    }
    found.set_value(there);
  });
  EXPECT_EQ(found.get_future().get(), 500);
  EXPECT_GT(store_->cached_bytes(), options_.cache_bytes / 4);
  EXPECT_LE(store_->cached_bytes(), options_.cache_bytes);
}

}  // namespace
}  // namespace roost::storage
