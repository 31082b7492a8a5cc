// SPDX-License-Identifier: Apache-2.0
// The client's protocol: what packets mean and what is answered.
#include <algorithm>

#include "broker/client/client.h"
#include "broker/client/packet_lines.h"
#include "broker/mqtt/encode.h"

namespace roost::client {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::Qos;

std::string publish_line(const mqtt::Publish& message) {
  return "(d" + std::to_string(message.dup) + ", q" +
         std::to_string(static_cast<int>(message.qos)) + ", r" + std::to_string(message.retain) +
         ", m" + std::to_string(message.packet_id) + ", '" + std::string(message.topic) +
         "', ... (" + std::to_string(message.payload.size()) + " bytes))";
}

std::string ack_name(PacketType type) {
  switch (type) {
    case PacketType::puback:
      return "PUBACK";
    case PacketType::pubrec:
      return "PUBREC";
    case PacketType::pubrel:
      return "PUBREL";
    default:
      return "PUBCOMP";
  }
}

void Client::handle(const mqtt::Packet& packet) {
  if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) return on_connack(*connack);
  if (state_ == State::handshaking) return lose("the server sent something else than CONNACK");
  if (const auto* message = std::get_if<mqtt::Publish>(&packet)) return on_publish(*message);
  if (const auto* ack = std::get_if<mqtt::Ack>(&packet)) return on_ack(*ack);
  if (const auto* suback = std::get_if<mqtt::Suback>(&packet)) {
    debug("received SUBACK");
    return events_.on_suback(*suback);
  }
  if (const auto* unsuback = std::get_if<mqtt::Unsuback>(&packet)) {
    debug("received UNSUBACK");
    return events_.on_unsuback(*unsuback);
  }
  if (std::holds_alternative<mqtt::Pingresp>(packet)) {
    debug("received PINGRESP");
    ping_unanswered_ticks_ = 0;
    return;
  }
  if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&packet)) {
    debug("received DISCONNECT (" + std::to_string(static_cast<int>(disconnect->reason)) + ")");
    const auto alive = alive_;
    const std::string why =
        "the server disconnected: " + std::string(mqtt::name(disconnect->reason));
    events_.on_disconnect(*disconnect);
    if (*alive) lose(why);
  }
}

void Client::on_connack(const mqtt::Connack& connack) {
  if (state_ != State::handshaking) return lose("a second CONNACK");
  const bool is_v5 = options_.version == mqtt::ProtocolVersion::v5;
  const int code = is_v5 ? static_cast<int>(connack.reason)
                         : static_cast<int>(mqtt::connack_return_code(connack.reason));
  debug("received CONNACK (" + std::to_string(code) + ")");
  const auto alive = alive_;
  if (mqtt::is_error(connack.reason)) {
    const std::string why = std::string(mqtt::name(connack.reason));
    events_.on_connack(connack);
    if (*alive) lose(why);
    return;
  }
  state_ = State::connected;
  const auto& properties = connack.properties;
  if (properties.has(PropertyId::assigned_client_identifier)) {
    options_.client_id = properties.assigned_client_identifier;
  }
  inflight_max_ = std::min<std::size_t>(kInflightMax, properties.receive_maximum);
  keep_alive_s_ = properties.has(PropertyId::server_keep_alive) ? properties.server_keep_alive_s
                                                                : options_.keep_alive_s;
  arm_keep_alive();
  if (!connack.session_present) {
    if (awaiting_release_) awaiting_release_->reset();
    for (Outgoing& message : inflight_) message.released = false;  // it starts again
  }
  resend(connack.session_present);
  events_.on_connack(connack);
  if (*alive && state_ == State::connected) send_waiting();
}

