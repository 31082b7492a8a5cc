// SPDX-License-Identifier: Apache-2.0
#include "broker/session/retained_room.h"

#include "broker/base/hash.h"

namespace roost::session {
namespace {

bool counts(std::string_view topic) { return !topic.starts_with("$SYS/"); }

}  // namespace

bool RetainedRoom::takes(std::uint32_t max, ShardId shard, std::string_view topic) const {
  if (max == 0 || size() < max || !counts(topic)) return true;
  const Shard& at = shards_[shard.value];
  const std::lock_guard lock(at.mutex);
  return at.topics.contains(hash64(topic));
}

void RetainedRoom::keep(ShardId shard, std::string_view topic) {
  if (!counts(topic)) return;
  Shard& at = shards_[shard.value];
  const std::lock_guard lock(at.mutex);
  if (at.topics.insert(hash64(topic)).second) size_.fetch_add(1, std::memory_order_relaxed);
}

void RetainedRoom::forget(ShardId shard, std::string_view topic) {
  if (!counts(topic)) return;
  Shard& at = shards_[shard.value];
  const std::lock_guard lock(at.mutex);
  size_.fetch_sub(at.topics.erase(hash64(topic)), std::memory_order_relaxed);
}

void RetainedRoom::replace(ShardId shard, const routing::RetainedStore& kept) {
  Shard& at = shards_[shard.value];
  const std::lock_guard lock(at.mutex);
  const std::size_t before = at.topics.size();
  at.topics.clear();
  kept.for_each([&at](const routing::Message& message) {
    if (counts(message.topic())) at.topics.insert(hash64(message.topic()));
  });
  size_.fetch_add(at.topics.size() - before, std::memory_order_relaxed);  // wraps for less
}

}  // namespace roost::session
