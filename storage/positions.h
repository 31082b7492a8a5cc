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

  Position last_of(ShardId shard) const {
    return shard.value < last.size() ? last[shard.value] : Position{};
  }
  LogIndex applied_of(ShardId shard) const {
    return shard.value < applied.size() ? applied[shard.value] : 0;
  }
  LogIndex trimmed_of(ShardId shard) const {
    return shard.value < trimmed.size() ? trimmed[shard.value] : 0;
  }
};

Result<Positions> read_positions(Database& database);

// As StoreReading::replay(); gaps are said and counted.
Result<void> replay_log(Database& database, const Positions& positions, ShardId shard,
                        LogIndex after, const StoreReading::RecordVisitor& visit,
                        StoreCounters& counters, Log& log);

}  // namespace roost::storage
