// SPDX-License-Identifier: Apache-2.0
#include "broker/session/packed.h"

#include <array>

#include "broker/mqtt/limits.h"
#include "broker/session/record.h"

namespace roost::session {
namespace {

using routing::Message;
using routing::MessageParts;

// A message: flags, then the numbers that they and Message call for (length of the topic,
// [length of what is forwarded], [origin, 8 bytes big-endian], sequence, received in shard time,
// [expiry], length of the payload), then topic, forwarded, payload.
constexpr unsigned kQos = 0x03;
constexpr unsigned kRetain = 0x04;
constexpr unsigned kExpires = 0x08;
constexpr unsigned kForwards = 0x10;
constexpr unsigned kHasOrigin = 0x20;
constexpr unsigned kUnknown = 0xC0;
constexpr std::size_t kHeadSizeMax = 64;  // in fact 1 + 3 + 4 + 8 + 10 + 10 + 5 + 4

std::uint8_t* put_number(std::uint8_t* at, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<std::uint8_t>(value | 0x80);
  *at++ = static_cast<std::uint8_t>(value);
  return at;
}

bool is_sane(std::int64_t ms) { return ms >= -kTimeMax && ms <= kTimeMax; }

unsigned flags_of(const Message& message) {
  return static_cast<unsigned>(message.qos()) | (message.retain() ? kRetain : 0) |
         (message.expires() ? kExpires : 0) | (message.forwarded().empty() ? 0 : kForwards) |
         (message.origin() != 0 ? kHasOrigin : 0);
}

}  // namespace

void PackedWriter::long_number(std::uint64_t value) {
  std::array<std::uint8_t, 10> bytes;
  out_.insert(out_.end(), bytes.data(), put_number(bytes.data(), value));
}

void PackedWriter::message(const routing::MessagePtr& pointer) {
  CHECK(pointer);
  const Message& message = *pointer;
  const std::int64_t received_ms = message.received_ms() + shard_offset_ms_;
  DCHECK(is_sane(received_ms));
  const unsigned flags = flags_of(message);
  std::array<std::uint8_t, kHeadSizeMax> head;
  std::uint8_t* at = head.data();
  *at++ = static_cast<std::uint8_t>(flags);
  at = put_number(at, message.topic().size());
  if (flags & kForwards) at = put_number(at, message.forwarded().size());
  if (flags & kHasOrigin) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      *at++ = static_cast<std::uint8_t>(message.origin() >> shift);
    }
  }
  at = put_number(at, message.sequence());
  at = put_number(at, static_cast<std::uint64_t>(received_ms));
  if (flags & kExpires) at = put_number(at, *message.expiry_s());
  at = put_number(at, message.payload().size());
  out_.insert(out_.end(), head.data(), at);
  const auto put = [this](ByteView part) { out_.insert(out_.end(), part.begin(), part.end()); };
  put(as_bytes(message.topic()));
  put(message.forwarded());
  if (pieces_ == nullptr || message.payload().size() < PiecedBytes::kPieceMin) [[likely]] {
    put(message.payload());
  } else {
    pieces_->push_back({out_.size(), message.payload()});
  }
}

std::uint64_t PackedReader::long_number() {
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

ByteView PackedReader::take(std::size_t size) {
  if (size > left()) {
    fail(kTooShort);
    return {};
  }
  at_ += size;
  return {at_ - size, size};
}

std::size_t PackedReader::length(std::size_t max) {
  const std::uint64_t size = number();
  if (size <= left() && size <= max) return static_cast<std::size_t>(size);
  fail(size > left() ? kTooShort : "a length that is too large");
  return 0;
}

void PackedReader::time(std::int64_t& ms) {
  ms = static_cast<std::int64_t>(number());
  if (!is_sane(ms) && ms != kNever) fail("a time that can't be");
}

void PackedReader::message(routing::MessagePtr& message) {
  const unsigned flags = byte();
  if ((flags & kUnknown) != 0 || (flags & kQos) == kQos) return fail("unknown flags of a message");
  MessageParts parts;
  parts.qos = static_cast<mqtt::Qos>(flags & kQos);
  parts.retain = (flags & kRetain) != 0;
  const std::size_t topic = length(kTextSizeMax);
  const std::size_t forwarded = flags & kForwards ? length(mqtt::kRemainingLengthMax) : 0;
  if ((flags & kForwards) && forwarded == 0)
    fail("nothing forwarded where something is said to be");
  if (flags & kHasOrigin) {
    for (const std::uint8_t each : take(8)) parts.origin = parts.origin << 8 | each;
    if (parts.origin == 0) fail("no origin where one is said to be");
  }
  parts.sequence = number();
  const auto received_ms = static_cast<std::int64_t>(number());
  if (!is_sane(received_ms)) return fail("a time that can't be");
  parts.received_ms = received_ms - shard_offset_ms_;
  if (flags & kExpires)
    parts.expiry_s = static_cast<std::uint32_t>(fitting<std::uint32_t>(number()));
  const std::size_t payload = length(mqtt::kRemainingLengthMax);
  parts.topic = as_text(take(topic));
  parts.forwarded = take(forwarded);
  parts.payload = take(payload);
  if (!failed()) message = Message::make(parts);
}

}  // namespace roost::session
