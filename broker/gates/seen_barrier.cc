// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/seen_barrier.h"

#include <algorithm>

namespace roost::gates {

namespace {

std::uint64_t bit_of(PeerId node) { return std::uint64_t{1} << node.value; }

}  // namespace

void SeenBarrier::know(PeerId node, std::uint64_t incarnation) {
  Node& known = nodes_[node.value];
  known.is_gone = false;
  if (known.incarnation == incarnation) return;
  forget(node);
  known.incarnation = incarnation;
}

void SeenBarrier::forget(PeerId node) {
  nodes_[node.value] = {};
  unblock(bit_of(node));
}

void SeenBarrier::gone(PeerId node) { nodes_[node.value].is_gone = true; }

void SeenBarrier::unblock(std::uint64_t bit) {
  for (Waiting& one : waiting_) one.blockers &= ~bit;
}

void SeenBarrier::granted(PeerId node, SteadyMs now_ms) {
  SteadyMs& until = nodes_[node.value].until;
  until = std::max(until, now_ms + kPermissionMs);
}

void SeenBarrier::began_leading(SteadyMs now_ms) {
  unheard_until_ = now_ms + kEarlierMs;
  for (Node& node : nodes_) {
    if (node.incarnation != 0 && !node.is_gone)
      node.until = std::max(node.until, now_ms + kEarlierMs);
  }
}

void SeenBarrier::acked(PeerId node, std::uint64_t version) {
  Node& known = nodes_[node.value];
  known.acked = std::max(known.acked, version);
  for (Waiting& one : waiting_) {
    if (one.version <= known.acked) one.blockers &= ~bit_of(node);
  }
}

void SeenBarrier::wait(std::uint64_t version, std::uint64_t tag, SteadyMs now_ms) {
  Waiting& one = waiting_.emplace_back();
  one.version = version;
  one.tag = tag;
  const auto block = [&](std::uint64_t bit, SteadyMs until) {
    if (until <= now_ms) return;
    one.blockers |= bit;
    one.until = std::max(one.until, until);
  };
  block(kUnheard, unheard_until_);
  for (std::uint16_t id = 1; id < kPeersMax; ++id) {
    const Node& node = nodes_[id];
    if (node.acked < version) block(bit_of(PeerId{id}), node.until);
  }
}

std::vector<std::uint64_t> SeenBarrier::due(SteadyMs now_ms) {
  std::vector<std::uint64_t> tags;
  if (are_all_known_) unblock(kUnheard);
  for (const Waiting& one : waiting_) {
    if (one.blockers == 0 || now_ms >= one.until) tags.push_back(one.tag);
  }
  std::erase_if(waiting_,
                [&](const Waiting& one) { return one.blockers == 0 || now_ms >= one.until; });
  return tags;
}

}  // namespace roost::gates
