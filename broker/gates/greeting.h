// SPDX-License-Identifier: Apache-2.0
// What a gate needs only until its CONNECT is accepted.
// Thread: core-bound.
#pragma once

#include <string>
#include <vector>

#include "broker/core/timer_wheel.h"
#include "broker/gates/client_gate.h"

namespace roost::gates {

struct ClientGate::Greeting final : core::Timer {
  explicit Greeting(ClientGate& owner) : gate(owner) {}

  void on_timer() override;  // no CONNECT in time

  ClientGate& gate;
  bool admitted = false;       // the authenticator said yes, here or on the accepting core
  bool asking = false;         // it hasn't answered yet
  bool deciding = false;       // in a cluster: the leader of its shard hasn't answered yet
  auth::IdentityPtr identity;  // once it is admitted; null: nothing depends on it
  std::optional<auth::AuthResult> answer;   // came while ask() was still running
  std::vector<std::uint8_t> connect_frame;  // kept while asking, or while AUTH packets are awaited
  // Enhanced authentication.
  std::string method;
  std::unique_ptr<auth::EnhancedExchange> exchange;
  std::string authentication_data;  // for CONNACK
};

}  // namespace roost::gates
