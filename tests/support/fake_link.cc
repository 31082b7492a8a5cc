// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_link.h"

#include <stdexcept>

#include "broker/base/check.h"
#include "broker/mqtt/decode.h"
#include "broker/mqtt/frame.h"

namespace roost::support {

std::vector<mqtt::Packet> FakeLink::take() {
  std::vector<mqtt::Packet> packets;
  mqtt::Limits limits;
  limits.packet_size_max = mqtt::kPacketSizeMax;
  kept_.push_back(std::move(bytes_));
  bytes_.clear();
  ByteView rest = kept_.back();
  while (!rest.empty()) {
    const mqtt::FrameResult found = mqtt::next_frame(rest, limits.packet_size_max);
    if (found.status != mqtt::FrameStatus::complete) throw std::runtime_error("no whole packet");
    auto packet = mqtt::decode(found.frame, version_, limits, mqtt::Sender::server);
    if (!packet) throw std::runtime_error(packet.error().what);
    packets.push_back(std::move(*packet));
    rest = rest.subspan(found.frame.size());
  }
  if (packets.empty()) kept_.pop_back();
  return packets;
}

std::uint8_t* FakeLink::room(std::size_t size) {
  CHECK(!closed_);
  if (packets_left_ && *packets_left_ > 0) --*packets_left_;
  bytes_.resize(bytes_.size() + size);
  return bytes_.data() + bytes_.size() - size;
}

void FakeLink::send_payload(ByteView payload, const routing::MessagePtr& owner) {
  CHECK(!closed_ && owner);
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
}

void FakeLink::close(std::string_view why) {
  CHECK(!closed_);
  closed_ = true;
  why_ = why;
}

}  // namespace roost::support
