// SPDX-License-Identifier: Apache-2.0
// Which key a filter is put down under and which keys a topic asks for, so that a matching pair
// always has one in common. An exact filter: the hash of its text. One with wildcards: the chained
// hash of the levels before the first wildcard (at most kFrontMax of them), which every topic that
// it matches begins with. Keys depend on the text alone: a cluster run from one seed repeats.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/routing/table_hash.h"

namespace roost::routing {

// Longer literal fronts are cut here, so that a topic of many levels asks for few keys.
inline constexpr unsigned kFrontMax = 8;

inline constexpr TableKey kInterestKey{0x9e3779b97f4a7c15, 0xd1b54a32d192ed03};
inline constexpr std::uint64_t kExactSalt = 0x8cb92ba72f3d8dd7;
inline constexpr std::uint64_t kFrontSalt = 0x2545f4914f6cdd1d;

// Longer by one level.
inline std::uint64_t extended_front(std::uint64_t front, std::string_view level) {
  return table_hash(level, kInterestKey, front);
}

inline std::string_view level_at(std::string_view text, std::size_t begin) {
  return text.substr(begin, text.find('/', begin) - begin);
}

struct FilterKey {
  std::uint64_t hash = 0;
  std::uint32_t depth_bit = 0;  // 1 << levels in the literal front; 0: an exact filter
};

inline FilterKey filter_key(std::string_view filter) {
  std::uint64_t front = kFrontSalt, capped = 0;
  unsigned depth = 0;
  for (std::size_t at = 0; at <= filter.size();) {
    const std::string_view level = level_at(filter, at);
    if (level == "+" || level == "#") {
      return depth <= kFrontMax ? FilterKey{front, 1u << depth}
                                : FilterKey{capped, 1u << kFrontMax};
    }
    if (depth == kFrontMax) capped = front;
    if (depth < kFrontMax) front = extended_front(front, level);
    ++depth;
    at += level.size() + 1;
  }
  return {table_hash(filter, kInterestKey, kExactSalt), 0};
}

// Calls probe(hash) for every key that a filter matching `topic` can have. `depths`: the union of
// the filters' depth bits.
template <typename Probe>
void for_topic_keys(std::string_view topic, std::uint32_t depths, Probe&& probe) {
  probe(table_hash(topic, kInterestKey, kExactSalt));
  std::uint64_t front = kFrontSalt;
  // Wildcards at the first level don't match `$SYS` and the like. [MQTT-4.7.2-1]
  if ((depths & 1) != 0 && !topic.starts_with('$')) probe(front);
  std::size_t at = 0;
  while ((depths >>= 1) != 0 && at <= topic.size()) {
    const std::string_view level = level_at(topic, at);
    front = extended_front(front, level);
    if ((depths & 1) != 0) probe(front);
    at += level.size() + 1;
  }
}

}  // namespace roost::routing
