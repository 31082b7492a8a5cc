// SPDX-License-Identifier: Apache-2.0
// POST /api/v1/explain/acl: whether a client may do something with a topic, and by which rule. Of
// a client that is connected here its own identity counts, of another the one in the question.
// Thread: the API's own; asks the core of the client id.
// Owner: AdminApi.
#pragma once

#include <vector>

#include "broker/http/server.h"

namespace roost::server {

struct Node;

class ExplainApi {
 public:
  explicit ExplainApi(Node& node) : node_(node) {}
  std::vector<http::Route> routes();

 private:
  http::Response explain_acl(const http::Request& request);

  Node& node_;
};

}  // namespace roost::server
