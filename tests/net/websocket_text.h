// SPDX-License-Identifier: Apache-2.0
// A WebSocket client's bytes, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

namespace roost::net {

inline constexpr std::uint8_t kContinuation = 0x0;
inline constexpr std::uint8_t kText = 0x1;
inline constexpr std::uint8_t kBinary = 0x2;
inline constexpr std::uint8_t kClose = 0x8;
inline constexpr std::uint8_t kPing = 0x9;
inline constexpr std::uint8_t kPong = 0xA;

inline std::string upgrade(const std::string& path = "/") {
  return "GET " + path +
         " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n"
         "Sec-WebSocket-Version: 13\r\n\r\n";
}

inline std::string frame(std::uint8_t opcode, std::string_view payload, bool final = true) {
  constexpr std::string_view kMask = "\x11\xA2\x33\xC4";
  std::string out(1, static_cast<char>((final ? 0x80 : 0) | opcode));
  const auto size = static_cast<std::uint64_t>(payload.size());
  if (size <= 125) {
    out += static_cast<char>(0x80 | size);
  } else {
    const int bytes = size <= 0xFFFF ? 2 : 8;
    out += static_cast<char>(0x80 | (bytes == 2 ? 126 : 127));
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      out += static_cast<char>(size >> shift);
  }
  out += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out += static_cast<char>(payload[i] ^ kMask[i % 4]);
  }
  return out;
}

// Opcode, payload and what is behind the first of a server's frames.
inline std::tuple<std::uint8_t, std::string, std::string> parse_server_frame(
    std::string_view wire) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(wire.at(i)); };
  std::size_t head = 2;
  std::uint64_t size = byte(1);
  if (size >= 126) {
    const std::size_t bytes = size == 126 ? 2 : 8;
    size = 0;
    for (std::size_t i = 0; i < bytes; ++i) size = size << 8 | byte(2 + i);
    head += bytes;
  }
  return {static_cast<std::uint8_t>(byte(0) & 0x0F), std::string(wire.substr(head, size)),
          std::string(wire.substr(head + size))};
}

}  // namespace roost::net
