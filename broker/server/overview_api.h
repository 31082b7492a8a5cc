// SPDX-License-Identifier: Apache-2.0
// The API's verbs for an overview of the cluster, of any node: the last ten minutes, drops by
// cause, alarms.
// Thread: threads that may wait.
// Owner: AdminApi.
#pragma once

#include <vector>

#include "broker/http/server.h"
#include "broker/server/fleet.h"

namespace roost::server {

struct Node;

class OverviewApi {
 public:
  // Adds what this node tells of itself to `fleet`. All must outlive it; `cluster`: null: a node
  // alone.
  OverviewApi(Node& node, Fleet& fleet, cluster::Cluster* cluster);
  std::vector<http::Route> routes();

 private:
  Fleet::Told drops_here();
  Fleet::Told alarms_here();

  http::Response history();
  http::Response drops();
  http::Response alarms();

  Node& node_;
  Fleet& fleet_;
  cluster::Cluster* const cluster_;
};

// What the state of the cluster alone says is wrong: [{"severity": "critical" or "warning",
// "text": ...}].
boost::json::array alarms_of(const cluster::ClusterStatus& status);

}  // namespace roost::server
