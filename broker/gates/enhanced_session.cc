// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/enhanced_session.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/mqtt/encode.h"

namespace roost::gates {

using mqtt::PropertyId;
using mqtt::ReasonCode;

std::vector<std::uint8_t> auth_packet(ReasonCode reason, std::string_view method,
                                      std::string_view data) {
  mqtt::Auth auth;
  auth.reason = reason;
  auth.properties.authentication_method = method;
  auth.properties.mark(PropertyId::authentication_method);
  if (!data.empty()) {
    auth.properties.authentication_data = as_bytes(data);
    auth.properties.mark(PropertyId::authentication_data);
  }
  std::vector<std::uint8_t> bytes;
  mqtt::encode(auth, mqtt::ProtocolVersion::v5, bytes);
  return bytes;
}

void EnhancedSession::handle(const mqtt::Auth& packet, session::Session& session,
                             session::Link& link) {
  if (packet.properties.authentication_method != method_) {  // [MQTT-4.12.0-5]
    session.refuse(ReasonCode::protocol_error, "AUTH with another method than CONNECT");
    return;
  }
  if (packet.reason == ReasonCode::reauthenticate) {
    exchange_ = authenticator_.begin(method_, request_);
  } else if (packet.reason != ReasonCode::continue_authentication) {
    exchange_.reset();
  }
  if (exchange_ == nullptr) {
    session.refuse(ReasonCode::protocol_error, "AUTH that continues nothing");
    return;
  }
  auth::EnhancedStep step = exchange_->step(packet.properties.authentication_data);
  if (step.kind != auth::EnhancedStep::Kind::go_on) exchange_.reset();
  if (step.kind == auth::EnhancedStep::Kind::refusal) {
    session.kick(step.result.code, step.result.reason);
    return;
  }
  if (step.kind == auth::EnhancedStep::Kind::success && step.result.identity != nullptr &&
      step.result.identity->user_name != request_.user_name.value_or("")) {
    session.kick(ReasonCode::not_authorized, "authenticated again as another user");
    return;
  }
  const bool goes_on = step.kind == auth::EnhancedStep::Kind::go_on;
  const std::vector<std::uint8_t> bytes = auth_packet(
      goes_on ? ReasonCode::continue_authentication : ReasonCode::success, method_, step.data);
  std::copy(bytes.begin(), bytes.end(), link.room(bytes.size()));
}

}  // namespace roost::gates
