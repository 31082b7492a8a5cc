// SPDX-License-Identifier: Apache-2.0
// Inside the codec: two sinks with one interface. Measure adds up what Writer will write, so the
// encoders say each packet once. Requires of both: views up to 65 535 bytes where a length of
// two bytes precedes them.
// Thread: any thread (values).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/base/check.h"

namespace roost::mqtt {

inline constexpr std::size_t kStringSizeMax = 65'535;

// Bytes of a variable byte integer. [MQTT5-1.5.5]
inline std::size_t varint_bytes(std::uint32_t value) {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20'0000 ? 3 : 4;
}

class Measure {
 public:
  std::size_t size() const { return size_; }

  void byte(unsigned) { size_ += 1; }
  void two_bytes(unsigned) { size_ += 2; }
  void four_bytes(std::uint32_t) { size_ += 4; }
  void varint(std::uint32_t value) { size_ += varint_bytes(value); }
  void bytes(ByteView bytes) { size_ += bytes.size(); }
  void binary(ByteView bytes) { size_ += 2 + bytes.size(); }
  void text(std::string_view text) { size_ += 2 + text.size(); }

 private:
  std::size_t size_ = 0;
};

// Requires: room at `out` for all that is written.
class Writer {
 public:
  explicit Writer(std::uint8_t* out) : at_(out) {}
  const std::uint8_t* at() const { return at_; }

  void byte(unsigned value) { *at_++ = static_cast<std::uint8_t>(value); }
  void two_bytes(unsigned value) {
    byte(value >> 8);
    byte(value);
  }
  void four_bytes(std::uint32_t value) {
    two_bytes(value >> 16);
    two_bytes(value);
  }
  void varint(std::uint32_t value) {
    for (; value >= 0x80; value >>= 7) byte((value & 0x7F) | 0x80);
    byte(value);
  }
  void bytes(ByteView bytes) {
    if (bytes.empty()) return;
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void binary(ByteView view) {
    DCHECK(view.size() <= kStringSizeMax);
    two_bytes(static_cast<unsigned>(view.size()));
    bytes(view);
  }
  void text(std::string_view text) { binary(as_bytes(text)); }

 private:
  std::uint8_t* at_;
};

}  // namespace roost::mqtt
