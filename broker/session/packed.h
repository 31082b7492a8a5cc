// SPDX-License-Identifier: Apache-2.0
// Inside the codecs of records and state: a writer and a reader with the same methods, so that the
// fields of a struct are listed once for both (record_fields.h). Numbers are LEB128, times their 64
// bits as a number, a text its length and bytes, a list its count and elements; no padding. Every
// value has one form only: what is read and written again gives the same bytes.
// Thread: any thread (values).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/check.h"
#include "broker/base/clock.h"
#include "broker/routing/message.h"
#include "broker/session/pieced_bytes.h"

namespace roost::session {

// Longest topic, filter, client id, and share ("group/filter").
inline constexpr std::size_t kTextSizeMax = 65'535;
// Times are within +- 36 million years, or kNever: sums of them don't overflow.
inline constexpr std::int64_t kTimeMax = std::int64_t{1} << 60;

// A struct as PackedWriter (const) or PackedReader wants it.
template <typename Form, typename T>
using In = std::conditional_t<Form::kWrites, const T, T>;

class PackedWriter {
 public:
  static constexpr bool kWrites = true;

  // Appends to `out`. Shard time = steady time of this process + `shard_offset_ms`.
  PackedWriter(std::vector<std::uint8_t>& out, SteadyMs shard_offset_ms)
      : out_(out), shard_offset_ms_(shard_offset_ms) {}
  // Large payloads become pieces.
  PackedWriter(PiecedBytes& out, SteadyMs shard_offset_ms)
      : out_(out.bytes), shard_offset_ms_(shard_offset_ms), pieces_(&out.pieces) {}

  void byte(std::uint8_t value) { out_.push_back(value); }
  void flag(bool value) { byte(value ? 1 : 0); }
  void number(std::unsigned_integral auto value) {
    if (value < 0x80) return byte(static_cast<std::uint8_t>(value));
    long_number(value);
  }
  // Requires: within kTimeMax, or kNever.
  void time(std::int64_t ms) { number(static_cast<std::uint64_t>(ms)); }
  template <typename Enum>
  void choice(Enum value, Enum last) {
    DCHECK(value <= last);
    byte(static_cast<std::uint8_t>(value));
  }
  // Requires: up to kTextSizeMax bytes.
  void text(std::string_view value) {
    DCHECK(value.size() <= kTextSizeMax);
    bytes(as_bytes(value));
  }
  void bytes(ByteView value) {
    number(value.size());
    out_.insert(out_.end(), value.begin(), value.end());
  }
  // Requires: not null. Its steady time is written as shard time.
  void message(const routing::MessagePtr& message);
  // Numbers that mostly rise by little, each as its distance from the one before.
  template <std::unsigned_integral T>
  void sequences(const std::vector<T>& values) {
    number(values.size());
    std::uint64_t before = 0;
    for (const std::uint64_t value : values) {
      const auto step = static_cast<std::int64_t>(value - before);
      number(static_cast<std::uint64_t>(step) << 1 ^ static_cast<std::uint64_t>(step >> 63));
      before = value;
    }
  }
  // each(writer, element)
  template <typename T, typename Each>
  void list(const std::vector<T>& values, Each each) {
    number(values.size());
    for (const T& value : values) each(*this, value);
  }
  template <typename T, typename Each>
  void optional(const std::optional<T>& value, Each each) {
    flag(value.has_value());
    if (value) each(*this, *value);
  }

 private:
  void long_number(std::uint64_t value);

  std::vector<std::uint8_t>& out_;
  SteadyMs shard_offset_ms_;
  std::vector<PiecedBytes::Piece>* pieces_ = nullptr;
};

// Can't run past its bytes. The first fault sticks: from then on it reads zeros and nothing, so a
// decoder asks once, at its end.
class PackedReader {
 public:
  static constexpr bool kWrites = false;

  PackedReader(ByteView bytes, SteadyMs shard_offset_ms)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), shard_offset_ms_(shard_offset_ms) {}

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
    if (at_ != end_) [[likely]]
      return *at_++;
    fail(kTooShort);
    return 0;
  }
  std::uint64_t number() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return long_number();
  }
  ByteView take(std::size_t size);
  // The length of something that is to follow, up to `max`.
  std::size_t length(std::size_t max);

  void byte(std::uint8_t& value) { value = byte(); }
  void flag(bool& value) {
    const std::uint8_t read = byte();
    if (read > 1) fail("a flag that is neither 0 nor 1");
    value = read == 1;
  }
  template <std::unsigned_integral T>
  void number(T& value) {
    value = static_cast<T>(fitting<T>(number()));
  }
  void time(std::int64_t& ms);
  template <typename Enum>
  void choice(Enum& value, Enum last) {
    const std::uint8_t read = byte();
    if (read > static_cast<std::uint8_t>(last)) return fail("a choice that is not known");
    value = static_cast<Enum>(read);
  }
  void text(std::string& value) { value = as_text(take(length(kTextSizeMax))); }
  void message(routing::MessagePtr& message);
  template <std::unsigned_integral T>
  void sequences(std::vector<T>& values) {
    std::size_t count = length(left());
    values.reserve(count);
    for (std::uint64_t before = 0; count > 0 && !failed(); --count) {
      const std::uint64_t step = number();
      before += step >> 1 ^ (0 - (step & 1));
      values.push_back(static_cast<T>(fitting<T>(before)));
    }
  }
  template <typename T, typename Each>
  void list(std::vector<T>& values, Each each) {
    // An element takes a byte at least, so there can't be more; memory grows as they are read.
    for (std::size_t count = length(left()); count > 0 && !failed(); --count) {
      each(*this, values.emplace_back());
    }
  }
  template <typename T, typename Each>
  void optional(std::optional<T>& value, Each each) {
    bool present = false;
    flag(present);
    if (present) each(*this, value.emplace());
  }

 private:
  static constexpr const char* kTooShort = "ends too early";

  std::uint64_t long_number();
  template <typename T>
  std::uint64_t fitting(std::uint64_t value) {
    if (value <= std::numeric_limits<T>::max()) return value;
    fail("a number that is too large");
    return 0;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  SteadyMs shard_offset_ms_;
  const char* fault_ = nullptr;
};

}  // namespace roost::session
