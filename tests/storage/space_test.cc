// SPDX-License-Identifier: Apache-2.0
// A full disk: nothing is acknowledged that isn't there, reads, acknowledgements and deletes go on,
// and all goes on by itself when there is room. On the disk of crash_file_system.h, and where the
// test may mount one, on a real file system of a few MB.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/storage/crash_file_system.h"
#include "tests/storage/store_fixture.h"

namespace roost::storage {
namespace {

constexpr ShardId kShard{1};
constexpr std::uint64_t kMegabyte = 1 << 20;

// Until it holds; the store looks at the disk every 200 ms.
template <typename Condition>
bool becomes(Condition&& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    ::usleep(20'000);
  }
  return false;
}

class Space : public StoreFixture {
 protected:
  void use_small_disk() {
    std::filesystem::create_directories(options_.path);
    disk_ = std::make_shared<CrashFileSystem>(1, folder_);
    options_.file_system = disk_;
    options_.write_buffer_bytes = 256 << 10;
    options_.on_fatal = [this](std::string_view why) { fatal_ = why; };
  }
  Result<void> append_next(std::size_t size, bool essential) {
    LogBatch batch;
    std::string record(size, '\0');  // that doesn't compress
    for (char& c : record) c = static_cast<char>(random_());
    batch.add(kShard, 1, next_, as_bytes(record));
    auto result = append(std::move(batch), essential);
    if (result) ++next_;
    return result;
  }
  // Appends until it is refused; how often it was taken.
  int fill(std::size_t size, bool essential, int most) {
    for (int i = 0; i < most; ++i) {
      const auto result = append_next(size, essential);
      if (result) continue;
      EXPECT_EQ(result.error().kind, ErrorKind::resource_exhausted);
      return i;
    }
    return most;
  }
  // No flush and no compaction is at work: one that ends while somebody else fills the disk needs
  // the reserve for its record and leaves the room it frees to them, and then acknowledgements
  // wait.
  bool becomes_quiet() {
    constexpr int kQuietLooks = 25;
    int looks = 0;
    return becomes([&] {
      looks = writes_a_table() ? 0 : looks + 1;
      return looks >= kQuietLooks;
    });
  }
  static bool writes_a_table() {
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      const auto file = std::filesystem::read_symlink(entry.path(), gone);
      if (file.extension() != ".sst") continue;
      const int flags = ::fcntl(std::stoi(entry.path().filename()), F_GETFL);
      if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) return true;
    }
    return false;
  }
  void apply_all() {
    write_state(kShard, next_ - 1, State{{"applied", std::to_string(next_ - 1)}});
  }

  std::shared_ptr<CrashFileSystem> disk_;
  LogIndex next_ = 1;
  std::mt19937 random_{1};
  std::string fatal_;
};

