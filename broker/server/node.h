// SPDX-License-Identifier: Apache-2.0
// The parts of a node in the order in which they depend on each other.
// Thread: built and destroyed by the owner's thread; each NodeCore is core-bound.
// Owner: Server.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "broker/base/clock.h"
#include "broker/core/cores.h"
#include "broker/gates/gates.h"
#include "broker/http/server.h"
#include "broker/net/admission.h"
#include "broker/net/listener.h"
#include "broker/net/ticket_keys.h"
#include "broker/observe/metrics.h"
#include "broker/observe/rate_limiter.h"
#include "broker/server/ban_book.h"
#include "broker/server/client_news.h"
#include "broker/server/config.h"
#include "broker/server/history.h"
#include "broker/server/node_auth.h"
#include "broker/server/node_cluster.h"
#include "broker/server/node_store.h"
#include "broker/session/session_table.h"

namespace roost::server {

// What one core runs.
struct NodeCore {
  NodeCore(core::Core& core, core::Cores& cores, routing::RoutingTable& routing,
           session::SessionTables& tables, gates::GatesCommon& common,
           net::NetCounters& net_counters)
      : sessions(core, cores, routing, tables), gates(common, sessions, net_counters) {}

  session::SessionTable sessions;
  gates::Gates gates;
};

struct Node {
  // `coordinator`: null: a node alone.
  Node(const Config& wanted, Log& to, std::unique_ptr<NodeAuth> door,
       std::unique_ptr<NodeStore> opened, std::unique_ptr<cluster::Coordinator> coordinator);
  ~Node();

  const Config config;
  Log& log;
  observe::RateBoundLog connection_log;
  SystemClock clock;
  BanBook bans;
  net::Admission admission;  // before the cores: what they drop last had places in it
  core::Cores cores;
  const std::shared_ptr<net::TicketKeys> tickets;
  std::unique_ptr<NodeAuth> auth;
  routing::RoutingTable routing;
  const ClientNewsTeller news;
  session::SessionTables tables;
  std::unique_ptr<NodeStore> store;  // before the cores' side of it, which goes first
  gates::GatesCommon gates_common;
  std::vector<net::NetCounters> net_counters;  // by core
  std::vector<std::unique_ptr<NodeCore>> on_core;
  std::unique_ptr<NodeCluster> cluster;  // null: a node alone
  std::vector<std::unique_ptr<gates::GateListener>> gate_listeners;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  SteadyMs started_ms = 0;
  History history;  // its ticks come from SysPublisher
  std::atomic<bool> ready{false};
};

// Registers every number of the node; `node` must outlive the last scrape.
void add_metrics(observe::Metrics& metrics, const Node& node);
void add_auth_metrics(observe::Metrics& metrics, const Node& node);
void add_cluster_metrics(observe::Metrics& metrics, const Node& node);  // none of a node alone
void add_health_metrics(observe::Metrics& metrics, const Node& node);   // how long things take
// Messages that were not delivered since the start, by cause, as in roost_messages_dropped_total.
// Any thread.
void for_each_drop(const Node& node,
                   const std::function<void(const char* cause, std::uint64_t count)>& told);
void add_summaries(observe::Metrics& metrics, const Node& node);  // one family over many rows

}  // namespace roost::server
