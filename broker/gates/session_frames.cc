// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/session_frames.h"

#include "broker/mqtt/decode.h"

namespace roost::gates {

using mqtt::PacketType;
using mqtt::ReasonCode;

namespace {

void handle_rare(session::Session& session, const mqtt::Frame& frame, mqtt::ProtocolVersion version,
                 const mqtt::Limits& limits) {
  if (frame.type() == PacketType::auth && frame.flags() == 0 &&
      version == mqtt::ProtocolVersion::v5) {
    // No method was agreed on in CONNECT, so whatever it holds is out of place. [MQTT-4.12.0-7]
    session.refuse(ReasonCode::protocol_error, "AUTH without an authentication method");
    return;
  }
  const auto packet = mqtt::decode(frame, version, limits);
  if (!packet) {
    session.refuse(packet.error().reason, packet.error().what);
  } else if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&*packet)) {
    session.handle(*subscribe);
  } else if (const auto* unsubscribe = std::get_if<mqtt::Unsubscribe>(&*packet)) {
    session.handle(*unsubscribe);
  } else if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&*packet)) {
    session.handle(*disconnect);
  } else if (std::holds_alternative<mqtt::Pingreq>(*packet)) {
    session.handle_pingreq();
  } else {
    session.refuse(ReasonCode::protocol_error, "unexpected packet");  // a second CONNECT
  }
}

}  // namespace

void handle_frame(session::Session& session, const mqtt::Frame& frame,
                  mqtt::ProtocolVersion version, const mqtt::Limits& limits, PacketScratch& scratch,
                  const FrameOwner& owner) {
  session.saw_packet();
  switch (frame.type()) {
    case PacketType::publish: {
      mqtt::Publish& publish = scratch.publish;
      const auto decoded = mqtt::decode_publish(frame, version, limits, publish);
      if (!decoded) {
        session.refuse(decoded.error().reason, decoded.error().what);
      } else if (publish.payload.size() < routing::kBorrowedPayloadMin) [[likely]] {
        session.handle(publish);
      } else {
        publish.payload_owner = owner.share(owner.who);
        session.handle(publish);
        publish.payload_owner = {};
      }
      break;
    }
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp: {
      const auto decoded = mqtt::decode_ack(frame, version, scratch.ack);
      if (decoded) {
        session.handle(scratch.ack);
      } else {
        session.refuse(decoded.error().reason, decoded.error().what);
      }
      break;
    }
    default:
      handle_rare(session, frame, version, limits);
      break;
  }
}

void refuse_frame(session::Session& session, mqtt::FrameStatus status) {
  const bool too_large = status == mqtt::FrameStatus::too_large;
  session.refuse(too_large ? ReasonCode::packet_too_large : ReasonCode::malformed_packet,
                 why_refused(status));
}

std::string_view why_refused(mqtt::FrameStatus status) {
  return status == mqtt::FrameStatus::too_large ? "packet too large" : "malformed remaining length";
}

}  // namespace roost::gates
