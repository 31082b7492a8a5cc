// SPDX-License-Identifier: Apache-2.0
// What PeerCounters is read from.
// Thread: any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "cluster/peer/grpc_peer_network.h"

namespace roost::cluster::peer {

class Count {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Counts {
  struct OfLane {
    Count chunks_out, bytes_out, envelopes_out, chunks_in, bytes_in, envelopes_in;
  };
  std::array<OfLane, kLanes> lanes;
  Count sessions, reconnects, refused_hellos, pauses, waits;

  PeerCounters read() const {
    PeerCounters out;
    for (std::size_t i = 0; i < kLanes; ++i) {
      const OfLane& from = lanes[i];
      out.lanes[i] = {from.chunks_out.value(), from.bytes_out.value(), from.envelopes_out.value(),
                      from.chunks_in.value(),  from.bytes_in.value(),  from.envelopes_in.value()};
    }
    out.sessions = sessions.value();
    out.reconnects = reconnects.value();
    out.refused_hellos = refused_hellos.value();
    out.pauses = pauses.value();
    out.waits = waits.value();
    return out;
  }
};

}  // namespace roost::cluster::peer
