// SPDX-License-Identifier: Apache-2.0
// Until when this node may say "nothing matches" for a shard, or for the sessions in another node's
// memory: what it asks for and is granted, for a second at most. Whoever publishes looks here; what
// isn't allowed is asked. REPLICATION, "Interest leases".
// Thread: one writer (core 0); Certainty from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "broker/base/clock.h"
#include "broker/base/ids.h"
#include "broker/gates/peer_gate.h"

namespace roost::gates {

class Permissions final : public Certainty {
 public:
  // From the moment of asking.
  static constexpr SteadyMs kForMs = 1000;

  // The clock is read with each look: a turn may be interrupted for long.
  Permissions(const Clock& clock, std::uint16_t shard_count);

  routing::ShardSet uncertain_shards() const override {
    if (!is_used_.load(std::memory_order_relaxed)) is_used_.store(true, std::memory_order_relaxed);
    return shards_.without(clock_);
  }
  routing::PeerSet uncertain_nodes() const override { return nodes_.without(clock_); }

  // Whether somebody published since the last call, who looked here.
  bool take_used() { return is_used_.exchange(false, std::memory_order_relaxed); }

  // Nothing changes where `until` is over.
  void allow(ShardId shard, SteadyMs until) { shards_.allow(shard.value, until, clock_); }
  void allow(PeerId node, SteadyMs until) { nodes_.allow(node.value, until, clock_); }
  void forbid(ShardId shard) { shards_.forbid(shard.value); }
  void forbid(PeerId node) { nodes_.forbid(node.value); }
  // A process that may have sessions; gone: it can't any more.
  void know(PeerId node) { nodes_.know(node.value); }
  void forget(PeerId node) { nodes_.forget(node.value); }

 private:
  class Row {
   public:
    Row();
    std::uint64_t without(const Clock& clock) const;
    void allow(unsigned at, SteadyMs until, const Clock& clock);
    void forbid(unsigned at);
    void know(unsigned at);
    void forget(unsigned at);

   private:
    void set_earliest();

    std::array<std::atomic<SteadyMs>, 64> until_;
    std::atomic<std::uint64_t> known_{0};
    std::atomic<std::uint64_t> allowed_{0};
    std::atomic<SteadyMs> earliest_;  // of those allowed
  };

  const Clock& clock_;
  mutable std::atomic<bool> is_used_{false};
  Row shards_, nodes_;
};

}  // namespace roost::gates
