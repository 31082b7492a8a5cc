// SPDX-License-Identifier: Apache-2.0
// The state as it was at one moment, from a RocksDB snapshot.
// Thread: one at a time.
// Owner: the caller; must not outlive the database.
#pragma once

#include <atomic>
#include <mutex>

#include "storage/database.h"
#include "storage/store.h"

namespace roost::storage {

// What all views of a store share: damage is said once and counted each time.
struct DamageReport {
  DamageReport(Log& its_log, StoreCounters& its_counters) : log(its_log), counters(its_counters) {}
  void met(std::string_view what);

  Log& log;
  StoreCounters& counters;
  std::mutex mutex;
  bool said = false;  // guarded by mutex, as counters.damaged_reads
};

class DatabaseView final : public StateView {
 public:
  DatabaseView(Database& database, DamageReport& damage);
  ~DatabaseView() override;

  Result<std::optional<std::string>> get(ShardId shard, std::string_view key) const override;
  Result<void> scan(
      ShardId shard, std::string_view from, std::string_view to,
      const std::function<bool(std::string_view key, ByteView value)>& visit) const override;

 private:
  Database& database_;
  DamageReport& damage_;
  const rocksdb::Snapshot* snapshot_;
};

}  // namespace roost::storage
