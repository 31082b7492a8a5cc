// SPDX-License-Identifier: Apache-2.0
// The gates of two cores run by hand, clients on socket pairs, an authenticator that answers when
// the test says so. No threads, no sleeps: time is the test's.
// Thread: the test's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/gates/gates.h"
#include "tests/support/memory_disk.h"
#include "tests/support/raw_client.h"
#include "tests/support/vector_log.h"

namespace roost::gates {

// Answers at once, or keeps the question.
class FakeAuthenticator final : public auth::Authenticator {
 public:
  void authenticate(auth::AuthRequest request, Answer answer) override {
    requests.push_back(std::move(request));
    if (late) {
      waiting.push_back(std::move(answer));
    } else {
      answer(result);
    }
  }

  bool late = false;
  auth::AuthResult result;
  std::vector<auth::AuthRequest> requests;
  std::vector<Answer> waiting;
};

class Stage {
 public:
  Stage();
  ~Stage();

  // A socket that core 0 has accepted, maybe together with its first bytes.
  void open(support::RawClient& client, std::string_view address = "192.0.2.7:51234",
            std::vector<std::uint8_t> unread = {});
  // Turns of all cores until nothing happens any more.
  void settle();
  void turn(std::uint16_t core) { cores.at(CoreId{core}).run_once(0); }
  void advance_ms(std::int64_t ms);
  // CONNECT and whatever else in one go; then it settles.
  void send(support::RawClient& client, const std::vector<mqtt::Packet>& packets,
            mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v5);
  // A client id that lives on this core.
  std::string id_on(std::uint16_t core, std::string_view name = "client") const;
  std::uint64_t sum(Counter GateCounters::*counter) const;
  std::uint64_t sum(Counter session::SessionCounters::*counter) const;
  std::size_t open_gates() const { return gates[0]->size() + gates[1]->size(); }

  static constexpr std::uint16_t kCores = 2;
  ManualClock clock;
  support::VectorLog log;
  observe::RateBoundLog connection_log{log, "connection", 0};
  core::Cores cores{kCores, clock};
  FakeAuthenticator authenticator;
  auth::NoEnhancedAuthenticator enhanced;
  routing::RoutingTable routing;
  session::SessionTables tables;
  GatesCommon common{{}, authenticator, enhanced, connection_log, clock};
  std::vector<net::NetCounters> net_counters{kCores};
  std::vector<std::unique_ptr<session::SessionTable>> sessions;
  support::Remains remains;
  std::vector<std::unique_ptr<support::MemoryDisk>> disks;
  std::vector<std::unique_ptr<Gates>> gates;
  GateListener listener;
};

// All that the client can read now, as lines; "END" at its end.
std::vector<std::string> read_all(support::RawClient& client);

}  // namespace roost::gates
