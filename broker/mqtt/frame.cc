// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/frame.h"

namespace roost::mqtt {
namespace {

constexpr std::size_t kLengthBytesMax = 4;  // [MQTT5-1.5.5]

FrameResult result_of(FrameStatus status, std::uint8_t first_byte, std::uint64_t wanted = 0) {
  FrameResult result;
  result.status = status;
  result.frame.first_byte = first_byte;
  result.wanted = wanted;
  return result;
}

}  // namespace

FrameResult next_frame(ByteView bytes, std::uint32_t packet_size_max) {
  if (bytes.empty()) return {};
  const std::uint8_t first_byte = bytes[0];
  if (first_byte >> 4 == 0) return result_of(FrameStatus::malformed, first_byte);  // [MQTT5-2.1.2]
  std::uint32_t length = 0;
  std::size_t used = 0;
  std::uint8_t byte = 0x80;
  while (byte & 0x80) {
    if (used == kLengthBytesMax) return result_of(FrameStatus::malformed, first_byte);
    if (1 + used == bytes.size()) return result_of(FrameStatus::incomplete, first_byte);
    byte = bytes[1 + used];
    length |= (byte & 0x7FU) << (7 * used);
    ++used;
  }
  if (byte == 0 && used > 1)
    return result_of(FrameStatus::malformed, first_byte);  // [MQTT-1.5.5-1]
  const std::uint64_t size = std::uint64_t{1} + used + length;
  if (size > packet_size_max) return result_of(FrameStatus::too_large, first_byte, size);
  if (bytes.size() < size) return result_of(FrameStatus::incomplete, first_byte, size);
  FrameResult result = result_of(FrameStatus::complete, first_byte, size);
  result.frame.header_size = static_cast<std::uint32_t>(1 + used);
  result.frame.body = bytes.subspan(1 + used, length);
  return result;
}

ReasonCode reason_of(const FrameResult& result) {
  if (result.status == FrameStatus::too_large) return ReasonCode::packet_too_large;
  if (result.status != FrameStatus::malformed) return ReasonCode::success;
  return result.frame.first_byte >> 4 == 0 ? ReasonCode::protocol_error
                                           : ReasonCode::malformed_packet;
}

}  // namespace roost::mqtt
