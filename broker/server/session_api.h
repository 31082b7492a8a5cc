// SPDX-License-Identifier: Apache-2.0
// The API's verbs about sessions: list, one in full, kick, remove; its queue: list, peek, purge.
// Each is asked of all nodes and answered by who has the session, so any node tells of all.
// Thread: threads that may wait.
// Owner: AdminApi.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "broker/http/query.h"
#include "broker/http/server.h"
#include "broker/server/fleet.h"
#include "broker/session/session_view.h"

namespace roost::server {

struct Node;

class SessionApi {
 public:
  // One request that acts on many; the caller goes on with `next`.
  static constexpr std::chrono::seconds kGoesOnFor{5};

  // Adds what this node tells of itself to `fleet`. Both must outlive it.
  SessionApi(Node& node, Fleet& fleet);
  std::vector<http::Route> routes();
  // What GET /api/v1/sessions answers.
  http::Response list_all(const http::Request& request, bool connected_only);
  // What POST /api/v1/clients/kick answers (session_kick.cc).
  http::Response kick_all(const http::Request& request);

 private:
  // Of this node (session_verbs.cc).
  Fleet::Told list(const Fleet::Object& parameters);
  Fleet::Told show(const Fleet::Object& parameters);
  Fleet::Told kick(const Fleet::Object& parameters);
  Fleet::Told kick_these(const Fleet::Object& parameters);  // session_kick.cc
  Fleet::Told remove(const Fleet::Object& parameters);
  Fleet::Told queue(const Fleet::Object& parameters);
  Fleet::Told purge(const Fleet::Object& parameters);

  // The nodes' pages of a list, merged by their places alone.
  struct Merged {
    std::vector<std::pair<session::SessionPlace, boost::json::value>> rows;
    std::uint64_t matched = 0;
    bool has_more = false;
    boost::json::array missing;  // nodes that didn't answer
  };
  Merged merged(const session::SessionQuery& query);

  http::Response one(const http::Request& request);
  http::Response queue_of(const http::Request& request, const std::string& client_id,
                          std::string_view rest);
  http::Response replay(const http::Query& query, Fleet::Object parameters);
  // The answer of the node that has the session; not_found where none has.
  Fleet::Told of_one(const std::string& verb, const Fleet::Object& parameters);

  Node& node_;
  Fleet& fleet_;
};

}  // namespace roost::server
