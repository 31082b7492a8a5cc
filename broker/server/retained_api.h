// SPDX-License-Identifier: Apache-2.0
// The API's verbs about retained messages: browse level by level, get one, delete one or a subtree
// in pieces. Of all shards, wherever they are led.
// Thread: threads that may wait.
// Owner: AdminApi.
#pragma once

#include <chrono>
#include <cstdint>

#include <vector>

#include "broker/http/server.h"
#include "broker/server/fleet.h"

namespace roost::server {

struct Node;

class RetainedApi {
 public:
  static constexpr std::size_t kLevelsMax = 1000;    // of a page
  static constexpr std::size_t kDeletedATurn = 500;  // records that one turn of a core appends
  static constexpr std::uint64_t kDeletedAPiece =
      10'000;                                           // ... of a core, before it is asked again
  static constexpr std::chrono::seconds kGoesOnFor{5};  // of one request

  // Adds what this node tells of itself to `fleet`. Both must outlive it.
  RetainedApi(Node& node, Fleet& fleet);
  std::vector<http::Route> routes();

 private:
  // Of this node.
  Fleet::Told below(const Fleet::Object& parameters);
  Fleet::Told get(const Fleet::Object& parameters);
  Fleet::Told remove(const Fleet::Object& parameters);

  http::Response browse(const http::Request& request);
  http::Response one(const http::Request& request);
  http::Response remove_all(const http::Request& request);

  Node& node_;
  Fleet& fleet_;
};

}  // namespace roost::server
