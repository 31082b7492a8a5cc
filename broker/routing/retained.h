// SPDX-License-Identifier: Apache-2.0
// Retained messages of one shard, found by topic or by filter without looking at the others.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/routing/message.h"

namespace roost::routing {

class RetainedTrie;

class RetainedStore {
 public:
  RetainedStore();
  ~RetainedStore();
  RetainedStore(const RetainedStore&) = delete;
  RetainedStore& operator=(const RetainedStore&) = delete;

  // Keeps `message` for its topic in place of an older one. [MQTT-3.3.1-5]
  void set(MessagePtr message);
  // True if there was one. [MQTT-3.3.1-6]
  bool clear(std::string_view topic);
  MessagePtr find(std::string_view topic) const;  // null: none

  // Appends every retained message that matches `filter` (no "$share") and hasn't expired.
  void match(std::string_view filter, SteadyMs now_ms, std::vector<MessagePtr>& out) const;
  // Drops what has expired at `now_ms`; looks at no more than `budget` messages a call and goes
  // on where it stopped. Returns how many were dropped.
  std::size_t expire(SteadyMs now_ms, std::size_t budget);

  std::size_t size() const;
  std::size_t payload_bytes() const;

 private:
  std::unique_ptr<RetainedTrie> trie_;
};

}  // namespace roost::routing
