// SPDX-License-Identifier: Apache-2.0
#include "broker/session/will.h"

#include "broker/session/reserved_topic.h"

namespace roost::session {

std::optional<WillRecord> will_of(const mqtt::Connect& connect, std::uint64_t origin) {
  if (!connect.will) return std::nullopt;
  const mqtt::WillFields& fields = *connect.will;
  routing::MessageParts parts;
  parts.topic = fields.topic;
  parts.payload = fields.payload;
  parts.qos = fields.qos;
  parts.retain = fields.retain;
  parts.properties = &fields.properties;
  parts.origin = origin;
  if (fields.properties.has(mqtt::PropertyId::message_expiry_interval)) {
    parts.expiry_s = fields.properties.message_expiry_interval_s;
  }
  return WillRecord{routing::Message::make(parts), fields.properties.will_delay_interval_s};
}

routing::MessagePtr published_will(const routing::Message& kept, SteadyMs now_ms) {
  if (is_reserved(kept.topic())) return {};
  routing::MessageParts parts;
  parts.topic = kept.topic();
  parts.payload = kept.payload();
  parts.qos = kept.qos();
  parts.retain = kept.retain();
  parts.origin = kept.origin();
  parts.received_ms = now_ms;  // [MQTT5-3.1.3.2.4]
  parts.expiry_s = kept.expiry_s();
  parts.forwarded = kept.forwarded();
  return routing::Message::make(parts);
}

}  // namespace roost::session
