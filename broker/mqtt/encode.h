// SPDX-License-Identifier: Apache-2.0
// Packets -> bytes, for every version. What a version can't say (properties, reason codes of acks)
// is left out. The sender decides about limits; encoders never truncate.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/mqtt/packet.h"

namespace roost::mqtt {

// Appends one whole packet to `out`.
// Requires: strings and binary fields up to 65 535 bytes, packet up to kPacketSizeMax.
void encode(const Packet& packet, ProtocolVersion version, std::vector<std::uint8_t>& out);

// Size of the whole packet in bytes.
std::size_t encoded_size(const Packet& packet, ProtocolVersion version);

// Acks without properties, the way they nearly always go: 4 bytes, or 5 with a reason code.
// Returns the number of bytes written to `out` (room for kAckSizeMax).
inline constexpr std::size_t kAckSizeMax = 5;
std::size_t encode_ack(PacketType type, PacketId packet_id, ReasonCode reason,
                       ProtocolVersion version, std::uint8_t* out);

// A PUBLISH to a subscriber, given as parts so that topic, forwarded properties and payload can
// be shared between subscribers. All views must live until the call returns.
struct PublishParts {
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  Qos qos = Qos::at_most_once;
  bool dup = false;
  bool retain = false;
  PacketId packet_id = 0;                                        // 0 at QoS 0
  std::string_view topic = {};                                   // empty with a known alias (v5)
  std::uint16_t topic_alias = 0;                                 // 0: none (v5)
  bool has_message_expiry = false;                               // v5
  std::uint32_t message_expiry_s = 0;                            // remaining (v5)
  std::span<const std::uint32_t> subscription_identifiers = {};  // v5
  ByteView forwarded = {};                                       // from append_forwarded (v5)
  std::uint64_t payload_size = 0;
};

// Bytes in front of the payload, and of the whole packet.
struct PublishSize {
  std::uint32_t head = 0;
  std::uint64_t total = 0;
};
PublishSize publish_size(const PublishParts& parts);

// Writes the head (fixed header to the end of the properties) to `out`, which has room for
// publish_size(parts).head bytes. The payload follows it on the wire.
void encode_publish_head(const PublishParts& parts, const PublishSize& size, std::uint8_t* out);

// Appends a variable byte integer. [MQTT5-1.5.5]  Requires: value <= kRemainingLengthMax.
void append_varint(std::uint32_t value, std::vector<std::uint8_t>& out);
std::size_t varint_size(std::uint32_t value);

}  // namespace roost::mqtt
