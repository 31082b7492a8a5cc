// SPDX-License-Identifier: Apache-2.0
// From a running store to a backup to a data directory, and all that may not become one.
#include "broker/admin/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>

#include "broker/admin/restore.h"
#include "tests/support/vector_log.h"

namespace roost::admin {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::map<std::string, std::string> tree(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) all[entry.path().string()] = content_of(entry.path());
  }
  return all;
}

void flip(const std::string& path, std::size_t at) {
  std::string bytes = content_of(path);
  bytes[at] ^= 0x10;
  std::ofstream(path, std::ios::binary) << bytes;
}

class BackupTest : public testing::Test {
 protected:
  BackupTest() {
    char name[] = "/tmp/roost-admin-XXXXXX";
    folder_ = ::mkdtemp(name);
    data_ = folder_ + "/data";
    backup_ = folder_ + "/backup";
    storage::StoreOptions options;
    options.path = data_;
    options.reserve_bytes = 0;
    auto opened = storage::Store::open(options, log_);
    EXPECT_TRUE(opened);
    store_ = std::move(opened).value();
    append(1, "the first");
  }
  ~BackupTest() override {
    store_.reset();
    fs::remove_all(folder_);
  }

  void append(storage::LogIndex index, std::string_view record) {
    storage::LogBatch batch;
    batch.add(ShardId{3}, 1, index, as_bytes(record));
    std::promise<bool> done;
    store_->append(std::move(batch), false,
                   [&](const Result<void>& result) { done.set_value(result.has_value()); });
    ASSERT_TRUE(done.get_future().get());
  }
  BackupPlan plan(const std::string& directory) const {
    return {directory, data_, "0.1.0", "2026-11-26T14:20:45Z", 16};
  }
  Result<Manifest> write(const std::string& directory, const Progress& progress = {}) {
    if (auto fits = check_backup_place(plan(directory)); !fits) return Unexpected(fits.error());
    const auto snapshot = store_->snapshot();
    EXPECT_TRUE(snapshot);
    return write_backup(plan(directory), **snapshot, progress);
  }
  std::string refusal(const std::string& directory) {
    const auto written = write(directory);
    EXPECT_FALSE(written) << directory;
    return written ? "" : written.error().message;
  }
  std::string record_of(const std::string& data_dir) {
    storage::StoreOptions options;
    options.path = data_dir;
    options.reserve_bytes = 0;
    const auto opened = storage::Store::open(options, log_);
    EXPECT_TRUE(opened);
    std::string records;
    const auto see = [&](std::uint64_t, storage::LogIndex, ByteView record) {
      records += std::string(as_text(record)) + ";";
    };
    EXPECT_TRUE((*opened)->replay(ShardId{3}, 0, see));
    return records;
  }

  std::string folder_, data_, backup_;
  support::VectorLog log_;
  std::unique_ptr<storage::Store> store_;
};

TEST_F(BackupTest, IsWholeAndOnlyForItsOwner) {
  const auto written = write(backup_);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_FALSE(fs::exists(backup_ + ".partial"));
  const auto read = read_manifest(backup_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->shards, 16);
  EXPECT_EQ(read->files.size() + 2, tree(backup_).size()) << "and the manifest with its sum";
  EXPECT_TRUE(verify_backup(backup_, {}));
  for (const auto& entry : fs::recursive_directory_iterator(backup_)) {
    struct stat about {};
    ASSERT_EQ(::stat(entry.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 077, 0u) << entry.path();
    EXPECT_TRUE(entry.is_directory() || about.st_nlink == 1) << "shared with the running store";
  }
}

TEST_F(BackupTest, GoesToNewOrEmptyFoldersOnly) {
  fs::create_directories(backup_);
  EXPECT_TRUE(write(backup_)) << "empty";
  EXPECT_THAT(refusal(backup_), HasSubstr("not empty"));
  EXPECT_THAT(refusal("backup"), HasSubstr("absolute"));
  EXPECT_THAT(refusal(data_ + "/backup"), HasSubstr("inside the data directory"));
  EXPECT_THAT(refusal(data_), HasSubstr("inside the data directory"));
  EXPECT_THAT(refusal(folder_ + "/x/../data/backup"), HasSubstr("inside the data directory"));
  fs::create_directory_symlink(data_, folder_ + "/link");
  EXPECT_THAT(refusal(folder_ + "/link/backup"), HasSubstr("inside the data directory"));
  EXPECT_THAT(refusal(folder_ + "/nowhere/backup"), HasSubstr("no folder"));
  std::ofstream(folder_ + "/file") << "x";
  EXPECT_THAT(refusal(folder_ + "/file"), HasSubstr("already there"));
  fs::create_directories(folder_ + "/second.partial");
  EXPECT_THAT(refusal(folder_ + "/second"), HasSubstr("cut short"));
  EXPECT_TRUE(write(folder_ + "/data-of-today/")) << "its name only begins like the data's";
}

TEST_F(BackupTest, OneThatIsStoppedLeavesNothing) {
  const auto written = write(backup_, [](std::uint64_t) { return false; });
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("stopped"));
  EXPECT_FALSE(fs::exists(backup_));
  EXPECT_FALSE(fs::exists(backup_ + ".partial"));
  EXPECT_TRUE(write(backup_)) << "and can be made again";
}

