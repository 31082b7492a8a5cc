// SPDX-License-Identifier: Apache-2.0
// The network between nodes over gRPC: one service, and one link per peer that is dialled again for
// ever. With TLS each node's certificate is of the cluster's own authority and has the node's name
// as a DNS name among its alternative names; both sides check both.
// Thread: as peer_network.h says; two threads of its own (timers, probes), besides gRPC's. Chunks
// may be let go on any thread, also after its end.
// Owner: the server. Its destructor blocks until everything has ended, and must not be called from
// an event; after it, and for what it ends itself, nothing is told.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/base/log.h"
#include "broker/base/result.h"
#include "cluster/peer_network.h"

namespace roost::cluster {

// PEM files, read once. All empty: plain text.
struct PeerTls {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
};

struct PeerNetworkOptions {
  PeerIdentity self;
  std::string bind;  // host:port; port 0: any
  PeerTls tls;
};

// Since the start.
struct PeerCounters {
  struct OfLane {
    std::uint64_t chunks_out = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t envelopes_out = 0;
    std::uint64_t chunks_in = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t envelopes_in = 0;  // signs of life among them
  };
  std::array<OfLane, kLanes> lanes;
  std::uint64_t sessions = 0;        // that came up
  std::uint64_t reconnects = 0;      // of those, not the first one with their peer
  std::uint64_t refused_hellos = 0;  // for good: another cluster, protocol, name or certificate
  std::uint64_t pauses = 0;          // too much held: the reading stopped
  std::uint64_t waits = 0;           // a lane waited for a slot, so that more went together
};

class GrpcPeerNetwork : public PeerNetwork {
 public:
  virtual std::uint16_t port() const = 0;
  virtual PeerCounters counters() const = 0;
};

// Listens at once; links begin with set_peers(). Errors: invalid_argument, unavailable (the
// address), those of reading the PEM files.
Result<std::unique_ptr<GrpcPeerNetwork>> make_peer_network(PeerNetworkOptions options,
                                                           PeerEvents& events, Log& log);

}  // namespace roost::cluster
