// SPDX-License-Identifier: Apache-2.0
// The numbers that only a node of a cluster has.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>

#include "broker/server/node.h"

namespace roost::server {

namespace {

using Status = cluster::ClusterStatus;

struct GaugeRow {
  const char* name;
  const char* help;
  double (*read)(const Status&);
};

double count_nodes(const Status& status, bool Status::Node::*what) {
  double count = 0;
  for (const Status::Node& node : status.nodes) count += node.*what ? 1 : 0;
  return count;
}

double of_this_node(const Status& status, std::uint32_t Status::Node::*what) {
  for (const Status::Node& node : status.nodes) {
    if (node.record.name == status.self) return node.*what;
  }
  return 0;
}

double count_behind(const Status& status) {
  double count = 0;
  for (const Status::Shard& shard : status.shards) {
    if (shard.record.leader.name != status.self) continue;
    for (const cluster::Replica& one : shard.record.replicas) {
      const auto& isr = shard.record.isr;
      count += std::find(isr.begin(), isr.end(), one) == isr.end() ? 1 : 0;
    }
  }
  return count;
}

constexpr GaugeRow kGauges[] = {
    {"roost_cluster_joined", "1: registered, and linked with every node that is alive.",
     [](const Status& status) { return status.is_joined ? 1.0 : 0.0; }},
    {"roost_cluster_coordinator_reached", "1: etcd answers. 0: no fail-over, traffic goes on.",
     [](const Status& status) { return status.coordinator_reached ? 1.0 : 0.0; }},
    {"roost_cluster_nodes", "Nodes that are alive, or hold a copy of a shard.",
     [](const Status& status) { return static_cast<double>(status.nodes.size()); }},
    {"roost_cluster_nodes_alive", "Nodes whose lease holds.",
     [](const Status& status) { return count_nodes(status, &Status::Node::is_alive); }},
    {"roost_cluster_nodes_linked", "Nodes that this one is linked with, itself among them.",
     [](const Status& status) { return count_nodes(status, &Status::Node::is_linked); }},
    {"roost_cluster_shards_led", "Shards whose leader is here.",
     [](const Status& status) { return of_this_node(status, &Status::Node::leads); }},
    {"roost_cluster_shards_in_sync", "Shards of which an in-sync copy is here.",
     [](const Status& status) { return of_this_node(status, &Status::Node::in_sync); }},
    {"roost_cluster_shards_held", "Shards of which a copy is here, or shall be.",
     [](const Status& status) { return of_this_node(status, &Status::Node::holds); }},
    {"roost_cluster_shards_stalled", "Shards of the cluster that can't commit: no PUBACK for them.",
     [](const Status& status) {
       double count = 0;
       for (const Status::Shard& shard : status.shards) count += shard.is_stalled ? 1 : 0;
       return count;
     }},
    {"roost_cluster_replicas_behind", "Copies of shards led here that are not in sync.",
     count_behind},
    {"roost_cluster_feature_level", "In force: all nodes have it.",
     [](const Status& status) { return static_cast<double>(status.feature_level); }},
    {"roost_cluster_alarms", "Alarms that stand; `roost cluster status` names them.",
     [](const Status& status) { return static_cast<double>(status.alarms.size()); }},
};

// Seconds from or to a moment on the steady clock; 0: there is none.
double seconds_between(SteadyMs from_ms, SteadyMs to_ms) {
  if (from_ms == 0 || to_ms == 0) return 0;
  return static_cast<double>(std::max<SteadyMs>(to_ms - from_ms, 0)) / 1e3;
}

void add_coordinator_metrics(observe::Metrics& metrics, const NodeCluster& cluster,
                             const Clock& clock) {
  metrics.add_gauge("roost_etcd_answer_age_seconds", "Since etcd's last answer; 0: none yet.",
                    [&cluster, &clock] {
                      return seconds_between(cluster.coordinator_health().answered_ms,
                                             clock.steady_ms());
                    });
  metrics.add_gauge(
      "roost_etcd_lease_remaining_seconds",
      "Until this node's lease ends, unless it is renewed; 0: it has none.", [&cluster, &clock] {
        return seconds_between(clock.steady_ms(), cluster.coordinator_health().lease_until_ms);
      });
}

void add_lag_metrics(observe::Metrics& metrics, NodeCluster& cluster) {
  metrics.add_gauge("roost_replication_lag_records",
                    "Records that the copy that is behind most, of the shards led here, hasn't on "
                    "disk.",
                    [&cluster] { return static_cast<double>(cluster.cluster().lag().records); });
  metrics.add_gauge("roost_replication_lag_seconds",
                    "Since the copy that is behind longest, of the shards led here, had all.",
                    [&cluster] { return static_cast<double>(cluster.cluster().lag().ms) / 1e3; });
}

template <typename Counters>
struct Row {
  const char* name;
  const char* help;
  Counter Counters::*counter;
  bool is_gauge = false;
};

using P = gates::PeerCounters;
constexpr Row<P> kPeers[] = {
    {"roost_peer_once_sent_total", "QoS 0 messages sent to other nodes.", &P::once_sent},
    {"roost_peer_once_dropped_total", "QoS 0 messages dropped: the way to a node was full.",
     &P::once_dropped},
    {"roost_peer_once_received_total", "QoS 0 messages from other nodes.", &P::once_received},
    {"roost_peer_published_total", "QoS 1 and 2 messages given to shards and other nodes.",
     &P::published},
    {"roost_peer_frames_sent_total", "Of them, sent to other nodes, repeats too.", &P::frames_sent},
    {"roost_peer_received_total", "QoS 1 and 2 messages from other nodes.", &P::received},
    {"roost_peer_broken_total", "Frames that could not be read.", &P::broken},
    {"roost_peer_kept_messages", "QoS 1 and 2 messages not confirmed by all targets yet.",
     &P::kept_messages, true},
    {"roost_peer_kept_bytes", "Their bytes.", &P::kept_bytes, true},
};

using R = gates::ReplicaGateCounters;
constexpr Row<R> kReplicas[] = {
    {"roost_replica_applied_total", "Committed records applied, whoever led.", &R::applied},
    {"roost_replica_dropped_total", "Records whose shard was led elsewhere before they committed.",
     &R::dropped},
    {"roost_replica_loads_total", "Shards read from the disk.", &R::loads},
    {"roost_replica_unreadable_total", "Committed records that this version can't read.",
     &R::unreadable},
};

using F = gates::RelayFrontCounters;
constexpr Row<F> kFront[] = {
    {"roost_relayed_clients", "Clients here whose sessions run on other nodes.", &F::relayed, true},
    {"roost_granted_clients", "Clean sessions here that another node's leader knows of.",
     &F::granted, true},
    {"roost_sent_off_total", "Clients sent off because their session's leader was gone or moved.",
     &F::sent_off},
    {"roost_unserved_connects_total", "CONNECTs refused because no leader took them.",
     &F::unserved},
};

using L = gates::RelayLeaderCounters;
constexpr Row<L> kLeader[] = {
    {"roost_takeovers_late_total", "Takeovers whose older connection's node didn't answer in time.",
     &L::takeovers_late},
    {"roost_relays_refused_total", "CONNECTs from other nodes for shards that aren't led here.",
     &L::refused},
    {"roost_relays_broken_total", "Frames of relayed clients that could not be read.", &L::broken},
};

using G = gates::GatherCounters;
constexpr Row<G> kGathers[] = {
    {"roost_gathers_asked_total", "Questions for retained messages to other nodes.", &G::asked},
    {"roost_gathers_answered_total", "Such questions answered.", &G::answered},
    {"roost_gathers_incomplete_total", "Subscriptions that got not all: a shard had no leader.",
     &G::incomplete},
    {"roost_gathers_broken_total", "Frames of them that could not be read.", &G::broken},
};

template <typename Counters, std::size_t kSize, typename Of>
void add_rows(observe::Metrics& metrics, const NodeCluster& cluster,
              const Row<Counters> (&rows)[kSize], Of of) {
  static_assert(sizeof(Counters) / sizeof(Counter) == kSize, "a counter without a metric");
  for (const Row<Counters>& row : rows) {
    const auto read = [&cluster, member = row.counter, of] {
      double sum = 0;
      for (const auto& core : cluster.on_core()) {
        sum += static_cast<double>((of(*core).*member).value());
      }
      return sum;
    };
    if (row.is_gauge) {
      metrics.add_gauge(row.name, row.help, read);
    } else {
      metrics.add_counter(row.name, row.help, read);
    }
  }
}

using Link = cluster::PeerCounters;
struct LaneRow {
  const char* name;
  const char* help;
  std::uint64_t Link::OfLane::*counter;
};
constexpr LaneRow kLanes[] = {
    {"roost_link_chunks_sent_total", "Chunks sent to other nodes.", &Link::OfLane::chunks_out},
    {"roost_link_sent_bytes_total", "Their bytes.", &Link::OfLane::bytes_out},
    {"roost_link_envelopes_sent_total", "gRPC messages that they left in.",
     &Link::OfLane::envelopes_out},
    {"roost_link_chunks_received_total", "Chunks from other nodes.", &Link::OfLane::chunks_in},
    {"roost_link_received_bytes_total", "Their bytes.", &Link::OfLane::bytes_in},
    {"roost_link_envelopes_received_total",
     "gRPC messages that they came in, signs of life among them.", &Link::OfLane::envelopes_in},
};
static_assert(sizeof(Link::OfLane) / sizeof(std::uint64_t) == std::size(kLanes),
              "a counter without a metric");

struct LinkRow {
  const char* name;
  const char* help;
  std::uint64_t Link::*counter;
};
constexpr LinkRow kLinks[] = {
    {"roost_link_sessions_total", "Sessions with other nodes that came up.", &Link::sessions},
    {"roost_link_reconnects_total", "Of those, not the first one with their node.",
     &Link::reconnects},
    {"roost_link_refused_hellos_total",
     "Links refused: another cluster, protocol, name or certificate.", &Link::refused_hellos},
    {"roost_link_pauses_total", "Times that reading from a node stopped: too much was held.",
     &Link::pauses},
    {"roost_link_waits_total",
     "Times that a lane waited a few milliseconds, so that more went in one gRPC message.",
     &Link::waits},
};
static_assert((sizeof(Link) - sizeof(Link::lanes)) / sizeof(std::uint64_t) == std::size(kLinks),
              "a counter without a metric");

void add_link_metrics(observe::Metrics& metrics, const NodeCluster& cluster) {
  static constexpr const char* kNames[] = {"replication", "traffic", "bulk"};
  static_assert(std::size(kNames) == cluster::kLanes);
  const auto links = std::make_shared<Link>();
  metrics.before_scrape([&cluster, links] { *links = cluster.link_counters(); });
  for (const LaneRow& row : kLanes) {
    for (std::size_t lane = 0; lane < cluster::kLanes; ++lane) {
      metrics.add_counter(row.name, row.help,
                          [links, lane, counter = row.counter] {
                            return static_cast<double>(links->lanes.at(lane).*counter);
                          },
                          {{"lane", kNames[lane]}});
    }
  }
  for (const LinkRow& row : kLinks) {
    metrics.add_counter(row.name, row.help, [links, counter = row.counter] {
      return static_cast<double>((*links).*counter);
    });
  }
}

}  // namespace

void add_cluster_metrics(observe::Metrics& metrics, const Node& node) {
  if (node.cluster == nullptr) return;
  NodeCluster& cluster = *node.cluster;
  const auto status = std::make_shared<Status>();
  metrics.before_scrape([&cluster, status] { *status = cluster.cluster().status(); });
  for (const GaugeRow& row : kGauges) {
    metrics.add_gauge(row.name, row.help, [status, read = row.read] { return read(*status); });
  }
  add_link_metrics(metrics, cluster);
  add_coordinator_metrics(metrics, cluster, node.clock);
  add_lag_metrics(metrics, cluster);
  metrics.add_counter("roost_replica_appends_skipped_total",
                      "Records not sent to a node that reads too slowly; they are sent again.",
                      [&cluster] { return static_cast<double>(cluster.appends_skipped()); });
  add_rows(metrics, cluster, kPeers,
           [](const ClusterCore& core) -> const P& { return core.peers.counters(); });
  add_rows(metrics, cluster, kReplicas,
           [](const ClusterCore& core) -> const R& { return core.replicas.counters(); });
  add_rows(metrics, cluster, kFront, [](const ClusterCore& core) -> const F& {
    return const_cast<ClusterCore&>(core).relay.front().counters();
  });
  add_rows(metrics, cluster, kLeader, [](const ClusterCore& core) -> const L& {
    return const_cast<ClusterCore&>(core).relay.leader().counters();
  });
  add_rows(metrics, cluster, kGathers,
           [](const ClusterCore& core) -> const G& { return core.gather.counters(); });
}

}  // namespace roost::server
