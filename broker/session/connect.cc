// SPDX-License-Identifier: Apache-2.0
// A client comes, resumes, is taken over, goes; and what time does to a session without one.
#include <algorithm>
#include <utility>
#include <vector>

#include "broker/base/check.h"
#include "broker/base/hash.h"
#include "broker/mqtt/encode.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"

namespace roost::session {

using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::ReasonCode;

Session::Session(SessionTable& table, std::string_view client_id, bool durable)
    : table_(table), client_id_(client_id), origin_(hash64(client_id)), durable_(durable) {}

Session::~Session() {
  table_.counters().queued.sub(queue_.size());
  table_.counters().queued_bytes.sub(queue_bytes_);
  table_.counters().in_flight.sub(inflight_.unfinished());
}

SteadyMs Session::now_ms() const { return table_.core().now_ms(); }

namespace {

std::uint32_t expiry_of(const mqtt::Connect& connect, const SessionLimits& limits) {
  if (connect.version == ProtocolVersion::v5) {
    return std::min(connect.properties.session_expiry_interval_s, limits.session_expiry_max_s);
  }
  return connect.clean_start ? 0 : limits.persistent_expiry_s;
}

std::uint16_t keep_alive_of(const mqtt::Connect& connect, const SessionLimits& limits) {
  const bool capped = connect.version == ProtocolVersion::v5 && limits.keep_alive_max_s > 0 &&
                      (connect.keep_alive_s == 0 || connect.keep_alive_s > limits.keep_alive_max_s);
  return capped ? limits.keep_alive_max_s : connect.keep_alive_s;
}

}  // namespace

void Session::attach(const mqtt::Connect& connect, Link& link, bool session_present,
                     std::string_view assigned_client_id, std::uint64_t generation) {
  CHECK(live_ == nullptr);
  const SessionLimits& limits = table_.limits();
  will_.reset();  // an old one that waits: its session goes on [MQTT-3.1.3-9]
  will_due_ms_ = INT64_MAX;
  expires_at_ms_ = INT64_MAX;
  expiry_s_ = expiry_of(connect, limits);
  live_ = std::make_unique<Live>();
  live_->link = &link;
  live_->generation = generation;
  live_->version = connect.version;
  live_->bridge = connect.bridge;
  live_->last_packet_ms = now_ms();
  live_->keep_alive_ms = keep_alive_of(connect, limits) * 1500U;  // [MQTT-3.1.2-22]
  live_->receive_maximum = limits.max_inflight;
  if (connect.version == ProtocolVersion::v5) {
    const mqtt::Properties& wishes = connect.properties;
    live_->receive_maximum = std::min(wishes.receive_maximum, limits.max_inflight);
    if (wishes.has(PropertyId::maximum_packet_size)) {
      live_->packet_size_max = wishes.maximum_packet_size;
    }
    const auto aliases = std::min(wishes.topic_alias_maximum, limits.topic_alias_maximum);
    if (aliases > 0) live_->aliases_out = std::make_unique<TopicAliasOut>(aliases);
  }
  keep_will(connect);
  table_.counters().connected.add();
  if (durable_) table_.counters().durable_connected.add();
  send_connack(connect, session_present, assigned_client_id);
  arm_timer();
  for (const auto& [filter, subscription] : subscriptions_) {
    const auto parsed = mqtt::TopicFilter::parse(filter, limits.wire.topic_levels_max);
    if (parsed && parsed->is_shared()) table_.share_presence(*this, *parsed, true);
  }
  for (std::size_t i = 0; i < inflight_.size(); ++i) inflight_.at(i).sent_here = false;
  resend();
  pump();
}

void Session::send_connack(const mqtt::Connect& connect, bool session_present,
                           std::string_view assigned_client_id) {
  const SessionLimits& limits = table_.limits();
  mqtt::Connack connack;
  connack.session_present = session_present;
  mqtt::Properties& said = connack.properties;
  std::string response_information;
  if (connect.version == ProtocolVersion::v5) {
    if (expiry_s_ != connect.properties.session_expiry_interval_s) {
      said.session_expiry_interval_s = expiry_s_;
      said.mark(PropertyId::session_expiry_interval);
    }
    if (limits.receive_maximum != 65535) {
      said.receive_maximum = limits.receive_maximum;
      said.mark(PropertyId::receive_maximum);
    }
    const std::uint32_t of_link = live_->link->packet_size_max();
    const std::uint32_t packet_size_max = of_link != 0 ? of_link : limits.wire.packet_size_max;
    if (packet_size_max < mqtt::kPacketSizeMax) {
      said.maximum_packet_size = packet_size_max;
      said.mark(PropertyId::maximum_packet_size);
    }
    if (limits.topic_alias_maximum > 0) {
      said.topic_alias_maximum = limits.topic_alias_maximum;
      said.mark(PropertyId::topic_alias_maximum);
    }
    const std::uint16_t keep_alive_s = keep_alive_of(connect, limits);
    if (keep_alive_s != connect.keep_alive_s) {
      said.server_keep_alive_s = keep_alive_s;
      said.mark(PropertyId::server_keep_alive);
    }
    if (!assigned_client_id.empty()) {
      said.assigned_client_identifier = assigned_client_id;
      said.mark(PropertyId::assigned_client_identifier);
    }
    if (connect.properties.request_response_information != 0 &&
        client_id_.find_first_of("+#") == std::string::npos) {
      response_information = "response/" + client_id_;
      said.response_information = response_information;
      said.mark(PropertyId::response_information);
    }
  }
  send_packet(connack);
}

void Session::send_packet(const mqtt::Packet& packet) {
  std::vector<std::uint8_t> bytes;
  mqtt::encode(packet, live_->version, bytes);
  table_.counters().packets_out.add();
  std::copy(bytes.begin(), bytes.end(), live_->link->room(bytes.size()));
}

void Session::send_ack(mqtt::PacketType type, mqtt::PacketId id, ReasonCode reason) {
  std::uint8_t bytes[mqtt::kAckSizeMax];
  const std::size_t size = mqtt::encode_ack(type, id, reason, live_->version, bytes);
  table_.counters().packets_out.add();
  table_.counters().acks_out.add();
  std::copy_n(bytes, size, live_->link->room(size));
}

void Session::handle_pingreq() { send_packet(mqtt::Pingresp{}); }

void Session::handle(const mqtt::Disconnect& disconnect) {
  if (disconnect.properties.has(PropertyId::session_expiry_interval)) {
    const std::uint32_t wanted_s = disconnect.properties.session_expiry_interval_s;
    if (expiry_s_ == 0 && wanted_s != 0) {  // [MQTT-3.14.2-2]
      refuse(ReasonCode::protocol_error, "DISCONNECT sets an expiry where CONNECT had none");
      return;
    }
    expiry_s_ = std::min(wanted_s, table_.limits().session_expiry_max_s);
  }
  Link* link = live_->link;
  const bool keeps_will = disconnect.reason != ReasonCode::success;  // [MQTT-3.14.4-3]
  detach(keeps_will ? Departure::with_will : Departure::normal, "client disconnected");
  link->close("client disconnected");
}

void Session::refuse(ReasonCode reason, std::string_view why) {
  SessionCounters& counters = table_.counters();
  if (reason == ReasonCode::receive_maximum_exceeded) {
    counters.refused_receive_maximum.add();
  } else if (reason == ReasonCode::packet_too_large) {
    counters.refused_packet_size.add();
  } else {
    counters.refused_protocol.add();
  }
  kick(reason, why);
}

void Session::kick(ReasonCode reason, std::string_view why) {
  if (live_ == nullptr) return;
  if (live_->version == ProtocolVersion::v5) {
    mqtt::Disconnect disconnect;
    disconnect.reason = reason;
    send_packet(disconnect);
  }
  Link* link = live_->link;
  detach(Departure::lost, why);
  link->close(why);
}

void Session::connection_lost(std::string_view why) { detach(Departure::lost, why); }

void Session::detach(Departure departure, std::string_view) {
  CHECK(live_ != nullptr);
  leave_connection();
  for (const auto& [filter, subscription] : subscriptions_) {
    const auto parsed = mqtt::TopicFilter::parse(filter, table_.limits().wire.topic_levels_max);
    if (parsed && parsed->is_shared()) table_.share_presence(*this, *parsed, false);
  }
  if (departure == Departure::normal) will_.reset();  // [MQTT-3.1.2-10]
  if (will_ != nullptr) {
    const std::uint32_t delay_s = std::min(will_->delay_s, expiry_s_);  // [MQTT-3.1.3-9]
    if (delay_s == 0) {
      publish_will();
    } else {
      will_due_ms_ = now_ms() + std::int64_t{delay_s} * 1000;
    }
  }
  if (expiry_s_ == 0) {
    end();
    return;
  }
  if (expiry_s_ != mqtt::kNeverExpires) {
    expires_at_ms_ = now_ms() + std::int64_t{expiry_s_} * 1000;
  }
  arm_timer();
}

// Drops what the protocol ties to the connection, keeps what belongs to the session.
void Session::leave_connection() {
  for (std::size_t i = 0; i < live_->acks.size(); ++i) {
    PendingAck& ack = live_->acks[i];
    if (ack.publication != nullptr) routing::Router::forget(*ack.publication);
  }
  live_.reset();
  table_.counters().connected.sub();
  if (durable_) table_.counters().durable_connected.sub();
  if (!durable_) awaiting_release_.clear();
  replaying_ = false;
  gathers_open_ = 0;
  release_held();
  // QoS 0 that was not sent yet (retained messages) was for this connection.
  Ring<QueueEntry> waiting = std::exchange(queue_, {});
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i].qos != mqtt::Qos::at_most_once) {
      queue_.push_back(std::move(waiting[i]));
      continue;
    }
    count_dequeued(waiting[i]);
    table_.counters().dropped_offline_qos0.add();
  }
  inflight_.shrink();
}

