// SPDX-License-Identifier: Apache-2.0
#include "cluster/placement.h"

#include <algorithm>
#include <set>

#include "broker/base/hash.h"

namespace roost::cluster {

std::uint64_t placement_score(ShardId shard, std::string_view node) {
  return mix64(hash64(node) ^ mix64(shard.value + 1));
}

std::vector<std::string> place(ShardId shard, const std::vector<PlacementNode>& nodes,
                               std::size_t count) {
  std::vector<const PlacementNode*> by_score;
  by_score.reserve(nodes.size());
  for (const PlacementNode& node : nodes) by_score.push_back(&node);
  std::sort(by_score.begin(), by_score.end(), [&](const auto* a, const auto* b) {
    const std::uint64_t score_a = placement_score(shard, a->name);
    const std::uint64_t score_b = placement_score(shard, b->name);
    return score_a != score_b ? score_a > score_b : a->name < b->name;
  });
  std::vector<std::string> placed;
  // Rounds: in each, one node of every zone at most.
  while (placed.size() < count && !by_score.empty()) {
    std::set<std::string_view> zones;
    std::vector<const PlacementNode*> later;
    for (const PlacementNode* node : by_score) {
      const bool is_turn = node->zone.empty() || zones.insert(node->zone).second;
      if (is_turn && placed.size() < count) {
        placed.push_back(node->name);
      } else {
        later.push_back(node);
      }
    }
    by_score = std::move(later);
  }
  return placed;
}

}  // namespace roost::cluster
