// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/peer_message.h"

#include <algorithm>

#include "broker/base/check.h"
#include "cluster/packed.h"

namespace roost::gates {

namespace {

using cluster::PackedReader;
using cluster::PackedWriter;
using routing::Message;
using routing::MessageParts;
using routing::Source;

constexpr std::uint8_t kRetain = 0x04, kExpires = 0x08;
constexpr std::uint8_t kDelivers = 0x01, kKeeps = 0x02;
constexpr std::uint8_t kVolatile = 0x01, kLate = 0x02, kTold = 0x04, kEarly = 0x08;
constexpr std::uint8_t kStored = 0x80;  // beside a target
// Ages beyond are none: 35 years.
constexpr std::uint64_t kAgeMsMax = std::uint64_t{1} << 40;

Unexpected<Error> corrupt(const PackedReader& reader, const char* what) {
  return error(ErrorKind::corrupt, std::string(what) + ": " + reader.fault());
}

// All but the payload is copied in any case.
routing::MessagePtr read_message(PackedReader& reader, SteadyMs now_ms,
                                 const SharedPtr<SharedBlock>& owner) {
  MessageParts parts;
  const std::uint8_t flags = reader.byte();
  const std::uint8_t qos = flags & 0x03;
  if (qos > 2 || flags > (kExpires | kRetain | 0x03)) reader.fail("unknown flags of a message");
  parts.topic = as_text(reader.take(reader.length(65'535)));
  parts.forwarded = reader.bytes();
  parts.origin = reader.number();
  parts.sequence = reader.number();
  const std::uint64_t age_ms = reader.number();
  if (age_ms > kAgeMsMax) reader.fail("an age that is too large");
  std::uint32_t expiry_s = 0;
  if ((flags & kExpires) != 0) {
    reader.number(expiry_s);
    parts.expiry_s = expiry_s;
  }
  if (parts.topic.empty()) reader.fail("a message without a topic");
  if (reader.failed()) return {};
  parts.payload = reader.take(reader.left());
  parts.qos = static_cast<mqtt::Qos>(qos);
  parts.retain = (flags & kRetain) != 0;
  parts.received_ms = now_ms - static_cast<std::int64_t>(age_ms);
  if (owner && parts.payload.size() >= routing::kBorrowedPayloadMin) {
    parts.payload_owner = SharedPtr<const SharedBlock>::share(owner.get());
  }
  return Message::make(parts);
}

void read_source(PackedReader& reader, std::optional<Source>& source) {
  bool is_there = false;
  reader.flag(is_there);
  if (!is_there) return;
  Source& read = source.emplace();
  reader.choice(read.kind, Source::Kind::node);
  reader.number(read.part);
  reader.number(read.life);
  reader.number(read.number);
}

void read_shard(PackedReader& reader, PublishHead::Shard& shard) {
  shard.id = reader.byte();
  const std::uint8_t flags = reader.byte();
  if (shard.id >= kClusterShardsMax || flags == 0 || flags > (kDelivers | kKeeps)) {
    reader.fail("no target of a publish");
  }
  shard.delivers = (flags & kDelivers) != 0;
  shard.keeps = (flags & kKeeps) != 0;
  reader.number(shard.epoch);
}

}  // namespace

void append_message_head(const Message& message, SteadyMs now_ms, std::string& out) {
  PackedWriter writer(out);
  writer.byte(static_cast<std::uint8_t>(static_cast<unsigned>(message.qos()) |
                                        (message.retain() ? kRetain : 0U) |
                                        (message.expires() ? kExpires : 0U)));
  writer.bytes(as_bytes(message.topic()));
  writer.bytes(message.forwarded());
  writer.number(message.origin());
  writer.number(message.sequence());
  const auto age_ms =
      static_cast<std::uint64_t>(std::max<std::int64_t>(now_ms - message.received_ms(), 0));
  writer.number(std::min(age_ms, kAgeMsMax));
  if (message.expires()) writer.number(*message.expiry_s());
}

void append_publish_head(const PublishHead& head, std::string& out) {
  PackedWriter writer(out);
  writer.number(head.number);
  writer.byte(static_cast<std::uint8_t>((head.is_volatile ? kVolatile : 0U) |
                                        (head.is_late ? kLate : 0U) | (head.told ? kTold : 0U) |
                                        (head.is_early ? kEarly : 0U)));
  writer.list(head.shards, [](PackedWriter& each, const PublishHead::Shard& shard) {
    each.byte(shard.id);
    each.byte(
        static_cast<std::uint8_t>((shard.delivers ? kDelivers : 0U) | (shard.keeps ? kKeeps : 0U)));
    each.number(shard.epoch);
  });
  if (head.told) {
    writer.number(head.told->shards);
    writer.list(head.told->lives,
                [](PackedWriter& each, std::uint64_t life) { each.number(life); });
  }
  writer.flag(head.source.has_value());
  if (!head.source) return;
  writer.choice(head.source->kind, Source::Kind::node);
  writer.number(head.source->part);
  writer.number(head.source->life);
  writer.number(head.source->number);
}

void append_once_head(bool keeps, std::string& out) { PackedWriter(out).flag(keeps); }

Result<OnceBody> read_once(ByteView body, SteadyMs now_ms, const SharedPtr<SharedBlock>& owner) {
  PackedReader reader(body);
  OnceBody once;
  reader.flag(once.keeps);
  once.message = read_message(reader, now_ms, owner);
  if (reader.failed()) return corrupt(reader, "message of another node");
  return once;
}

Result<PublishBody> read_publish(ByteView body, SteadyMs now_ms,
                                 const SharedPtr<SharedBlock>& owner) {
  PackedReader reader(body);
  PublishBody publish;
  reader.number(publish.head.number);
  const std::uint8_t flags = reader.byte();
  if (flags > (kVolatile | kLate | kTold | kEarly)) reader.fail("unknown flags of a publish");
  publish.head.is_volatile = (flags & kVolatile) != 0;
  publish.head.is_late = (flags & kLate) != 0;
  publish.head.is_early = (flags & kEarly) != 0;
  reader.list(publish.head.shards, read_shard);
  if ((flags & kTold) != 0) {
    PublishTold& told = publish.head.told.emplace();
    reader.number(told.shards);
    reader.list(told.lives, [](PackedReader& each, std::uint64_t& life) { each.number(life); });
  }
  read_source(reader, publish.head.source);
  publish.message = read_message(reader, now_ms, owner);
  if (reader.failed()) return corrupt(reader, "message of another node");
  return publish;
}

void append_whole_form(LaneId lane, std::string& out) {
  PackedWriter writer(out);
  writer.flag(false);
  writer.number(lane);
}

void append_part_form(LaneId lane, std::uint64_t offset, std::uint64_t size, std::string& out) {
  PackedWriter writer(out);
  writer.flag(true);
  writer.number(lane);
  writer.number(offset);
  writer.number(size);
}

Result<FormHead> read_form(ByteView bytes) {
  PackedReader reader(bytes);
  FormHead head;
  reader.flag(head.is_part);
  reader.number(head.lane);
  if (head.is_part) {
    reader.number(head.offset);
    reader.number(head.size);
  }
  const std::size_t left = reader.left();
  if (head.is_part && (head.size > kPeerBodyMax || left == 0 || head.offset > head.size ||
                       head.size - head.offset < left)) {
    reader.fail("a part that isn't inside its whole");
  }
  if (reader.failed()) return corrupt(reader, "frame of another node");
  head.rest = reader.take(left);
  return head;
}

void append_confirmed(const Confirmed& confirmed, std::string& out) {
  PackedWriter writer(out);
  writer.number(confirmed.lane);
  writer.byte(static_cast<std::uint8_t>(confirmed.target | (confirmed.is_stored ? kStored : 0U)));
  writer.number(confirmed.number);
  writer.number(confirmed.taken);
}

Result<std::vector<Confirmed>> read_confirmed(ByteView bytes) {
  PackedReader reader(bytes);
  std::vector<Confirmed> all;
  while (reader.left() > 0) {
    Confirmed& one = all.emplace_back();
    reader.number(one.lane);
    const std::uint8_t target = reader.byte();
    one.is_stored = (target & kStored) != 0;
    one.target = target & static_cast<std::uint8_t>(~kStored);
    reader.number(one.number);
    reader.number(one.taken);
    if (one.target > kVolatileTarget) reader.fail("no target of a publish");
  }
  if (reader.failed()) return corrupt(reader, "confirmation of another node");
  return all;
}

}  // namespace roost::gates
