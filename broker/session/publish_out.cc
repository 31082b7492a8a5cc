// SPDX-License-Identifier: Apache-2.0
// Messages to the client: window, queue, PUBLISH, the acks that come back, resending.
#include <algorithm>
#include <cstring>
#include <utility>

#include "broker/mqtt/encode.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"

namespace roost::session {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::ReasonCode;

namespace {

// Payloads from here on are sent from the message itself instead of being copied.
constexpr std::size_t kSharedPayloadMin = 4096;

}  // namespace

void Session::deliver(const routing::MessagePtr& message, Match& match) {
  const Qos qos = std::min(message->qos(), match.qos);
  if (live_ == nullptr && qos == Qos::at_most_once) {
    table_.counters().dropped_offline_qos0.add();
    return;
  }
  const bool retain = message->retain() && match.retain_as_published;
  QueueEntry entry{message, match.subscription_id, qos, retain, std::move(match.extra)};
  if (gathers_open_ > 0) {
    held_.push_back(std::move(entry));  // its retained messages come first
    return;
  }
  send_or_enqueue(std::move(entry));
}

bool Session::is_busy() const {
  return live_ == nullptr || !queue_.empty() || !window_open() || live_->link->is_congested();
}

bool Session::window_open() const {
  return live_->open_here < live_->receive_maximum && inflight_.has_id() &&
         live_->to_resend == inflight_.size();
}

void Session::send_or_enqueue(QueueEntry entry) {
  if (entry.qos == Qos::at_most_once && !replaying_) {
    if (live_ == nullptr) {
      table_.counters().dropped_offline_qos0.add();
      return;
    }
    if (live_->link->is_congested()) {
      table_.counters().dropped_slow_reader.add();
      return;
    }
    send_publish(entry, 0, false);
    return;
  }
  const bool direct =
      live_ != nullptr && queue_.empty() && window_open() && !live_->link->is_congested();
  if (!direct) {
    enqueue(std::move(entry));
    return;
  }
  if (!fits(entry)) {
    table_.counters().dropped_too_large.add();
    return;
  }
  inflight_.push(std::move(entry));
  table_.counters().in_flight.add();
  send_inflight(inflight_.size() - 1);
  live_->to_resend = static_cast<std::uint32_t>(inflight_.size());
}

void Session::enqueue(QueueEntry entry) {
  if (!make_room(entry)) {
    table_.counters().dropped_queue_full.add();
    return;
  }
  append(std::move(entry));
}

void Session::append(QueueEntry entry) {
  const std::size_t size = entry.message->memory_size();
  queue_bytes_ += size;
  table_.counters().queued.add();
  table_.counters().queued_bytes.add(size);
  queue_.push_back(std::move(entry));
}

void Session::count_dequeued(const QueueEntry& entry) {
  const std::size_t size = entry.message->memory_size();
  queue_bytes_ -= size;
  table_.counters().queued.sub();
  table_.counters().queued_bytes.sub(size);
}

bool Session::make_room(const QueueEntry& entry) {
  const SessionLimits& limits = table_.limits();
  const std::size_t size = entry.message->memory_size();
  if (queue_.size() >= limits.max_queued_messages) return false;
  if (limits.max_queued_bytes > 0 && queue_bytes_ + size > limits.max_queued_bytes) return false;
  return limits.max_queued_bytes_core == 0 ||
         table_.counters().queued_bytes.value() + size <= limits.max_queued_bytes_core;
}

void Session::deliver_retained(QueueEntry entry) {
  append(std::move(entry));
  replaying_ = true;
}

// Moves from the queue to the client as far as window and socket allow.
void Session::pump() {
  while (live_ != nullptr && !queue_.empty() && !live_->link->is_congested()) {
    const bool needs_window = queue_.front().qos != Qos::at_most_once;
    if (needs_window && !window_open()) break;
    QueueEntry entry = std::move(queue_.front());
    queue_.pop_front();
    count_dequeued(entry);
    if (entry.message->is_expired(now_ms())) {
      table_.counters().dropped_expired.add();
    } else if (!fits(entry)) {
      table_.counters().dropped_too_large.add();
    } else if (!needs_window) {
      send_publish(entry, 0, false);
    } else {
      inflight_.push(std::move(entry));
      table_.counters().in_flight.add();
      send_inflight(inflight_.size() - 1);
      live_->to_resend = static_cast<std::uint32_t>(inflight_.size());
    }
  }
  if (queue_.empty()) replaying_ = false;
}

void Session::on_drained() {
  resend();
  pump();
}

namespace {

mqtt::PublishParts parts_of(const QueueEntry& entry, mqtt::ProtocolVersion version,
                            SteadyMs now_ms) {
  const routing::Message& message = *entry.message;
  mqtt::PublishParts parts;
  parts.version = version;
  parts.qos = entry.qos;
  parts.retain = entry.retain;
  parts.topic = message.topic();
  parts.payload_size = message.payload().size();
  if (version == mqtt::ProtocolVersion::v5) {
    parts.forwarded = message.forwarded();
    parts.subscription_identifiers = entry.subscription_ids();
    parts.has_message_expiry = message.expires();
    if (message.expires()) parts.message_expiry_s = message.remaining_s(now_ms);
  }
  return parts;
}

}  // namespace

// Over the client's Maximum Packet Size it must not be sent. [MQTT-3.1.2-24]
bool Session::fits(const QueueEntry& entry) const {
  if (live_->packet_size_max == mqtt::kPacketSizeMax) return true;
  mqtt::PublishParts parts = parts_of(entry, live_->version, now_ms());
  parts.packet_id = entry.qos == Qos::at_most_once ? 0 : 1;
  return mqtt::publish_size(parts).total <= live_->packet_size_max;
}

// What fits without a topic alias may be too large with one.
bool Session::has_room_for_alias(mqtt::PublishParts parts) const {
  if (live_->packet_size_max == mqtt::kPacketSizeMax) return true;
  parts.topic_alias = 1;  // the longest form: topic and alias
  return mqtt::publish_size(parts).total <= live_->packet_size_max;
}

bool Session::send_publish(const QueueEntry& entry, mqtt::PacketId id, bool dup) {
  mqtt::PublishParts parts = parts_of(entry, live_->version, now_ms());
  parts.packet_id = id;
  parts.dup = dup;
  SessionCounters& counters = table_.counters();
  if (entry.qos == Qos::at_most_once && !fits(entry)) {
    counters.dropped_too_large.add();
    return false;
  }
  if (live_->aliases_out != nullptr && has_room_for_alias(parts)) {
    const TopicAliasOut::Choice choice = live_->aliases_out->choose(parts.topic);
    parts.topic_alias = choice.alias;
    if (choice.known) parts.topic = {};
  }
  const mqtt::PublishSize size = mqtt::publish_size(parts);
  const ByteView payload = entry.message->payload();
  Link& link = *live_->link;
  if (payload.size() < kSharedPayloadMin) {
    std::uint8_t* room = link.room(static_cast<std::size_t>(size.total));
    mqtt::encode_publish_head(parts, size, room);
    if (!payload.empty()) std::memcpy(room + size.head, payload.data(), payload.size());
  } else {
    mqtt::encode_publish_head(parts, size, link.room(size.head));
    link.send_payload(payload, entry.message);
  }
  counters.packets_out.add();
  counters.publishes_out[static_cast<std::size_t>(entry.qos)].add();
  counters.publish_bytes_out.add(payload.size());
  return true;
}

void Session::send_inflight(std::size_t index) {
  Inflight::Entry& entry = inflight_.at(index);
  const bool dup = std::exchange(entry.sent, true);
  entry.sent_here = true;
  ++live_->open_here;
  send_publish(entry.queued, inflight_.id_at(index), dup);
}

// After a reconnect: everything unfinished, in the original order, under the same ids.
// [MQTT-4.4.0-1] [MQTT-4.6.0-1]
void Session::resend() {
  while (live_->to_resend < inflight_.size() && !live_->link->is_congested()) {
    const std::size_t index = live_->to_resend;
    Inflight::Entry& entry = inflight_.at(index);
    if (entry.state == InflightState::pubrel_sent) {
      send_ack(PacketType::pubrel, inflight_.id_at(index), ReasonCode::success);
    } else if (entry.state == InflightState::publish_sent) {
      if (live_->open_here >= live_->receive_maximum) return;
      if (!fits(entry.queued)) {
        table_.counters().dropped_too_large.add();
        finish(inflight_.id_at(index));
        continue;  // finish() moved to_resend where it had to
      }
      send_inflight(index);
    }
    ++live_->to_resend;
  }
}

void Session::finish(mqtt::PacketId id) {
  const std::size_t before = inflight_.size();
  const Inflight::Entry* entry = inflight_.find(id);
  if (entry->sent_here) --live_->open_here;
  inflight_.finish(id);
  table_.counters().in_flight.sub();
  const auto left = static_cast<std::uint32_t>(before - inflight_.size());
  live_->to_resend -= std::min(live_->to_resend, left);
}

void Session::handle(const mqtt::Ack& ack) {
  table_.counters().acks_in.add();
  switch (ack.type) {
    case PacketType::puback:
      on_puback(ack);
      break;
    case PacketType::pubrec:
      on_pubrec(ack);
      break;
    case PacketType::pubrel:
      on_pubrel(ack);
      break;
    default:
      on_pubcomp(ack);
      break;
  }
}

void Session::on_puback(const mqtt::Ack& ack) {
  const Inflight::Entry* entry = inflight_.find(ack.packet_id);
  if (entry == nullptr || !entry->sent_here) return;  // late or invented: changes nothing
  if (entry->queued.qos != Qos::at_least_once) {
    refuse(ReasonCode::protocol_error, "PUBACK for a QoS 2 message");
    return;
  }
  if (mqtt::is_error(ack.reason)) table_.counters().dropped_rejected.add();
  finish(ack.packet_id);
  resend();
  pump();
}

void Session::on_pubrec(const mqtt::Ack& ack) {
  Inflight::Entry* entry = inflight_.find(ack.packet_id);
  if (entry != nullptr && entry->sent_here && entry->queued.qos != Qos::exactly_once) {
    refuse(ReasonCode::protocol_error, "PUBREC for a QoS 1 message");
    return;
  }
  if (entry == nullptr || !entry->sent) {
    if (mqtt::is_error(ack.reason)) return;  // no PUBREL for a refusal
    send_ack(PacketType::pubrel, ack.packet_id, ReasonCode::packet_identifier_not_found);
    return;
  }
  if (mqtt::is_error(ack.reason)) {  // [MQTT-4.3.3-4]: the flow ends here
    table_.counters().dropped_rejected.add();
    finish(ack.packet_id);
    resend();
    pump();
    return;
  }
  entry->state = InflightState::pubrel_sent;  // [MQTT-4.3.3-4]
  entry->queued.message = {};
  send_ack(PacketType::pubrel, ack.packet_id, ReasonCode::success);
}

void Session::on_pubcomp(const mqtt::Ack& ack) {
  const Inflight::Entry* entry = inflight_.find(ack.packet_id);
  if (entry == nullptr) return;
  if (entry->state != InflightState::pubrel_sent) {
    if (entry->sent_here) refuse(ReasonCode::protocol_error, "PUBCOMP before PUBREC");
    return;
  }
  finish(ack.packet_id);
  resend();
  pump();
}

}  // namespace roost::session
