// SPDX-License-Identifier: Apache-2.0
// Where each shard's log and state stand in a database that was just opened.
// Thread: one at a time.
#pragma once

#include <vector>

#include "storage/database.h"
#include "storage/store.h"

namespace roost::storage {

// By shard number; a shard that isn't there never had anything.
struct Positions {
  std::vector<Position> last;
  std::vector<LogIndex> applied;
  std::vector<LogIndex> trimmed;
  std::vector<std::vector<EpochStart>> epochs;
  std::vector<std::string> metas;
  // Made by looking at the records, not read: of a store that had no such tables.
  std::vector<ShardId> found_epochs;

  Position last_of(ShardId shard) const {
    return shard.value < last.size() ? last[shard.value] : Position{};
  }
  LogIndex applied_of(ShardId shard) const {
    return shard.value < applied.size() ? applied[shard.value] : 0;
  }
  LogIndex trimmed_of(ShardId shard) const {
    return shard.value < trimmed.size() ? trimmed[shard.value] : 0;
  }
  const std::vector<EpochStart>& epochs_of(ShardId shard) const {
    static const std::vector<EpochStart> kNone;
    return shard.value < epochs.size() ? epochs[shard.value] : kNone;
  }
  const std::string& meta_of(ShardId shard) const {
    static const std::string kNone;
    return shard.value < metas.size() ? metas[shard.value] : kNone;
  }
};

Result<Positions> read_positions(Database& database);

// Of the record at `index`; 0 before the first.
std::uint64_t epoch_at(const std::vector<EpochStart>& table, LogIndex index);

// As StoreReading::replay(); gaps are said and counted.
Result<void> replay_log(Database& database, const Positions& positions, ShardId shard,
                        LogIndex after, const StoreReading::RecordVisitor& visit,
                        StoreCounters& counters, Log& log);

}  // namespace roost::storage
