// SPDX-License-Identifier: Apache-2.0
// What a SUBACK waits for: every node that may still say "nothing matches" without knowing the
// filter has learnt of it, or its permission has run out. Nodes and versions only; no clock, no
// core. REPLICATION, "Interest leases".
// Thread: core-bound.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/ids.h"

namespace roost::gates {

class SeenBarrier {
 public:
  // How long a permission stands that was just granted.
  static constexpr SteadyMs kPermissionMs = 1000;
  // Permissions that earlier leaders of a shard granted have run out that long after this node
  // began to lead it: a second by the rule, and one for clocks that run differently.
  static constexpr SteadyMs kEarlierMs = 2000;

  // A node whose process lives, linked or not. A new process has no permission.
  void know(PeerId node, std::uint64_t incarnation);
  void forget(PeerId node);
  // Perhaps it is only cut off: what it may say it may say until its permission has run out.
  void gone(PeerId node);
  void granted(PeerId node, SteadyMs now_ms);
  // A shard is led here from now on: any node may have a permission from the leader before, those
  // that were never heard of too, until `all_known()` says that there are none.
  void began_leading(SteadyMs now_ms);
  void all_known(bool are_all) { are_all_known_ = are_all; }
  void acked(PeerId node, std::uint64_t version);

  // `tag` is due when it has been seen. Requires: all changes up to `version` are on their way to
  // the nodes that are linked, and nothing is granted to the others before they are.
  void wait(std::uint64_t version, std::uint64_t tag, SteadyMs now_ms);
  // Tags that are due, in the order of wait().
  std::vector<std::uint64_t> due(SteadyMs now_ms);
  bool is_waiting() const { return !waiting_.empty(); }
  // Something waits for nodes that it has never heard of.
  bool wants_all_known() const { return !are_all_known_ && is_waiting(); }

 private:
  static constexpr std::uint64_t kUnheard = 1;  // this node's own bit stands for them

  struct Node {
    std::uint64_t incarnation = 0;  // 0: none
    bool is_gone = false;
    std::uint64_t acked = 0;
    SteadyMs until = 0;  // may have a permission
  };
  struct Waiting {
    std::uint64_t version = 0;
    std::uint64_t tag = 0;
    std::uint64_t blockers = 0;  // nodes
    SteadyMs until = 0;          // when the last of their permissions has run out
  };
  void unblock(std::uint64_t bit);

  std::array<Node, kPeersMax> nodes_;
  SteadyMs unheard_until_ = 0;
  bool are_all_known_ = false;
  std::deque<Waiting> waiting_;
};

}  // namespace roost::gates
