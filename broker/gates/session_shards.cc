// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/session_shards.h"

#include <utility>

#include "broker/session/share_step.h"

namespace roost::gates {

bool SessionShards::leads(ShardId shard, std::uint64_t epoch) const {
  return table_.leads(shard) && table_.log().epoch(shard) == epoch;
}

bool SessionShards::is_certain(ShardId shard) const {
  const auto confirmed_ms = hosts_.confirmed_ms(shard);
  return confirmed_ms && clock_.steady_ms() - *confirmed_ms < kCertainMs;
}

void SessionShards::deliver(ShardId shard, const routing::MessagePtr& message,
                            const routing::Source& source, bool delivers, bool keeps,
                            core::Task done, core::Task stored) {
  // Who joined a group has joined when every node knows that there is one.
  if (message->is_step() && session::is_joined(*message) && table_.subscribed_gate() != nullptr) {
    done = [this, done = std::move(done)]() mutable {
      table_.subscribed_gate()->when_seen(table_.core(), std::move(done));
    };
  }
  session::Door* door = table_.open_door(std::move(done));
  if (keeps) table_.keep_in_shard(shard, message, source, door);
  if (delivers) table_.deliver_to_shard(shard, message, source, door, is_certain(shard));
  door->unstored = door->left - 1;  // records; nothing commits before this returns
  if (door->unstored > 0) door->stored = std::move(stored);
  table_.close_door(door);
}

}  // namespace roost::gates
