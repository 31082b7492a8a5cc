// SPDX-License-Identifier: Apache-2.0
// Flipped bits and lost files: the store opens, only what lay on the damaged pages is missing, and
// it says so.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "storage/wal_check.h"
#include "tests/storage/store_fixture.h"

namespace roost::storage {
namespace {

constexpr ShardId kShard{2}, kOther{3};

std::string read_all(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_all(const std::string& name, const std::string& bytes) {
  std::ofstream(name, std::ios::binary | std::ios::trunc) << bytes;
}

class Damage : public StoreFixture {
 protected:
  static std::string record(LogIndex index, std::size_t size = 100) {
    std::string bytes = "record " + std::to_string(index) + " ";
    bytes.resize(size, static_cast<char>('a' + index % 26));
    return bytes;
  }
  void append_records(LogIndex first, LogIndex last, std::size_t batch_size = 10) {
    for (LogIndex i = first; i <= last;) {
      LogBatch batch;
      for (std::size_t n = 0; n < batch_size && i <= last; ++n, ++i) {
        batch.add(kShard, 1, i, as_bytes(record(i)));
      }
      ASSERT_TRUE(append(std::move(batch)));
    }
  }
  // Closes the store and flips a bit where `text` stands in one of the files.
  void flip_in_file(std::string_view ending, std::string_view text) {
    store_.reset();
    for (const std::string& name : files(ending)) {
      std::string bytes = read_all(name);
      const std::size_t at = bytes.find(text);
      if (at == std::string::npos) continue;
      bytes[at] ^= 0x01;
      return write_all(name, bytes);
    }
    FAIL() << "no file ending in " << ending << " has " << text;
  }
  // The indexes that replay gives, after checking their bytes.
  std::set<LogIndex> indexes() {
    std::set<LogIndex> found;
    LogIndex before = 0;
    for (const auto& [epoch, index, bytes] : replay(kShard, 0)) {
      EXPECT_GT(index, before);
      EXPECT_EQ(bytes, record(index));
      before = index;
      found.insert(index);
    }
    return found;
  }
  std::uint64_t counted(const Counter StoreCounters::*counter) const {
    return (store_->counters().*counter).value();
  }
};

TEST_F(Damage, ABitInTheLogCostsOneRecord) {
  open();
  const std::string uuid = store_->uuid();
  append_records(1, 2000);
  flip_in_file(".log", "record 777 ");
  open();
  std::set<LogIndex> wanted;
  for (LogIndex i = 1; i <= 2000; ++i) wanted.insert(i);
  wanted.erase(777);
  EXPECT_EQ(indexes(), wanted);
  EXPECT_EQ(store_->last(kShard).index, 2000u);
  EXPECT_EQ(counted(&StoreCounters::damaged_files), 1u);
  EXPECT_EQ(counted(&StoreCounters::damaged_records), 1u);
  EXPECT_GT(counted(&StoreCounters::salvaged_records), 9u) << "RocksDB drops the rest of a block";
  EXPECT_EQ(files(".log", "/damaged").size(), 1u);
  EXPECT_EQ(log_.count("shard 2: the records from index 777 to 777 are missing"), 1u);
  EXPECT_NE(store_->uuid(), uuid) << "R7: it may not hold all that it ever synced";
  reopen();
  EXPECT_EQ(indexes(), wanted) << "what was saved is durable";
  EXPECT_EQ(counted(&StoreCounters::damaged_files), 0u);
}

TEST_F(Damage, ABitInALargeBatchCostsOneRecord) {
  open();
  append_records(1, 3000, 3000);  // one batch over ten blocks
  append_records(3001, 3001);
  flip_in_file(".log", "record 1500 ");
  open();
  EXPECT_EQ(indexes().size(), 3000u);
  EXPECT_EQ(counted(&StoreCounters::damaged_records), 1u);
}

TEST_F(Damage, ATornTailIsCutWithoutAlarm) {
  open();
  append_records(1, 100);
  store_.reset();
  const std::string name = files(".log").back();
  write_all(name, read_all(name).substr(0, std::filesystem::file_size(name) - 50));
  open();
  EXPECT_EQ(indexes().size(), 90u) << "a batch is there whole or not at all";
  EXPECT_EQ(store_->last(kShard).index, 90u);
  EXPECT_EQ(counted(&StoreCounters::damaged_files), 0u);
  EXPECT_GT(counted(&StoreCounters::tail_bytes_cut), 0u);
}

TEST_F(Damage, ZerosBehindTheLogAreNoAlarm) {
  open();
  append_records(1, 100);
  store_.reset();
  const std::string name = files(".log").back();
  write_all(name, read_all(name) + std::string(100'000, '\0'));
  open();
  EXPECT_EQ(indexes().size(), 100u);
  EXPECT_EQ(counted(&StoreCounters::damaged_files), 0u);
}

// The log's records in a table, and the state's entries in another.
class TableDamage : public Damage {
 protected:
  void fill() {
    options_.write_buffer_bytes = 1 << 20;
    open();
    append_records(1, 12'000, 1000);
    for (int part = 0; part < 2; ++part) {
      StateBatch batch;
      for (int i = part; i < 4000; i += 2) {
        const std::string value = noise(static_cast<std::uint64_t>(i)) + "value " + key(i);
        batch.put(key(i), as_bytes(value));
      }
      write_state(kOther, 1, std::move(batch));
      ASSERT_TRUE(flush());
    }
  }
  static std::string key(int i) {
    std::string number = std::to_string(i);
    return "key" + std::string(5 - number.size(), '0') + number;
  }
  // Doesn't compress.
  static std::string noise(std::uint64_t seed) {
    std::string bytes;
    for (int i = 0; i < 50; ++i) {
      seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
      bytes.push_back(static_cast<char>(seed >> 56));
    }
    return bytes;
  }
  std::size_t count_state() {
    std::size_t right = 0;
    std::string before;
    EXPECT_TRUE(store_->view()->scan(kOther, "", "", [&](std::string_view name, ByteView value) {
      EXPECT_LT(before, name);
      before = name;
      const auto suffix = "value " + std::string(name);
      right += as_text(value).ends_with(suffix) ? 1 : 0;
      return true;
    }));
    return right;
  }
};

TEST_F(TableDamage, ABitInATableOfTheStateCostsOnePage) {
  fill();
  store_.reset();
  // The larger tables' middles are pages of data.
  std::string damaged;
  for (const std::string& name : files(".sst")) {
    std::string bytes = read_all(name);
    if (bytes.find("key0") == std::string::npos || bytes.size() < 60'000) continue;
    bytes[bytes.size() / 2] ^= 0x01;
    write_all(name, bytes);
    damaged = name.substr(name.rfind('/') + 1);
    break;
  }
  ASSERT_FALSE(damaged.empty());
  open();
  const std::size_t left = count_state();
  EXPECT_LT(left, 4000u);
  EXPECT_GT(left, 4000u - 300) << "more than a page is gone";
  EXPECT_EQ(counted(&StoreCounters::damaged_files), 1u);
  EXPECT_EQ(counted(&StoreCounters::damaged_reads), 0u) << "the page is gone, not in the way";
  EXPECT_EQ(files(damaged, "/damaged").size(), 1u);
  EXPECT_EQ(log_.count("of " + damaged + " is missing: the state between shard 3"), 1u);
  EXPECT_EQ(indexes().size(), 12'000u);
  EXPECT_EQ(store_->applied(kOther), 1u);
  append_records(12'001, 12'010);
  reopen();
  EXPECT_EQ(count_state(), left);
  EXPECT_EQ(indexes().size(), 12'010u);
  EXPECT_EQ(counted(&StoreCounters::damaged_files), 0u);
}

TEST_F(TableDamage, ABitInATableOfTheLogCostsOnePage) {
  fill();
  store_.reset();
  bool flipped = false;
  for (const std::string& name : files(".sst")) {
    std::string bytes = read_all(name);
    const std::size_t at = bytes.find("record ");
    if (at == std::string::npos) continue;
    bytes[bytes.size() / 2] ^= 0x01;
    write_all(name, bytes);
    flipped = true;
    break;
  }
  ASSERT_TRUE(flipped);
  open();
  const std::size_t left = indexes().size();
  EXPECT_LT(left, 12'000u);
  EXPECT_GT(left, 12'000u - 2000);
  EXPECT_EQ(counted(&StoreCounters::damaged_records), 12'000u - left);
  EXPECT_EQ(log_.count("are missing or damaged"), 1u) << "one gap";
  EXPECT_EQ(count_state(), 4000u);
}

TEST_F(TableDamage, WhatOpenDidNotCheckIsPassedOverAndMendedNextTime) {
  fill();
  store_.reset();
  for (const std::string& name : files(".sst")) {
    std::string bytes = read_all(name);
    if (bytes.find("key0") == std::string::npos || bytes.size() < 60'000) continue;
    bytes[bytes.size() / 2] ^= 0x01;
    write_all(name, bytes);
    break;
  }
  options_.verify_bytes_max = 0;
  open();
  const std::size_t left = count_state();
  EXPECT_GT(left, 4000u - 300);
  EXPECT_EQ(counted(&StoreCounters::damaged_reads), 1u);
  EXPECT_EQ(count_state(), left);
  EXPECT_EQ(log_.count("the state has a damaged page"), 1u) << "said once";
  EXPECT_EQ(counted(&StoreCounters::damaged_reads), 2u) << "counted each time";
  reopen();
  EXPECT_EQ(counted(&StoreCounters::damaged_files), 1u);
  EXPECT_GE(count_state(), left);
  EXPECT_EQ(counted(&StoreCounters::damaged_reads), 0u);
}

TEST_F(TableDamage, WithoutItsListOfFilesTheStoreOpensWithEverything) {
  fill();
  write_state(kShard, 11'000, State{{"a", "1"}});
  ASSERT_TRUE(flush());
  store_.reset();
  std::filesystem::remove(options_.path + "/db/CURRENT");
  open();
  EXPECT_EQ(count_state(), 4000u);
  EXPECT_EQ(state(kShard), (State{{"a", "1"}}));
  EXPECT_EQ(store_->applied(kShard), 11'000u);
  EXPECT_EQ(replay(kShard, 11'000).size(), 1000u);
  EXPECT_EQ(store_->last(kShard).index, 12'000u);
}

TEST_F(TableDamage, AGarbledListOfFilesIsNoReasonToRefuse) {
  fill();
  store_.reset();
  for (const auto& entry : std::filesystem::directory_iterator(options_.path + "/db")) {
    const std::string name = entry.path();
    if (name.find("MANIFEST") != std::string::npos) write_all(name, std::string(500, 'x'));
  }
  open();
  EXPECT_EQ(count_state(), 4000u);
  EXPECT_EQ(indexes().size(), 12'000u);
  EXPECT_GE(files("", "/damaged").size(), 1u);
}

TEST_F(TableDamage, AMissingTableIsNoReasonToRefuse) {
  fill();
  store_.reset();
  for (const std::string& name : files(".sst")) {
    if (read_all(name).find("key0") != std::string::npos) {
      std::filesystem::remove(name);
      break;
    }
  }
  open();
  EXPECT_EQ(count_state(), 2000u);
  EXPECT_EQ(indexes().size(), 12'000u);
}

TEST_F(TableDamage, ATableWithoutItsEndIsPutAside) {
  fill();
  store_.reset();
  for (const std::string& name : files(".sst")) {
    const std::string bytes = read_all(name);
    if (bytes.find("key0") == std::string::npos) continue;
    write_all(name, bytes.substr(0, bytes.size() - 1000));
    break;
  }
  open();
  EXPECT_GE(count_state(), 2000u);
  EXPECT_EQ(indexes().size(), 12'000u);
  EXPECT_GE(counted(&StoreCounters::damaged_files), 1u);
}

TEST(WalCheck, AnEmptyLogHasNothing) {
  const WalReport report = check_wal("", true);
  EXPECT_EQ(report.tail_bytes + report.damaged_bytes + report.records.size(), 0u);
}

TEST(WalCheck, NoiseIsATailWhereItIsLastAndDamageWhereItIsNot) {
  const std::string noise(1000, 'n');
  EXPECT_EQ(check_wal(noise, true).tail_bytes, 1000u);
  EXPECT_EQ(check_wal(noise, true).damaged_bytes, 0u);
  EXPECT_EQ(check_wal(noise, false).tail_bytes, 0u);
  EXPECT_EQ(check_wal(noise, false).damaged_bytes, 1000u);
}

}  // namespace
}  // namespace roost::storage
