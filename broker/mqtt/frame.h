// SPDX-License-Identifier: Apache-2.0
// Splits a stream of bytes into control packets by their fixed header alone. [MQTT5-2.1]
// Thread: any thread (pure).
#pragma once

#include <cstdint>

#include "broker/base/bytes.h"
#include "broker/mqtt/reason_code.h"
#include "broker/mqtt/types.h"

namespace roost::mqtt {

struct Frame {
  std::uint8_t first_byte = 0;  // type and flags
  ByteView body = {};           // what the remaining length counts
  std::uint32_t header_size = 2;

  PacketType type() const { return static_cast<PacketType>(first_byte >> 4); }
  std::uint8_t flags() const { return first_byte & 0x0F; }
  // Whole packet on the wire in bytes.
  std::uint32_t size() const { return header_size + static_cast<std::uint32_t>(body.size()); }
};

enum class FrameStatus : std::uint8_t {
  complete,    // `frame` is set
  incomplete,  // more bytes are needed; `wanted` says how many in all, 0 while unknown
  malformed,   // remaining length of five bytes or longer than needed: 0x81; type 0: 0x82
  too_large,   // over the limit; nothing behind the header was looked at: 0x95
};

struct FrameResult {
  FrameStatus status = FrameStatus::incomplete;
  Frame frame;
  std::uint64_t wanted = 0;  // bytes of the whole packet, header included, once known
};

// Looks at the front of `bytes`. `packet_size_max` counts the whole packet with its header.
FrameResult next_frame(ByteView bytes, std::uint32_t packet_size_max);

// What to answer a frame that is malformed or too large; success for the others.
ReasonCode reason_of(const FrameResult& result);

}  // namespace roost::mqtt
