// SPDX-License-Identifier: Apache-2.0
// Brings a shard back: its state from disk, then the records behind it. Sets the shard's clock so
// that the time for which nobody ran has passed in it.
// Thread: any one thread before the core of the table runs; for a shard that isn't the table's yet,
// any one thread.
#pragma once

#include <cstdint>
#include <functional>

#include "broker/base/clock.h"
#include "broker/session/session_table.h"

namespace roost::session {

struct ShardStarted {
  std::uint64_t replayed = 0;    // records applied
  std::uint64_t unreadable = 0;  // records that this version can't read, or parts without the rest
  std::string first_fault;       // what was wrong with the first of them
};

// For how long nobody said what time it is, if the wall clock makes sense; else 0.
std::int64_t away_of(WallMs said_ms, WallMs now_ms);
// Less than this is how far apart the clocks of two nodes are.
inline constexpr std::int64_t kAwayMinMs = 60'000;

// Visits the shard's log in index order; called twice. Records up to `applied` are passed over, but
// for the parts of one that ends behind it.
using LogVisit = std::function<void(LogIndex index, ByteView record)>;
using LogScan = std::function<void(const LogVisit& visit)>;

// State and clock only. The log is looked through for what time it was.
void load_shard(ShardState& shard, const StateReader& state, LogIndex applied, const LogScan& log,
                const Clock& clock);
ShardStarted start_shard(SessionTable& table, ShardId shard, const StateReader& state,
                         LogIndex applied, const LogScan& log, const Clock& clock);

}  // namespace roost::session
