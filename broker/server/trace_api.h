// SPDX-License-Identifier: Apache-2.0
// The API's verbs to follow a client, a topic or an address on all nodes at once.
// Thread: threads that may wait.
// Owner: AdminApi.
#pragma once

#include <vector>

#include "broker/http/server.h"
#include "broker/observe/metrics.h"
#include "broker/server/fleet.h"
#include "broker/server/trace_hub.h"

namespace roost::server {

struct Node;

class TraceApi {
 public:
  static constexpr std::size_t kLinesAPage = 2'000;  // of each node

  // Adds what this node does to `fleet`. Both must outlive it.
  TraceApi(Node& node, Fleet& fleet);
  std::vector<http::Route> routes();
  void add_metrics(observe::Metrics& metrics) const;

 private:
  void follow(bool is_on);
  http::Response begin(const http::Request& request);
  http::Response fetch(const http::Request& request);
  http::Response end(const http::Request& request);

  Node& node_;
  Fleet& fleet_;
  TraceHub hub_;
};

}  // namespace roost::server
