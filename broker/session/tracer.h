// SPDX-License-Identifier: Apache-2.0
// What happens to clients, packet by packet, for whoever follows one of them. Declared by the
// session; implemented above it. While nobody follows anything there is none, and a message pays
// for a look at a null pointer.
// Thread: core-bound; one object may serve several cores, and sees to that itself.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/mqtt/packet.h"
#include "broker/mqtt/types.h"

namespace roost::session {

class Link;

struct TraceEvent {
  enum class Way : std::uint8_t { in, out, note };  // from the client, to it, about it

  Way way = Way::note;
  std::string_view client_id;
  const Link* link = nullptr;  // null: none (any more)
  mqtt::PacketType type = mqtt::PacketType::connect;
  mqtt::PacketId packet_id = 0;
  mqtt::ReasonCode reason = mqtt::ReasonCode::success;
  std::string_view topic;  // PUBLISH; the first filter of a SUBSCRIBE
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool dup = false, retain = false;
  std::size_t bytes = 0;  // of the payload; of a SUBSCRIBE: filters
  std::string_view text;  // of a note
};

TraceEvent traced(const mqtt::Publish& publish);                                 // from its client
TraceEvent traced(const struct QueueEntry& entry, mqtt::PacketId id, bool dup);  // to its client
TraceEvent traced(TraceEvent::Way way, mqtt::PacketType type, mqtt::PacketId id,
                  mqtt::ReasonCode reason);
TraceEvent traced_out(const mqtt::Packet& packet);  // to its client: CONNACK, SUBACK and so on
TraceEvent traced_filters(mqtt::PacketType type, mqtt::PacketId id, std::string_view first,
                          std::size_t count);
TraceEvent traced_note(std::string_view text);

class Tracer {
 public:
  virtual void on_event(const TraceEvent& event) = 0;

 protected:
  ~Tracer() = default;
};

}  // namespace roost::session
