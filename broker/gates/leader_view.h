// SPDX-License-Identifier: Apache-2.0
// Who leads which shard, as this node has heard of it (traffic lane; the higher epoch wins).
// Declared by the relay; implemented by the peer gate; a node alone has none.
// Thread: core-bound, one a core, for its shards.
// Owner: the server's per-core wiring.
#pragma once

#include <cstdint>

#include "broker/base/ids.h"

namespace roost::gates {

class LeaderEvents {
 public:
  // Whenever it changes, after leader_of() and epoch_of() have. The same leader with a new epoch is
  // a change; `leader` kThisNode: from now on this node serves the shard; kNoPeer: not known.
  virtual void on_leader(ShardId shard, PeerId leader, std::uint64_t epoch) = 0;

 protected:
  ~LeaderEvents() = default;
};

class LeaderView {
 public:
  // kThisNode or a peer that is up; kNoPeer: not known.
  virtual PeerId leader_of(ShardId shard) const = 0;
  // The highest that was heard of, also while nobody leads; 0: none.
  virtual std::uint64_t epoch_of(ShardId shard) const = 0;
  // Before the core runs.
  virtual void tell(LeaderEvents& events) = 0;

 protected:
  ~LeaderView() = default;
};

}  // namespace roost::gates
