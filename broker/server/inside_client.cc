// SPDX-License-Identifier: Apache-2.0
#include "broker/server/inside_client.h"

#include <utility>

#include "broker/base/check.h"
#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"

namespace roost::server {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::Qos;
using mqtt::ReasonCode;

namespace {

// What the broker sends us was allowed in by its own limits.
constexpr mqtt::Limits kAnything{mqtt::kPacketSizeMax, 65'535};

}  // namespace

InsideClient::InsideClient(core::Core& core, net::DetachedConnection connection,
                           std::uint16_t receive_maximum, Events& events,
                           net::NetCounters& counters)
    : core_(core),
      events_(events),
      connection_(core, std::move(connection), static_cast<net::ConnectionEvents&>(*this),
                  counters) {
  mqtt::Connect connect;
  connect.version = ProtocolVersion::v5;
  connect.properties.receive_maximum = receive_maximum;
  connect.properties.mark(PropertyId::receive_maximum);
  send(connect);
}

InsideClient::~InsideClient() = default;

bool InsideClient::has_room(Qos qos) const {
  if (!is_open() || connection_.is_congested()) return false;
  return qos == Qos::at_most_once || sent_.size() < window_;
}

void InsideClient::publish(mqtt::Publish& message, std::uint64_t ticket) {
  DCHECK(has_room(message.qos));
  message.packet_id = 0;
  if (message.qos != Qos::at_most_once) {
    message.packet_id = next_id();
    sent_.emplace(message.packet_id, Sent{ticket, message.qos, ReasonCode::success});
  }
  send(message);
}

void InsideClient::subscribe(mqtt::Subscribe& packet) {
  packet.packet_id = next_id();
  send(packet);
}

void InsideClient::pause() {
  if (!std::exchange(is_paused_, true) && !is_over_) connection_.pause_reading();
}

void InsideClient::resume() {
  if (std::exchange(is_paused_, false) && !is_over_) connection_.resume_reading();
}

void InsideClient::close() {
  if (is_over_) return;
  send(mqtt::Disconnect{});
  lose(ReasonCode::success, "closed");
}

// At most 65 535 - window are taken, so there always is a free one.
mqtt::PacketId InsideClient::next_id() {
  do {
    if (++last_id_ == 0) last_id_ = 1;
  } while (sent_.contains(last_id_));
  return last_id_;
}

std::size_t InsideClient::on_bytes(ByteView bytes, std::uint64_t& wanted) {
  std::size_t consumed = 0;
  while (!is_over_ && !is_paused_) {
    const auto found = mqtt::next_frame(bytes.subspan(consumed), mqtt::kPacketSizeMax);
    if (found.status == mqtt::FrameStatus::incomplete) {
      wanted = found.wanted;
      break;
    }
    if (found.status != mqtt::FrameStatus::complete) {
      lose(ReasonCode::malformed_packet, "the server sent no MQTT");
      break;
    }
    consumed += found.frame.size();
    handle(found.frame);
  }
  return consumed;
}

void InsideClient::handle(const mqtt::Frame& frame) {
  const auto packet = mqtt::decode(frame, ProtocolVersion::v5, kAnything, mqtt::Sender::server);
  if (!packet) return lose(packet.error().reason, packet.error().what);
  if (const auto* const ack = std::get_if<mqtt::Ack>(&*packet)) return handle(*ack);
  if (const auto* const message = std::get_if<mqtt::Publish>(&*packet)) return handle(*message);
  if (const auto* const connack = std::get_if<mqtt::Connack>(&*packet)) return handle(*connack);
  if (const auto* const suback = std::get_if<mqtt::Suback>(&*packet)) {
    return events_.on_suback(*suback);
  }
  if (const auto* const bye = std::get_if<mqtt::Disconnect>(&*packet)) {
    const std::string_view why = bye->properties.reason_string;
    lose(bye->reason, std::string(why.empty() ? mqtt::name(bye->reason) : why));
  }
}

void InsideClient::handle(const mqtt::Connack& connack) {
  if (mqtt::is_error(connack.reason)) {
    return lose(connack.reason, std::string(mqtt::name(connack.reason)));
  }
  const mqtt::Properties& said = connack.properties;
  window_ = said.receive_maximum;
  packet_size_max_ =
      said.has(PropertyId::maximum_packet_size) ? said.maximum_packet_size : mqtt::kPacketSizeMax;
  keep_alive_s_ = said.server_keep_alive_s;
  if (keep_alive_s_ != 0) core_.timers().arm(*this, core_.now_ms() + keep_alive_s_ * 500);
  is_open_ = true;
  events_.on_open();
}

// A session without a past: nothing comes twice.
void InsideClient::handle(const mqtt::Publish& message) {
  events_.on_message(message);
  if (message.qos == Qos::at_least_once) send_ack(PacketType::puback, message.packet_id);
  if (message.qos == Qos::exactly_once) send_ack(PacketType::pubrec, message.packet_id);
}

void InsideClient::handle(const mqtt::Ack& ack) {
  if (ack.type == PacketType::pubrel) return send_ack(PacketType::pubcomp, ack.packet_id);
  const auto at = sent_.find(ack.packet_id);
  if (at == sent_.end()) return;
  if (ack.type == PacketType::pubrec && !mqtt::is_error(ack.reason)) {
    at->second.reason = ack.reason;
    return send_ack(PacketType::pubrel, ack.packet_id);
  }
  finish(ack.packet_id, ack.type == PacketType::pubcomp && !mqtt::is_error(ack.reason)
                            ? at->second.reason
                            : ack.reason);
}

void InsideClient::finish(mqtt::PacketId id, ReasonCode reason) {
  const bool was_full = sent_.size() >= window_;
  const std::uint64_t ticket = sent_.at(id).ticket;
  sent_.erase(id);
  events_.on_published(ticket, reason);
  if (was_full && !is_over_) events_.on_room();
}

void InsideClient::lose(ReasonCode reason, std::string why) {
  if (std::exchange(is_over_, true)) return;
  end_reason_ = reason;
  end_why_ = std::move(why);
  connection_.close();
}

void InsideClient::send(const mqtt::Packet& packet) {
  out_.clear();
  mqtt::encode(packet, ProtocolVersion::v5, out_);
  connection_.write(out_);
}

void InsideClient::send_ack(PacketType type, mqtt::PacketId id) {
  std::uint8_t* const room = connection_.write_room(4);
  const std::size_t size =
      mqtt::encode_ack(type, id, ReasonCode::success, ProtocolVersion::v5, room);
  CHECK(size == 4);
}

void InsideClient::on_drained() {
  if (!is_over_) events_.on_room();
}

void InsideClient::on_closed(net::CloseReason) {
  if (!std::exchange(is_over_, true)) end_why_ = "the connection inside was lost";
  events_.on_lost(end_reason_, end_why_);
}

void InsideClient::on_timer() {
  if (is_over_) return;
  send(mqtt::Pingreq{});
  core_.timers().arm(*this, core_.now_ms() + keep_alive_s_ * 500);
}

}  // namespace roost::server
