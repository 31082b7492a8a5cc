// SPDX-License-Identifier: Apache-2.0
// POST /api/v1/explain/acl: whether a client may do something with a topic, and by which rule. Of
// a client that is connected to any node its own identity counts, of another the one in the
// question, and the rules of this node. Thread: threads that may wait.
// Owner: AdminApi.
#pragma once

#include <vector>

#include "broker/http/server.h"
#include "broker/server/fleet.h"

namespace roost::server {

struct Node;

class ExplainApi {
 public:
  // Adds what this node tells of itself to `fleet`. Both must outlive it.
  ExplainApi(Node& node, Fleet& fleet);
  std::vector<http::Route> routes();

 private:
  Fleet::Told explain_here(const Fleet::Object& object);
  http::Response explain_acl(const http::Request& request);

  Node& node_;
  Fleet& fleet_;
};

}  // namespace roost::server
