// SPDX-License-Identifier: Apache-2.0
// Chunks of bytes between this node and each of its peers, in order, on lanes that don't wait for
// each other. Implemented over gRPC (peer/), in tests in memory. REPLICATION, "Two streams per node
// pair".
// Thread: any thread. Events come on threads of the network, for one peer one at a time and in
// order, and must not block.
// Owner: the server; the events' receiver outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/ids.h"
#include "cluster/replication/status.h"

namespace roost::cluster {

enum class Lane : std::uint8_t {
  replication,  // never behind publishes
  traffic,
  bulk,  // snapshots; what brokers ask each other
};
inline constexpr std::size_t kLanes = 3;

// A chunk is at most this; a frame of the wire holds one or several.
inline constexpr std::size_t kChunkBytesMax = 768 * 1024;

// What is said of oneself at hello, and learnt of the other.
struct PeerIdentity {
  std::string cluster;
  std::string name;
  std::uint64_t incarnation = 0;  // of the process
  std::string store;              // uuid of its data directory
  std::string version;            // for people
  std::uint32_t protocol = 0;     // must be equal
  std::uint32_t feature_level = 0;
};

struct PeerAddress {
  PeerId id;
  std::string name;
  std::string address;  // host:port
};

// Received. The network stops reading from that peer while too much is held.
struct Chunk {
  std::string bytes;
  std::shared_ptr<const void> held;  // let go when the bytes have been dealt with
};
using Chunks = std::vector<Chunk>;

// Between up and down of a session everything that was sent arrives, in order per lane; with down
// an unknown tail of it is lost. A later session has a higher number, and nothing of the older one
// comes after its on_peer_up.
class PeerEvents {
 public:
  virtual void on_peer_up(PeerId peer, std::uint64_t session, const PeerIdentity& identity) = 0;
  virtual void on_peer_down(PeerId peer, std::uint64_t session) = 0;
  // Whether it can be reached, whenever that changes. `refused`: nobody listens at its address. R3
  virtual void on_peer_seen(PeerId peer, PeerView::Seen seen) = 0;
  // In the order of sending, those together that came together; one at least.
  virtual void on_chunks(PeerId from, std::uint64_t session, Lane lane, Chunks chunks) = 0;

 protected:
  ~PeerEvents() = default;
};

class PeerNetwork {
 public:
  virtual ~PeerNetwork() = default;
  // All nodes of the cluster but this one; links to others are closed. The address of one that is
  // known may change.
  virtual void set_peers(std::vector<PeerAddress> peers) = 0;
  // Takes the chunk; false: that session is over, and the chunk dropped.
  // Requires: chunk not empty, at most kChunkBytesMax.
  virtual bool send(PeerId to, std::uint64_t session, Lane lane, std::string chunk) = 0;
  // Sent and not on the wire yet; for back-pressure.
  virtual std::size_t waiting_bytes(PeerId to, Lane lane) const = 0;
};

}  // namespace roost::cluster
