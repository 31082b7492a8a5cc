// SPDX-License-Identifier: Apache-2.0
// How full the disk is. Two halves of the reserve: below the first, only what is essential is
// written; the second is a file of ours that is given up when a write really met a full disk, so
// that flushes, deletes and compactions go on, and made again when there is room.
// Thread: low() any thread; the rest one at a time, guarded by its own lock.
// Owner: the store.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "broker/base/log.h"
#include "storage/counters.h"
#include "storage/database.h"
#include "storage/directory.h"

namespace roost::storage {

class SpaceWatch {
 public:
  SpaceWatch(Database& database, const Directory& directory, const StoreOptions& options,
             StoreCounters& counters, Log& log);

  bool low() const { return low_.load(std::memory_order_relaxed); }
  // Looks at the disk if that is due: some time or some bytes after the last look.
  void look_if_due(std::uint64_t bytes_written);
  // After a write that met a full disk: gives up the reserve file and lets RocksDB write again.
  // Errors: NoSpace or Busy (is_full(): try again later), anything else is fatal.
  rocksdb::Status recover();
  static bool is_full(const rocksdb::Status& status) {
    return status.IsNoSpace() || status.IsBusy();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void look();
  void make_reserve();
  void give_up_reserve();
  std::uint64_t free_bytes() const;

  Database& database_;
  const std::string path_, reserve_path_;
  const std::uint64_t half_;
  StoreCounters& counters_;
  Log& log_;
  std::atomic<bool> low_{false};
  std::mutex mutex_;
  bool has_reserve_ = false;  // guarded by mutex_, as all below
  std::uint64_t bytes_since_look_ = 0;
  Clock::time_point next_look_;
};

}  // namespace roost::storage
