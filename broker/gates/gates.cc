// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/gates.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/mqtt/decode.h"

namespace roost::gates {

Gates::Gates(GatesCommon& common, session::SessionTable& sessions, net::NetCounters& net_counters)
    : common_(common),
      sessions_(sessions),
      net_counters_(net_counters),
      losses_(common.limits),
      random_(std::random_device{}()) {}

Gates::~Gates() = default;

void Gates::accept(const GateListener& listener, net::DetachedConnection connection) {
  const std::string_view client_id = mqtt::peek_client_id(connection.unread);
  const ShardId shard = sessions_.shard_of(client_id);
  core::Core& home = client_id.empty() ? core() : sessions_.router().cores().of(shard);
  if (&home == &core()) {
    take(listener, std::move(connection), false);
    return;
  }
  counters_.moved.add();
  home.post(
      [&there = *common_.gates[home.id().value], &listener,
       moved = std::move(connection)]() mutable { there.take(listener, std::move(moved), false); });
}

void Gates::use(auth::RulesPtr rules) {
  in_force_.rules = std::move(rules);
  ++in_force_.version;
  sessions_.look_at_access();
}

std::unique_ptr<ClientAccess> Gates::make_access(std::string_view client_id,
                                                 auth::IdentityPtr identity) {
  return ClientAccess::make(in_force_, client_id, std::move(identity), core().now_ms(),
                            common_.clock.wall_ms(), common_.log);
}

void Gates::take(const GateListener& listener, net::DetachedConnection connection, bool admitted,
                 auth::IdentityPtr identity, std::string authentication_data) {
  auto gate = std::make_unique<ClientGate>(*this, listener, std::move(connection), admitted,
                                           std::move(identity), std::move(authentication_data));
  ClientGate& taken = *gate;
  gates_.emplace(taken.serial(), std::move(gate));
  if (shut_) taken.close("server shutting down");
}

void Gates::shut() {
  shut_ = true;
  for (auto& [serial, gate] : gates_) {
    if (gate->greeting_ != nullptr) gate->close("server shutting down");
  }
}

void Gates::bury(ClientGate& gate) {
  const auto at = gates_.find(gate.serial());
  CHECK(at != gates_.end());
  graveyard_.push_back(std::move(at->second));
  gates_.erase(at);
  core().at_turn_end(*this);
}

void Gates::on_turn_end() { graveyard_.clear(); }

ClientGate* Gates::find(std::uint64_t serial) {
  const auto at = gates_.find(serial);
  return at == gates_.end() ? nullptr : at->second.get();
}

void Gates::await_answer(ClientGate& gate, auth::AuthRequest request) {
  auth::Authenticator* const own = gate.listener().authenticator;
  (own != nullptr ? *own : common_.authenticator)
      .authenticate(std::move(request), [this, serial = gate.serial()](auth::AuthResult result) {
        if (core().is_current()) {
          answered(serial, result);
        } else {
          core().post([this, serial, result] { answered(serial, result); });
        }
      });
}

void Gates::answer_later(const ClientGate& gate, auth::AuthResult result) {
  core().post(
      [this, serial = gate.serial(), result = std::move(result)] { answered(serial, result); });
}

void Gates::answered(std::uint64_t serial, auth::AuthResult result) {
  if (ClientGate* const gate = find(serial)) gate->answered(result);
}

void Gates::pause(ClientGate& gate) {
  counters_.reads_paused.add();
  paused_.push_back(gate.serial());
  if (!armed()) core().timers().arm(*this, core().now_ms() + kPauseMs);
}

void Gates::on_timer() {
  if (is_congested()) {
    core().timers().arm(*this, core().now_ms() + kPauseMs);
    return;
  }
  for (const std::uint64_t serial : std::exchange(paused_, {})) {
    ClientGate* const gate = find(serial);
    if (gate == nullptr) continue;
    if (gate->is_too_fast()) {
      paused_.push_back(serial);
      continue;
    }
    gate->paused_ = false;
    gate->resume_reading();
  }
  if (!paused_.empty() && !armed()) core().timers().arm(*this, core().now_ms() + kPauseMs);
}

void Gates::end_banned() {
  std::vector<std::uint64_t> banned;
  for (const auto& [serial, gate] : gates_) {
    if (gate->is_banned()) banned.push_back(serial);
  }
  std::sort(banned.begin(), banned.end());
  for (const std::uint64_t serial : banned) {
    if (ClientGate* const gate = find(serial)) gate->end_banned();
  }
}

std::vector<std::uint64_t> Gates::with_durable_sessions() const {
  std::vector<std::uint64_t> serials;
  for (const auto& [serial, gate] : gates_) {
    if (gate->session_ != nullptr && gate->session_->is_durable()) serials.push_back(serial);
  }
  return serials;
}

std::string Gates::make_client_id() {
  static constexpr char kHex[] = "0123456789abcdef";
  for (;;) {
    std::string id = "roost-";
    std::uint64_t number = random_();
    for (int i = 0; i < 16; ++i, number >>= 4) id += kHex[number & 15U];
    const ShardId shard = sessions_.shard_of(id);
    if (&sessions_.router().cores().of(shard) == &core()) return id;
  }
}

void Gates::close_all() {
  for (auto& [serial, gate] : gates_) gate->connection_->abort();
  gates_.clear();
}

}  // namespace roost::gates
