// SPDX-License-Identifier: Apache-2.0
// Which nodes shall hold a shard, and in which order they should lead it: rendezvous hashing, so
// that a node that comes or goes moves only its share. Spread over zones where they are given.
// Thread: any thread (pure functions).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/ids.h"

namespace roost::cluster {

inline constexpr std::size_t kReplicasDefault = 3;  // two on two nodes

struct PlacementNode {
  std::string name;
  std::string zone;  // empty: none said
};

// How much that node wants that shard; the same on every node and for ever.
std::uint64_t placement_score(ShardId shard, std::string_view node);

// The names of min(count, nodes) nodes, the wish to lead falling: by score, but no second node of a
// zone while there are zones without one. Nodes without a zone are zones of their own.
std::vector<std::string> place(ShardId shard, const std::vector<PlacementNode>& nodes,
                               std::size_t count = kReplicasDefault);

}  // namespace roost::cluster
