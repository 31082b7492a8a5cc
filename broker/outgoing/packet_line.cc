// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/packet_line.h"

#include <utility>

#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"
#include "broker/mqtt/frame.h"

namespace roost::outgoing {

namespace {

// The other side keeps to limits of its own.
constexpr mqtt::Limits kAnything{mqtt::kPacketSizeMax, 65'535};

}  // namespace

PacketLine::PacketLine(client::Loop& loop, std::shared_ptr<client::Stream> stream,
                       mqtt::ProtocolVersion version, Events& events)
    : loop_(loop), stream_(std::move(stream)), version_(version), events_(events) {}

PacketLine::~PacketLine() {
  *alive_ = false;
  stream_->close();
}

void PacketLine::start() { read_more(); }

void PacketLine::read_more() {
  if (is_reading_ || is_paused_ || is_over_) return;
  is_reading_ = true;
  stream_->read([this, alive = alive_](const std::string& problem, ByteView bytes) {
    if (!*alive || is_over_) return;
    is_reading_ = false;
    if (!problem.empty()) return lose(problem);
    has_heard_ = true;
    take(bytes);
    if (*alive) read_more();
  });
}

// A whole packet is handled where it stands; only the beginning of one is copied.
void PacketLine::take(ByteView bytes) {
  if (in_.empty()) {
    const std::size_t done = handle(bytes);
    if (!is_over_) in_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(done), bytes.end());
    return;
  }
  in_.insert(in_.end(), bytes.begin(), bytes.end());
  const std::size_t done = handle(in_);
  if (!is_over_) in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(done));
}

std::size_t PacketLine::handle(ByteView bytes) {
  std::size_t done = 0;
  while (!is_over_ && !is_paused_) {
    const auto found = mqtt::next_frame(bytes.subspan(done), mqtt::kPacketSizeMax);
    if (found.status == mqtt::FrameStatus::incomplete) break;
    if (found.status != mqtt::FrameStatus::complete) {
      lose("what came is no MQTT");
      break;
    }
    done += found.frame.size();
    const auto packet = mqtt::decode(found.frame, version_, kAnything, mqtt::Sender::server);
    if (!packet) {
      lose(std::string("a packet that is none: ") + packet.error().what);
      break;
    }
    events_.on_packet(*this, *packet);
  }
  return done;
}

void PacketLine::send(const mqtt::Packet& packet) {
  if (is_over_) return;
  mqtt::encode(packet, version_, out_);
  flush_soon();
}

void PacketLine::send_encoded(ByteView packet) {
  if (is_over_) return;
  out_.insert(out_.end(), packet.begin(), packet.end());
  flush_soon();
}

void PacketLine::flush_soon() {
  has_said_ = true;
  if (out_.size() + writing_.size() > kBacklogHigh) is_congested_ = true;
  if (std::exchange(is_flush_due_, true)) return;
  loop_.post([this, alive = alive_] {
    if (*alive) flush();
  });
}

void PacketLine::flush() {
  is_flush_due_ = false;
  if (is_over_ || !writing_.empty()) return;
  if (out_.empty()) {
    if (is_finishing_) {
      is_over_ = true;
      stream_->close();
    }
    return;
  }
  writing_.swap(out_);
  stream_->write(writing_, [this, alive = alive_](const std::string& problem) {
    if (!*alive || is_over_) return;
    if (!problem.empty()) return lose(problem);
    writing_.clear();
    if (is_congested_ && out_.size() <= kBacklogLow) {
      is_congested_ = false;
      events_.on_room(*this);
    }
    if (*alive) flush();
  });
}

void PacketLine::pause() { is_paused_ = true; }

// In a turn of its own: on the way here may be the other line's.
void PacketLine::resume() {
  if (!std::exchange(is_paused_, false) || is_over_) return;
  loop_.post([this, alive = alive_] {
    if (!*alive || is_paused_ || is_over_) return;
    const std::vector<std::uint8_t> waited = std::exchange(in_, {});
    take(waited);
    read_more();
  });
}

void PacketLine::finish() {
  if (is_over_) return;
  is_finishing_ = true;
  is_paused_ = true;
  if (!is_flush_due_) flush();
}

void PacketLine::lose(const std::string& why) {
  if (std::exchange(is_over_, true)) return;
  stream_->close();
  if (!is_finishing_) events_.on_lost(*this, why);
}

}  // namespace roost::outgoing
