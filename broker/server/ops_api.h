// SPDX-License-Identifier: Apache-2.0
// The API's verbs for whoever has the pager: nodes, shards, listeners, the sessions that stand out,
// the log's level.
// Thread: threads that may wait.
// Owner: AdminApi.
#pragma once

#include <vector>

#include "broker/http/server.h"
#include "broker/server/fleet.h"

namespace roost::server {

struct Node;
class SessionApi;

class OpsApi {
 public:
  static constexpr std::size_t kFlappingMax = 1000;

  // Adds what this node tells of itself to `fleet`. All must outlive it.
  OpsApi(Node& node, Fleet& fleet, SessionApi& sessions, cluster::Cluster* cluster);
  std::vector<http::Route> routes();

 private:
  Fleet::Told flapping_here();
  Fleet::Told listeners_here();

  // {"nodes": [{"node": ..., what the verb says}], "missing": [...]}
  http::Response of_all_nodes(const char* verb, const char* name);
  http::Response shards();
  http::Response top(const http::Request& request);
  http::Response flapping(std::uint64_t limit);
  http::Response log_level(const http::Request& request);

  Node& node_;
  Fleet& fleet_;
  SessionApi& sessions_;
  cluster::Cluster* const cluster_;
};

}  // namespace roost::server
