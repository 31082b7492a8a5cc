// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/message.h"

#include <cstring>
#include <new>
#include <vector>

#include "broker/base/check.h"

namespace roost::routing {

MessagePtr Message::make(const MessageParts& parts) {
  const std::size_t forwarded = parts.properties == nullptr
                                    ? parts.forwarded.size()
                                    : mqtt::forwarded_size(*parts.properties);
  const bool borrows = static_cast<bool>(parts.payload_owner);
  const std::size_t body =
      parts.topic.size() + forwarded + (borrows ? sizeof(Borrowed) : parts.payload.size());
  const bool measured = parts.measured_ns != 0;
  void* room = ::operator new(sizeof(Message) + body +
                              (measured ? sizeof parts.measured_ns : std::size_t{0}));
  auto* message = ::new (room) Message();
  message->payload_size_ = static_cast<std::uint32_t>(parts.payload.size());
  message->forwarded_size_ = static_cast<std::uint32_t>(forwarded);
  message->origin_ = parts.origin;
  message->sequence_ = parts.sequence;
  message->received_ms_ = parts.received_ms;
  message->expires_ = parts.expiry_s.has_value();
  message->expiry_s_ = parts.expiry_s.value_or(0);
  message->topic_size_ = static_cast<std::uint16_t>(parts.topic.size());
  message->qos_ = parts.qos;
  message->retain_ = parts.retain;
  message->borrows_ = borrows;
  message->measured_ = measured;
  auto* out = static_cast<std::uint8_t*>(room) + sizeof(Message);
  if (measured) std::memcpy(out + body, &parts.measured_ns, sizeof parts.measured_ns);
  std::memcpy(out, parts.topic.data(), parts.topic.size());
  out += parts.topic.size();
  if (parts.properties == nullptr && forwarded > 0) {
    std::memcpy(out, parts.forwarded.data(), forwarded);
    out += forwarded;
  } else if (forwarded > 0) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(forwarded);
    mqtt::append_forwarded(*parts.properties, bytes);
    DCHECK(bytes.size() == forwarded);
    std::memcpy(out, bytes.data(), forwarded);
    out += forwarded;
  }
  if (borrows) {
    parts.payload_owner->add_ref();
    const Borrowed borrowed{parts.payload.data(), parts.payload_owner.get()};
    std::memcpy(out, &borrowed, sizeof borrowed);
  } else if (!parts.payload.empty()) {
    std::memcpy(out, parts.payload.data(), parts.payload.size());
  }
  return MessagePtr::adopt(message);
}

Message::Borrowed Message::borrowed() const {
  Borrowed found;
  std::memcpy(&found, body() + topic_size_ + forwarded_size_, sizeof found);
  return found;
}

std::int64_t Message::measured_ns() const {
  const std::size_t body =
      topic_size_ + forwarded_size_ + (borrows_ ? sizeof(Borrowed) : std::size_t{payload_size_});
  std::int64_t ns = 0;
  std::memcpy(&ns, this->body() + body, sizeof ns);
  return ns;
}

std::uint32_t Message::remaining_s(SteadyMs now_ms) const {
  const std::int64_t left_ms = expires_at_ms() - now_ms;
  return left_ms <= 0 ? 0 : static_cast<std::uint32_t>((left_ms + 999) / 1000);
}

std::size_t Message::memory_size() const {
  return sizeof(Message) + topic_size_ + forwarded_size_ + payload_size_;
}

void Message::destroy() const {
  if (borrows_) borrowed().owner->release();
  this->~Message();
  ::operator delete(const_cast<Message*>(this));
}

}  // namespace roost::routing