TEST_F(BackupTest, CanBeRestoredManyTimesAndStaysAsItIs) {
  ASSERT_TRUE(write(backup_));
  append(2, "the second");
  const auto before = tree(backup_);
  fs::create_directories(folder_ + "/mounted/lost+found");
  for (const std::string target : {"/one", "/two/deep", "/mounted"}) {
    const auto restored = restore_backup(backup_, folder_ + target, {});
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_TRUE(check_servable(folder_ + target));
    EXPECT_FALSE(fs::exists(folder_ + target + "/restore.partial"));
    EXPECT_EQ(content_of(folder_ + target + "/shards"), "16\n");
    EXPECT_EQ(record_of(folder_ + target), "the first;");
  }
  EXPECT_EQ(tree(backup_), before);
}

TEST_F(BackupTest, RestoresToNoDirectoryThatIsUsedOrHoldsAnything) {
  ASSERT_TRUE(write(backup_));
  const auto used = restore_backup(backup_, data_, {});
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().kind, ErrorKind::already_exists);
  EXPECT_THAT(used.error().message, HasSubstr("pid " + std::to_string(::getpid())));
  store_.reset();
  const auto before = tree(data_);
  const auto full = restore_backup(backup_, data_, {});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, ErrorKind::already_exists);
  EXPECT_THAT(full.error().message, HasSubstr("move it away"));
  EXPECT_EQ(tree(data_), before);
}

TEST_F(BackupTest, AFlippedByteInAnyFileIsFoundAndNamed) {
  ASSERT_TRUE(write(backup_));
  const std::string target = folder_ + "/target";
  for (const auto& [path, content] : tree(backup_)) {
    if (content.empty()) continue;
    flip(path, content.size() / 2);
    const auto restored = restore_backup(backup_, target, {});
    ASSERT_FALSE(restored) << path;
    EXPECT_EQ(restored.error().kind, ErrorKind::corrupt) << path;
    const std::string name = fs::path(path).filename().string();
    EXPECT_THAT(restored.error().message, HasSubstr(name));
    EXPECT_FALSE(verify_backup(backup_, {})) << path;
    EXPECT_FALSE(fs::exists(target)) << "left behind for " << path;
    flip(path, content.size() / 2);
  }
  EXPECT_TRUE(restore_backup(backup_, target, {}));
}

TEST_F(BackupTest, AMissingLongerOrShorterFileIsFoundAndNamed) {
  ASSERT_TRUE(write(backup_));
  const std::string target = folder_ + "/target", path = backup_ + "/db/CURRENT";
  const std::string good = content_of(path);
  for (const std::string& bad : {good + "x", good.substr(1), std::string()}) {
    std::ofstream(path, std::ios::binary) << bad;
    const auto restored = restore_backup(backup_, target, {});
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().kind, ErrorKind::corrupt);
    EXPECT_THAT(restored.error().message, HasSubstr("db/CURRENT"));
  }
  fs::remove(path);
  const auto restored = restore_backup(backup_, target, {});
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().kind, ErrorKind::not_found);
  EXPECT_THAT(restored.error().message, HasSubstr("db/CURRENT"));
  EXPECT_EQ(read_manifest(folder_).error().kind, ErrorKind::not_found);
}

// Whatever was moved already: no broker starts on it, and a second restore ends it.
TEST_F(BackupTest, ARestoreThatWasCutShortServesNobodyAndIsMadeAgain) {
  ASSERT_TRUE(write(backup_));
  const std::string target = folder_ + "/target";
  fs::create_directories(target + "/restore.partial/db");
  std::ofstream(target + "/restore.partial/db/000001.sst") << "half";
  std::ofstream(target + "/FORMAT") << "roost store format 1\n";
  const auto servable = check_servable(target);
  ASSERT_FALSE(servable);
  EXPECT_THAT(servable.error().message, HasSubstr("restore"));
  const auto restored = restore_backup(backup_, target, {});
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_TRUE(check_servable(target));
  EXPECT_EQ(record_of(target), "the first;");
}

TEST_F(BackupTest, ABackupItselfIsNotServed) {
  ASSERT_TRUE(write(backup_));
  const auto servable = check_servable(backup_);
  ASSERT_FALSE(servable);
  EXPECT_THAT(servable.error().message, HasSubstr("roost restore"));
  EXPECT_TRUE(check_servable(folder_ + "/nothing"));
}

}  // namespace
}  // namespace roost::admin
