// SPDX-License-Identifier: Apache-2.0
// How full the disk is. Two halves of the reserve: below the first, only what is essential is
// written; the second is a file of ours that is given up when a write really met a full disk, so
// that logs, flushes and deletes go on, and made again when there is room. A thread of its own lets
// RocksDB go on after a full disk, also where nobody writes.
// Thread: any thread.
// Owner: the store.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "broker/base/log.h"
#include "storage/counters.h"
#include "storage/database.h"
#include "storage/directory.h"

namespace roost::storage {

class SpaceWatch {
 public:
  SpaceWatch(Database& database, const Directory& directory, const StoreOptions& options,
             StoreCounters& counters, Log& log);
  ~SpaceWatch();
  SpaceWatch(const SpaceWatch&) = delete;
  SpaceWatch& operator=(const SpaceWatch&) = delete;

  bool low() const { return low_.load(std::memory_order_relaxed); }
  // Looks at the disk if that is due: some time or some bytes after the last look.
  void look_if_due(std::uint64_t bytes_written);
  // After RocksDB refused to write because a table met a full disk: gives up the reserve file and
  // lets it go on. Errors: is_full(): try again later; anything else is fatal.
  rocksdb::Status recover();
  // The same without the reserve, for work that nobody waits for.
  rocksdb::Status go_on();
  static bool is_full(const rocksdb::Status& status) {
    return status.IsNoSpace() || status.IsBusy();
  }
  // Called now and then while the log waits for room. Null: nobody is; then returns when nobody is
  // in the call that was given before.
  void when_stalled(std::function<void()> call);
  // From now on nobody waits for room: what meets a full disk fails.
  void end();
  bool has_ended() const { return ended_.load(std::memory_order_acquire); }

 private:
  using Clock = std::chrono::steady_clock;

  void watch();
  bool wait_for_room();  // a log's write met a full disk
  void look();
  void met_full_disk();
  void make_reserve();
  bool give_up_reserve();
  std::uint64_t free_bytes() const;

  Database& database_;
  const std::string path_, reserve_path_;
  const std::uint64_t half_;
  StoreCounters& counters_;
  Log& log_;
  std::atomic<bool> low_{false};
  std::atomic<bool> ended_{false};
  std::mutex recover_mutex_;  // around RocksDB's Resume

  std::mutex mutex_;          // never held while RocksDB is called
  bool has_reserve_ = false;  // guarded by mutex_, as the next two
  std::uint64_t bytes_since_look_ = 0;
  Clock::time_point next_look_;

  std::mutex watch_mutex_;  // never held while RocksDB is called
  std::condition_variable wake_;
  bool stopped_ = false;  // guarded by watch_mutex_: a table met a full disk
  int stalled_ = 0;       // guarded by watch_mutex_: logs that wait for room
  std::mutex call_mutex_;
  std::function<void()> call_;  // guarded by call_mutex_
  std::thread thread_;
};

}  // namespace roost::storage
