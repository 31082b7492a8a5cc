// SPDX-License-Identifier: Apache-2.0
// PUBLISH to the client, and the acks that come back.
#include <algorithm>
#include <cstring>
#include <utility>

#include "broker/core/load.h"
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
  if (packet_size_max_ == mqtt::kPacketSizeMax) return true;
  mqtt::PublishParts parts = parts_of(entry, version_, now_ms());
  parts.packet_id = entry.qos == Qos::at_most_once ? 0 : 1;
  return mqtt::publish_size(parts).total <= packet_size_max_;
}

// What fits without a topic alias may be too large with one.
bool Session::has_room_for_alias(mqtt::PublishParts parts) const {
  if (packet_size_max_ == mqtt::kPacketSizeMax) return true;
  parts.topic_alias = 1;  // the longest form: topic and alias
  return mqtt::publish_size(parts).total <= packet_size_max_;
}

bool Session::send_publish(const QueueEntry& entry, mqtt::PacketId id, bool dup) {
  mqtt::PublishParts parts = parts_of(entry, version_, now_ms());
  parts.packet_id = id;
  parts.dup = dup;
  SessionCounters& counters = table_.counters();
  if (entry.qos == Qos::at_most_once && !fits(entry)) {
    count_drop(counters.dropped_too_large, DropCause::too_large);
    return false;
  }
  if (aliases_out_ != nullptr && has_room_for_alias(parts)) {
    const TopicAliasOut::Choice choice = aliases_out_->choose(parts.topic);
    parts.topic_alias = choice.alias;
    if (choice.known) parts.topic = {};
  }
  if (table_.tracer() != nullptr) trace(traced(entry, id, dup));
  const mqtt::PublishSize size = mqtt::publish_size(parts);
  const ByteView payload = entry.message->payload();
  Link& link = *link_;
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
  counters.publish_bytes_out[static_cast<std::size_t>(entry.qos)].add(payload.size());
  class_->messages_out.add();
  if (entry.message->is_measured() && !dup) measure(entry);
  if (Spans* const spans = table_.spans(); spans != nullptr && spans->may_follow(*entry.message)) {
    spans->on_deliver(span_client(), entry, dup);
  }
  return true;
}

// What waited for its client to come isn't counted: that is the client's time.
// Nor a retained message, which waited for its subscriber.
void Session::measure(const QueueEntry& entry) {
  if (entry.retain || entry.message->received_ms() < opened_ms_) return;
  table_.deliveries().add(core::steady_ns() - entry.message->measured_ns());
}

void Session::count_drop(Counter& counter, DropCause cause) {
  counter.add();
  class_->dropped.add();
  ++drops_;
  last_drop_ = cause;
}

// What a durable session may have in flight is bounded by its state too: acks that aren't committed
// yet don't let it run ahead for ever.
bool Session::window_open() const {
  if (open_here_ >= receive_maximum_ || !out_.has_id()) return false;
  if (!is_durable() || out_.waiting() == 0) return true;
  return out_.at(out_.window()).sequence < stored_->flight_end();
}

