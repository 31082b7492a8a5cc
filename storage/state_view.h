// SPDX-License-Identifier: Apache-2.0
// The state as it was at one moment, from a RocksDB snapshot.
// Thread: one at a time.
// Owner: the caller; must not outlive the database.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "storage/database.h"
#include "storage/store.h"

namespace roost::storage {

// What all views of a store share: damage is counted each time, said and remembered once.
class DamageReport {
 public:
  DamageReport(std::function<void()> remember, Log& log, StoreCounters& counters)
      : remember_(std::move(remember)), log_(log), counters_(counters) {}
  void met(std::string_view what);

 private:
  std::function<void()> remember_;
  Log& log_;
  StoreCounters& counters_;
  std::mutex mutex_;
  bool said_ = false;  // guarded by mutex_, as counters_.damaged_reads
};

class DatabaseView final : public StateView {
 public:
  // `fills_cache`: what is read may be wanted again soon.
  DatabaseView(Database& database, DamageReport& damage, bool fills_cache);
  ~DatabaseView() override;

  Result<std::optional<std::string>> get(ShardId shard, std::string_view key) const override;
  Result<void> scan(
      ShardId shard, std::string_view from, std::string_view to,
      const std::function<bool(std::string_view key, ByteView value)>& visit) const override;

 private:
  Database& database_;
  DamageReport& damage_;
  const bool fills_cache_;
  const rocksdb::Snapshot* snapshot_;
};

}  // namespace roost::storage
