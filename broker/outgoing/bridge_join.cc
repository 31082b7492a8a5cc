// SPDX-License-Identifier: Apache-2.0
// How a bridge's two sides come together: CONNECT, what each remembers of the other, subscriptions.
#include <algorithm>
#include <utility>

#include "broker/base/file.h"
#include "broker/outgoing/bridge.h"

namespace roost::outgoing {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::ReasonCode;

namespace {

// Behind PUBLISHes a SUBSCRIBE could have any id: ids of different types are told apart.
constexpr mqtt::PacketId kSubscribeId = 65'535;
constexpr std::size_t kIdsMax = 65'535;

std::string first_line_of(const std::string& text) { return text.substr(0, text.find('\n')); }

bool has_qos_2(const std::vector<TopicRules::Wanted>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [](const auto& one) { return one.qos == mqtt::Qos::exactly_once; });
}

}  // namespace

// What is published here from now on waits for the remote, however long that is away.
void Bridge::hold_place() {
  if (rules_.wanted_here().empty()) {
    holds_place_ = true;
    return attempt();
  }
  set_state(BridgeState::joining);
  deadline_ms_ = clock_.steady_ms() + settings_.connect_timeout_ms;
  connect_here(1);
}

void Bridge::connect_here(std::uint16_t receive_maximum) {
  const auto fd = inside_.connect();
  if (!fd) return fail(fd.error().message);
  here_ = {};
  here_.line =
      std::make_unique<PacketLine>(loop_, client::adopt_stream(loop_, *fd), ProtocolVersion::v5,
                                   static_cast<PacketLine::Events&>(*this));
  here_.line->start();
  mqtt::Connect connect;
  connect.version = ProtocolVersion::v5;
  connect.client_id = local_id_;
  connect.clean_start = false;
  connect.properties.session_expiry_interval_s = settings_.session_expiry_s;
  connect.properties.mark(PropertyId::session_expiry_interval);
  connect.properties.receive_maximum = receive_maximum;
  connect.properties.mark(PropertyId::receive_maximum);
  here_.line->send(connect);
}

// What the remote sends meanwhile waits there.
void Bridge::join() {
  there_.line->pause();
  set_state(BridgeState::joining);
  connect_here(std::min(settings_.window, there_.receive_maximum));
}

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
    will.qos = will_qos_;
    will.retain = will_is_retained_;
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

// A resumed session has them already and gets retained messages for new ones only. What is
// subscribed here before the remote is there brings none; the first time that it is brings all. No
// Local: what came from there doesn't go back.
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
    entry.options.retain_handling =
        end == End::here && !there_.is_open    ? mqtt::RetainHandling::do_not_send
        : end == End::here && retained_is_due_ ? mqtt::RetainHandling::send
                                               : mqtt::RetainHandling::send_if_new;
  }
  side(end).line->send(packet);
}

bool Bridge::is_for_another_try(const mqtt::Connack& connack) {
  const bool is_old = settings_.version != ProtocolVersion::v5;
  if (is_old && !is_plain_ && connack.reason == ReasonCode::unsupported_protocol_version) {
    return is_plain_ = true;
  }
  if (connack.reason == ReasonCode::qos_not_supported && will_qos_ != Qos::at_most_once) {
    will_qos_ = Qos::at_most_once;
    return true;
  }
  return connack.reason == ReasonCode::retain_not_supported &&
         std::exchange(will_is_retained_, false);
}

void Bridge::handle(Side& from, const mqtt::Connack& connack) {
  const bool is_there = &from == &there_;
  if (from.is_open) return fail("a second CONNACK");
  if (mqtt::is_error(connack.reason)) {
    if (is_there && is_for_another_try(connack)) {
      hang_up();
      return attempt();
    }
    return fail((is_there ? "the remote refuses: " : "the session here: ") +
                std::string(mqtt::name(connack.reason)));
  }
  const mqtt::Properties& said = connack.properties;
  from.is_open = true;
  from.is_resumed = connack.session_present;
  from.receive_maximum = said.receive_maximum;
  from.maximum_qos = said.maximum_qos;
  from.keeps_retained = said.retain_available != 0;
  from.packet_size_max =
      said.has(PropertyId::maximum_packet_size) ? said.maximum_packet_size : mqtt::kPacketSizeMax;
  // 0: the remote doesn't watch us; we do watch it.
  const bool is_told = said.has(PropertyId::server_keep_alive) && said.server_keep_alive_s != 0;
  const std::uint32_t own_s = is_there ? settings_.keep_alive_s : 0;
  from.keep_alive.begin((is_told ? said.server_keep_alive_s : own_s) * 1000U, clock_.steady_ms());
  if (is_there) return join();
  if (holds_place_) return link();
  is_new_here_ = !connack.session_present;
  subscribe(End::here);
}

void Bridge::link() {
  linked_ms_ = clock_.steady_ms();
  set_error("");
  if (std::exchange(is_new_here_, false)) here_.is_resumed = false;
  if (here_.is_resumed && !there_.is_resumed && has_qos_2(rules_.wanted_there())) clear(here_);
  if (there_.is_resumed && !here_.is_resumed && has_qos_2(rules_.wanted_here()) &&
      there_.maximum_qos == 2) {
    clear(there_);
  }
  subscribe(End::here);
  subscribe(End::there);
  if (there_.clearing) here_.line->pause();
  if (!here_.clearing) there_.line->resume();
  run_if_subscribed();
}

// The other side has lost its session. What this one keeps of its QoS 2 ids would hide new
// messages under the same ids, and fill its window; behind PUBREL none of that is left.
void Bridge::clear(Side& side) {
  log(LogLevel::info, std::string(&side == &here_ ? "the remote" : "this node") +
                          " has lost its session: packet ids begin anew");
  side.clearing = std::make_unique<Clearing>();
  side.clearing->left = kIdsMax;
  for (std::size_t id = 1; id <= kIdsMax; ++id) {
    side.clearing->is_due.set(id);
    send_ack(side, PacketType::pubrel, static_cast<mqtt::PacketId>(id));
  }
}

// Of a PUBCOMP: whether it answers clear().
bool Bridge::is_cleared(Side& side, mqtt::PacketId id) {
  if (!side.clearing || !side.clearing->is_due.test(id)) return false;
  side.clearing->is_due.reset(id);
  if (--side.clearing->left == 0) end_clearing(side);
  return true;
}

void Bridge::end_clearing(Side& side) {
  side.clearing.reset();
  (&side == &here_ ? there_ : here_).line->resume();
}

// Of a linked bridge: what should have been answered by now.
void Bridge::look_who_is_late() {
  if (here_.clearing) return fail("no PUBCOMP here in time");
  // It doesn't answer PUBRELs that mean nothing to it: then it keeps nothing.
  if (there_.clearing) end_clearing(there_);
  if (status_.state == BridgeState::running) return;
  set_error(std::string(there_.awaits_suback ? "the remote" : "this node") +
            " hasn't acknowledged the subscriptions");
}

// Messages of older subscriptions are relayed before.
void Bridge::run_if_subscribed() {
  if (here_.awaits_suback || there_.awaits_suback) return;
  set_state(BridgeState::running);
  set_error(refused_);
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
    refused_ = why;
  }
  if (!std::exchange(side(from).awaits_suback, false)) return;
  if (!is_linked()) {
    holds_place_ = retained_is_due_ = true;
    hang_up();
    return attempt();
  }
  if (from == End::here) retained_is_due_ = false;
  run_if_subscribed();
}

}  // namespace roost::outgoing
