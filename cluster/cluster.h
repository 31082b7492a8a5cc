// SPDX-License-Identifier: Apache-2.0
// What the broker sees of its cluster: peers that come and go, the traffic lane to them, how it
// stands. Shards are seen core by core: shard_hosts.h. Implemented by ClusterNode; in tests in
// memory.
// Thread: any thread.
// Owner: the server.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "broker/base/ids.h"
#include "broker/base/result.h"
#include "cluster/peer_network.h"
#include "cluster/shard_record.h"

namespace roost::cluster {

struct PeerInfo {
  PeerId id;
  std::string name;
  std::uint64_t incarnation = 0;
  std::uint64_t session = 0;
  std::uint32_t feature_level = 0;
};

// Upwards. Must not block. on_traffic comes on a thread of the network, in order for one peer and
// between its up and down; on_peer_gone and on_ready on the cluster's own thread.
class ClusterEvents {
 public:
  virtual void on_peer_up(const PeerInfo& peer) = 0;
  virtual void on_peer_down(PeerId peer, std::uint64_t session) = 0;
  // That process is over: there is no session with it, and its lease ended, a later one registered,
  // or nobody listens at its address. Whatever waits for it is let go. It may have been cut off
  // only: then it comes up again with the same incarnation, and has missed what was let go.
  virtual void on_peer_gone(PeerId peer, std::uint64_t incarnation) = 0;
  virtual void on_traffic(PeerId from, std::uint64_t session, Chunks chunks) = 0;
  // Joined: registered, and a session with every live peer.
  virtual void on_joined() = 0;

 protected:
  ~ClusterEvents() = default;
};

// For people and tools.
struct ClusterStatus {
  struct Node {
    NodeRecord record;
    bool is_alive = false;
    bool is_linked = false;  // a session with it (this node: true)
    bool is_leaving = false;
    std::uint32_t leads = 0, in_sync = 0, holds = 0;  // shards
  };
  struct Shard {
    ShardId id;
    ShardRecord record;
    bool is_stalled = false;  // too few of its replicas are alive for a commit, or no leader
  };
  std::string cluster;
  std::string self;
  std::string controller;  // node name; empty: none
  bool is_joined = false;
  // Shards of which this node's copy was in sync before it was away and isn't yet; 0 for good once
  // it has been 0, or after ClusterSettings::catch_up_ms.
  std::uint32_t behind = 0;
  bool coordinator_reached = false;  // heard of within its lease's time
  std::uint32_t feature_level = 0;   // in force
  std::vector<Node> nodes;
  std::vector<Shard> shards;
  std::vector<std::string> alarms;
};

class Cluster {
 public:
  virtual ~Cluster() = default;

  virtual std::uint64_t incarnation() const = 0;    // of this process; rises from start to start
  virtual std::uint32_t feature_level() const = 0;  // that all nodes have
  // The traffic lane; as PeerNetwork::send().
  virtual bool send(PeerId to, std::uint64_t session, std::string chunk) = 0;
  virtual std::size_t waiting_bytes(PeerId to) const = 0;

  // Asks the broker of another node; what that says is opaque here. `done` once, on any thread,
  // at once perhaps, and must not block. Errors: unavailable (no session with a node of that name,
  // it ended, or no answer in time), resource_exhausted (too long).
  using Answered = std::function<void(Result<std::string>)>;
  virtual void ask(const std::string& node, std::string question, std::int64_t timeout_ms,
                   Answered done) = 0;
  // What is asked of this node: called on the cluster's own thread, must not block; `reply` once,
  // from any thread, also when nobody waits any more.
  using Reply = std::function<void(std::string answer)>;
  using Asked = std::function<void(std::string question, Reply reply)>;
  virtual void on_question(Asked asked) = 0;

  virtual ClusterStatus status() const = 0;
  // Errors: not_found, invalid_argument, unavailable (no controller answers), permission_denied.
  // Blocks for some seconds at most; never on a core. Ok means begun: status() shows how far it is.
  virtual Result<void> remove_node(const std::string& name, bool undo) = 0;
  virtual Result<void> move_leaders(const std::string& from) = 0;  // away from that node
  virtual Result<void> force_leader(ShardId shard, const std::string& to) = 0;
  // This node is about to stop: leadership moves away; is_drained() when it leads nothing.
  virtual void drain() = 0;
  virtual bool is_drained() const = 0;
};

}  // namespace roost::cluster
