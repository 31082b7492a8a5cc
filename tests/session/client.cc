// SPDX-License-Identifier: Apache-2.0
#include "tests/session/client.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "broker/base/check.h"
#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"

namespace roost::support {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::ReasonCode;

Client::Client(Broker& broker, std::string_view id, const Hello& hello) : Client(broker, id) {
  connect(hello);
  take();
}

template <typename Work>
void Client::in_turn(Work work) {
  broker_.run_on(core(), std::move(work));
}

void Client::connect(const Hello& hello) {
  if (link_ != nullptr) take();  // what nobody looked at has been received all the same
  Hello sent = hello;
  sent.client_id = id_;
  version_ = sent.version;
  links_.push_back(std::make_unique<FakeLink>(version_));
  link_ = links_.back().get();
  link_->set_access(access);
  close_told_ = false;
  const mqtt::Properties& wishes = sent.properties;
  receive_max_ = wishes.receive_maximum;
  packet_max_ = wishes.has(PropertyId::maximum_packet_size) ? wishes.maximum_packet_size
                                                            : mqtt::kPacketSizeMax;
  alias_max_ = wishes.topic_alias_maximum;
  aliases_.clear();
  open_.clear();
  in_turn([this, &sent] {
    std::vector<std::uint8_t> bytes;
    mqtt::encode(sent, version_, bytes);
    const auto found = mqtt::next_frame(bytes, mqtt::kPacketSizeMax);
    const auto packet = mqtt::decode(found.frame, version_, broker_.limits().wire);
    if (!packet) throw std::runtime_error(packet.error().what);
    session_ = &broker_.home(id_).connect(std::get<mqtt::Connect>(*packet), *link_, {}, ack_mode);
  });
  settle();
}

void Client::send(const mqtt::Packet& packet) {
  if (!is_connected()) throw std::logic_error(id_ + " is not connected");
  in_turn([this, &packet] { hand(packet); });
  settle();
}

// As gates::ClientGate does it.
void Client::hand(const mqtt::Packet& packet) {
  std::vector<std::uint8_t> bytes;
  mqtt::encode(packet, version_, bytes);
  const auto found = mqtt::next_frame(bytes, broker_.limits().wire.packet_size_max);
  if (found.status != mqtt::FrameStatus::complete) {
    session_->refuse(mqtt::reason_of(found), "bad frame");
    return;
  }
  session_->saw_packet();
  auto decoded = mqtt::decode(found.frame, version_, broker_.limits().wire);
  if (!decoded) {
    session_->refuse(decoded.error().reason, decoded.error().what);
  } else if (auto* publish = std::get_if<mqtt::Publish>(&*decoded)) {
    session_->handle(*publish);
  } else if (const auto* ack = std::get_if<mqtt::Ack>(&*decoded)) {
    session_->handle(*ack);
  } else if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&*decoded)) {
    session_->handle(*subscribe);
  } else if (const auto* unsubscribe = std::get_if<mqtt::Unsubscribe>(&*decoded)) {
    session_->handle(*unsubscribe);
  } else if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&*decoded)) {
    session_->handle(*disconnect);
  } else if (std::holds_alternative<mqtt::Pingreq>(*decoded)) {
    session_->handle_pingreq();
  } else {
    session_->refuse(ReasonCode::protocol_error, "unexpected packet");
  }
}

void Client::publish(Pub publish) {
  if (publish.qos != kQos0 && publish.packet_id == 0) {
    publish.packet_id = last_id_ = static_cast<mqtt::PacketId>(last_id_ % 65535 + 1);
  }
  send(publish);
}

void Client::subscribe(const std::vector<Sub>& several) {
  mqtt::Subscribe packet;
  packet.packet_id = last_id_ = static_cast<mqtt::PacketId>(last_id_ % 65535 + 1);
  for (const Sub& one : several) packet.entries.push_back({one.filter, one.options});
  if (several.front().identifier != 0) {
    packet.properties.subscription_identifiers = {several.front().identifier};
    packet.properties.mark(PropertyId::subscription_identifier);
  }
  send(packet);
}

