// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/publish_frame.h"

#include <algorithm>
#include <cstring>

#include "broker/base/hash.h"
#include "broker/mqtt/encode.h"

namespace roost::cli::bench {
namespace {

// With what no compression makes smaller.
void fill_up(std::uint8_t* out, std::size_t size, const Stamp& stamp) {
  std::uint64_t word = stamp.due_ns ^ stamp.number << 20 ^ stamp.publisher;
  for (std::size_t at = 0; at < size; at += sizeof word) {
    word = mix64(word);
    std::memcpy(out + at, &word, std::min(sizeof word, size - at));
  }
}

std::size_t remaining_length(const NumberedPublish& publish) {
  return 2 + publish.topic.size() + (publish.qos > 0 ? 2 : 0) + (publish.is_v5 ? 1 : 0) +
         publish.payload_bytes;
}

}  // namespace

std::size_t packet_size(const NumberedPublish& publish) {
  const std::size_t remaining = remaining_length(publish);
  return 1 + mqtt::varint_size(static_cast<std::uint32_t>(remaining)) + remaining;
}

void put_packet(std::uint8_t* out, const NumberedPublish& publish) {
  *out++ = static_cast<std::uint8_t>(0x30 | (publish.dup ? 8 : 0) | (publish.qos << 1) |
                                     (publish.retain ? 1 : 0));
  std::size_t length = remaining_length(publish);
  do {
    *out++ = static_cast<std::uint8_t>((length & 0x7F) | (length > 0x7F ? 0x80 : 0));
    length >>= 7;
  } while (length > 0);
  *out++ = static_cast<std::uint8_t>(publish.topic.size() >> 8);
  *out++ = static_cast<std::uint8_t>(publish.topic.size());
  std::memcpy(out, publish.topic.data(), publish.topic.size());
  out += publish.topic.size();
  if (publish.qos > 0) {
    *out++ = static_cast<std::uint8_t>(publish.id >> 8);
    *out++ = static_cast<std::uint8_t>(publish.id);
  }
  if (publish.is_v5) *out++ = 0;
  if (publish.payload_bytes == 0) return;
  std::memcpy(out, &publish.stamp, sizeof publish.stamp);
  fill_up(out + sizeof publish.stamp, publish.payload_bytes - sizeof publish.stamp, publish.stamp);
}

bool split_publish(const mqtt::Frame& frame, bool is_v5, PublishParts& out) {
  ByteView body = frame.body;
  if (body.size() < 2) return false;
  std::size_t at = 2 + (std::size_t{body[0]} << 8 | body[1]);
  out.qos = (frame.flags() >> 1) & 3;
  if (out.qos > 0) {
    if (at + 2 > body.size()) return false;
    out.id = static_cast<mqtt::PacketId>(body[at] << 8 | body[at + 1]);
    at += 2;
  }
  if (is_v5) {
    std::size_t length = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      if (at >= body.size()) return false;
      const std::uint8_t byte = body[at++];
      length |= std::size_t{byte & 0x7FU} << shift;
      if ((byte & 0x80) == 0) break;
    }
    at += length;
  }
  if (at > body.size()) return false;
  out.payload = body.subspan(at);
  return true;
}

bool read_packet_id(const mqtt::Frame& frame, mqtt::PacketId& out) {
  if (frame.body.size() < 2) return false;
  out = static_cast<mqtt::PacketId>(frame.body[0] << 8 | frame.body[1]);
  return true;
}

mqtt::ReasonCode reason_of_ack(const mqtt::Frame& frame) {
  return frame.body.size() > 2 ? static_cast<mqtt::ReasonCode>(frame.body[2])
                               : mqtt::ReasonCode::success;
}

}  // namespace roost::cli::bench
