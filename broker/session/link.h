// SPDX-License-Identifier: Apache-2.0
// A session's way to its client: a local connection, later a relay from another node. Declared by
// the session, implemented above it. Nothing here calls back into the session.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/routing/message.h"
#include "broker/session/counters.h"

namespace roost::session {

class Access;

// Why a client is gone; decides about its will. [MQTT-3.1.2-8] [MQTT-3.14.4-3]
enum class Departure : std::uint8_t {
  normal,     // DISCONNECT 0x00: the will is thrown away
  with_will,  // DISCONNECT 0x04
  lost,       // connection closed, keep alive over, protocol error, takeover, kicked
};

// Who the client is, for people.
struct ClientFacts {
  std::string user, listener;
  std::string address;      // with its port, where its connection is here
  bool is_relayed = false;  // its connection is at another node
};

// What close() is told where another connection has the client id now.
inline constexpr std::string_view kTakenOver = "taken over";

class Link {
 public:
  // Contiguous room for one packet of `size` bytes, to be filled before the next call.
  virtual std::uint8_t* room(std::size_t size) = 0;
  // Payload bytes that follow what was just written; not copied, `owner` is kept.
  virtual void send_payload(ByteView payload, const routing::MessagePtr& owner) = 0;
  // The client doesn't read: what waits to be sent is over the high watermark.
  virtual bool is_congested() const = 0;
  // Largest packet that may come this way, for CONNACK; 0: as the session's limits say.
  virtual std::uint32_t packet_size_max() const { return 0; }
  // What its client may do; null: everything. Lasts as long as the link.
  virtual Access* access() { return nullptr; }
  // For metrics; while the session begins.
  virtual ClientClass client_class() const { return kClientClassesMax; }
  // For CONNACK, of a client that came with an authentication method.
  virtual std::string_view authentication_data() const { return {}; }
  virtual void describe(ClientFacts& facts) const { static_cast<void>(facts); }
  // CONNACK is written: what else the client sent may be handled now.
  virtual void opened() {}
  // DISCONNECT came, close() follows. Without it the client counts as lost.
  virtual void departs(Departure) {}
  // The session lets go: send what waits, then close. Nothing is called on the session after.
  virtual void close(std::string_view why) = 0;

 protected:
  ~Link() = default;
};

}  // namespace roost::session
