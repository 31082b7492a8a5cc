// SPDX-License-Identifier: Apache-2.0
// Inside the codec: a cursor over one packet's body that can't run past it. The first fault
// sticks: from then on it reads zeros and empty views, so a decoder checks once at its end.
// Thread: any thread (a value).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/mqtt/decode.h"
#include "broker/mqtt/utf8.h"

namespace roost::mqtt {

class Reader {
 public:
  Reader(ByteView bytes, ProtocolVersion version)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), version_(version) {}

  bool failed() const { return failed_; }
  bool at_end() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  // Keeps the first fault only.
  void fail(ReasonCode reason, const char* what) {
    if (!failed_) {
      failed_ = true;
      reason_ = reason;
      what_ = what;
    }
    at_ = end_;
  }
  void fail_malformed(const char* what) { fail(ReasonCode::malformed_packet, what); }
  void fail_protocol(const char* what) { fail(ReasonCode::protocol_error, what); }

  // CONNECT tells its version in its body.
  void set_version(ProtocolVersion version) { version_ = version; }
  ProtocolVersion version() const { return version_; }

  // Requires: failed().
  DecodeError error() const {
    return {.reason = reason_, .what = what_, .version = version_, .close_silently = false};
  }

  std::uint8_t byte() { return has(1) ? *at_++ : std::uint8_t{0}; }
  std::uint16_t two_bytes() {
    if (!has(2)) return 0;
    at_ += 2;
    return static_cast<std::uint16_t>(at_[-2] << 8 | at_[-1]);
  }
  std::uint32_t four_bytes() {
    if (!has(4)) return 0;
    const std::uint32_t high = two_bytes();
    return high << 16 | two_bytes();
  }
  // Up to four bytes and no more than needed. [MQTT-1.5.5-1]
  std::uint32_t varint() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return long_varint();
  }
  ByteView take(std::size_t size) {
    if (!has(size)) return {};
    at_ += size;
    return {at_ - size, size};
  }
  ByteView binary() { return take(two_bytes()); }
  // A string not checked yet.
  std::string_view raw_text() { return as_text(binary()); }
  std::string_view text() {
    const std::string_view text = raw_text();
    if (!is_valid_utf8(text)) fail_malformed("a string is not valid UTF-8");
    return text;
  }
  ByteView rest() { return take(left()); }
  void expect_end() {
    if (!at_end()) fail_malformed("bytes behind the end of the packet");
  }

 private:
  bool has(std::size_t size) {
    if (left() >= size) [[likely]]
      return true;
    fail_malformed("the packet ends too early");
    return false;
  }

  std::uint32_t long_varint() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      const std::uint8_t next = byte();
      value |= (next & 0x7FU) << shift;
      if (next & 0x80) continue;
      if (next == 0 && shift != 0) fail_malformed("a number is longer than needed");
      return failed_ ? 0 : value;
    }
    fail_malformed("a number of more than four bytes");
    return 0;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  ProtocolVersion version_;
  bool failed_ = false;
  ReasonCode reason_ = ReasonCode::success;
  const char* what_ = "";
};

}  // namespace roost::mqtt