void Client::unsubscribe(const std::vector<std::string_view>& filters) {
  mqtt::Unsubscribe packet;
  packet.packet_id = last_id_ = static_cast<mqtt::PacketId>(last_id_ % 65535 + 1);
  packet.filters = filters;
  send(packet);
}

void Client::ack(PacketType type, mqtt::PacketId id, ReasonCode reason) {
  const bool ends = type == PacketType::puback || type == PacketType::pubcomp ||
                    (type == PacketType::pubrec && mqtt::is_error(reason));
  if (ends) {
    open_.erase(id);
    seen_.erase(id);
  }
  send(mqtt::Ack{type, id, reason, {}});
}

void Client::disconnect(ReasonCode reason) {
  mqtt::Disconnect packet;
  packet.reason = reason;
  send(packet);
}

void Client::disconnect_with_expiry(std::uint32_t s) {
  mqtt::Disconnect packet;
  packet.properties.session_expiry_interval_s = s;
  packet.properties.mark(PropertyId::session_expiry_interval);
  send(packet);
}

void Client::vanish() {
  if (!is_connected()) throw std::logic_error(id_ + " is not connected");
  in_turn([this] { session_->connection_lost("connection lost"); });
  session_ = nullptr;
  settle();
}

void Client::read_on(std::optional<std::size_t> packets) {
  link_->congest_after(packets);
  in_turn([this] { session_->on_drained(); });
  settle();
}

std::vector<mqtt::Packet> Client::take() {
  std::vector<mqtt::Packet> packets = link_->take();
  for (mqtt::Packet& packet : packets) {
    if (mqtt::encoded_size(packet, version_) > packet_max_) {
      throw std::runtime_error("over the client's Maximum Packet Size");
    }
    const auto* connack = std::get_if<mqtt::Connack>(&packet);
    if (connack != nullptr && !connack->session_present) seen_.clear();
    if (auto* publish = std::get_if<mqtt::Publish>(&packet)) check(*publish);
  }
  return packets;
}

void Client::check(mqtt::Publish& publish) {
  if (publish.properties.has(PropertyId::topic_alias)) {
    const std::uint16_t alias = publish.properties.topic_alias;
    if (alias > alias_max_) throw std::runtime_error("alias over the client's maximum");
    if (!publish.topic.empty()) aliases_[alias] = publish.topic;
    if (!aliases_.contains(alias)) throw std::runtime_error("unknown alias");
    publish.topic = aliases_[alias];
  }
  if (publish.qos == kQos0) return;
  if (publish.dup != seen_.contains(publish.packet_id)) {
    throw std::runtime_error(publish.dup ? "DUP on a first delivery" : "no DUP on a second");
  }
  seen_.insert(publish.packet_id);
  if (!open_.insert(publish.packet_id).second) throw std::runtime_error("an id in use");
  if (open_.size() > receive_max_) throw std::runtime_error("Receive Maximum exceeded");
}

Lines Client::got() {
  Lines lines;
  for (const mqtt::Packet& packet : take()) lines.push_back(line_of(packet));
  if (link_->is_closed() && !std::exchange(close_told_, true)) lines.emplace_back("CLOSED");
  return lines;
}

void Client::answer(const mqtt::Packet& packet) {
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
    if (publish->qos == kQos1) puback(publish->packet_id);
    if (publish->qos == kQos2) pubrec(publish->packet_id);
  } else if (const auto* ack_in = std::get_if<mqtt::Ack>(&packet)) {
    if (ack_in->type == PacketType::pubrec) pubrel(ack_in->packet_id);
    if (ack_in->type == PacketType::pubrel) pubcomp(ack_in->packet_id);
  }
}

Lines Client::finish_all() {
  Lines lines;
  for (auto packets = take(); !packets.empty(); packets = take()) {
    for (const mqtt::Packet& packet : packets) {
      if (std::holds_alternative<mqtt::Publish>(packet)) lines.push_back(line_of(packet));
      answer(packet);
    }
  }
  return lines;
}

}  // namespace roost::support
