// SPDX-License-Identifier: Apache-2.0
// A published message as the broker keeps it: immutable, one allocation, shared by everybody who
// waits for it. The only copy of the payload that is made on its way; a large one stays in the
// buffer that it was received in. DESIGN section 6.
// Thread: immutable; may cross cores.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/base/clock.h"
#include "broker/base/shared.h"
#include "broker/mqtt/packet.h"

namespace roost::routing {

// Payloads from here on are worth being borrowed instead of copied.
inline constexpr std::size_t kBorrowedPayloadMin = std::size_t{1} << 20;

// No property has this number: what is forwarded begins with it where a message is not for clients
// but what the shards of a cluster say to each other (session/share_step.h).
inline constexpr std::uint8_t kStepMark = 0;

// Of the messages that come to a core one in so many has its way to each subscriber measured.
inline constexpr std::uint64_t kMeasuredOneIn = 64;  // a power of two

// What a message is made of. Views are copied by Message::make.
struct MessageParts {
  std::string_view topic;  // a valid topic name
  ByteView payload;
  // Not null: the payload isn't copied; this keeps it.
  SharedPtr<const SharedBlock> payload_owner;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  // Who published, for No Local: hash64(client id); 0: nobody's own (wills, HTTP).
  std::uint64_t origin = 0;
  // Rises with every message of one origin.
  std::uint64_t sequence = 0;
  // When it was published, on the steady clock of this process.
  SteadyMs received_ms = 0;
  // The same, finely, where its way is measured (kMeasuredOneIn); 0: it isn't.
  std::int64_t measured_ns = 0;
  // Seconds to live from then; none without Message Expiry Interval. [MQTT-3.3.2-5]
  std::optional<std::uint32_t> expiry_s;
  // May be null: the properties to forward are read from it (mqtt::append_forwarded).
  const mqtt::Properties* properties = nullptr;
  ByteView forwarded;  // where properties is null: what another Message forwards
};

class Message final : public SharedBlock {
 public:
  static SharedPtr<const Message> make(const MessageParts& parts);

  std::string_view topic() const { return as_text({body(), topic_size_}); }
  ByteView forwarded() const { return {body() + topic_size_, forwarded_size_}; }  // wire form
  bool is_step() const { return forwarded_size_ > 0 && body()[topic_size_] == kStepMark; }
  ByteView payload() const {
    const std::uint8_t* const behind = body() + topic_size_ + forwarded_size_;
    return {borrows_ ? borrowed().payload : behind, payload_size_};
  }
  mqtt::Qos qos() const { return qos_; }
  bool retain() const { return retain_; }
  std::uint64_t origin() const { return origin_; }
  std::uint64_t sequence() const { return sequence_; }
  // Of one client and for one topic, and `other` is the later of the two. A will has no number: it
  // is the later one of any.
  bool is_superseded_by(const Message& other) const {
    return origin_ != 0 && origin_ == other.origin_ && sequence_ != 0 &&
           sequence_ < other.sequence_ && topic() == other.topic();
  }
  SteadyMs received_ms() const { return received_ms_; }
  bool is_measured() const { return measured_; }
  // Requires: is_measured().
  std::int64_t measured_ns() const;
  std::optional<std::uint32_t> expiry_s() const {
    return expires_ ? std::optional(expiry_s_) : std::nullopt;
  }

  bool expires() const { return expires_; }
  bool is_expired(SteadyMs now_ms) const { return expires() && now_ms >= expires_at_ms(); }
  // Requires: expires().
  SteadyMs expires_at_ms() const { return received_ms_ + std::int64_t{expiry_s_} * 1000; }
  // Seconds left at `now_ms`, rounded up. Requires: expires(). [MQTT-3.3.2-6]
  std::uint32_t remaining_s(SteadyMs now_ms) const;

  // Bytes that this message holds in memory.
  std::size_t memory_size() const;

 private:
  Message() = default;
  void destroy() const override;
  const std::uint8_t* body() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }
  // Stands in the body instead of the payload.
  struct Borrowed {
    const std::uint8_t* payload;
    const SharedBlock* owner;
  };
  Borrowed borrowed() const;

  std::uint32_t payload_size_ = 0;
  std::uint32_t forwarded_size_ = 0;
  std::uint64_t origin_ = 0;
  std::uint64_t sequence_ = 0;
  SteadyMs received_ms_ = 0;
  std::uint32_t expiry_s_ = 0;
  std::uint16_t topic_size_ = 0;
  mqtt::Qos qos_ = mqtt::Qos::at_most_once;
  bool retain_ : 1 = false;
  bool expires_ : 1 = false;
  bool borrows_ : 1 = false;
  bool measured_ : 1 = false;  // measured_ns stands behind the body
};

using MessagePtr = SharedPtr<const Message>;

}  // namespace roost::routing
