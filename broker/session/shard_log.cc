// SPDX-License-Identifier: Apache-2.0
#include "broker/session/shard_log.h"

namespace roost::session {

MemoryShardLog::MemoryShardLog(Committed& committed, std::uint16_t shard_count)
    : committed_(committed), last_(shard_count, 0) {}

bool MemoryShardLog::append(ShardId shard, Record record, routing::ConfirmTo) {
  committed_.on_committed(shard, ++last_[shard.value], record);
  return true;
}

}  // namespace roost::session
