// SPDX-License-Identifier: Apache-2.0
// Strong ids: numbers that can't be mixed up.
// Thread: any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "broker/base/hash.h"

namespace roost {

template <typename Tag, typename Number>
struct Id {
  Number value{};
  friend auto operator<=>(const Id&, const Id&) = default;
};

using ShardId = Id<struct ShardTag, std::uint16_t>;
using CoreId = Id<struct CoreTag, std::uint16_t>;
// Another node of the cluster, as this process numbers them; never given to another name. Below 64,
// so that a set of nodes is a word.
using PeerId = Id<struct PeerTag, std::uint16_t>;

inline constexpr PeerId kThisNode{0};
inline constexpr PeerId kNoPeer{0xFFFF};
inline constexpr std::uint16_t kPeersMax = 64;  // this node among them

inline constexpr std::uint16_t kShardCountDefault = 64;
// In a cluster: a set of shards is a word too.
inline constexpr std::uint16_t kClusterShardsMax = 64;

// Where a session (by client id) or a retained topic (by topic) lives. DESIGN section 2.
inline ShardId shard_of(std::string_view key, std::uint16_t shard_count) {
  return ShardId{static_cast<std::uint16_t>(hash64(key) % shard_count)};
}

}  // namespace roost
