// SPDX-License-Identifier: Apache-2.0
// The way into this node for clients of its own, those of the web: a thread for them, and socket
// pairs whose other end is a connection of listener "api". What they publish and subscribe to has
// exactly MQTT's meaning, for it is MQTT. They may do everything, as the API may, and count among
// the connections that are open, but take no place of limits.max_connections.
// Thread: its own (core()); start, stop from the owner's thread.
// Owner: AdminApi.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "broker/auth/authenticator.h"
#include "broker/base/result.h"
#include "broker/core/core.h"
#include "broker/gates/client_gate.h"
#include "broker/net/connection.h"
#include "broker/net/counters.h"

namespace roost::server {

struct Node;

class InsideDoor {
 public:
  static constexpr std::string_view kListener = "api";

  explicit InsideDoor(Node& node);

  void start();
  void stop() { core_.stop(); }

  // Of all clients inside.
  core::Core& core() { return core_; }
  net::NetCounters& counters() { return counters_; }
  std::size_t node_cores() const;
  const mqtt::Limits& limits() const { return listener_.limits; }
  // Clients are served. Any thread.
  bool is_open() const;

  // A client's end of a connection to that core of the node, where a client without an id stays.
  // Errors: resource_exhausted (no file descriptor).
  Result<net::DetachedConnection> connect(std::size_t node_core);

 private:
  class Everybody final : public auth::Authenticator {
   public:
    void authenticate(auth::AuthRequest, Answer answer) override { answer({}); }
  };

  Node& node_;
  Everybody everybody_;
  gates::GateListener listener_;
  net::NetCounters counters_;
  core::Core core_;
};

}  // namespace roost::server
