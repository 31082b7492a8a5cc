// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/subscriber.h"

#include <algorithm>

#include "broker/cli/bench/publish_frame.h"
#include "broker/mqtt/decode.h"

namespace roost::cli::bench {

using mqtt::PacketType;

namespace {

constexpr std::size_t kFiltersPerPacket = 100;

}  // namespace

Subscriber::Subscriber(Loop& loop, Flow& flow, Tally& tally, std::uint32_t index)
    : Link(loop, flow.subscriber_link, flow.name + "-sub-" + std::to_string(index)),
      flow_(flow),
      tally_(tally),
      plan_(flow.plan.subscribers[index]),
      trackers_(std::make_shared<std::vector<SequenceTracker>>(plan_.publishers)) {
  if (flow.options.qos == 2) awaiting_release_ = std::make_unique<PacketIds>();
}

void Subscriber::subscribe() {
  mqtt::PacketId id = 0;
  for (std::size_t at = 0; at < plan_.filters.size(); at += kFiltersPerPacket) {
    mqtt::Subscribe packet;
    packet.packet_id = ++id;
    const std::size_t end = std::min(at + kFiltersPerPacket, plan_.filters.size());
    for (std::size_t i = at; i < end; ++i) {
      mqtt::SubscribeEntry entry;
      entry.filter = plan_.filters[i];
      entry.options.qos = static_cast<mqtt::Qos>(flow_.options.qos);
      packet.entries.push_back(entry);
    }
    send(packet);
  }
  subacks_missing_ = id;
}

std::uint64_t Subscriber::lost(const std::vector<std::uint64_t>& sent) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < trackers_->size(); ++i) {
    const SequenceTracker& tracker = (*trackers_)[i];
    sum += tracker.missing() + sent[plan_.first_publisher + i] - tracker.next();
  }
  return sum;
}

void Subscriber::on_ready(const mqtt::Connack& connack) {
  if (!was_ready_) {
    was_ready_ = true;
    tally_.ready.add();
  } else if (!connack.session_present) {
    tally_.sessions_gone.add();
    subscribe();
  }
}

void Subscriber::on_frame(const mqtt::Frame& frame) {
  switch (frame.type()) {
    case PacketType::publish:
      on_publish(frame);
      break;
    case PacketType::suback:
      on_suback(frame);
      break;
    case PacketType::pubrel:
      if (frame.body.size() < 2) break;
      {
        const auto id = static_cast<mqtt::PacketId>(frame.body[0] << 8 | frame.body[1]);
        if (awaiting_release_) awaiting_release_->reset(id);
        send_ack(PacketType::pubcomp, id);
      }
      break;
    default:
      break;
  }
}

void Subscriber::on_publish(const mqtt::Frame& frame) {
  PublishParts parts;
  const bool is_v5 = settings_.version == mqtt::ProtocolVersion::v5;
  if (!split_publish(frame, is_v5, parts)) return;
  if (acknowledge(parts.qos, parts.id)) account(parts.payload);
}

bool Subscriber::acknowledge(std::uint8_t qos, mqtt::PacketId id) {
  if (qos == 1) send_ack(PacketType::puback, id);
  if (qos != 2) return true;
  send_ack(PacketType::pubrec, id);
  if (awaiting_release_->test(id)) return false;
  awaiting_release_->set(id);
  return true;
}

void Subscriber::account(ByteView payload) {
  Stamp stamp;
  const bool ours = read_stamp(payload, flow_.run, stamp);
  const std::size_t slot = stamp.publisher - plan_.first_publisher;
  if (!ours || slot >= trackers_->size()) return tally_.foreign.add();
  tally_.delivered.add();
  if (flow_.measuring.load(std::memory_order_relaxed)) {
    const std::uint64_t now = loop_.now_ns();
    tally_.latency_ns.add(now > stamp.due_ns ? now - stamp.due_ns : 0);
  }
  SequenceTracker& tracker = (*trackers_)[slot];
  const std::uint64_t front = tracker.next();
  const Arrival arrival = tracker.on_arrival(stamp.number);
  if (arrival == Arrival::in_order) return tally_.arrived[stamp.publisher].add();
  tally_.arrived[stamp.publisher].add(tracker.next() - front);
  if (arrival == Arrival::duplicate) tally_.duplicates.add();
  if (arrival == Arrival::reordered) tally_.reordered.add();
}

void Subscriber::on_suback(const mqtt::Frame& frame) {
  const auto packet = mqtt::decode(frame, settings_.version, {}, mqtt::Sender::server);
  if (!packet) return;
  for (const mqtt::ReasonCode reason : std::get<mqtt::Suback>(*packet).reasons) {
    if (!mqtt::is_error(reason)) continue;
    tally_.refused.add();
    tally_.last_trouble = mqtt::name(reason);
  }
  if (subacks_missing_ > 0 && --subacks_missing_ == 0) tally_.subscribed.add();
}

void Subscriber::on_lost(std::string_view why) {
  tally_.lost_links.add();
  tally_.last_trouble = why;
}

}  // namespace roost::cli::bench
