// SPDX-License-Identifier: Apache-2.0
// Brings a shard back: its state from disk, then the records behind it. Sets the shard's clock so
// that the time for which nobody ran has passed in it.
// Thread: any one thread before the core of the table runs.
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

// Visits the shard's log in index order; called twice. Records up to `applied` are passed over, but
// for the parts of one that ends behind it.
using LogVisit = std::function<void(LogIndex index, ByteView record)>;
using LogScan = std::function<void(const LogVisit& visit)>;

ShardStarted start_shard(SessionTable& table, ShardId shard, const StateReader& state,
                         LogIndex applied, const LogScan& log, const Clock& clock);

}  // namespace roost::session
