// SPDX-License-Identifier: Apache-2.0
// Who wants to hear of clients that come and go. What is told of a session that has a record goes
// through its shard's log, in front of the record that it tells of: it is heard of once, and again
// where a leader died between the two, but never not at all.
// Thread: any core.
// Owner: the server; outlives the tables.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/base/clock.h"
#include "broker/routing/message.h"
#include "broker/routing/publication.h"
#include "broker/session/counters.h"
#include "broker/session/link.h"

namespace roost::session {

struct ClientNews {
  enum class Kind : std::uint8_t { connected, disconnected, expired };
  Kind kind = Kind::connected;
  std::string_view client_id = {};
  ClientFacts facts = {};         // empty where nobody knows them any more
  std::string_view version = {};  // "5.0"; likewise
  bool outlives = false;          // its session outlives the connection
  std::string_view why = {};      // of disconnected
  WallMs at_ms = 0;
};

class Teller {
 public:
  virtual bool wants(ClientNews::Kind kind) const = 0;
  // QoS 1, not retained. Null: nobody wants to hear of that client. Requires: wants(kind).
  virtual routing::MessagePtr message_of(const ClientNews& news, SteadyMs received_ms) const = 0;

 protected:
  ~Teller() = default;
};

inline bool is_wanted(const Teller* teller, ClientNews::Kind kind) {
  return teller != nullptr && teller->wants(kind);
}

// Waits for what is told past the log.
class Told final : public routing::PublicationWaiter {
 public:
  explicit Told(SessionCounters& counters) : counters_(counters) {}
  void on_confirmed(std::uint64_t) override { counters_.telling.sub(); }

 private:
  SessionCounters& counters_;
};

}  // namespace roost::session
