// SPDX-License-Identifier: Apache-2.0
// A PUBLISH from the client: alias, window, QoS 2 repeat, message, router, ack.
// Acks leave in the order of their PUBLISHes. [MQTT-4.6.0-2] [MQTT-4.6.0-3]
#include <algorithm>
#include <utility>

#include "broker/core/load.h"
#include "broker/session/access.h"
#include "broker/session/reserved_topic.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"

namespace roost::session {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::Qos;
using mqtt::ReasonCode;

void Session::handle(mqtt::Publish& publish) {
  if (stranded_) return;
  SessionCounters& counters = table_.counters();
  counters.publishes_in[static_cast<std::size_t>(publish.qos)].add();
  counters.publish_bytes_in[static_cast<std::size_t>(publish.qos)].add(publish.payload.size());
  class_->messages_in.add();
  if (version_ == mqtt::ProtocolVersion::v5 && !resolve_alias(publish)) return;
  if (table_.tracer() != nullptr) trace(traced(publish));
  const ReasonCode verdict = judge(publish);
  const bool refused = verdict != ReasonCode::success;
  Spans* const spans = table_.spans();
  if (refused && spans != nullptr && spans->may_follow(publish)) {
    spans->on_refused(span_client(), publish, verdict);
  }
  if (publish.qos == Qos::at_most_once) {
    if (!refused) accept(publish);
    return;
  }
  const bool exactly_once = publish.qos == Qos::exactly_once;
  if (exactly_once && is_repeat(publish.packet_id)) {
    // Answer again, unless the first answer is still to come. [MQTT-4.3.3-10]
    for (std::size_t i = 0; i < acks_.size(); ++i) {
      if (acks_[i].packet_id == publish.packet_id && acks_[i].type == PacketType::pubrec) return;
    }
    acknowledge({publish.packet_id, PacketType::pubrec});
    return;
  }
  if (!admit(publish)) return;
  if (!refused) {
    if (has_room(publish)) accept(publish);
    return;
  }
  // 3.x has no way to refuse a PUBLISH but closing; it is acknowledged and dropped, counted.
  if (exactly_once && version_ != mqtt::ProtocolVersion::v5) {
    awaiting_release_.insert(publish.packet_id);
  }
  acknowledge({publish.packet_id, exactly_once ? PacketType::pubrec : PacketType::puback, verdict});
}

// Whether it goes on; counts what doesn't.
ReasonCode Session::judge(const mqtt::Publish& publish) {
  SessionCounters& counters = table_.counters();
  const SessionLimits& limits = table_.limits();
  if (is_reserved(publish.topic) ||
      (access_ != nullptr && !access_->may_publish(publish.topic, publish.retain))) {
    counters.dropped_not_authorized.add();
    return ReasonCode::not_authorized;
  }
  if (publish.topic.size() > limits.max_topic_bytes) {
    counters.refused_topic_length.add();
    return ReasonCode::topic_name_invalid;
  }
  if (publish.retain && limits.max_retained_bytes > 0 &&
      publish.payload.size() > limits.max_retained_bytes) {
    counters.refused_retained_size.add();
    return ReasonCode::quota_exceeded;
  }
  if (publish.retain && !publish.payload.empty() && !table_.has_room_for_retained(publish.topic)) {
    counters.refused_retained_count.add();
    return ReasonCode::quota_exceeded;
  }
  return ReasonCode::success;
}

// A PUBLISH under a packet id that waits for its PUBREL, on disk, on its way there, or here.
bool Session::is_repeat(mqtt::PacketId id) const {
  if (awaiting_release_.contains(id)) return true;
  if (!is_durable()) return false;
  if (stored_->awaits_release(id) || is_receiving(id)) return true;
  for (std::size_t i = 0; i < acks_.size(); ++i) {
    if (acks_[i].waits_for_log && acks_[i].packet_id == id) return true;
  }
  return false;
}

bool Session::is_receiving(mqtt::PacketId id) const {
  return std::find(receiving_.begin(), receiving_.end(), id) != receiving_.end();
}

bool Session::resolve_alias(mqtt::Publish& publish) {
  if (!publish.properties.has(PropertyId::topic_alias)) return true;
  const std::uint16_t alias = publish.properties.topic_alias;
  if (alias > table_.limits().topic_alias_maximum) {  // [MQTT-3.3.2-9]
    refuse(ReasonCode::topic_alias_invalid, "topic alias over the maximum");
    return false;
  }
  if (!publish.topic.empty()) {
    if (aliases_in_ == nullptr) aliases_in_ = std::make_unique<TopicAliasIn>();
    aliases_in_->learn(alias, publish.topic);
    return true;
  }
  if (aliases_in_ != nullptr) publish.topic = aliases_in_->resolve(alias);
  if (publish.topic.empty()) {
    refuse(ReasonCode::protocol_error, "unknown topic alias");
    return false;
  }
  return true;
}

// Receive Maximum [MQTT-3.3.4-7]: what a v5 client may have open with us. 3.x has no such word.
bool Session::admit(const mqtt::Publish&) {
  if (version_ != mqtt::ProtocolVersion::v5) return true;
  std::size_t open = awaiting_release_.size();
  if (is_durable() && stored_->rare != nullptr) open += stored_->rare->awaiting_release.size();
  for (std::size_t i = 0; i < acks_.size(); ++i) {
    open += acks_[i].type == PacketType::puback || acks_[i].waits_for_log;
  }
  open += receiving_.size();
  open -= std::min(open, resumed_.size());
  if (open < table_.limits().receive_maximum) return true;
  refuse(ReasonCode::receive_maximum_exceeded, "receive maximum exceeded");
  return false;
}

// Where it would have to be stored and the disk is full, it is refused before anything is done
// with it; 3.x, which can't be told, gets no ack and sends it again.
bool Session::has_room(const mqtt::Publish& publish) {
  if (!table_.log().is_full()) return true;
  const bool is_stored = publish.retain || table_.router().is_durable(publish.topic) ||
                         (publish.qos == Qos::exactly_once && is_durable());
  if (!is_stored) return true;
  table_.counters().refused_disk_full.add();
  if (Spans* const spans = table_.spans(); spans != nullptr && spans->may_follow(publish)) {
    spans->on_refused(span_client(), publish, ReasonCode::quota_exceeded);
  }
  if (version_ != mqtt::ProtocolVersion::v5) return false;
  acknowledge({publish.packet_id,
               publish.qos == Qos::exactly_once ? PacketType::pubrec : PacketType::puback,
               ReasonCode::quota_exceeded});
  return false;
}

routing::MessagePtr Session::message_of(const mqtt::Publish& publish) const {
  routing::MessageParts parts;
  parts.topic = publish.topic;
  parts.payload = publish.payload;
  parts.payload_owner = publish.payload_owner;
  parts.qos = publish.qos;
  parts.retain = publish.retain;
  parts.origin = origin_;
  parts.sequence = table_.router().next_number();
  parts.received_ms = now_ms();
  if (parts.sequence % routing::kMeasuredOneIn == 0) parts.measured_ns = core::steady_ns();
  if (version_ == mqtt::ProtocolVersion::v5) {
    parts.properties = &publish.properties;
    if (publish.properties.has(PropertyId::message_expiry_interval)) {
      parts.expiry_s = publish.properties.message_expiry_interval_s;
    }
  }
  return routing::Message::make(parts);
}

void Session::accept(const mqtt::Publish& publish) {
  routing::MessagePtr message = message_of(publish);
  Spans* const spans = table_.spans();
  const bool is_followed =
      spans != nullptr && spans->may_follow(*message) && spans->begin(span_client(), *message);
  if (publish.qos == Qos::at_most_once) {
    table_.router().publish(message, {});
    if (is_followed) spans->end();
    return;
  }
  const bool exactly_once = publish.qos == Qos::exactly_once;
  if (exactly_once && is_durable()) {
    accept_durable_qos2(publish, std::move(message), is_followed);
    return;
  }
  if (exactly_once) awaiting_release_.insert(publish.packet_id);
  const std::uint64_t tag = first_ack_tag_ + acks_.size();
  const auto [outcome, publication] =
      table_.router().publish(message, {this, tag, ack_mode_ == AckMode::local});
  if (publication != nullptr && ack_mode_ == AckMode::memory) {
    routing::Router::forget(*publication);
  }
  if (link_ == nullptr) {
    if (is_followed) spans->end();
    return;
  }
  // Optional, and said where it ends the flow: in PUBACK.
  const ReasonCode reason = outcome == routing::Router::Outcome::unmatched && !exactly_once
                                ? ReasonCode::no_matching_subscribers
                                : ReasonCode::success;
  const PendingAck ack{publish.packet_id, exactly_once ? PacketType::pubrec : PacketType::puback,
                       reason, false, ack_mode_ == AckMode::memory ? nullptr : publication};
  is_followed ? acknowledge_followed(ack) : acknowledge(ack);
}

// {client, packet id, message} is committed in the publisher's own shard, then PUBREC; the fan-out
// starts from there (ShardState::forward). REPLICATION "QoS 2 in".
void Session::accept_durable_qos2(const mqtt::Publish& publish, routing::MessagePtr message,
                                  bool is_followed) {
  ReceivedRecord record;
  record.client_id = client_id_;
  record.generation = generation_;
  record.packet_id = publish.packet_id;
  record.message = std::move(message);
  table_.append(client_id_, std::move(record));
  if (ack_mode_ == AckMode::memory) receiving_.push_back(publish.packet_id);
  const PendingAck ack{publish.packet_id, PacketType::pubrec, ReasonCode::success,
                       ack_mode_ != AckMode::memory};
  is_followed ? acknowledge_followed(ack) : acknowledge(ack);
}

// In the order of the records.
void Session::received_committed() {
  if (!receiving_.empty()) receiving_.erase(receiving_.begin());
  for (std::size_t i = 0; i < acks_.size(); ++i) {
    if (!std::exchange(acks_[i].waits_for_log, false)) continue;
    if (table_.spans() != nullptr) table_.spans()->on_commit(this, first_ack_tag_ + i);
    send_confirmed_acks();
    return;
  }
}

void Session::acknowledge(PendingAck ack) {
  if (ack.publication == nullptr && !ack.waits_for_log && acks_.empty()) {
    ++first_ack_tag_;
    send_ack(ack.type, ack.packet_id, ack.reason);
    return;
  }
  acks_.push_back(ack);
}

// Requires: Spans::begin() of this PUBLISH said so.
void Session::acknowledge_followed(PendingAck ack) {
  const std::uint64_t tag = first_ack_tag_ + acks_.size();
  acknowledge(ack);
  if (first_ack_tag_ > tag) {
    table_.spans()->end();
  } else {
    table_.spans()->wait(this, tag, ack.publication != nullptr || ack.waits_for_log);
  }
}

void Session::on_confirmed(std::uint64_t tag) {
  if (link_ == nullptr) return;
  acks_[tag - first_ack_tag_].publication = nullptr;
  if (table_.spans() != nullptr) table_.spans()->on_commit(this, tag);
  send_confirmed_acks();
}

void Session::send_confirmed_acks() {
  while (!acks_.empty() && acks_.front().publication == nullptr && !acks_.front().waits_for_log) {
    const PendingAck& ack = acks_.front();
    send_ack(ack.type, ack.packet_id, ack.reason);
    if (table_.spans() != nullptr) table_.spans()->on_ack(this, first_ack_tag_);
    acks_.pop_front();
    ++first_ack_tag_;
  }
}

// 3.x has no word for "unknown": the flow is over either way. [MQTT-4.3.3-11]
void Session::on_pubrel(const mqtt::Ack& ack) {
  if (!is_durable() || !(stored_->awaits_release(ack.packet_id) || is_receiving(ack.packet_id))) {
    const bool known = awaiting_release_.release(ack.packet_id);
    send_ack(PacketType::pubcomp, ack.packet_id,
             known ? ReasonCode::success : ReasonCode::packet_identifier_not_found);
    return;
  }
  const auto is_it = [&](mqtt::PacketId id) { return id == ack.packet_id; };
  if (std::any_of(releasing_.begin(), releasing_.end(), is_it)) return;  // answered soon
  releasing_.push_back(ack.packet_id);
  released_.push_back(ack.packet_id);
  note_acks(Acks::now);
}

void Session::release_committed(const ReleasedRecord& record) {
  for (const mqtt::PacketId id : record.packet_ids) {
    std::erase(releasing_, id);
    std::erase(resumed_, id);
    send_ack(PacketType::pubcomp, id, ReasonCode::success);
  }
}

}  // namespace roost::session
