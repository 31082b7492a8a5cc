// SPDX-License-Identifier: Apache-2.0
// What the controller is told: by each replica of its shard, by each node of its peers. R3
// Thread: immutable (values).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/ids.h"
#include "cluster/replication/output.h"

namespace roost::cluster {

struct ShardStatus {
  ShardId shard;
  replication::Role role = replication::Role::follower;
  replication::Epoch epoch = 0;      // the highest that it obeys or leads
  replication::Position last;        // synced end of its log
  replication::LogIndex commit = 0;  // known
  std::uint64_t counter = 0;         // highest of the shard's record ever seen
  std::uint64_t lineage = 0;         // of what it holds
  bool is_restarted = false;         // no leader has matched its log since this process started
  std::int64_t stalled_ms = 0;  // leading: since its commit last moved while something waits for it
                                // (or it isn't serving yet); following: since its leader was heard
  friend bool operator==(const ShardStatus&, const ShardStatus&) = default;
};

// How far the replica that is behind most is behind its leader.
struct Lag {
  replication::LogIndex records = 0;  // not on its disk
  std::int64_t ms = 0;                // since it had all that there was
};

struct PeerView {
  enum class Seen { connected, silent, refused };  // refused: nobody listens at its address
  std::string name;
  std::uint64_t incarnation = 0;  // of the peer, as last connected; 0: never was
  Seen seen = Seen::silent;
  friend bool operator==(const PeerView&, const PeerView&) = default;
};

struct NodeReport {
  std::string name;
  std::string store;
  std::uint64_t incarnation = 0;
  bool is_draining = false;  // about to stop: leadership moves away
  std::vector<PeerView> peers;
  std::vector<ShardStatus> shards;
};

}  // namespace roost::cluster
