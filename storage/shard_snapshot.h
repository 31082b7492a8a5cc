// SPDX-License-Identifier: Apache-2.0
// One shard's log and state read as they are, for its replicas: a damaged page is an error here,
// never passed over, because a replica must not be filled with holes.
// Thread: one at a time.
// Owner: the caller; must not outlive the database.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "storage/database.h"
#include "storage/replica_store.h"
#include "storage/state_view.h"

namespace roost::storage {

class ShardReader {
 public:
  // `snapshot`: null: as it is now.
  ShardReader(Database& database, ShardId shard, const rocksdb::Snapshot* snapshot,
              DamageReport& damage)
      : database_(database), shard_(shard), snapshot_(snapshot), damage_(damage) {}

  Result<void> state(std::string_view from,
                     const std::function<bool(std::string_view, ByteView)>& visit) const;
  // A record that is missing between two others is corrupt.
  Result<void> log(LogIndex from,
                   const std::function<bool(std::uint64_t, LogIndex, ByteView)>& visit) const;
  // Of one of the shard's meta keys; {0, 0}: it has none.
  Result<Position> position(rocksdb::ColumnFamilyHandle* family, const std::string& key) const;
  Result<std::vector<EpochStart>> epochs() const;

 private:
  rocksdb::ReadOptions options() const;
  Unexpected<Error> failed(const rocksdb::Status& status) const;

  Database& database_;
  const ShardId shard_;
  const rocksdb::Snapshot* snapshot_;
  DamageReport& damage_;
};

Result<std::unique_ptr<ShardSnapshot>> snapshot_of(Database& database, ShardId shard,
                                                   DamageReport& damage);

}  // namespace roost::storage
