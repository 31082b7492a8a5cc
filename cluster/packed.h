// SPDX-License-Identifier: Apache-2.0
// Inside the codecs of what nodes say to each other: a writer and a reader with the same methods,
// so that the fields of a struct are listed once for both. Numbers are LEB128, a text its length
// and bytes, a list its count and elements. Every value has one form only: what is read and written
// again gives the same bytes.
// Thread: any thread (values).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/check.h"

namespace roost::cluster {

// Longest name, address, version, sentence.
inline constexpr std::size_t kPackedTextMax = 4096;

// A struct as PackedWriter (const) or PackedReader wants it.
template <typename Form, typename T>
using In = std::conditional_t<Form::kWrites, const T, T>;

class PackedWriter {
 public:
  static constexpr bool kWrites = true;

  // Appends to `out`.
  explicit PackedWriter(std::string& out) : out_(out) {}

  bool failed() const { return false; }
  void byte(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void flag(bool value) { byte(value ? 1 : 0); }
  void number(std::unsigned_integral auto value) {
    auto left = static_cast<std::uint64_t>(value);
    for (; left >= 0x80; left >>= 7) byte(static_cast<std::uint8_t>(left | 0x80));
    byte(static_cast<std::uint8_t>(left));
  }
  // A negative one takes ten bytes.
  void time(std::int64_t ms) { number(static_cast<std::uint64_t>(ms)); }
  template <typename Enum>
  void choice(Enum value, Enum last) {
    DCHECK(value <= last);
    byte(static_cast<std::uint8_t>(value));
  }
  // What is longer is cut off.
  void text(std::string_view value) { bytes(as_bytes(value.substr(0, kPackedTextMax))); }
  void bytes(ByteView value) {
    number(value.size());
    out_.append(as_text(value));
  }
  void blob(const std::string& value) { bytes(as_bytes(value)); }
  void fixed32(std::uint32_t value) {
    for (int i = 0; i < 4; ++i) byte(static_cast<std::uint8_t>(value >> 8 * i));
  }
  // each(writer, element)
  template <typename T, typename Each>
  void list(const std::vector<T>& values, Each each) {
    number(values.size());
    for (const T& value : values) each(*this, value);
  }

 private:
  std::string& out_;
};

// Can't run past its bytes. The first fault sticks: from then on it reads zeros and nothing, so a
// decoder asks once, at its end.
class PackedReader {
 public:
  static constexpr bool kWrites = false;

  explicit PackedReader(ByteView bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool failed() const { return fault_ != nullptr; }
  // Null, or what is wrong, for a person.
  const char* fault() const { return fault_; }
  void fail(const char* what) {
    if (fault_ == nullptr) fault_ = what;
    at_ = end_;
  }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  void expect_end() {
    if (at_ != end_) fail("bytes behind its end");
  }

  std::uint8_t byte() {
    if (at_ != end_) return *at_++;
    fail("ends too early");
    return 0;
  }
  std::uint64_t number() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return long_number();
  }
  // The length of something that is to follow.
  std::size_t length(std::size_t max = std::numeric_limits<std::size_t>::max()) {
    const std::uint64_t size = number();
    if (size <= left() && size <= max) return static_cast<std::size_t>(size);
    fail(size > left() ? "ends too early" : "a length that is too large");
    return 0;
  }
  ByteView take(std::size_t size) {
    if (size > left()) {
      fail("ends too early");
      return {};
    }
    const ByteView taken(at_, size);
    at_ += size;
    return taken;
  }
  ByteView bytes() { return take(length()); }

  void flag(bool& value) {
    const std::uint8_t read = byte();
    if (read > 1) fail("a flag that is neither 0 nor 1");
    value = read == 1;
  }
  template <std::unsigned_integral T>
  void number(T& value) {
    const std::uint64_t read = number();
    if (read > std::numeric_limits<T>::max()) return fail("a number that is too large");
    value = static_cast<T>(read);
  }
  void time(std::int64_t& ms) { ms = static_cast<std::int64_t>(number()); }
  template <typename Enum>
  void choice(Enum& value, Enum last) {
    const std::uint8_t read = byte();
    if (read > static_cast<std::uint8_t>(last)) return fail("a choice that is not known");
    value = static_cast<Enum>(read);
  }
  void text(std::string& value) { value = as_text(take(length(kPackedTextMax))); }
  void blob(std::string& value) { value = as_text(bytes()); }
  std::uint32_t fixed32() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value |= std::uint32_t{byte()} << 8 * i;
    return value;
  }
  template <typename T, typename Each>
  void list(std::vector<T>& values, Each each) {
    // An element takes a byte at least, so there can't be more; memory grows as they are read.
    for (std::size_t count = length(); count > 0 && !failed(); --count) {
      each(*this, values.emplace_back());
    }
  }

 private:
  std::uint64_t long_number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const std::uint8_t next = byte();
      if (shift == 63 && next > 1) break;
      value |= std::uint64_t{next & 0x7FU} << shift;
      if (next & 0x80) continue;
      if (next == 0 && shift != 0) fail("a number that is longer than needed");
      return failed() ? 0 : value;
    }
    fail("a number of more than 64 bits");
    return 0;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  const char* fault_ = nullptr;
};

}  // namespace roost::cluster
