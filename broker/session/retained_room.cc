// SPDX-License-Identifier: Apache-2.0
#include "broker/session/retained_room.h"

#include <utility>

#include "broker/base/hash.h"

namespace roost::session {
namespace {

bool counts(std::string_view topic) { return !topic.starts_with("$SYS/"); }

}  // namespace

bool RetainedRoom::takes(std::uint32_t max, ShardId shard, std::string_view topic) const {
  return max == 0 || size() < max || !counts(topic) || topics_.contains(shard.value, hash64(topic));
}

void RetainedRoom::keep(ShardId shard, std::string_view topic) {
  if (counts(topic)) topics_.insert(shard.value, hash64(topic));
}

void RetainedRoom::forget(ShardId shard, std::string_view topic) {
  if (counts(topic)) topics_.erase(shard.value, hash64(topic));
}

void RetainedRoom::replace(ShardId shard, const routing::RetainedStore& kept) {
  core::SharedSet::Hashes hashes;
  kept.for_each([&hashes](const routing::Message& message) {
    if (counts(message.topic())) hashes.insert(hash64(message.topic()));
  });
  topics_.replace(shard.value, std::move(hashes));
}

}  // namespace roost::session
