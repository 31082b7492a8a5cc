// SPDX-License-Identifier: Apache-2.0
// A running store's files as of one moment, and a stopped one's as they are.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "storage/read_only.h"
#include "tests/storage/store_fixture.h"

namespace roost::storage {
namespace {

namespace fs = std::filesystem;

constexpr ShardId kShard{7}, kOther{8};

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class SnapshotTest : public StoreFixture {
 protected:
  std::unique_ptr<Snapshot> snapshot() {
    auto taken = store_->snapshot();
    EXPECT_TRUE(taken) << taken.error().message;
    return std::move(taken).value();
  }
  // As a backup does.
  std::string copy(const Snapshot& snapshot, const std::string& name) {
    const std::string to = folder_ + "/" + name;
    fs::create_directories(to + "/db");
    for (const SnapshotFile& file : snapshot.files()) {
      std::string bytes = file.path.empty() ? file.content : content_of(file.path);
      EXPECT_GE(bytes.size(), file.bytes) << file.name;
      bytes.resize(file.bytes);
      std::ofstream(to + "/" + file.name, std::ios::binary) << bytes;
    }
    return to;
  }
  void open_copy(const std::string& path) {
    store_.reset();
    options_.path = path;
    open();
  }
  // Name, content and time of change of every file.
  std::map<std::string, std::string> everything() {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(options_.path)) {
      const auto time = entry.last_write_time().time_since_epoch().count();
      all[entry.path().string()] =
          std::to_string(time) + (entry.is_regular_file() ? content_of(entry.path().string()) : "");
    }
    return all;
  }
  std::unique_ptr<ReadOnlyStore> read_only() {
    auto opened = ReadOnlyStore::open(options_.path, log_);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(opened).value() : nullptr;
  }
};

TEST_F(SnapshotTest, ACopyOpensWithEverythingAndAnotherUuid) {
  open();
  append_one(kShard, 1, "one");
  write_state(kShard, 1, {{"a", "1"}});
  ASSERT_TRUE(flush());
  append_one(kShard, 2, "two");
  const std::string uuid = store_->uuid();
  const std::string to = copy(*snapshot(), "copy");
  append_one(kShard, 3, "three");
  open_copy(to);
  EXPECT_EQ(state(kShard), (State{{"a", "1"}}));
  EXPECT_EQ(replay(kShard, 1), (Records{{1, 2, "two"}}));
  const std::string copied = store_->uuid();
  EXPECT_NE(copied, uuid);
  reopen();
  EXPECT_EQ(store_->uuid(), copied);
}

// The log is trimmed, its files are given up, tables are merged: the snapshot keeps what it names.
TEST_F(SnapshotTest, StaysAsItWasWhileTheStoreGoesOn) {
  options_.write_buffer_bytes = 256 << 10;
  open();
  const std::string large(64 << 10, 'x');
  append_one(kShard, 1, "first");
  write_state(kShard, 1, {{"a", "1"}});
  append_one(kOther, 1, "not in the state");
  auto taken = snapshot();
  for (LogIndex i = 2; i < 100; ++i) {
    append_one(kShard, i, large);
    write_state(kShard, i, {{"a", std::to_string(i)}, {"b" + std::to_string(i), large}});
    if (i % 10 == 0) {
      ASSERT_TRUE(flush());
    }
  }
  ASSERT_TRUE(flush());
  for (const SnapshotFile& file : taken->files()) {
    EXPECT_TRUE(file.path.empty() || fs::exists(file.path)) << file.name;
  }
  const std::string to = copy(*taken, "copy");
  taken.reset();  // before the store goes
  open_copy(to);
  EXPECT_EQ(store_->last(kShard).index, 1u);
  EXPECT_EQ(replay(kShard, 0), (Records{{1, 1, "first"}})) << "the state was not on disk";
  EXPECT_EQ(replay(kOther, 0), (Records{{1, 1, "not in the state"}}));
  EXPECT_EQ(log_.count("damage"), 0u);
}

TEST_F(SnapshotTest, GivesTheFilesBackWhenItGoes) {
  options_.write_buffer_bytes = 256 << 10;
  open();
  std::vector<std::string> held;
  append_one(kShard, 1, "first");
  {
    const auto taken = snapshot();
    for (const SnapshotFile& file : taken->files()) {
      if (file.name.ends_with(".log")) held.push_back(file.path);
    }
  }
  ASSERT_FALSE(held.empty());
  for (LogIndex i = 2; i < 100; ++i) {
    append_one(kShard, i, std::string(64 << 10, 'x'));
    write_state(kShard, i, {{"a", std::to_string(i)}});
    if (i % 10 == 0) {
      ASSERT_TRUE(flush());
    }
  }
  // RocksDB deletes on a thread of its own, some time after a flush.
  for (LogIndex i = 100; i < 1000 && fs::exists(held.front()); ++i) {
    append_one(kShard, i, std::string(64 << 10, 'x'));
    write_state(kShard, i, {{"a", std::to_string(i)}});
    ASSERT_TRUE(flush());
  }
  EXPECT_FALSE(fs::exists(held.front()));
}

TEST_F(SnapshotTest, ASuspectStoreHasASuspectCopy) {
  open();
  const auto is_marked = [](const Snapshot& taken) {
    return std::any_of(taken.files().begin(), taken.files().end(),
                       [](const SnapshotFile& file) { return file.name == "SUSPECT"; });
  };
  EXPECT_FALSE(is_marked(*snapshot()));
  std::ofstream(options_.path + "/SUSPECT") << "read all\n";  // as when a damaged page is met
  EXPECT_TRUE(is_marked(*snapshot()));
}

TEST_F(SnapshotTest, ReadOnlySeesStateAndLogAndChangesNothing) {
  open();
  append_one(kShard, 1, "one", 3);
  write_state(kShard, 1, {{"a", "1"}});
  ASSERT_TRUE(flush());
  append_one(kShard, 2, "two", 3);
  append_one(kOther, 1, "other", 3);
  const std::string uuid = store_->uuid();
  store_.reset();
  const auto before = everything();
  {
    const auto store = read_only();
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(store->uuid(), uuid);
    EXPECT_EQ(store->format(), 1);
    EXPECT_FALSE(store->is_copy());
    EXPECT_EQ(store->applied(kShard), 1u);
    EXPECT_EQ(store->trimmed(kShard), 1u);
    EXPECT_EQ(store->last(kShard), (Position{3, 2}));
    const auto value = store->view()->get(kShard, "a");
    ASSERT_TRUE(value);
    EXPECT_EQ(*value, "1");
    std::string records;
    const auto see = [&](std::uint64_t, LogIndex index, ByteView record) {
      records += std::to_string(index) + std::string(as_text(record)) + " ";
    };
    ASSERT_TRUE(store->replay(kShard, 1, see));
    ASSERT_TRUE(store->replay(kOther, 0, see));
    EXPECT_EQ(records, "2two 1other ");
    EXPECT_EQ(store->counters().damaged_records.value(), 0u);
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(SnapshotTest, ReadOnlyRefusesARunningStoreAndNamesIt) {
  open();
  const auto refused = ReadOnlyStore::open(options_.path, log_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::already_exists);
  EXPECT_NE(refused.error().message.find("pid " + std::to_string(::getpid())), std::string::npos);
}

TEST_F(SnapshotTest, ReadOnlyRefusesWhatIsNoStoreAndWhatIsNewer) {
  const std::string empty = folder_ + "/empty";
  fs::create_directories(empty);
  EXPECT_EQ(ReadOnlyStore::open(empty, log_).error().kind, ErrorKind::not_found);
  EXPECT_TRUE(fs::is_empty(empty));
  std::ofstream(empty + "/FORMAT") << "roost store format 99\n";
  const auto newer = ReadOnlyStore::open(empty, log_);
  EXPECT_EQ(newer.error().kind, ErrorKind::invalid_argument);
  EXPECT_NE(newer.error().message.find("99"), std::string::npos);
  EXPECT_NE(newer.error().message.find("up to 1"), std::string::npos);
}

TEST_F(SnapshotTest, ReadOnlyNamesADamagedTableAndReadsTheRest) {
  open();
  State puts;
  for (int i = 0; i < 2000; ++i)
    puts["key" + std::to_string(i)] = std::string(100, static_cast<char>('a' + i % 26));
  append_one(kShard, 1, "one");
  write_state(kShard, 1, puts);
  ASSERT_TRUE(flush());
  store_.reset();
  const auto tables = files(".sst");
  const auto largest = *std::max_element(
      tables.begin(), tables.end(),
      [](const auto& a, const auto& b) { return fs::file_size(a) < fs::file_size(b); });
  std::string bytes = content_of(largest);
  bytes[bytes.size() / 4] ^= 0x10;
  std::ofstream(largest, std::ios::binary) << bytes;
  const auto before = everything();
  const auto store = read_only();
  ASSERT_NE(store, nullptr);
  EXPECT_GE(log_.count("has damaged pages"), 1u);
  std::size_t seen = 0;
  const auto view = store->view();
  static_cast<void>(
      view->scan(kShard, "", "", [&](std::string_view, ByteView) { return ++seen > 0; }));
  EXPECT_GT(seen, 1000u);
  EXPECT_LT(seen, puts.size());
  EXPECT_EQ(everything(), before);
}

}  // namespace
}  // namespace roost::storage
