// SPDX-License-Identifier: Apache-2.0
// Frames of a connected client, and the session's Link. CONNECT is in greeting.cc.
#include "broker/gates/client_gate.h"

#include <utility>

#include "broker/gates/gates.h"
#include "broker/gates/greeting.h"

namespace roost::gates {

using mqtt::PacketType;
using mqtt::ReasonCode;

namespace {

constexpr std::uint8_t kConnectByte = 0x10;  // type 1, flags 0 [MQTT-3.1.0-1]

}  // namespace

ClientGate::ClientGate(Gates& gates, const GateListener& listener,
                       net::DetachedConnection connection, bool admitted)
    : gates_(gates),
      listener_(listener),
      serial_(gates.next_serial()),
      greeting_(std::make_unique<Greeting>(*this)) {
  greeting_->admitted = admitted;
  gates_.core().timers().arm(
      *greeting_, gates_.core().now_ms() + static_cast<SteadyMs>(listener.connect_timeout_ms));
  connection_ = std::make_unique<net::Connection>(gates_.core(), std::move(connection),
                                                  static_cast<net::ConnectionEvents&>(*this),
                                                  gates_.net_counters());
}

ClientGate::~ClientGate() = default;

std::size_t ClientGate::on_bytes(ByteView bytes, std::uint64_t& wanted) {
  std::size_t consumed = 0;
  if (gone_ || is_opening() || (greeting_ != nullptr && greeting_->asking)) return 0;
  if (session_ == nullptr && !bytes.empty() && bytes[0] != kConnectByte) {
    not_connect();  // not worth waiting for a whole packet: it may be HTTP
    return 0;
  }
  while (!gone_ && !paused_ && !is_opening() && (greeting_ == nullptr || !greeting_->asking)) {
    const mqtt::FrameResult found =
        mqtt::next_frame(bytes.subspan(consumed), listener_.limits.packet_size_max);
    if (found.status == mqtt::FrameStatus::incomplete) {
      wanted = found.wanted;
      break;
    }
    if (found.status != mqtt::FrameStatus::complete) {
      on_bad_frame(found.status);
      break;
    }
    if (!on_frame(found.frame)) break;
    consumed += found.frame.size();
  }
  if (session_ != nullptr && !paused_ && !is_opening() && gates_.is_congested()) {
    paused_ = true;
    connection_->pause_reading();
    gates_.pause(*this);
  }
  return consumed;
}

void ClientGate::on_bad_frame(mqtt::FrameStatus status) {
  const bool too_large = status == mqtt::FrameStatus::too_large;
  const ReasonCode reason = too_large ? ReasonCode::packet_too_large : ReasonCode::malformed_packet;
  const std::string_view why = too_large ? "packet too large" : "malformed remaining length";
  if (session_ != nullptr) {
    session_->refuse(reason, why);
  } else {
    gates_.counters().refused_malformed.add();
    refuse_silently(why);
  }
}

// False: the frame must not be counted as consumed (its bytes moved away with the connection).
bool ClientGate::on_frame(const mqtt::Frame& frame) {
  // A CONNECT that moved was counted where it came from.
  if (greeting_ == nullptr || !greeting_->admitted) gates_.sessions().counters().packets_in.add();
  if (session_ == nullptr) {
    greet(frame);
    return !gone_;
  }
  return on_session_frame(frame);
}

bool ClientGate::on_session_frame(const mqtt::Frame& frame) {
  session_->saw_packet();
  switch (frame.type()) {
    case PacketType::publish: {
      mqtt::Publish& publish = gates_.scratch_publish();
      const auto decoded = mqtt::decode_publish(frame, version_, listener_.limits, publish);
      if (!decoded) {
        session_->refuse(decoded.error().reason, decoded.error().what);
      } else if (publish.payload.size() < routing::kBorrowedPayloadMin) [[likely]] {
        session_->handle(publish);
      } else {
        publish.payload_owner = connection_->share_offered();
        session_->handle(publish);
        publish.payload_owner = {};
      }
      break;
    }
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp: {
      mqtt::Ack& ack = gates_.scratch_ack();
      const auto decoded = mqtt::decode_ack(frame, version_, ack);
      if (decoded) {
        session_->handle(ack);
      } else {
        session_->refuse(decoded.error().reason, decoded.error().what);
      }
      break;
    }
    default:
      on_rare_packet(frame);
      break;
  }
  return true;
}

void ClientGate::on_rare_packet(const mqtt::Frame& frame) {
  if (frame.type() == PacketType::auth && frame.flags() == 0 &&
      version_ == mqtt::ProtocolVersion::v5) {
    // No method was agreed on in CONNECT, so whatever it holds is out of place. [MQTT-4.12.0-7]
    session_->refuse(ReasonCode::protocol_error, "AUTH without an authentication method");
    return;
  }
  const auto packet = mqtt::decode(frame, version_, listener_.limits);
  if (!packet) {
    session_->refuse(packet.error().reason, packet.error().what);
  } else if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&*packet)) {
    session_->handle(*subscribe);
  } else if (const auto* unsubscribe = std::get_if<mqtt::Unsubscribe>(&*packet)) {
    session_->handle(*unsubscribe);
  } else if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&*packet)) {
    session_->handle(*disconnect);
  } else if (std::holds_alternative<mqtt::Pingreq>(*packet)) {
    session_->handle_pingreq();
  } else {
    session_->refuse(ReasonCode::protocol_error, "unexpected packet");  // a second CONNECT
  }
}

void ClientGate::on_drained() {
  if (session_ != nullptr) session_->on_drained();
}

void ClientGate::on_closed(net::CloseReason reason) {
  if (session_ != nullptr) {
    static constexpr std::string_view kWhy[] = {"connection closed by client", "connection reset",
                                                "closed", "transport error", "timeout"};
    const std::string_view why = kWhy[static_cast<std::size_t>(reason)];
    if (!who_.empty()) log("disconnected", who_, why);
    std::exchange(session_, nullptr)->connection_lost(why);
  }
  gone_ = true;
  if (listener_.listener != nullptr) listener_.listener->connection_closed();
  gates_.bury(*this);
}

std::uint8_t* ClientGate::room(std::size_t size) { return connection_->write_room(size); }

void ClientGate::send_payload(ByteView payload, const routing::MessagePtr& owner) {
  connection_->write_shared(payload, SharedPtr<const SharedBlock>::share(owner.get()));
}

bool ClientGate::is_congested() const { return connection_->is_congested(); }

void ClientGate::close(std::string_view why) {
  if (gone_) return;
  gone_ = true;
  if (session_ != nullptr && !who_.empty()) log("disconnected", who_, why);
  session_ = nullptr;
  connection_->close();
}

}  // namespace roost::gates
