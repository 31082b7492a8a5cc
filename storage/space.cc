// SPDX-License-Identifier: Apache-2.0
#include "storage/space.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>
#include <utility>

namespace roost::storage {

namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(200);
constexpr std::uint64_t kLooksPerReserve = 8;  // while writing, looks at each eighth of it

}  // namespace

SpaceWatch::SpaceWatch(Database& database, const Directory& directory, const StoreOptions& options,
                       StoreCounters& counters, Log& log)
    : database_(database),
      path_(directory.path()),
      reserve_path_(directory.reserve()),
      half_(options.reserve_bytes / 2),
      counters_(counters),
      log_(log) {
  if (half_ == 0) return;
  struct stat status;
  has_reserve_ = ::stat(reserve_path_.c_str(), &status) == 0 &&
                 static_cast<std::uint64_t>(status.st_blocks) * 512 >= half_;
  look();
}

void SpaceWatch::look_if_due(std::uint64_t bytes_written) {
  if (half_ == 0) return;
  const std::lock_guard lock(mutex_);
  bytes_since_look_ += bytes_written;
  if (bytes_since_look_ < half_ / kLooksPerReserve && Clock::now() < next_look_) return;
  look();
}

void SpaceWatch::look() {
  bytes_since_look_ = 0;
  next_look_ = Clock::now() + kLookEvery;
  const std::uint64_t margin = half_ / 4;  // so that it doesn't flap
  std::uint64_t free = free_bytes();
  if (!has_reserve_ && free >= 2 * half_ + margin) {
    make_reserve();
    free = free_bytes();
  }
  const bool was_low = low();
  const bool low_now = free < (was_low ? half_ + margin : half_);
  if (low_now == was_low) return;
  low_.store(low_now, std::memory_order_relaxed);
  log_.write(LogLevel::warn,
             "storage: " + path_ + " has " + std::to_string(free >> 10) + " KB free: " +
                 (low_now ? "only acknowledgements and deletes are taken" : "all is taken again"));
}

std::uint64_t SpaceWatch::free_bytes() const {
  std::uint64_t free = 0;
  const auto status =
      database_.setup().files().GetFreeSpace(path_, rocksdb::IOOptions(), &free, nullptr);
  return status.ok() ? free : std::numeric_limits<std::uint64_t>::max();
}

void SpaceWatch::make_reserve() {
  const int fd = ::open(reserve_path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return;
  has_reserve_ = ::posix_fallocate(fd, 0, static_cast<off_t>(half_)) == 0;
  ::close(fd);
  if (!has_reserve_) ::unlink(reserve_path_.c_str());
}

void SpaceWatch::give_up_reserve() {
  if (!std::exchange(has_reserve_, false)) return;
  ::unlink(reserve_path_.c_str());
  counters_.full_stops.add();
  log_.write(LogLevel::error, "storage: " + path_ + " is full: the reserve file is given up");
}

rocksdb::Status SpaceWatch::recover() {
  const std::lock_guard lock(mutex_);
  if (!low_.exchange(true, std::memory_order_relaxed)) {
    log_.write(LogLevel::error, "storage: a write to " + path_ + " met a full disk");
  }
  next_look_ = Clock::now() + kLookEvery;
  give_up_reserve();
  return database_.db().Resume();
}

}  // namespace roost::storage
