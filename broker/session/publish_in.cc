// SPDX-License-Identifier: Apache-2.0
// A PUBLISH from the client: alias, window, QoS 2 repeat, message, router, ack.
// Acks leave in the order of their PUBLISHes. [MQTT-4.6.0-2] [MQTT-4.6.0-3]
#include <utility>

#include "broker/session/reserved_topic.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"

namespace roost::session {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::Qos;
using mqtt::ReasonCode;

void Session::handle(mqtt::Publish& publish) {
  SessionCounters& counters = table_.counters();
  counters.publishes_in[static_cast<std::size_t>(publish.qos)].add();
  counters.publish_bytes_in.add(publish.payload.size());
  if (live_->version == mqtt::ProtocolVersion::v5 && !resolve_alias(publish)) return;
  const bool refused = is_reserved(publish.topic);
  if (refused) counters.dropped_not_authorized.add();
  if (publish.qos == Qos::at_most_once) {
    if (!refused) accept(publish);
    return;
  }
  if (publish.qos == Qos::exactly_once && awaiting_release_.contains(publish.packet_id)) {
    // A repeat: answer again, unless the first answer is still to come. [MQTT-4.3.3-10]
    for (std::size_t i = 0; i < live_->acks.size(); ++i) {
      if (live_->acks[i].packet_id == publish.packet_id) return;
    }
    acknowledge(publish.packet_id, PacketType::pubrec, ReasonCode::success, nullptr);
    return;
  }
  if (!admit(publish)) return;
  if (!refused) {
    accept(publish);
    return;
  }
  // 3.x has no way to refuse a PUBLISH but closing; it is acknowledged and dropped, counted.
  const bool exactly_once = publish.qos == Qos::exactly_once;
  if (exactly_once && live_->version != mqtt::ProtocolVersion::v5) {
    awaiting_release_.insert(publish.packet_id);
  }
  acknowledge(publish.packet_id, exactly_once ? PacketType::pubrec : PacketType::puback,
              ReasonCode::not_authorized, nullptr);
}

bool Session::resolve_alias(mqtt::Publish& publish) {
  if (!publish.properties.has(PropertyId::topic_alias)) return true;
  const std::uint16_t alias = publish.properties.topic_alias;
  if (alias > table_.limits().topic_alias_maximum) {  // [MQTT-3.3.2-9]
    refuse(ReasonCode::topic_alias_invalid, "topic alias over the maximum");
    return false;
  }
  if (!publish.topic.empty()) {
    if (live_->aliases_in == nullptr) live_->aliases_in = std::make_unique<TopicAliasIn>();
    live_->aliases_in->learn(alias, publish.topic);
    return true;
  }
  if (live_->aliases_in != nullptr) publish.topic = live_->aliases_in->resolve(alias);
  if (publish.topic.empty()) {
    refuse(ReasonCode::protocol_error, "unknown topic alias");
    return false;
  }
  return true;
}

// Receive Maximum [MQTT-3.3.4-7]: what a v5 client may have open with us. 3.x has no such word.
bool Session::admit(const mqtt::Publish&) {
  if (live_->version != mqtt::ProtocolVersion::v5) return true;
  std::size_t open = awaiting_release_.size();
  for (std::size_t i = 0; i < live_->acks.size(); ++i) {
    open += live_->acks[i].type == PacketType::puback;
  }
  if (open < table_.limits().receive_maximum) return true;
  refuse(ReasonCode::receive_maximum_exceeded, "receive maximum exceeded");
  return false;
}

void Session::accept(const mqtt::Publish& publish) {
  routing::MessageParts parts;
  parts.topic = publish.topic;
  parts.payload = publish.payload;
  parts.qos = publish.qos;
  parts.retain = publish.retain;
  parts.origin = origin_;
  parts.sequence = table_.router().counters().published.value();
  parts.received_ms = now_ms();
  if (live_->version == mqtt::ProtocolVersion::v5) {
    parts.properties = &publish.properties;
    if (publish.properties.has(PropertyId::message_expiry_interval)) {
      parts.expiry_s = publish.properties.message_expiry_interval_s;
    }
  }
  const routing::MessagePtr message = routing::Message::make(parts);
  if (publish.qos == Qos::at_most_once) {
    table_.router().publish(message, nullptr, 0);
    return;
  }
  const bool exactly_once = publish.qos == Qos::exactly_once;
  if (exactly_once) awaiting_release_.insert(publish.packet_id);
  const std::uint64_t tag = live_->first_ack_tag + live_->acks.size();
  const auto [outcome, publication] = table_.router().publish(message, this, tag);
  if (live_ == nullptr) return;
  // Optional, and said where it ends the flow: in PUBACK.
  const ReasonCode reason = outcome == routing::Router::Outcome::unmatched && !exactly_once
                                ? ReasonCode::no_matching_subscribers
                                : ReasonCode::success;
  acknowledge(publish.packet_id, exactly_once ? PacketType::pubrec : PacketType::puback, reason,
              publication);
}

void Session::acknowledge(mqtt::PacketId id, PacketType type, ReasonCode reason,
                          routing::Publication* publication) {
  if (publication == nullptr && live_->acks.empty()) {
    ++live_->first_ack_tag;
    send_ack(type, id, reason);
    return;
  }
  live_->acks.push_back({id, type, reason, publication});
}

void Session::on_confirmed(std::uint64_t tag) {
  if (live_ == nullptr) return;
  live_->acks[tag - live_->first_ack_tag].publication = nullptr;
  send_confirmed_acks();
}

void Session::send_confirmed_acks() {
  while (!live_->acks.empty() && live_->acks.front().publication == nullptr) {
    const PendingAck& ack = live_->acks.front();
    send_ack(ack.type, ack.packet_id, ack.reason);
    live_->acks.pop_front();
    ++live_->first_ack_tag;
  }
}

void Session::on_pubrel(const mqtt::Ack& ack) {
  const bool known = awaiting_release_.release(ack.packet_id);
  // 3.x has no word for "unknown": the flow is over either way. [MQTT-4.3.3-11]
  send_ack(PacketType::pubcomp, ack.packet_id,
           known ? ReasonCode::success : ReasonCode::packet_identifier_not_found);
}

}  // namespace roost::session