void Session::end() {
  if (live_ != nullptr) {
    Link* link = live_->link;
    leave_connection();
    link->close("session ended");
  }
  if (will_ != nullptr) publish_will();  // [MQTT-3.1.2-8]: delay over or session ended
  table_.core().timers().cancel(*this);
  std::uint64_t lost = queue_.size();
  std::uint64_t handed_on = 0;
  const auto hand_on = [&](const QueueEntry& entry) {
    // Only QoS 1: a QoS 2 message once sent ends with its member's session. [MQTT-4.8.2-5]
    if (!entry.is_shared() || !entry.message) return;
    table_.share_hand_on(entry.extra->share, entry.message, client_id_);
    ++handed_on;
  };
  for (const auto& [filter, subscription] : subscriptions_) {
    const auto parsed = mqtt::TopicFilter::parse(filter, table_.limits().wire.topic_levels_max);
    if (!parsed || !parsed->is_shared()) continue;
    table_.share_leave(*this, *parsed);
    table_.counters().shared_subscriptions.sub();
  }
  for (std::size_t i = 0; i < inflight_.size(); ++i) {
    const Inflight::Entry& entry = inflight_.at(i);
    if (entry.state != InflightState::publish_sent) continue;  // the client has it
    ++lost;
    if (entry.queued.qos == mqtt::Qos::at_least_once || !entry.sent) hand_on(entry.queued);
  }
  for (std::size_t i = 0; i < queue_.size(); ++i) hand_on(queue_[i]);
  table_.counters().dropped_session_end.add(lost - handed_on);
  table_.counters().subscriptions.sub(subscriptions_.size());
  table_.end_session(*this);
}

void Session::arm_timer() {
  SteadyMs due_ms = INT64_MAX;
  if (live_ != nullptr) {
    if (live_->keep_alive_ms > 0) due_ms = live_->last_packet_ms + live_->keep_alive_ms;
  } else {
    due_ms = std::min(will_due_ms_, expires_at_ms_);
  }
  if (due_ms == INT64_MAX) {
    table_.core().timers().cancel(*this);
  } else {
    table_.core().timers().arm(*this, due_ms);
  }
}

void Session::on_timer() {
  if (live_ != nullptr) {
    if (now_ms() < live_->last_packet_ms + live_->keep_alive_ms) {
      arm_timer();  // there were signs of life meanwhile
      return;
    }
    table_.counters().keep_alive_timeouts.add();
    kick(ReasonCode::keep_alive_timeout, "keep alive timeout");
    return;
  }
  if (will_ != nullptr && now_ms() >= will_due_ms_) publish_will();
  if (now_ms() >= expires_at_ms_) {
    table_.counters().sessions_expired.add();
    end();
    return;
  }
  arm_timer();
}

}  // namespace roost::session
