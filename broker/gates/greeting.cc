// SPDX-License-Identifier: Apache-2.0
// CONNECT: read, judged, authenticated, and brought to the core of its session.
#include "broker/gates/greeting.h"

#include <utility>

#include "broker/base/check.h"
#include "broker/gates/gates.h"
#include "broker/gates/relay_front.h"
#include "broker/mqtt/encode.h"
#include "broker/session/reserved_topic.h"

namespace roost::gates {

using mqtt::ProtocolVersion;
using mqtt::ReasonCode;

void ClientGate::Greeting::on_timer() {
  gate.gates_.counters().connect_timeouts.add();
  if (deciding) {
    gate.gates_.relay()->give_up(*gate.client_);
    return;
  }
  gate.refuse_silently(asking ? "no answer from the authenticator in time" : "no CONNECT in time");
}

void ClientGate::not_connect() {
  gates_.counters().refused_malformed.add();
  refuse_silently("first packet is not CONNECT");
}

// Nothing that could be said would be understood.
void ClientGate::refuse_silently(std::string_view why) {
  if (gates_.common().log.enabled(LogLevel::info)) {
    log("refused", "address=" + connection_->peer().address + " listener=" + listener_.name, why);
  }
  close(why);
}

void ClientGate::greet(const mqtt::Frame& frame) {
  const auto packet = mqtt::decode(frame, version_, listener_.limits);
  if (!packet) {
    const mqtt::DecodeError& error = packet.error();
    if (error.reason == ReasonCode::unsupported_protocol_version) {
      gates_.counters().refused_version.add();
    } else {
      gates_.counters().refused_malformed.add();
    }
    if (error.close_silently) {
      refuse_silently(error.what);
    } else {
      refuse(error.version, error.reason, error.what, nullptr);
    }
    return;
  }
  const auto& connect = std::get<mqtt::Connect>(*packet);
  version_ = connect.version;
  if (greeting_->admitted) {
    admit(connect, frame);
  } else if (!check_client_id(connect)) {
    return;
  } else if (connect.properties.has(mqtt::PropertyId::authentication_method)) {
    begin_exchange(connect, frame);
  } else {
    ask(connect, frame);
  }
}

void ClientGate::refuse(ProtocolVersion version, ReasonCode reason, std::string_view why,
                        const mqtt::Connect* about) {
  mqtt::Connack connack;
  connack.reason = reason;
  // 3.x has return codes 1 to 5 only; what they can't say is said by closing. [MQTT-3.2.2-5]
  const bool sayable =
      version == ProtocolVersion::v5 || reason == ReasonCode::unsupported_protocol_version ||
      reason == ReasonCode::client_identifier_not_valid ||
      reason == ReasonCode::server_unavailable || reason == ReasonCode::server_busy ||
      reason == ReasonCode::bad_user_name_or_password || reason == ReasonCode::not_authorized ||
      reason == ReasonCode::banned || reason == ReasonCode::quota_exceeded ||
      reason == ReasonCode::connection_rate_exceeded;
  if (sayable) {
    std::vector<std::uint8_t> bytes;
    mqtt::encode(connack, version, bytes);
    gates_.sessions().counters().packets_out.add();
    connection_->write(bytes);
  }
  if (about == nullptr) {
    refuse_silently(why);
    return;
  }
  if (gates_.common().log.enabled(LogLevel::info)) log("refused", who(*about, {}), why);
  close(why);
}

bool ClientGate::check_client_id(const mqtt::Connect& connect) {
  if (!listener_.is_inside && connect.client_id.starts_with(session::kOwnPrefix)) {
    gates_.counters().refused_client_id.add();
    refuse(connect.version, ReasonCode::client_identifier_not_valid,
           "client ids that begin with $roost/ are the broker's own", &connect);
    return false;
  }
  // [MQTT-3.1.3-7] [MQTT-3.1.3-8]; 3.1 knows no empty ids at all.
  const bool bad_empty = connect.client_id.empty() &&
                         (connect.version == ProtocolVersion::v3_1 ||
                          (connect.version == ProtocolVersion::v3_1_1 && !connect.clean_start));
  if (bad_empty) {
    gates_.counters().refused_client_id.add();
    refuse(connect.version, ReasonCode::client_identifier_not_valid, "empty client id", &connect);
    return false;
  }
  if (connect.properties.has(mqtt::PropertyId::authentication_method) &&
      !enhanced().knows_method(connect.properties.authentication_method)) {
    gates_.counters().refused_authentication.add();
    refuse(connect.version, ReasonCode::bad_authentication_method, "unknown authentication method",
           &connect);
    return false;
  }
  return true;
}

auth::AuthRequest ClientGate::request_of(const mqtt::Connect& connect) const {
  auth::AuthRequest request;
  request.client_id = connect.client_id;
  if (connect.user_name) request.user_name = std::string(*connect.user_name);
  if (connect.password) request.password = std::string(as_text(*connect.password));
  const net::PeerInfo& peer = connection_->peer();
  request.address = net::host_of(peer.address);
  request.peer_is_loopback = peer.is_loopback;
  if (peer.certificate != nullptr) {
    request.certificate_common_name = peer.certificate->common_name;
  }
  if (!listener_.certificate_user.empty() && peer.certificate != nullptr) {
    request.certificate_user = net::fill_in(listener_.certificate_user, *peer.certificate);
  }
  request.listener = listener_.name;
  request.allow_anonymous = listener_.allow_anonymous;
  return request;
}

void ClientGate::ask(const mqtt::Connect& connect, const mqtt::Frame& frame) {
  greeting_->asking = true;
  gates_.await_answer(*this, request_of(connect));
  if (greeting_->answer) {  // at once: the frame is still here
    greeting_->asking = false;
    if (judge(connect, *greeting_->answer)) admit(connect, frame);
    return;
  }
  keep_connect(frame);
  connection_->pause_reading();
}

void ClientGate::keep_connect(const mqtt::Frame& frame) {
  const ByteView whole{frame.body.data() - frame.header_size, frame.size()};
  greeting_->connect_frame.assign(whole.begin(), whole.end());
}

void ClientGate::answered(auth::AuthResult result) {
  if (gone_ || greeting_ == nullptr || !greeting_->asking) return;
  if (greeting_->connect_frame.empty()) {  // ask() is still on the stack
    greeting_->answer = result;
    return;
  }
  greeting_->asking = false;
  const std::vector<std::uint8_t> bytes = std::move(greeting_->connect_frame);
  const mqtt::FrameResult found = mqtt::next_frame(bytes, listener_.limits.packet_size_max);
  const auto packet = mqtt::decode(found.frame, version_, listener_.limits);
  CHECK(packet.has_value());
  if (!judge(std::get<mqtt::Connect>(*packet), result)) return;
  // Begin again with the CONNECT in front of what came meanwhile; admitted this time.
  net::DetachedConnection detached = connection_->detach();
  detached.unread.insert(detached.unread.begin(), bytes.begin(), bytes.end());
  const auto& connect = std::get<mqtt::Connect>(*packet);
  hand_over(std::move(detached), core_of(connect));
}

bool ClientGate::judge(const mqtt::Connect& connect, const auth::AuthResult& result) {
  if (!mqtt::is_error(result.code)) {
    greeting_->admitted = true;
    greeting_->identity = result.identity;
    return check_will(connect);
  }
  GateCounters& counters = gates_.counters();
  if (result.door_closed) {
    counters.refused_door_closed.add();
  } else if (result.code == ReasonCode::server_busy) {
    counters.refused_busy.add();
  } else {
    counters.refused_authentication.add();
  }
  std::string why(result.reason);
  if (result.door_closed) {
    why += "; to open the door set auth.password_file, or auth.allow_anonymous: true";
  }
  refuse(connect.version, result.code, why, &connect);
  return false;
}

// Said at once, not when it dies.
bool ClientGate::check_will(const mqtt::Connect& connect) {
  if (!connect.will) return true;
  const session::SessionLimits& limits = gates_.sessions().limits();
  const bool is_large = connect.will->retain && limits.max_retained_bytes > 0 &&
                        connect.will->payload.size() > limits.max_retained_bytes;
  if (is_large || connect.will->topic.size() > limits.max_topic_bytes) {
    gates_.counters().refused_will.add();
    refuse(connect.version, is_large ? ReasonCode::quota_exceeded : ReasonCode::topic_name_invalid,
           is_large ? "its will is over mqtt.max_retained_payload"
                    : "its will's topic is over mqtt.max_topic_length",
           &connect);
    return false;
  }
  const auto access = gates_.make_access(connect.client_id, greeting_->identity);
  if (access == nullptr || access->may_publish(connect.will->topic, connect.will->retain)) {
    return true;
  }
  gates_.counters().refused_will.add();
  refuse(connect.version, ReasonCode::not_authorized, "may not publish to its will's topic",
         &connect);
  return false;
}

// On the core of its session, which counts its client id.
bool ClientGate::check_limits(const mqtt::Connect& connect) {
  if (listener_.is_inside) return true;
  GatesCommon& common = gates_.common();
  GateCounters& counters = gates_.counters();
  const auto no = [&](Counter& counter, ReasonCode reason, std::string_view why) {
    counter.add();
    refuse(connect.version, reason, why, &connect);
    return false;
  };
  const std::string_view user =
      greeting_->identity == nullptr ? std::string_view() : greeting_->identity->user_name;
  if (common.bans != nullptr &&
      (common.bans->has_client(connect.client_id) || common.bans->has_user(user))) {
    return no(counters.refused_banned, ReasonCode::banned, "banned");
  }
  if (!connect.client_id.empty() &&
      gates_.losses().is_held_off(connect.client_id, gates_.core().now_ms())) {
    return no(counters.refused_flapping, ReasonCode::connection_rate_exceeded,
              "its client id loses its connections too often (limits.flapping)");
  }
  if (!common.users.enter(user, user_place_)) {
    return no(counters.refused_user_full, ReasonCode::quota_exceeded,
              "limits.max_connections_per_user are open");
  }
  if (common.limits.has_rate()) rate_ = std::make_unique<PublishRate>(common.limits);
  return true;
}

const auth::IdentityPtr& ClientGate::identity() const { return greeting_->identity; }

const std::string& ClientGate::data_for_connack() const { return greeting_->authentication_data; }

void ClientGate::set_access(const mqtt::Connect& connect, std::string_view assigned) {
  const std::string_view client_id = assigned.empty() ? connect.client_id : assigned;
  class_ = gates_.common().classes.find(client_id, greeting_->identity.get());
  if (!listener_.is_inside) access_ = gates_.make_access(client_id, greeting_->identity);
  set_enhanced(connect);
}

core::Core& ClientGate::core_of(const mqtt::Connect& connect) {
  if (connect.client_id.empty()) return gates_.core();  // its id will be made to fit here
  session::SessionTable& sessions = gates_.sessions();
  return sessions.router().cores().of(sessions.shard_of(connect.client_id));
}

void ClientGate::admit(const mqtt::Connect& connect, const mqtt::Frame& frame) {
  core::Core& home = core_of(connect);
  if (&home == &gates_.core()) {
    open_session(connect, frame);
    return;
  }
  // CONNECT has not been consumed yet, so it travels with the connection.
  hand_over(connection_->detach(), home);
}

// The connection goes to its session. This gate is over.
void ClientGate::hand_over(net::DetachedConnection detached, core::Core& home) {
  gone_ = true;
  gates_.counters().moved.add();
  Gates& there = *gates_.common().gates[home.id().value];
  if (&there == &gates_) {
    there.adopt(listener_, std::move(detached), std::move(greeting_->identity),
                std::move(greeting_->authentication_data));
  } else {
    home.post([&there, &listener = listener_, moved = std::move(detached),
               identity = std::move(greeting_->identity),
               data = std::move(greeting_->authentication_data)]() mutable {
      there.adopt(listener, std::move(moved), std::move(identity), std::move(data));
    });
  }
  gates_.bury(*this);
}

void ClientGate::open_session(const mqtt::Connect& connect, const mqtt::Frame& frame) {
  if (!check_limits(connect)) return;
  std::string assigned;
  if (connect.client_id.empty()) assigned = gates_.make_client_id();
  if (RelayFront* const relay = gates_.relay()) {
    greeting_->deciding = true;
    connection_->pause_reading();
    relay->open(*this, {frame.body.data() - frame.header_size, frame.size()}, connect.client_id,
                assigned);
    return;
  }
  set_access(connect, assigned);
  greeted(connect, assigned);
  session_ = &gates_.sessions().connect(connect, *this, assigned, listener_.ack);
  if (session_->is_opening()) connection_->pause_reading();  // until opened()
}

// The client is let in for good.
void ClientGate::greeted(const mqtt::Connect& connect, std::string_view assigned) {
  if (gates_.common().log.enabled(LogLevel::info)) {
    who_ = who(connect, assigned);
    log("connected", who_, {});
  }
  greeting_.reset();
}

// What it was let in as, or what it called itself.
std::string_view ClientGate::user_of(const mqtt::Connect& connect) const {
  const auth::Identity* const known = greeting_ == nullptr ? nullptr : greeting_->identity.get();
  if (known != nullptr && !known->user_name.empty()) return known->user_name;
  return connect.user_name.value_or(std::string_view());
}

// "client=... address=... version=... clean=... keep_alive=... user=...", for all its lines.
std::string ClientGate::who(const mqtt::Connect& connect, std::string_view assigned) const {
  static constexpr std::string_view kVersions[] = {"", "", "", "3.1", "3.1.1", "5.0"};
  std::string line = "client=";
  line += assigned.empty() ? connect.client_id : assigned;
  line += " address=" + connection_->peer().address + " listener=" + listener_.name;
  line += " version=";
  line += kVersions[static_cast<std::size_t>(connect.version)];
  line += connect.clean_start ? " clean=1" : " clean=0";
  line += " keep_alive=" + std::to_string(connect.keep_alive_s);
  const std::string_view user = user_of(connect);
  if (!user.empty()) {
    line += " user=";
    line += user;
  }
  return line;
}

void ClientGate::log(std::string_view what, std::string_view about, std::string_view why) {
  std::string line(what);
  line += ' ';
  line += about;
  if (!why.empty()) {
    line += " reason=\"";
    line += why;
    line += '"';
  }
  gates_.common().log.write(LogLevel::info, line, gates_.core().now_ms());
}

}  // namespace roost::gates
