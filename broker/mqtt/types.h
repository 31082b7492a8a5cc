// SPDX-License-Identifier: Apache-2.0
// The small words of MQTT: protocol version, QoS, packet type.
// Thread: immutable.
#pragma once

#include <cstdint>

namespace roost::mqtt {

enum class ProtocolVersion : std::uint8_t { v3_1 = 3, v3_1_1 = 4, v5 = 5 };

enum class Qos : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

// The high nibble of a packet's first byte. [MQTT5-2.1.2]
enum class PacketType : std::uint8_t {
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
  auth = 15,
};

// 1 to 65535; 0 stands for "none" (QoS 0).
using PacketId = std::uint16_t;

// A message or session that never expires; also what the wire's 0xFFFFFFFF means for sessions.
inline constexpr std::uint32_t kNeverExpires = 0xFFFFFFFF;

enum class RetainHandling : std::uint8_t { send = 0, send_if_new = 1, do_not_send = 2 };

// The byte behind a filter in SUBSCRIBE. [MQTT5-3.8.3.1]
struct SubscriptionOptions {
  Qos qos = Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  RetainHandling retain_handling = RetainHandling::send;

  friend bool operator==(const SubscriptionOptions&, const SubscriptionOptions&) = default;
};

}  // namespace roost::mqtt
