// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/publisher.h"

#include <algorithm>
#include <bit>

#include "broker/cli/bench/publish_frame.h"

namespace roost::cli::bench {

using mqtt::PacketType;

namespace {
constexpr std::size_t kUnwrittenMax = 4 * 1024 * 1024;
constexpr std::uint32_t kStalledChecks = 2;

}  // namespace

Publisher::Publisher(Loop& loop, Flow& flow, Tally& tally, std::uint32_t index)
    : Link(loop, flow.link, flow.name + "-pub-" + std::to_string(index)),
      flow_(flow),
      tally_(tally),
      plan_(flow.plan.publishers[index]),
      index_(index),
      // A paced publisher isn't held back, unless the broker falls far behind.
      window_(flow.options.rate > 0 ? kWindowMax : flow.options.window),
      messages_max_(flow.options.messages) {
  if (flow.options.qos > 0) steps_.resize(std::bit_ceil(std::size_t{kWindowMax} + 1));
}

bool Publisher::finished() const { return messages_max_ > 0 && completed() >= messages_max_; }

std::uint64_t Publisher::on_the_way() const {
  if (plan_.receivers == 0) return sent_ - completed();
  const std::uint64_t arrived = flow_.arrived(index_) / plan_.receivers + written_off_;
  return sent_ - std::min({arrived, completed(), sent_});
}

std::uint64_t Publisher::window_room() const {
  if (!is_ready() || unwritten() > kUnwrittenMax) return 0;
  const std::uint64_t used = on_the_way();
  std::uint64_t room = used < window_ ? window_ - used : 0;
  // A message may have arrived before its acknowledgement; ids and steps are bounded by these.
  room = std::min(room, window_ - std::min<std::uint64_t>(sent_ - completed(), window_));
  if (messages_max_ > 0) room = std::min(room, messages_max_ - std::min(sent_, messages_max_));
  return room;
}

void Publisher::fill() {
  const std::uint64_t room = window_room();
  const bool last = messages_max_ > 0 && messages_max_ - sent_ <= room;
  if (room == 0 || (room < window_ / 4 && !last)) return;
  loop_.read_clock();
  for (std::uint64_t i = 0; i < room; ++i) append(sent_++, loop_.now_ns());
  tally_.sent.add(room);
  if (flow_.options.qos == 0) tally_.completed.add(room);
}

bool Publisher::send_due(std::uint64_t due_ns) {
  if (window_room() == 0) return false;
  append(sent_++, due_ns);
  tally_.sent.add();
  if (flow_.options.qos == 0) tally_.completed.add();
  return true;
}

void Publisher::check_stall() {
  const std::uint64_t progress = flow_.arrived(index_) + completed();
  const bool stuck =
      is_ready() && progress == progress_seen_ && on_the_way() > 0 && completed() == sent_;
  progress_seen_ = progress;
  stalled_checks_ = stuck ? stalled_checks_ + 1 : 0;
  if (stalled_checks_ < kStalledChecks) return;
  written_off_ += on_the_way();
  stalled_checks_ = 0;
}

void Publisher::append(std::uint64_t number, std::uint64_t due_ns) {
  NumberedPublish publish;
  publish.topic = plan_.topics[number % plan_.topics.size()];
  publish.qos = flow_.options.qos;
  publish.id = id_of(number);
  publish.retain = retain_;
  publish.is_v5 = settings_.version == mqtt::ProtocolVersion::v5;
  publish.payload_bytes = empty_ ? 0 : flow_.options.payload_bytes;
  publish.stamp = {flow_.run, index_, number, due_ns};
  if (publish.qos > 0) step_of(number) = Step::puback_or_pubrec;
  put_packet(room(packet_size(publish)), publish);
}

void Publisher::on_ready(const mqtt::Connack& connack) {
  if (settings_.version == mqtt::ProtocolVersion::v5 && flow_.options.qos > 0) {
    window_ = std::min<std::uint32_t>(window_, connack.properties.receive_maximum);
  }
  tally_.ready.add();
}

void Publisher::on_frame(const mqtt::Frame& frame) {
  const PacketType type = frame.type();
  if (type == PacketType::puback || type == PacketType::pubrec || type == PacketType::pubcomp) {
    if (frame.body.size() < 2) return;
    on_ack(type, static_cast<mqtt::PacketId>(frame.body[0] << 8 | frame.body[1]));
    if (frame.body.size() > 2 && frame.body[2] >= 0x80) {
      tally_.refused.add();
      tally_.last_trouble = mqtt::name(static_cast<mqtt::ReasonCode>(frame.body[2]));
    }
  }
}

void Publisher::on_ack(PacketType type, mqtt::PacketId id) {
  const std::uint64_t ahead = (id + 65535U - id_of(oldest_)) % 65535U;
  const std::uint64_t number = oldest_ + ahead;
  if (number >= sent_) return;  // of a message that was completed already
  Step& step = step_of(number);
  if (type == PacketType::pubrec) {
    if (step == Step::puback_or_pubrec) step = Step::pubcomp;
    send_ack(PacketType::pubrel, id);
    return;
  }
  step = Step::done;
  while (oldest_ < sent_ && step_of(oldest_) == Step::done) {
    ++oldest_;
    tally_.completed.add();
  }
}

void Publisher::on_lost(std::string_view why) {
  tally_.lost_links.add();
  tally_.last_trouble = why;
}

}  // namespace roost::cli::bench
