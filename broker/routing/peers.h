// SPDX-License-Identifier: Apache-2.0
// Other nodes, as the router of a core needs them. Implemented above (gates/peer_gate.h); a node
// alone has none. DESIGN section 8, REPLICATION "What stands on the log".
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <optional>

#include "broker/base/ids.h"
#include "broker/routing/message.h"
#include "broker/routing/publication.h"

namespace roost::routing {

// Bits of ShardId and PeerId: both are below 64 in a cluster.
using ShardSet = std::uint64_t;
using PeerSet = std::uint64_t;

// Who has to have a QoS 1 or 2 message before its publisher's ack.
struct Targets {
  ShardSet shards = 0;           // durable sessions there may want it; each commits it or says no
  std::optional<ShardId> keeps;  // the topic's shard: commits it as the retained message
  PeerSet nodes = 0;             // volatile sessions there may want it; each confirms it
  // With `keeps`: cores of this node whose volatile sessions have it from its publisher.
  std::uint64_t cores = 0;
  // A retained one, again, for those who subscribed while it was on its way; older than what they
  // may have by now.
  bool is_late = false;
  bool empty() const { return shards == 0 && !keeps && nodes == 0; }
};

class Peers {
 public:
  // What this node must ask although its interest tables don't say so: shards and nodes of whose
  // filters it isn't certain just now (interest leases). For QoS 1 and 2 only.
  virtual ShardSet uncertain_shards() const = 0;
  virtual PeerSet uncertain_nodes() const = 0;
  // Leaders of these shards as far as they are known, kThisNode among them.
  virtual PeerSet leaders_of(ShardSet shards) const = 0;

  // No promise: to every node of the set (not this one), once each; it delivers to whoever wants it
  // there, volatile sessions and those of shards that it leads, and keeps it if it leads `keeps`.
  virtual void send_once(const MessagePtr& message, PeerSet nodes,
                         std::optional<ShardId> keeps) = 0;
  // Brought to all targets, shards led here among them (but not this node's volatile sessions), in
  // the order of calls, and again to whoever leads next, until each has confirmed; one door of
  // `publication` (may be null) is closed then, never before this returns. Of one that is_early it
  // is closed when each has stored or confirmed it; it is brought on all the same.
  virtual void publish(const MessagePtr& message, const Targets& targets,
                       const std::optional<Source>& source, Publication* publication) = 0;
  // Processes of nodes, each with a number that no other one ever has. This one's:
  virtual std::uint64_t own_life() const = 0;
  // A process that has been up and isn't over; kNoPeer: not known, or over.
  virtual PeerId peer_of(std::uint64_t life) const = 0;
  // It is over for certain, as far as the coordinator knows; not for every message.
  virtual bool is_over(std::uint64_t life) const = 0;
  // So much waits for other nodes that publishers should wait.
  virtual bool is_congested() const = 0;

 protected:
  ~Peers() = default;
};

}  // namespace roost::routing
