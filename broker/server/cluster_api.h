// SPDX-License-Identifier: Apache-2.0
// The admin API's verbs about the cluster: how it stands, remove a node, move leaders, force one.
// Thread: verbs run on the API's own thread, where they may block for some seconds.
// Owner: AdminApi.
#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <vector>

#include "broker/http/server.h"
#include "cluster/cluster.h"

namespace roost::server {

// Empty unless there are exactly two nodes; else what that means, a sentence for people.
std::string two_nodes_note(const cluster::ClusterStatus& status);

boost::json::value cluster_json(const cluster::ClusterStatus& status);

class ClusterApi {
 public:
  // Null: a node alone, which says so. `cluster` must outlive the routes.
  explicit ClusterApi(cluster::Cluster* cluster) : cluster_(cluster) {}
  std::vector<http::Route> routes();

 private:
  http::Response status();
  http::Response remove(const http::Request& request);
  http::Response move_leaders(const http::Request& request);
  http::Response force_leader(const http::Request& request);

  cluster::Cluster* const cluster_;
};

}  // namespace roost::server
