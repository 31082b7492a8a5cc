// SPDX-License-Identifier: Apache-2.0
#include <variant>

#include "broker/session/session.h"
#include "broker/session/session_table.h"

namespace roost::session {

void Session::trace(TraceEvent event) const {
  event.client_id = client_id_;
  event.link = link_;
  table_.tracer()->on_event(event);
}

TraceEvent traced(const mqtt::Publish& publish) {
  TraceEvent event;
  event.way = TraceEvent::Way::in;
  event.type = mqtt::PacketType::publish;
  event.packet_id = publish.packet_id;
  event.topic = publish.topic;
  event.qos = publish.qos;
  event.dup = publish.dup;
  event.retain = publish.retain;
  event.bytes = publish.payload.size();
  return event;
}

TraceEvent traced(const QueueEntry& entry, mqtt::PacketId id, bool dup) {
  TraceEvent event;
  event.way = TraceEvent::Way::out;
  event.type = mqtt::PacketType::publish;
  event.packet_id = id;
  event.topic = entry.message->topic();
  event.qos = entry.qos;
  event.dup = dup;
  event.retain = entry.retain;
  event.bytes = entry.message->payload().size();
  return event;
}

TraceEvent traced(TraceEvent::Way way, mqtt::PacketType type, mqtt::PacketId id,
                  mqtt::ReasonCode reason) {
  TraceEvent event;
  event.way = way;
  event.type = type;
  event.packet_id = id;
  event.reason = reason;
  return event;
}

namespace {

// What a packet to a client says besides its kind.
struct Said {
  TraceEvent event;

  void operator()(const mqtt::Connack& one) {
    event.type = mqtt::PacketType::connack;
    event.reason = one.reason;
    event.text = one.session_present ? "session present" : "new session";
  }
  void operator()(const mqtt::Suback& one) {
    event.type = mqtt::PacketType::suback;
    event.packet_id = one.packet_id;
    if (!one.reasons.empty()) event.reason = one.reasons.front();
  }
  void operator()(const mqtt::Unsuback& one) {
    event.type = mqtt::PacketType::unsuback;
    event.packet_id = one.packet_id;
  }
  void operator()(const mqtt::Disconnect& one) {
    event.type = mqtt::PacketType::disconnect;
    event.reason = one.reason;
  }
  void operator()(const mqtt::Auth& one) {
    event.type = mqtt::PacketType::auth;
    event.reason = one.reason;
  }
  template <typename Other>
  void operator()(const Other&) {
    event.type = mqtt::PacketType::pingresp;
  }
};

}  // namespace

TraceEvent traced_out(const mqtt::Packet& packet) {
  Said said;
  said.event.way = TraceEvent::Way::out;
  std::visit(said, packet);
  return said.event;
}

TraceEvent traced_filters(mqtt::PacketType type, mqtt::PacketId id, std::string_view first,
                          std::size_t count) {
  TraceEvent event = traced(TraceEvent::Way::in, type, id, mqtt::ReasonCode::success);
  event.topic = first;
  event.bytes = count;
  return event;
}

TraceEvent traced_note(std::string_view text) {
  TraceEvent event;
  event.text = text;
  return event;
}

}  // namespace roost::session
