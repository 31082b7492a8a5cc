// SPDX-License-Identifier: Apache-2.0
// What packets of a bridge's two sides mean.
#include <algorithm>
#include <utility>

#include "broker/base/file.h"
#include "broker/mqtt/encode.h"
#include "broker/mqtt/limits.h"
#include "broker/outgoing/bridge.h"

namespace roost::outgoing {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::ReasonCode;

namespace {

// Behind PUBLISHes a SUBSCRIBE could have any id: ids of different types are told apart.
constexpr mqtt::PacketId kSubscribeId = 65'535;
// A user property with the tokens of the bridges that a message went through, oldest first.
constexpr std::string_view kVia = "roost-via";
constexpr std::size_t kHopsMax = 16;
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

std::string first_line_of(const std::string& text) { return text.substr(0, text.find('\n')); }

void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
  counter.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace

void Bridge::say_hello() {
  mqtt::Connect connect;
  connect.version = settings_.version;
  connect.bridge = settings_.version != ProtocolVersion::v5 && !is_plain_;
  connect.client_id = settings_.client_id;
  connect.clean_start = false;
  connect.keep_alive_s = settings_.keep_alive_s;
  if (!settings_.user_name.empty()) connect.user_name = settings_.user_name;
  std::string password;
  if (!settings_.password_file.empty()) {
    const auto text = base::read_file(settings_.password_file, 64 * 1024);
    if (!text) return fail(text.error().message);
    password = first_line_of(*text);
    connect.password = as_bytes(password);
  }
  if (settings_.version == ProtocolVersion::v5) {
    mqtt::Properties& wishes = connect.properties;
    wishes.session_expiry_interval_s = settings_.session_expiry_s;
    wishes.mark(PropertyId::session_expiry_interval);
    wishes.receive_maximum = settings_.window;
    wishes.mark(PropertyId::receive_maximum);
  }
  if (!settings_.state_topic.empty()) {
    mqtt::WillFields& will = connect.will.emplace();
    will.topic = settings_.state_topic;
    will.payload = as_bytes("0");
    will.qos = mqtt::Qos::at_least_once;
    will.retain = true;
  }
  there_.line->send(connect);
}

// QoS 0, for it takes no packet id; the will says the rest.
void Bridge::say_state(bool is_connected) {
  if (settings_.state_topic.empty()) return;
  mqtt::Publish message;
  message.topic = settings_.state_topic;
  message.payload = as_bytes(is_connected ? "1" : "0");
  message.retain = there_.keeps_retained;
  there_.line->send(message);
}

// A resumed session has them already and gets retained messages for new ones only. No Local: what
// came from there doesn't go back.
void Bridge::subscribe(End end) {
  const auto& wanted = end == End::here ? rules_.wanted_here() : rules_.wanted_there();
  if (wanted.empty()) return;
  side(end).awaits_suback = true;
  mqtt::Subscribe packet;
  packet.packet_id = kSubscribeId;
  for (const TopicRules::Wanted& one : wanted) {
    mqtt::SubscribeEntry& entry = packet.entries.emplace_back();
    entry.filter = one.filter;
    // What the remote can't take as it is would be acknowledged here before anybody has it.
    entry.options.qos = std::min(one.qos, static_cast<Qos>(there_.maximum_qos));
    if (side(end).version != ProtocolVersion::v5) continue;
    entry.options.no_local = true;
    entry.options.retain_as_published = true;
    entry.options.retain_handling = mqtt::RetainHandling::send_if_new;
  }
  side(end).line->send(packet);
}

void Bridge::on_packet(PacketLine& from, const mqtt::Packet& packet) {
  const End end = &from == here_.line.get() ? End::here : End::there;
  if (const auto* const message = std::get_if<mqtt::Publish>(&packet)) return handle(end, *message);
  if (const auto* const ack = std::get_if<mqtt::Ack>(&packet)) return handle(end, *ack);
  if (const auto* const connack = std::get_if<mqtt::Connack>(&packet)) {
    return handle(side(end), *connack);
  }
  if (const auto* const suback = std::get_if<mqtt::Suback>(&packet)) return handle(end, *suback);
  if (const auto* const bye = std::get_if<mqtt::Disconnect>(&packet)) {
    const std::string_view why = bye->properties.reason_string;
    fail((end == End::here ? "the session here was ended: " : "the remote said goodbye: ") +
         std::string(why.empty() ? mqtt::name(bye->reason) : why));
  }
}

void Bridge::handle(Side& from, const mqtt::Connack& connack) {
  if (from.is_open) return fail("a second CONNACK");
  if (mqtt::is_error(connack.reason)) {
    if (&from == &there_ && settings_.version != ProtocolVersion::v5 && !is_plain_ &&
        connack.reason == ReasonCode::unsupported_protocol_version) {
      is_plain_ = true;
      hang_up();
      return attempt();
    }
    return fail((&from == &here_ ? "the session here: " : "the remote refuses: ") +
                std::string(mqtt::name(connack.reason)));
  }
  const mqtt::Properties& said = connack.properties;
  from.is_open = true;
  from.receive_maximum = said.receive_maximum;
  from.maximum_qos = said.maximum_qos;
  from.keeps_retained = said.retain_available != 0;
  from.packet_size_max =
      said.has(PropertyId::maximum_packet_size) ? said.maximum_packet_size : mqtt::kPacketSizeMax;
  const std::uint32_t own_s = &from == &there_ ? settings_.keep_alive_s : 0;
  const std::uint32_t keep_alive_s =
      said.has(PropertyId::server_keep_alive) ? said.server_keep_alive_s : own_s;
  from.keep_alive.begin(keep_alive_s * 1000U, clock_.steady_ms());
  if (&from == &there_) return join();
  linked_ms_ = clock_.steady_ms();
  set_error("");
  subscribe(End::here);
  subscribe(End::there);
  there_.line->resume();
  run_if_subscribed();
}

// Messages of older subscriptions are relayed before.
void Bridge::run_if_subscribed() {
  if (here_.awaits_suback || there_.awaits_suback) return;
  set_state(BridgeState::running);
  say_state(true);
  log(LogLevel::info, "runs");
}

void Bridge::handle(End from, const mqtt::Suback& suback) {
  const auto& wanted = from == End::here ? rules_.wanted_here() : rules_.wanted_there();
  for (std::size_t i = 0; i < std::min(suback.reasons.size(), wanted.size()); ++i) {
    if (!mqtt::is_error(suback.reasons[i])) continue;
    const std::string why = std::string(from == End::here ? "this node" : "the remote") +
                            " refuses to subscribe to " + wanted[i].filter + ": " +
                            std::string(mqtt::name(suback.reasons[i]));
    log(LogLevel::warn, why);
    set_error(why);
  }
  if (std::exchange(side(from).awaits_suback, false)) run_if_subscribed();
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
  if (open_here_ < here_.receive_maximum) {
    ++open_here_;
    return false;
  }
  std::vector<std::uint8_t>& bytes = held_.emplace_back();
  mqtt::encode(copy, here_.version, bytes);
  held_bytes_ += bytes.size();
  if (held_bytes_ > kHeldMax) {
    fail("the remote sends too much at once; bound what it has under way");
  }
  return true;
}

// This node has finished one of them.
void Bridge::let_go() {
  if (held_.empty()) {
    if (open_here_ > 0) --open_here_;
    return;
  }
  held_bytes_ -= held_.front().size();
  here_.line->send_encoded(held_.front());
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
  const bool is_refused = mqtt::is_error(ack.reason) && ack.type != PacketType::pubcomp;
  if (is_refused && !is_final(ack.reason)) {
    return fail(std::string(from == End::here ? "this node" : "the remote") +
                " doesn't take a message: " + std::string(mqtt::name(ack.reason)));
  }
  const bool is_done = ack.type != PacketType::pubrec || is_refused;
  if (from == End::here && is_done) let_go();
  if (is_refused) {
    count(way(from == End::here ? End::there : End::here).refused);
    if (ack.type == PacketType::pubrec) other.settled.insert(ack.packet_id);
  }
  const bool is_lowered = other.lowered.erase(ack.packet_id) != 0;
  if (is_lowered) other.settled.insert(ack.packet_id);
  send_ack(other, is_lowered ? PacketType::pubrec : ack.type, ack.packet_id);
}

}  // namespace roost::outgoing
