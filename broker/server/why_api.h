// SPDX-License-Identifier: Apache-2.0
// The API's answers to "why": who would get a message published to a topic, through which node and
// shard; and why a client has not got its messages. Of the whole cluster.
// Thread: threads that may wait.
// Owner: AdminApi.
#pragma once

#include <string>
#include <vector>

#include "broker/http/server.h"
#include "broker/server/fleet.h"

namespace roost::server {

struct Node;

// What holds a session's messages up, most likely first: [{"cause", "text"}]. `session`: what
// GET /api/v1/sessions/ID answers; `topic`: that was asked about, or empty. Pure.
boost::json::array causes_of(const boost::json::object& session, const std::string& topic);

class WhyApi {
 public:
  // Adds what this node tells of itself to `fleet`. Both must outlive it.
  WhyApi(Node& node, Fleet& fleet);
  std::vector<http::Route> routes();

 private:
  Fleet::Told route_here(const Fleet::Object& parameters);
  http::Response explain_route(const http::Request& request);
  http::Response explain_session(const http::Request& request);

  Node& node_;
  Fleet& fleet_;
};

}  // namespace roost::server
