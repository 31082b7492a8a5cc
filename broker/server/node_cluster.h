// SPDX-License-Identifier: Apache-2.0
// A node's part in a cluster: the coordinator, links to the other nodes, and on each core the
// gates between sessions and all that.
// Thread: made and destroyed by the owner's thread while no core runs; each ClusterCore is
// core-bound.
// Owner: Node.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "broker/base/log.h"
#include "broker/base/result.h"
#include "broker/core/cores.h"
#include "broker/gates/gates.h"
#include "broker/gates/gather_gate.h"
#include "broker/gates/interest_sync.h"
#include "broker/gates/peer_gate.h"
#include "broker/gates/peer_post.h"
#include "broker/gates/permissions.h"
#include "broker/gates/relay.h"
#include "broker/gates/replica_gate.h"
#include "broker/gates/session_shards.h"
#include "broker/net/ticket_keys.h"
#include "broker/server/config.h"
#include "broker/server/node_store.h"
#include "broker/session/session_table.h"
#include "cluster/cluster_node.h"
#include "cluster/peer/grpc_peer_network.h"
#include "cluster/shared_secret.h"
#include "storage/replica_store.h"

namespace roost::server {

class NodeCluster;

// What one core runs besides its sessions and gates.
struct ClusterCore {
  ClusterCore(NodeCluster& node, core::Core& core, session::SessionTable& table,
              gates::Gates& client_gates);

  session::SessionTable& sessions;
  gates::ReplicaGate replicas;
  gates::PeerPost post;
  gates::SessionShards shards;
  gates::PeerGate peers;
  gates::GatherGate gather;
  gates::Relay relay;
};

class NodeCluster {
 public:
  // What a node alone hasn't: made first, as it can fail. Errors: invalid_argument, and those of
  // reading the PEM and password files.
  static Result<std::unique_ptr<cluster::Coordinator>> open_coordinator(const Config& config);

  NodeCluster(const Config& config, Log& log, const Clock& clock, core::Cores& cores,
              routing::RoutingTable& routing, storage::ReplicaStore& store,
              std::unique_ptr<cluster::Coordinator> coordinator);
  ~NodeCluster();

  // Each core, in their order, before it runs.
  ReplicaEnd join(core::Core& core, session::SessionTable& sessions, gates::Gates& client_gates);
  // All cores have joined.
  void complete();
  // The cores run: registers, and looks for the others, for ever.
  void start();
  // From now on `tickets` has the cluster's secret.
  void share(std::shared_ptr<net::TicketKeys> tickets);
  // Leadership moves to others; waits until it has, or there is nobody for it.
  void drain(int limit_ms);
  // Leaves the links and gives the lease back. The cores still run.
  void stop();
  // Of the links; none of them are counted any more once stopped. Any thread.
  cluster::PeerCounters link_counters() const;
  cluster::CoordinatorHealth coordinator_health() const { return coordinator_->health(); }
  std::uint64_t appends_skipped() const { return cluster_->appends_skipped(); }
  // The cores have ended.
  void close() { cluster_.reset(); }

  // Registered, and linked with every node that is alive: may serve.
  bool is_joined() const { return joined_.load(std::memory_order_acquire); }
  cluster::ClusterNode& cluster() { return *cluster_; }
  const std::vector<std::unique_ptr<ClusterCore>>& on_core() const { return on_core_; }

 private:
  friend struct ClusterCore;

  const Config& config_;
  Log& log_;
  const Clock& clock_;
  core::Cores& cores_;
  routing::RoutingTable& routing_;
  storage::ReplicaStore& store_;
  std::atomic<bool> joined_{false};
  std::unique_ptr<cluster::Coordinator> coordinator_;
  std::unique_ptr<cluster::SharedSecret> ticket_secret_;
  gates::PeerInbox inbox_;
  mutable std::mutex links_mutex_;
  // Guarded by links_mutex_:
  cluster::GrpcPeerNetwork* links_ = nullptr;  // while there are any
  bool is_stopped_ = false;
  std::unique_ptr<cluster::ClusterNode> cluster_;
  gates::PeerGates peer_gates_;
  gates::Permissions permissions_;
  std::vector<std::unique_ptr<ClusterCore>> on_core_;
  std::unique_ptr<gates::InterestSync> interest_;  // when all cores have joined
};

}  // namespace roost::server
