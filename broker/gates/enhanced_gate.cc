// SPDX-License-Identifier: Apache-2.0
// ClientGate: CONNECT with an authentication method, and the AUTH packets before its CONNACK.
#include <utility>

#include "broker/gates/client_gate.h"
#include "broker/gates/enhanced_session.h"
#include "broker/gates/gates.h"
#include "broker/gates/greeting.h"
#include "broker/mqtt/decode.h"

namespace roost::gates {

using mqtt::PropertyId;
using mqtt::ReasonCode;
using Kind = auth::EnhancedStep::Kind;

const auth::EnhancedAuthenticator& ClientGate::enhanced() const {
  return listener_.enhanced != nullptr ? *listener_.enhanced : gates_.common().enhanced;
}

// CONNECT is kept until AUTH packets have settled it.
void ClientGate::begin_exchange(const mqtt::Connect& connect, const mqtt::Frame& frame) {
  greeting_->method = connect.properties.authentication_method;
  greeting_->exchange = enhanced().begin(greeting_->method, request_of(connect));
  keep_connect(frame);
  if (greeting_->exchange == nullptr) {
    answer_step({Kind::refusal, {}, {ReasonCode::bad_authentication_method, "unknown method"}});
  } else {
    answer_step(greeting_->exchange->step(connect.properties.authentication_data));
  }
}

// The end is dealt with in a turn of its own, when the frame that brought it is consumed.
void ClientGate::answer_step(auth::EnhancedStep step) {
  if (step.kind == Kind::go_on) {
    gates_.sessions().counters().packets_out.add();
    connection_->write(
        auth_packet(ReasonCode::continue_authentication, greeting_->method, step.data));
    return;
  }
  greeting_->exchange.reset();
  greeting_->authentication_data = std::move(step.data);
  greeting_->asking = true;
  connection_->pause_reading();
  gates_.answer_later(*this, std::move(step.result));
}

void ClientGate::on_auth(const mqtt::Frame& frame) {
  const auto packet = mqtt::decode(frame, version_, listener_.limits);
  const auto* const auth = packet ? std::get_if<mqtt::Auth>(&*packet) : nullptr;
  if (auth == nullptr) {
    gates_.counters().refused_malformed.add();
    refuse(version_, packet ? ReasonCode::protocol_error : packet.error().reason,
           "not the AUTH that was expected", nullptr);
  } else if (auth->reason != ReasonCode::continue_authentication ||
             auth->properties.authentication_method != greeting_->method) {
    gates_.counters().refused_authentication.add();
    refuse(version_, ReasonCode::protocol_error, "AUTH that doesn't go on with its CONNECT",
           nullptr);
  } else {
    answer_step(greeting_->exchange->step(auth->properties.authentication_data));
  }
}

// Once it is let in.
void ClientGate::set_enhanced(const mqtt::Connect& connect) {
  if (!connect.properties.has(PropertyId::authentication_method)) return;
  auth::AuthRequest request = request_of(connect);
  request.password.reset();
  if (greeting_->identity != nullptr) request.user_name = greeting_->identity->user_name;
  enhanced_ = std::make_unique<EnhancedSession>(
      enhanced(), connect.properties.authentication_method,
      std::move(greeting_->authentication_data), std::move(request));
}

std::string_view ClientGate::authentication_data() const {
  return enhanced_ == nullptr ? std::string_view() : enhanced_->data();
}

// True: it was one, and is answered.
bool ClientGate::handle_auth(const mqtt::Frame& frame) {
  if (enhanced_ == nullptr || frame.type() != mqtt::PacketType::auth) return false;
  const auto packet = mqtt::decode(frame, version_, listener_.limits);
  if (!packet || !std::holds_alternative<mqtt::Auth>(*packet)) return false;
  enhanced_->handle(std::get<mqtt::Auth>(*packet), *session_, *this);
  return true;
}

}  // namespace roost::gates