TEST_F(Space, BelowTheReserveOnlyTheEssentialIsTaken) {
  use_small_disk();
  disk_->set_capacity(8 * kMegabyte);
  options_.reserve_bytes = 4 * kMegabyte;
  open();
  EXPECT_FALSE(store_->is_low_on_space());
  const int taken = fill(50'000, false, 1000);
  EXPECT_GT(taken, 50);
  EXPECT_TRUE(store_->is_low_on_space());
  EXPECT_GE(store_->counters().refused_for_space.value(), 1u);
  EXPECT_TRUE(append_next(100, true)) << "an ack, a release, a delete";
  EXPECT_FALSE(append_next(100, false));
  EXPECT_GE(
      log_.count("only acknowledgements and deletes are taken") + log_.count("met a full disk"),
      1u);
  apply_all();
  EXPECT_TRUE(get(kShard, "applied")) << "reads go on";
  disk_->set_capacity(64 * kMegabyte);
  EXPECT_TRUE(becomes([this] { return flush().has_value(); }));
  EXPECT_TRUE(becomes([this] { return append_next(100, false).has_value(); }));
  EXPECT_GE(log_.count("all is taken again"), 1u);
  reopen();
  EXPECT_EQ(store_->last(kShard).index, next_ - 1) << "what was refused is not there";
  EXPECT_EQ(fatal_, "");
}

TEST_F(Space, AWriteThatMeetsAFullDiskWaitsAndIsThereWhole) {
  use_small_disk();
  options_.reserve_bytes = 2 * kMegabyte;
  open();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append_next(10'000, false));
  // Others fill the disk between two looks at it; 1 MB of ours comes free with the reserve file,
  // which stands on the real disk here.
  std::uint64_t used = 0;
  for (const std::string& name : disk_->names("/")) used += disk_->read(name).size();
  disk_->set_capacity(used + 5000);
  std::thread room([this] {
    EXPECT_TRUE(becomes([this] { return store_->counters().full_stops.value() == 1; }));
    disk_->set_capacity(64 * kMegabyte);
  });
  const auto waited = append_next(10'000, false);
  room.join();
  EXPECT_TRUE(waited) << "it was submitted before anybody knew";
  EXPECT_TRUE(append_next(100, true));
  EXPECT_TRUE(becomes([this] { return append_next(100, false).has_value(); }));
  apply_all();
  ASSERT_TRUE(flush());
  reopen();
  EXPECT_EQ(store_->last(kShard).index, next_ - 1);
  EXPECT_EQ(store_->counters().damaged_files.value(), 0u);
  EXPECT_EQ(fatal_, "");
}

TEST_F(Space, WhatIsEssentialWaitsForRoom) {
  use_small_disk();
  options_.reserve_bytes = kMegabyte;
  open();
  ASSERT_TRUE(append_next(10'000, false));
  disk_->set_capacity(1000);
  LogBatch ack, publish;
  ack.add(kShard, 1, next_, as_bytes("an ack"));
  publish.add(kShard, 1, next_ + 1, as_bytes("a publish"));
  std::atomic<int> acked{0}, refused{0};
  store_->append(std::move(ack), true, [&](Result<void> result) { acked += result ? 1 : 100; });
  EXPECT_TRUE(becomes([this] { return store_->counters().full_stops.value() == 1; }));
  store_->append(std::move(publish), false,
                 [&](Result<void> result) { refused += result ? 100 : 1; });
  EXPECT_TRUE(becomes([&] { return refused == 1; })) << "a publisher hears while the disk is full";
  EXPECT_EQ(acked, 0);
  disk_->set_capacity(64 * kMegabyte);
  EXPECT_TRUE(becomes([&] { return acked == 1; }));
  reopen();
  EXPECT_EQ(store_->last(kShard).index, 2u);
}

TEST_F(Space, AFailedFsyncEndsThePromise) {
  use_small_disk();
  open();
  ASSERT_TRUE(append_next(100, false));
  disk_->fail_at(CrashFileSystem::Event::sync, 0);
  LogBatch batch;
  batch.add(kShard, 1, next_, as_bytes("x"));
  const auto failed = append(std::move(batch));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::io);
  EXPECT_NE(fatal_.find("the log can't be written"), std::string::npos);
  LogBatch later;
  later.add(kShard, 1, next_ + 1, as_bytes("x"));
  EXPECT_FALSE(append(std::move(later)));
}

TEST_F(Space, ByDefaultAFailedFsyncEndsTheProcess) {
  use_small_disk();
  options_.on_fatal = nullptr;
  const auto die = [this] {
    open();
    disk_->fail_at(CrashFileSystem::Event::sync, 0);
    append_one(kShard, 1, "x");
  };
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(die(), testing::ExitedWithCode(kFatalExitCode), "the log can't be written");
}

// Who isn't root may mount in a namespace of its own, where it is. Before any thread is there.
bool become_root_of_a_namespace() {
  const std::string user = std::to_string(::geteuid()), group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  const auto write = [](const char* name, const std::string& text) {
    std::ofstream file(name);
    return static_cast<bool>((file << text).flush());
  };
  return write("/proc/self/uid_map", "0 " + user + " 1") && write("/proc/self/setgroups", "deny") &&
         write("/proc/self/gid_map", "0 " + group + " 1");
}

// A file system of its own.
class RealDisk : public Space {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(options_.path);
    mounted_ = mount() || (::geteuid() != 0 && become_root_of_a_namespace() && mount());
    ASSERT_TRUE(mounted_) << "neither root nor allowed a user namespace: " << std::strerror(errno);
  }
  void TearDown() override {
    store_.reset();
    if (mounted_) ::umount2(options_.path.c_str(), MNT_DETACH);
  }

  bool mount() { return ::mount("roost-test", options_.path.c_str(), "tmpfs", 0, "size=24m") == 0; }

  bool mounted_ = false;
};

TEST_F(RealDisk, FilledByUsAndByOthersTheStoreKeepsItsWord) {
  options_.reserve_bytes = 8 * kMegabyte;
  options_.write_buffer_bytes = kMegabyte;
  open();
  EXPECT_GT(fill(20'000, false, 10'000), 100);
  EXPECT_TRUE(store_->is_low_on_space());
  ASSERT_TRUE(becomes_quiet());
  // The rest goes to somebody else, to the last byte.
  const std::string other = options_.path + "/other";
  {
    std::ofstream file(other, std::ios::binary);
    const std::string block(4096, 'o');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  EXPECT_FALSE(append_next(20'000, false));
  // Acknowledgements go on from the reserve file.
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(append_next(1000, true)) << i;
  apply_all();
  EXPECT_EQ(get(kShard, "applied"), std::to_string(next_ - 1));
  EXPECT_TRUE(becomes([this] { return flush().has_value(); }));
  std::filesystem::remove(other);
  EXPECT_TRUE(becomes([this] { return append_next(20'000, false).has_value(); }));
  EXPECT_TRUE(becomes([this] {
    struct stat status;
    return ::stat((options_.path + "/reserve").c_str(), &status) == 0 &&
           status.st_size == 4 * static_cast<off_t>(kMegabyte);
  })) << "the reserve is made again";
  reopen();
  EXPECT_EQ(store_->last(kShard).index, next_ - 1);
  EXPECT_EQ(store_->counters().damaged_files.value(), 0u);
  EXPECT_EQ(store_->counters().damaged_records.value(), 0u);
}

TEST_F(RealDisk, AStoreOpensOnAFullDisk) {
  options_.reserve_bytes = 8 * kMegabyte;
  options_.write_buffer_bytes = kMegabyte;
  open();
  ASSERT_TRUE(append_next(1000, false));
  store_.reset();
  {
    std::ofstream file(options_.path + "/other", std::ios::binary);
    const std::string block(4096, 'o');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  open();
  EXPECT_EQ(store_->last(kShard).index, 1u);
  EXPECT_TRUE(store_->is_low_on_space());
  EXPECT_TRUE(append_next(1000, true));
}

}  // namespace
}  // namespace roost::storage
