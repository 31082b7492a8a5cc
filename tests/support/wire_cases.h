// SPDX-License-Identifier: Apache-2.0
// The one table of wire cases: bytes, who sent them, in which versions, and the packet that they
// are or the reason code that refuses them. It drives the tests of decoder and encoder, the
// corpus of the fuzzers, and tests of sessions that need bad packets.
//
// Bytes are written one field after the other:
//   30 003C     hex, any number of whole bytes
//   'a/b'       a string with its two-byte length
//   ~21.5~      bare text
//   {26 'k' 'v'}  a property block with its length
//   61x300      the byte 61, 300 times
//   *           as second field: the remaining length
// Thread: immutable.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "broker/mqtt/decode.h"

namespace roost::support {

// Bits of WireCase::versions.
inline constexpr unsigned kV31 = 1, kV311 = 2, kV5 = 4;
inline constexpr unsigned kV3 = kV31 | kV311, kEach = kV3 | kV5, kNewer = kV311 | kV5;

struct WireCase {
  std::string_view name = {};
  mqtt::Sender sender = mqtt::Sender::client;
  unsigned versions = kEach;
  std::string_view bytes = {};
  std::string_view text = {};  // packet_text() of it; empty: refused
  mqtt::ReasonCode reason = mqtt::ReasonCode::success;
  bool canonical = true;  // the encoder writes the very same bytes

  bool is_refused() const { return text.empty(); }
};

// Every row, a family of packets after the other.
std::span<const WireCase> connect_cases();
std::span<const WireCase> connack_cases();
std::span<const WireCase> publish_cases();
std::span<const WireCase> ack_cases();
std::span<const WireCase> subscribe_cases();
std::span<const WireCase> other_cases();     // UNSUBSCRIBE, pings, DISCONNECT, AUTH, headers
std::span<const WireCase> property_cases();  // values of properties, in packets of all kinds
std::vector<WireCase> all_wire_cases();

// The bytes that the notation stands for. Aborts on a mistake in it.
std::vector<std::uint8_t> wire_bytes(std::string_view notation);

// The versions of a row.
std::vector<mqtt::ProtocolVersion> versions_of(const WireCase& row);

}  // namespace roost::support
