// SPDX-License-Identifier: Apache-2.0
// What packets of a bridge's two sides mean.
#include <algorithm>
#include <utility>

#include "broker/mqtt/encode.h"
#include "broker/mqtt/topic.h"
#include "broker/outgoing/bridge.h"

namespace roost::outgoing {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::ReasonCode;

namespace {

// A user property with the tokens of the bridges that a message went through, oldest first.
constexpr std::string_view kVia = "roost-via";
constexpr std::size_t kHopsMax = 16;
constexpr std::uint32_t kLevelsMax = 65'536;  // of any topic; the remote's limit isn't known
// Bytes of messages from there that wait for this node.
constexpr std::size_t kHeldMax = 64 * 1024 * 1024;

constexpr std::uint64_t bit(PropertyId id) { return std::uint64_t{1} << static_cast<unsigned>(id); }
// The properties that belong to a message, not to its way.
constexpr std::uint64_t kOfTheMessage =
    bit(PropertyId::payload_format_indicator) | bit(PropertyId::message_expiry_interval) |
    bit(PropertyId::content_type) | bit(PropertyId::response_topic) |
    bit(PropertyId::correlation_data) | bit(PropertyId::user_property);

// That message will never be taken; all else is worth another try.
bool is_final(ReasonCode reason) {
  return reason == ReasonCode::not_authorized || reason == ReasonCode::topic_name_invalid ||
         reason == ReasonCode::payload_format_invalid || reason == ReasonCode::packet_too_large;
}

void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
  counter.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace

void Bridge::on_packet(PacketLine& from, const mqtt::Packet& packet) {
  const End end = &from == here_.line.get() ? End::here : End::there;
  if (const auto* const message = std::get_if<mqtt::Publish>(&packet)) return handle(end, *message);
  if (const auto* const ack = std::get_if<mqtt::Ack>(&packet)) return handle(end, *ack);
  if (const auto* const connack = std::get_if<mqtt::Connack>(&packet)) {
    return handle(side(end), *connack);
  }
  if (const auto* const suback = std::get_if<mqtt::Suback>(&packet)) return handle(end, *suback);
  if (const auto* const bye = std::get_if<mqtt::Disconnect>(&packet)) {
    if (end == End::here) holds_place_ = false;
    const std::string_view why = bye->properties.reason_string;
    fail((end == End::here ? "the session here was ended: " : "the remote said goodbye: ") +
         std::string(why.empty() ? mqtt::name(bye->reason) : why));
  }
}

bool Bridge::is_loop(const mqtt::Publish& message) const {
  std::size_t hops = 0;
  for (const auto& [name, value] : message.properties.user_properties) {
    if (name != kVia) continue;
    if (value == token_ || ++hops >= kHopsMax) return true;
  }
  return false;
}

void Bridge::handle(End from, const mqtt::Publish& message) {
  if (!is_linked()) return;
  const auto topic =
      from == End::here ? rules_.to_remote(message.topic) : rules_.to_local(message.topic);
  if (!topic) return settle(side(from), message, way(from).no_rule);
  if (is_loop(message)) return settle(side(from), message, way(from).loops);
  // Whoever gets it would end the connection, and it would come again.
  const auto levels_max = from == End::there ? settings_.topic_levels_max : kLevelsMax;
  if (!mqtt::TopicName::parse(*topic, levels_max)) {
    return settle(side(from), message, way(from).refused);
  }
  if (from == End::there && message.retain && settings_.retained_payload_max > 0 &&
      message.payload.size() > settings_.retained_payload_max) {
    return settle(side(from), message, way(from).too_large);
  }
  relay(from, message, *topic);
}

void Bridge::relay(End from, const mqtt::Publish& message, const std::string& topic) {
  Side& to = side(from == End::here ? End::there : End::here);
  mqtt::Publish copy;
  copy.topic = topic;
  copy.packet_id = message.packet_id;
  copy.qos = message.qos;
  copy.dup = message.dup;
  copy.retain = message.retain && to.keeps_retained;
  copy.payload = message.payload;
  if (to.version == ProtocolVersion::v5) {
    copy.properties = message.properties;
    copy.properties.present &= kOfTheMessage;
    copy.properties.subscription_identifiers.clear();
    copy.properties.user_properties.emplace_back(kVia, token_);
    copy.properties.mark(PropertyId::user_property);
  }
  if (copy.qos > static_cast<Qos>(to.maximum_qos)) {
    // It has waited since the remote could do more.
    copy.qos = static_cast<Qos>(to.maximum_qos);
    if (copy.qos == Qos::at_most_once) {
      copy.packet_id = 0;
      copy.dup = false;
    }
  }
  if (mqtt::encoded_size(copy, to.version) > to.packet_size_max) {
    return settle(side(from), message, way(from).too_large);
  }
  count(way(from).messages);
  count(way(from).bytes, message.payload.size());
  if (from == End::there && copy.qos != Qos::at_most_once && hold(copy)) return;
  to.line->send(copy);
  if (copy.qos == Qos::at_most_once && message.qos != copy.qos) {
    std::atomic<std::uint64_t> nowhere{0};
    settle(side(from), message, nowhere);
  } else if (copy.qos != message.qos) {
    side(from).lowered.insert(message.packet_id);
  }
  if (to.line->is_congested()) side(from).line->pause();
}

bool Bridge::hold(const mqtt::Publish& copy) {
  if (open_here_.size() < here_.receive_maximum) {
    open_here_.insert(copy.packet_id);
    return false;
  }
  Held& held = held_.emplace_back();
  held.id = copy.packet_id;
  mqtt::encode(copy, here_.version, held.bytes);
  held_bytes_ += held.bytes.size();
  if (held_bytes_ > kHeldMax) {
    fail("the remote sends too much at once; bound what it has under way");
  }
  return true;
}

// This node has finished that one.
void Bridge::let_go(mqtt::PacketId id) {
  if (open_here_.erase(id) == 0 || held_.empty()) return;
  const Held& next = held_.front();
  open_here_.insert(next.id);
  held_bytes_ -= next.bytes.size();
  here_.line->send_encoded(next.bytes);
  held_.pop_front();
}

// Acknowledges a message that isn't handed over.
void Bridge::settle(Side& side, const mqtt::Publish& message, std::atomic<std::uint64_t>& counter) {
  count(counter);
  if (message.qos == Qos::at_least_once) send_ack(side, PacketType::puback, message.packet_id);
  if (message.qos != Qos::exactly_once) return;
  side.settled.insert(message.packet_id);
  send_ack(side, PacketType::pubrec, message.packet_id);
}

void Bridge::send_ack(Side& side, PacketType type, mqtt::PacketId id) {
  mqtt::Ack ack;
  ack.type = type;
  ack.packet_id = id;
  side.line->send(ack);
}

// `from` acknowledges what the other side sent, or (PUBREL) goes on with what it sent itself.
void Bridge::handle(End from, const mqtt::Ack& ack) {
  if (!is_linked()) return;
  Side& sender = side(from);
  Side& other = side(from == End::here ? End::there : End::here);
  if (ack.type == PacketType::pubrel) {
    if (sender.settled.erase(ack.packet_id) != 0) {
      return send_ack(sender, PacketType::pubcomp, ack.packet_id);
    }
    return send_ack(other, ack.type, ack.packet_id);
  }
  if (ack.type == PacketType::pubcomp && is_cleared(sender, ack.packet_id)) return;
  const bool is_refused = mqtt::is_error(ack.reason) && ack.type != PacketType::pubcomp;
  if (is_refused && !is_final(ack.reason)) {
    return fail(std::string(from == End::here ? "this node" : "the remote") +
                " doesn't take a message: " + std::string(mqtt::name(ack.reason)));
  }
  const bool is_done = ack.type != PacketType::pubrec || is_refused;
  if (from == End::here && is_done) let_go(ack.packet_id);
  if (is_refused) {
    count(way(from == End::here ? End::there : End::here).refused);
    if (ack.type == PacketType::pubrec) other.settled.insert(ack.packet_id);
  }
  const bool is_lowered = other.lowered.erase(ack.packet_id) != 0;
  if (is_lowered) other.settled.insert(ack.packet_id);
  send_ack(other, is_lowered ? PacketType::pubrec : ack.type, ack.packet_id);
}

}  // namespace roost::outgoing
