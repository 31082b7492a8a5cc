// SPDX-License-Identifier: Apache-2.0
// CONNACK, SUBACK, UNSUBACK, DISCONNECT, AUTH: packets that carry reason codes.
#include <array>

#include "broker/mqtt/decode_parts.h"

namespace roost::mqtt {
namespace {

using enum PacketType;

// Which side the tables of DISCONNECT [MQTT5-3.14.2.1] and AUTH [MQTT5-3.15.2.1] name as sender.
bool may_send(ReasonCode code, PacketType type, Sender sender) {
  switch (code) {
    case ReasonCode::success:  // a DISCONNECT of a server without a body means it too
      return type != auth || sender == Sender::server;
    case ReasonCode::disconnect_with_will:
    case ReasonCode::reauthenticate:
      return sender == Sender::client;
    case ReasonCode::continue_authentication:
    case ReasonCode::unspecified_error:
    case ReasonCode::malformed_packet:
    case ReasonCode::protocol_error:
    case ReasonCode::implementation_specific_error:
    case ReasonCode::topic_name_invalid:
    case ReasonCode::receive_maximum_exceeded:
    case ReasonCode::topic_alias_invalid:
    case ReasonCode::packet_too_large:
    case ReasonCode::message_rate_too_high:
    case ReasonCode::quota_exceeded:
    case ReasonCode::administrative_action:
    case ReasonCode::payload_format_invalid:
      return true;
    default:
      return sender == Sender::server;
  }
}

// [MQTT-3.2.2.3] of 3.1.1
ReasonCode connack_reason(Reader& reader, std::uint8_t return_code) {
  constexpr std::array kReasons = {
      ReasonCode::success,
      ReasonCode::unsupported_protocol_version,
      ReasonCode::client_identifier_not_valid,
      ReasonCode::server_unavailable,
      ReasonCode::bad_user_name_or_password,
      ReasonCode::not_authorized,
  };
  if (return_code < kReasons.size()) return kReasons[return_code];
  reader.fail_malformed("an unknown return code");
  return ReasonCode::unspecified_error;
}

// One byte a filter, at least one.
void read_reasons(Reader& reader, const DecodeCall& call, std::vector<ReasonCode>& out) {
  if (!reader.failed() && reader.at_end()) reader.fail_protocol("no reason code");
  while (!reader.at_end()) {
    const ReasonCode reason = decode_reason(reader, call.frame.type(), call.sender);
    const bool in_v3 = reason <= ReasonCode::granted_qos_2 ||
                       reason == ReasonCode::unspecified_error;  // [MQTT-3.9.3-2]
    if (reader.version() != ProtocolVersion::v5 && !in_v3) {
      reader.fail_malformed("a return code that 3.1.1 doesn't have");
    }
    out.push_back(reason);
  }
}

PacketId read_answer_head(Reader& reader, const DecodeCall& call, Properties& properties) {
  const PacketId packet_id = reader.two_bytes();
  if (!reader.failed() && packet_id == 0) reader.fail_protocol("packet id 0");
  if (reader.version() == ProtocolVersion::v5) {
    decode_properties(reader, call.frame.type(), call.sender, properties);
  }
  return packet_id;
}

}  // namespace

ReasonCode decode_reason(Reader& reader, PacketType type, Sender sender) {
  const auto reason = static_cast<ReasonCode>(reader.byte());
  const bool directed = type == disconnect || type == auth;
  if (!is_allowed(reason, type) || (directed && !may_send(reason, type, sender))) {
    reader.fail_protocol("a reason code that is not allowed in this packet");
  }
  return reason;
}

void decode_connack(Reader& reader, const DecodeCall& call, Connack& out) {
  const std::uint8_t flags = reader.byte();
  if (reader.version() == ProtocolVersion::v5) {
    out.reason = decode_reason(reader, connack, call.sender);
    decode_properties(reader, connack, call.sender, out.properties);
  } else {
    out.reason = connack_reason(reader, reader.byte());
  }
  if (reader.version() == ProtocolVersion::v3_1) return;  // the byte is "reserved, not used"
  if (flags > 1) reader.fail_malformed("reserved bits of the CONNACK flags");  // [MQTT-3.2.2-1]
  out.session_present = (flags & 0x01) != 0;
  if (out.session_present && out.reason != ReasonCode::success) {
    reader.fail_protocol("session present in a refusal");  // [MQTT-3.2.2-6]
  }
}

void decode_suback(Reader& reader, const DecodeCall& call, Suback& out) {
  out.packet_id = read_answer_head(reader, call, out.properties);
  read_reasons(reader, call, out.reasons);
}

void decode_unsuback(Reader& reader, const DecodeCall& call, Unsuback& out) {
  out.packet_id = read_answer_head(reader, call, out.properties);
  if (reader.version() == ProtocolVersion::v5) read_reasons(reader, call, out.reasons);
}

void decode_disconnect(Reader& reader, const DecodeCall& call, Disconnect& out) {
  if (reader.version() != ProtocolVersion::v5 || reader.at_end()) return;
  out.reason = decode_reason(reader, disconnect, call.sender);
  if (!reader.at_end()) decode_properties(reader, disconnect, call.sender, out.properties);
}

void decode_auth(Reader& reader, const DecodeCall& call, Auth& out) {
  const bool empty = reader.at_end();  // [MQTT5-3.15.2.1]
  out.reason = empty ? ReasonCode::success : decode_reason(reader, auth, call.sender);
  if (empty && call.sender == Sender::client) reader.fail_protocol("success is the server's word");
  if (empty) return;
  decode_properties(reader, auth, call.sender, out.properties);
  if (!reader.failed() && !out.properties.has(PropertyId::authentication_method)) {
    reader.fail_protocol("no authentication method");  // [MQTT5-3.15.2.2.2]
  }
}

}  // namespace roost::mqtt