void Client::on_publish(const mqtt::Publish& message) {
  if (debug_) debug("received PUBLISH " + publish_line(message));
  mqtt::Publish resolved = message;
  if (message.properties.has(PropertyId::topic_alias)) {
    const std::size_t alias = message.properties.topic_alias;
    if (alias >= aliases_.size()) aliases_.resize(alias + 1);
    if (!message.topic.empty()) aliases_[alias] = message.topic;
    resolved.topic = aliases_[alias];
    if (resolved.topic.empty()) return lose("the server used an unknown topic alias");
  }
  if (message.qos == Qos::exactly_once) {
    if (!awaiting_release_) awaiting_release_ = std::make_unique<std::bitset<65536>>();
    const bool is_new = !awaiting_release_->test(message.packet_id);
    awaiting_release_->set(message.packet_id);
    send_ack(PacketType::pubrec, message.packet_id);
    if (is_new) events_.on_message(resolved);
    return;
  }
  if (message.qos == Qos::at_least_once) send_ack(PacketType::puback, message.packet_id);
  events_.on_message(resolved);
}

void Client::on_ack(const mqtt::Ack& ack) {
  if (debug_) {
    debug("received " + ack_name(ack.type) + " (Mid: " + std::to_string(ack.packet_id) +
          ", RC:" + std::to_string(static_cast<int>(ack.reason)) + ")");
  }
  if (ack.type == PacketType::pubrel) {
    if (awaiting_release_) awaiting_release_->reset(ack.packet_id);
    return send_ack(PacketType::pubcomp, ack.packet_id);
  }
  const auto found = std::find_if(inflight_.begin(), inflight_.end(), [&](const Outgoing& message) {
    return message.packet_id == ack.packet_id;
  });
  if (found == inflight_.end()) {
    if (ack.type == PacketType::pubrec) send_ack(PacketType::pubrel, ack.packet_id);
    return;
  }
  const auto index = static_cast<std::size_t>(found - inflight_.begin());
  if (ack.type == PacketType::pubrec && !mqtt::is_error(ack.reason)) {
    found->released = true;
    return send_ack(PacketType::pubrel, ack.packet_id);
  }
  finish(index, ack.reason);
}

void Client::finish(std::size_t inflight_index, mqtt::ReasonCode reason) {
  const Ticket ticket = inflight_[inflight_index].ticket;
  inflight_.erase(inflight_.begin() + static_cast<std::ptrdiff_t>(inflight_index));
  const auto alive = alive_;
  events_.on_published(ticket, reason);
  if (*alive && state_ == State::connected) send_waiting();
}

void Client::send_ack(PacketType type, mqtt::PacketId id) {
  if (debug_) {
    debug("sending " + ack_name(type) + " (m" + std::to_string(id) + ", rc0)");
  }
  mqtt::Ack ack;
  ack.type = type;
  ack.packet_id = id;
  send(ack);
}

void Client::send_waiting() {
  while (!waiting_.empty()) {
    Outgoing& message = waiting_.front();
    if (message.qos == Qos::at_most_once) {
      written_next_.push_back(message.ticket);
    } else {
      if (inflight_.size() >= inflight_max_) break;
      message.packet_id = next_packet_id();
      message.bytes[message.id_at] = static_cast<std::uint8_t>(message.packet_id >> 8);
      message.bytes[message.id_at + 1] = static_cast<std::uint8_t>(message.packet_id);
    }
    debug_publish(message);
    out_.insert(out_.end(), message.bytes.begin(), message.bytes.end());
    if (message.qos != Qos::at_most_once) inflight_.push_back(std::move(message));
    waiting_.pop_front();
  }
  flush();
}

// In the original order, under the same ids. [MQTT-4.4.0-1]
void Client::resend(bool session_present) {
  for (Outgoing& message : inflight_) {
    if (message.released) {
      send_ack(PacketType::pubrel, message.packet_id);
      continue;
    }
    constexpr std::uint8_t kDup = 0x08;
    if (session_present) message.bytes[0] |= kDup;
    debug_publish(message);
    out_.insert(out_.end(), message.bytes.begin(), message.bytes.end());
  }
  flush();
}

mqtt::PacketId Client::next_packet_id() {
  const auto in_use = [&](mqtt::PacketId id) {
    return std::any_of(inflight_.begin(), inflight_.end(),
                       [id](const Outgoing& message) { return message.packet_id == id; });
  };
  do {
    last_packet_id_ = static_cast<mqtt::PacketId>(last_packet_id_ % 65535 + 1);
  } while (in_use(last_packet_id_));
  return last_packet_id_;
}

}  // namespace roost::client
