// SPDX-License-Identifier: Apache-2.0
#include "broker/server/draining.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "broker/server/node.h"

namespace roost::server {

void send_off(Node& node) {
  constexpr int kTickMs = 50;
  const DrainConfig& drain = node.config.drain;
  const auto reason = drain.server_reference.empty() ? mqtt::ReasonCode::server_shutting_down
                                                     : mqtt::ReasonCode::use_another_server;
  const auto connected = [&node](std::size_t core) {
    return node.on_core[core]->sessions.counters().connected.value() +
           node.cluster->on_core()[core]->relay.front().counters().relayed.value();
  };
  const auto send_off_of = [&node, &drain, reason](std::size_t core, std::size_t count) {
    session::SessionTable& sessions = node.on_core[core]->sessions;
    gates::RelayFront& front = node.cluster->on_core()[core]->relay.front();
    sessions.core().post([&sessions, &front, &drain, reason, count] {
      const std::size_t kicked =
          sessions.kick_some(count, reason, "server shutting down", drain.server_reference);
      front.send_off_some(count - kicked, reason);
    });
  };
  std::size_t owed = 0;  // thousandths of clients
  for (std::uint64_t waited_ms = 0; waited_ms < drain.timeout_ms; waited_ms += kTickMs) {
    std::vector<std::size_t> busy;
    for (std::size_t core = 0; core < node.on_core.size(); ++core) {
      if (connected(core) > 0) busy.push_back(core);
    }
    if (busy.empty()) return;
    owed += std::size_t{drain.rate} * kTickMs;
    const std::size_t count = owed / 1000;
    owed %= 1000;
    for (std::size_t i = 0; i < busy.size(); ++i) {
      const std::size_t share = (count + i) / busy.size();  // the last ones get what is left over
      if (share > 0) send_off_of(busy[i], share);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kTickMs));
  }
}

}  // namespace roost::server
