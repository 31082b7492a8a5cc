// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/verify_subscriber.h"

#include "broker/cli/bench/publish_frame.h"
#include "broker/mqtt/decode.h"

namespace roost::cli::bench {

using mqtt::PacketType;

void VerifySubscriber::on_greeting(Greeting greeting, const mqtt::Connack&) {
  if (greeting == Greeting::forgotten) {
    awaiting_release_.reset();
    is_subscribed_ = false;
  }
  if (!is_subscribed_) subscribe();
}

void VerifySubscriber::subscribe() {
  mqtt::Subscribe packet;
  packet.packet_id = 1;
  const std::string filter = shared_.topic_root + "/#";
  mqtt::SubscribeEntry entry;
  entry.filter = filter;
  entry.options.qos = mqtt::Qos::exactly_once;
  packet.entries.push_back(entry);
  send(packet);
}

void VerifySubscriber::on_packet(const mqtt::Frame& frame) {
  mqtt::PacketId id = 0;
  switch (frame.type()) {
    case PacketType::publish:
      on_publish(frame);
      break;
    case PacketType::suback:
      on_suback(frame);
      break;
    case PacketType::pubrel:
      if (!read_packet_id(frame, id)) break;
      awaiting_release_.reset(id);
      send_ack(PacketType::pubcomp, id);
      break;
    default:
      break;
  }
}

void VerifySubscriber::on_publish(const mqtt::Frame& frame) {
  PublishParts parts;
  if (!split_publish(frame, settings_.version == mqtt::ProtocolVersion::v5, parts)) return;
  if (parts.qos == 1) send_ack(PacketType::puback, parts.id);
  if (parts.qos == 2) {
    send_ack(PacketType::pubrec, parts.id);
    if (awaiting_release_.test(parts.id)) return;
    awaiting_release_.set(parts.id);
  }
  Stamp stamp;
  if (!read_stamp(parts.payload, shared_.run, stamp)) stamp.publisher = ~0U;  // somebody else's
  shared_.ledger->on_received(index_, stamp.publisher, stamp.number, stamp.due_ns, loop_.now_ns());
}

void VerifySubscriber::on_suback(const mqtt::Frame& frame) {
  const auto packet = mqtt::decode(frame, settings_.version, {}, mqtt::Sender::server);
  if (!packet) return;
  for (const mqtt::ReasonCode reason : std::get<mqtt::Suback>(*packet).reasons) {
    if (!mqtt::is_error(reason)) continue;
    ++shared_.refused;
    shared_.last_trouble = mqtt::name(reason);
    return;
  }
  is_subscribed_ = true;
}

}  // namespace roost::cli::bench
