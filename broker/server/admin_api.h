// SPDX-License-Identifier: Apache-2.0
// The admin API of a node: HTTP with JSON on the Unix socket admin.sock in the data directory, mode
// 0600, and behind a guard over TCP (http_door.h). The verbs are one table of routes in
// admin_api.cc; every answer is JSON, errors too:
// {"error": "..."}.
// Thread: open, start, stop from one thread; verbs run one at a time on the workers of servers,
// queries beside each other.
// Owner: Server.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "broker/http/server.h"
#include "broker/observe/metrics.h"
#include "broker/server/backup_job.h"
#include "broker/server/cluster_api.h"
#include "broker/server/events_api.h"
#include "broker/server/explain_api.h"
#include "broker/server/fleet.h"
#include "broker/server/inside_door.h"
#include "broker/server/ops_api.h"
#include "broker/server/overview_api.h"
#include "broker/server/publish_api.h"
#include "broker/server/replay.h"
#include "broker/server/retained_api.h"
#include "broker/server/session_api.h"
#include "broker/server/trace_api.h"
#include "broker/server/ways.h"
#include "broker/server/why_api.h"

namespace roost::server {

struct Node;

class AdminApi {
 public:
  // Without a socket, where none can be made there (said in the log): a broker serves all the same.
  // `node` and `cluster` must outlive it; null: a node alone.
  AdminApi(Node& node, cluster::Cluster* cluster);
  ~AdminApi();  // stop()

  // What POST drain does: must not block. Before start(); without it, drain is refused.
  void on_drain(std::function<void()> stop) { stop_ = std::move(stop); }
  // For one more server, which must end before this.
  std::vector<http::Route> routes();
  void start();
  // Later requests get 503. A backup that is being written is given up, streams end.
  void stop();
  void add_metrics(observe::Metrics& metrics) const;
  // Bridges and webhooks: before start(); the first things that end.
  Ways& ways() { return ways_; }

 private:
  std::vector<http::Route> verbs();
  std::vector<http::Route> queries();
  std::vector<http::Route> bans();
  http::Response begin_backup(const http::Request& request);
  http::Response drain();

  Node& node_;
  Fleet fleet_;
  SessionApi sessions_;
  RetainedApi retained_;
  WhyApi why_;
  OpsApi ops_;
  OverviewApi overview_;
  TraceApi traces_;
  ClusterApi cluster_;
  ExplainApi explain_;
  BackupJob backup_;
  InsideDoor door_;
  PublishApi publish_;
  EventsApi events_;
  Replay replay_;
  Ways ways_;
  std::function<void()> stop_;
  std::mutex one_at_a_time_;  // of the verbs
  bool is_draining_ = false;  // guarded by one_at_a_time_
  std::atomic<bool> is_over_{false};
  bool is_started_ = false;
  const std::vector<http::Route> bans_;  // their verbs are in fleet_
  std::unique_ptr<http::Server> http_;   // null: no socket
};

}  // namespace roost::server
