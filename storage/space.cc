// SPDX-License-Identifier: Apache-2.0
#include "storage/space.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace roost::storage {

namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(200);
constexpr auto kIdleLook = std::chrono::milliseconds(5000);
constexpr auto kRetryFirst = std::chrono::milliseconds(100);
constexpr auto kRetryLast = std::chrono::milliseconds(3200);
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
  if (half_ > 0) {
    struct stat status;
    has_reserve_ = ::stat(reserve_path_.c_str(), &status) == 0 &&
                   static_cast<std::uint64_t>(status.st_blocks) * 512 >= half_;
    look();
  }
  database_.setup().when_full([this] {
    const std::lock_guard lock(watch_mutex_);
    stopped_ = true;
    wake_.notify_all();
  });
  database_.setup().files().when_full([this] { return wait_for_room(); });
  thread_ = std::thread([this] { watch(); });
}

SpaceWatch::~SpaceWatch() {
  end();
  database_.setup().files().when_full(nullptr);
  database_.setup().when_full(nullptr);
  thread_.join();
}

void SpaceWatch::end() {
  const std::lock_guard lock(watch_mutex_);
  ended_.store(true, std::memory_order_release);
  wake_.notify_all();
}

void SpaceWatch::when_stalled(std::function<void()> call) {
  const std::lock_guard lock(call_mutex_);
  call_ = std::move(call);
}

void SpaceWatch::watch() {
  auto pause = kRetryFirst;
  std::unique_lock lock(watch_mutex_);
  while (!has_ended()) {
    const bool busy = low() || stopped_ || stalled_ > 0;
    if (!busy) pause = kRetryFirst;
    wake_.wait_for(lock, busy ? pause : kIdleLook,
                   [&] { return has_ended() || (!busy && (stopped_ || stalled_ > 0)); });
    if (has_ended()) return;
    const bool stopped = std::exchange(stopped_, false), stalled = stalled_ > 0;
    lock.unlock();
    if (low()) look_if_due(0);
    if (stalled) {
      const std::lock_guard call_lock(call_mutex_);
      if (call_) call_();
    }
    bool still = false;
    if (stopped) {
      // A compaction that finds no room tries again at once, so each time it waits longer.
      pause = std::min(2 * pause, kRetryLast);
      still = is_full(go_on());
    }
    lock.lock();
    stopped_ = stopped_ || still;
  }
}

bool SpaceWatch::wait_for_room() {
  {
    const std::lock_guard lock(mutex_);
    met_full_disk();
    if (give_up_reserve()) return true;
  }
  std::unique_lock lock(watch_mutex_);
  ++stalled_;
  wake_.notify_all();
  const bool ended = wake_.wait_for(lock, kRetryFirst, [this] { return has_ended(); });
  --stalled_;
  return !ended;
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
  const std::uint64_t wanted = has_reserve_ ? half_ : 2 * half_;
  const bool low_now = free < (was_low ? wanted + margin : wanted);
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

bool SpaceWatch::give_up_reserve() {
  if (!std::exchange(has_reserve_, false)) return false;
  ::unlink(reserve_path_.c_str());
  counters_.full_stops.add();
  log_.write(LogLevel::error, "storage: " + path_ + " is full: the reserve file is given up");
  return true;
}

void SpaceWatch::met_full_disk() {
  next_look_ = Clock::now() + kLookEvery;
  if (low_.exchange(true, std::memory_order_relaxed)) return;
  log_.write(LogLevel::error, "storage: a write to " + path_ + " met a full disk");
}

rocksdb::Status SpaceWatch::recover() {
  {
    const std::lock_guard lock(mutex_);
    met_full_disk();
    if (!has_ended()) give_up_reserve();
  }
  return go_on();
}

rocksdb::Status SpaceWatch::go_on() {
  // The log would be written on behind a write that failed for ever.
  if (has_ended()) return rocksdb::Status::NoSpace("the store ends");
  const std::lock_guard one(recover_mutex_);
  // Resume first waits until no work is scheduled, and while it waits a compaction that finds no
  // room is scheduled again and again. So that has to have ended before.
  database_.db().PauseBackgroundWork().PermitUncheckedError();
  database_.db().ContinueBackgroundWork().PermitUncheckedError();
  return database_.db().Resume();
}

}  // namespace roost::storage