void Session::handle(const mqtt::Ack& ack) {
  if (stranded_) return;
  table_.counters().acks_in.add();
  if (table_.tracer() != nullptr)
    trace(traced(TraceEvent::Way::in, ack.type, ack.packet_id, ack.reason));
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

// The flow is over.
void Session::finish(Outgoing::Entry& entry) {
  if (entry.sent_here) --open_here_;
  if (is_durable()) {
    finish_stored(entry.sequence);
    table_.counters().queued.add();  // until the record is applied
  }
  out_.finish(entry);
  table_.counters().in_flight.sub();
}

void Session::finish_stored(std::uint64_t sequence) {
  finished_.push_back(sequence);
  note_acks(Acks::later);
}

void Session::note_acks(Acks when) {
  if (when <= noted_) return;
  noted_ = when;
  table_.note_acks(*this, when == Acks::now);
}

// What waits may enter the window once they are committed.
void Session::hurry_acks() {
  if (noted_ == Acks::later && open_here_ < receive_maximum_) note_acks(Acks::now);
}

void Session::append_acks() {
  noted_ = Acks::none;
  if (!finished_.empty() || !received_.empty()) {
    AckedRecord record;
    record.client_id = client_id_;
    record.generation = generation_;
    record.finished = std::exchange(finished_, {});
    record.received = std::exchange(received_, {});
    std::sort(record.finished.begin(), record.finished.end());
    table_.append(client_id_, std::move(record));
  }
  if (!released_.empty()) {
    ReleasedRecord record;
    record.client_id = client_id_;
    record.generation = generation_;
    record.packet_ids = std::exchange(released_, {});
    table_.append(client_id_, std::move(record));
  }
}

// PUBREL for what is committed now, and room in the window.
void Session::acks_committed(const AckedRecord& record) {
  for (const std::uint64_t sequence : record.received) {
    const mqtt::PacketId id = Outgoing::id_of(sequence);
    Outgoing::Entry* entry = out_.find(id);
    if (entry == nullptr || entry->state != Outgoing::State::pubrec_received) continue;
    entry->state = Outgoing::State::pubrel_sent;
    send_ack(PacketType::pubrel, id, ReasonCode::success);
  }
  pump();
}

void Session::on_puback(const mqtt::Ack& ack) {
  Outgoing::Entry* entry = out_.find(ack.packet_id);
  if (entry == nullptr) return;  // late or invented: changes nothing
  if (entry->queued.qos != Qos::at_least_once) {
    refuse(ReasonCode::protocol_error, "PUBACK for a QoS 2 message");
    return;
  }
  if (mqtt::is_error(ack.reason))
    count_drop(table_.counters().dropped_rejected, DropCause::rejected_by_subscriber);
  finish(*entry);
  pump();
}

void Session::on_pubrec(const mqtt::Ack& ack) {
  Outgoing::Entry* entry = out_.find(ack.packet_id);
  if (entry == nullptr) {
    if (mqtt::is_error(ack.reason)) return;  // no PUBREL for a refusal
    send_ack(PacketType::pubrel, ack.packet_id, ReasonCode::packet_identifier_not_found);
    return;
  }
  if (entry->queued.qos != Qos::exactly_once) {
    refuse(ReasonCode::protocol_error, "PUBREC for a QoS 1 message");
    return;
  }
  if (entry->state == Outgoing::State::pubrec_received) return;  // PUBREL comes soon
  if (mqtt::is_error(ack.reason)) {  // [MQTT-4.3.3-4]: the flow ends here
    count_drop(table_.counters().dropped_rejected, DropCause::rejected_by_subscriber);
    finish(*entry);
    pump();
    return;
  }
  entry->queued.message = {};
  if (is_durable() && entry->state == Outgoing::State::publish_sent) {
    entry->state = Outgoing::State::pubrec_received;
    received_.push_back(entry->sequence);
    note_acks(Acks::now);
    return;
  }
  entry->state = Outgoing::State::pubrel_sent;  // [MQTT-4.3.3-4]
  send_ack(PacketType::pubrel, ack.packet_id, ReasonCode::success);
}

void Session::on_pubcomp(const mqtt::Ack& ack) {
  Outgoing::Entry* entry = out_.find(ack.packet_id);
  if (entry == nullptr) {
    // Its PUBREL was sent again at once, its place in the row may not be here yet.
    if (!is_durable() || stored_->rare == nullptr) return;
    for (const std::uint64_t sequence : stored_->rare->received) {
      if (Outgoing::id_of(sequence) != ack.packet_id) continue;
      if (std::find(completed_early_.begin(), completed_early_.end(), sequence) !=
          completed_early_.end()) {
        return;
      }
      completed_early_.push_back(sequence);
      finish_stored(sequence);
      break;
    }
    return;
  }
  if (entry->state != Outgoing::State::pubrel_sent) {
    refuse(ReasonCode::protocol_error, "PUBCOMP before PUBREC");
    return;
  }
  finish(*entry);
  pump();
}

}  // namespace roost::session
