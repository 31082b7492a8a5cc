// SPDX-License-Identifier: Apache-2.0
// The will: kept at CONNECT, published once when its time has come, or never. [MQTT5-3.1.2.5]
#include <utility>

#include "broker/session/reserved_topic.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"

namespace roost::session {

void Session::keep_will(const mqtt::Connect& connect) {
  if (!connect.will) return;
  const mqtt::WillFields& fields = *connect.will;
  routing::MessageParts parts;
  parts.topic = fields.topic;
  parts.payload = fields.payload;
  parts.qos = fields.qos;
  parts.retain = fields.retain;
  parts.properties = &fields.properties;
  parts.origin = origin_;
  if (fields.properties.has(mqtt::PropertyId::message_expiry_interval)) {
    parts.expiry_s = fields.properties.message_expiry_interval_s;
  }
  will_ = std::make_unique<Will>();
  will_->message = routing::Message::make(parts);
  will_->delay_s = fields.properties.will_delay_interval_s;
}

void Session::publish_will() {
  const std::unique_ptr<Will> will = std::move(will_);
  will_due_ms_ = INT64_MAX;
  const routing::Message& kept = *will->message;
  if (is_reserved(kept.topic())) {
    table_.counters().dropped_not_authorized.add();
    return;
  }
  routing::MessageParts parts;
  parts.topic = kept.topic();
  parts.payload = kept.payload();
  parts.qos = kept.qos();
  parts.retain = kept.retain();
  parts.origin = kept.origin();
  parts.received_ms = now_ms();  // its life begins with being published [MQTT5-3.1.3.2.4]
  parts.expiry_s = kept.expiry_s();
  parts.forwarded = kept.forwarded();
  table_.counters().wills_sent.add();
  table_.router().publish(routing::Message::make(parts), nullptr, 0);
}

}  // namespace roost::session
