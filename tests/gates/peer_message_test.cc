// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/peer_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/gates/part_joiner.h"

namespace roost::gates {
namespace {

constexpr SteadyMs kNow = 5'000'000;

std::string hex(std::string_view bytes) {
  std::string text;
  char byte[3];
  for (const char each : bytes) {
    std::snprintf(byte, sizeof byte, "%02x", static_cast<unsigned char>(each));
    text += byte;
  }
  return text;
}

routing::MessageParts parts() {
  static const std::vector<std::uint8_t> kForwarded = {0x01, 0x01};
  routing::MessageParts parts;
  parts.topic = "a/b";
  parts.payload = as_bytes("hi");
  parts.forwarded = kForwarded;
  parts.qos = mqtt::Qos::exactly_once;
  parts.retain = true;
  parts.origin = 0x1234;
  parts.sequence = 9;
  parts.received_ms = kNow - 300;
  parts.expiry_s = 60;
  return parts;
}

std::string body_of(const PublishHead& head, const routing::Message& message) {
  std::string out;
  append_publish_head(head, out);
  append_message_head(message, kNow, out);
  out.append(as_text(message.payload()));
  return out;
}

PublishHead head() {
  PublishHead head;
  head.number = 300;
  head.is_volatile = true;
  head.shards = {{3, true, false, 7}, {63, true, true, 1}};
  head.is_late = true;
  head.told.emplace();
  head.told->shards = 5;
  head.told->lives = {9, 300};
  head.source = routing::Source::of_shard(ShardId{5}, 2, 1'000);
  return head;
}

void expect_equal(const routing::Message& a, const routing::Message& b) {
  EXPECT_EQ(a.topic(), b.topic());
  EXPECT_EQ(as_text(a.payload()), as_text(b.payload()));
  EXPECT_EQ(as_text(a.forwarded()), as_text(b.forwarded()));
  EXPECT_EQ(a.qos(), b.qos());
  EXPECT_EQ(a.retain(), b.retain());
  EXPECT_EQ(a.origin(), b.origin());
  EXPECT_EQ(a.sequence(), b.sequence());
  EXPECT_EQ(a.expiry_s(), b.expiry_s());
}

TEST(PeerMessage, BytesOfAPublish) {
  const auto message = routing::Message::make(parts());
  EXPECT_EQ(hex(body_of(head(), *message)),
            "ac02"  // number
            "07"    // for sessions in memory; late; who has it
            "02"    // two shards
            "030107"
            "3f0301"  // shard, delivers 1 keeps 2, epoch
            "0502"
            "09"
            "ac02"  // those shards have it, and two nodes
            "01"
            "00"
            "05"
            "02"
            "e807"  // source: of a shard, which, lineage, index
            "0e"    // qos 2, retain, expires
            "03"
            "612f62"  // topic
            "02"
            "0101"  // forwarded properties
            "b424"
            "09"  // origin, sequence
            "ac02"
            "3c"      // age ms, expiry s
            "6869");  // payload
}

TEST(PeerMessage, APublishComesBack) {
  const auto message = routing::Message::make(parts());
  const auto read = read_publish(as_bytes(body_of(head(), *message)), kNow + 1'000'000, {});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->head.number, 300u);
  EXPECT_TRUE(read->head.is_volatile);
  EXPECT_EQ(read->head.shards, head().shards);
  EXPECT_TRUE(read->head.is_late);
  EXPECT_EQ(read->head.told, head().told);
  EXPECT_EQ(read->head.source, head().source);
  expect_equal(*read->message, *message);
  EXPECT_EQ(read->message->received_ms(), kNow + 1'000'000 - 300);
}

TEST(PeerMessage, AMessageWithoutAPromiseComesBack) {
  routing::MessageParts plain;
  plain.topic = "t";
  plain.received_ms = kNow + 5;  // of another core's turn: no age below zero
  const auto message = routing::Message::make(plain);
  std::string out;
  append_once_head(true, out);
  append_message_head(*message, kNow, out);
  const auto read = read_once(as_bytes(out), 0, {});
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->keeps);
  EXPECT_EQ(read->message->received_ms(), 0);
  expect_equal(*read->message, *message);
}

TEST(PeerMessage, WhatIsCutOffIsRefusedUpToThePayload) {
  const auto message = routing::Message::make(parts());
  const std::string body = body_of(head(), *message);
  for (std::size_t size = 0; size < body.size() - 2; ++size) {
    EXPECT_FALSE(read_publish(as_bytes(std::string_view(body).substr(0, size)), kNow, {})) << size;
  }
  const auto shorter =
      read_publish(as_bytes(std::string_view(body).substr(0, body.size() - 1)), kNow, {});
  ASSERT_TRUE(shorter);  // the payload is whatever is left
}

TEST(PeerMessage, ALargePayloadStaysInItsBuffer) {
  routing::MessageParts large = parts();
  const std::string payload(routing::kBorrowedPayloadMin, 'x');
  large.payload = as_bytes(payload);
  const std::string body = body_of(head(), *routing::Message::make(large));
  const auto owner = SharedPtr<BodyBuffer>::adopt(
      new BodyBuffer(std::vector<std::uint8_t>(body.begin(), body.end())));
  const auto read = read_publish(owner->bytes(), kNow, SharedPtr<SharedBlock>::share(owner.get()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->message->payload().data(),
            owner->bytes().data() + (body.size() - payload.size()));
}

struct Refused {
  const char* what;
  std::string bytes;
};

TEST(PeerMessage, NonsenseIsRefused) {
  const std::string ok("\x01\x00\x00\x00\x00\x01t\x00\x00\x00\x00", 11);
  ASSERT_TRUE(read_publish(as_bytes(ok), kNow, {}));
  const Refused kCases[] = {
      {"flags that aren't known", std::string("\x01\x10", 2) + ok.substr(2)},
      {"a shard of 64", std::string("\x01\x00\x01\x40\x01\x00", 6) + ok.substr(3)},
      {"a shard that neither keeps nor delivers",
       std::string("\x01\x00\x01\x03\x00\x00", 6) + ok.substr(3)},
      {"a kind of source that isn't known",
       std::string("\x01\x00\x00\x01\x02\x00\x00\x00", 8) + ok.substr(4)},
      {"QoS 3", ok.substr(0, 4) + "\x03" + ok.substr(5)},
      {"an unknown flag", ok.substr(0, 4) + "\x10" + ok.substr(5)},
      {"no topic", ok.substr(0, 5) + std::string("\x00", 1) + ok.substr(7)},
      {"a topic longer than the rest", ok.substr(0, 5) + "\x7F" + ok.substr(6)},
      {"an age of centuries",
       ok.substr(0, 10) + std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 8)},
  };
  for (const Refused& one : kCases) {
    EXPECT_FALSE(read_publish(as_bytes(one.bytes), kNow, {})) << one.what;
  }
}

TEST(PeerMessage, FormsOfABody) {
  std::string whole;
  append_whole_form(3, whole);
  whole += "body";
  const auto plain = read_form(as_bytes(whole));
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->is_part);
  EXPECT_EQ(plain->lane, 3);
  EXPECT_EQ(as_text(plain->rest), "body");
  std::string part;
  append_part_form(3, 10, 14, part);
  const std::string complete = part + "body";
  const auto last = read_form(as_bytes(complete));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->offset, 10u);
  EXPECT_EQ(last->size, 14u);
  EXPECT_FALSE(read_form(as_bytes(part)));            // empty
  EXPECT_FALSE(read_form(as_bytes(part + "bodyx")));  // beyond its whole
  std::string huge;
  append_part_form(3, 0, kPeerBodyMax + 1, huge);
  EXPECT_FALSE(read_form(as_bytes(huge + "x")));
}

TEST(PeerMessage, ConfirmationsComeBack) {
  std::string out;
  append_confirmed({3, 63, 1'000'000, 0}, out);
  append_confirmed({2, kVolatileTarget, 0, 70'000}, out);
  const auto read = read_confirmed(as_bytes(out));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0], (Confirmed{3, 63, 1'000'000, 0}));
  EXPECT_EQ((*read)[1], (Confirmed{2, kVolatileTarget, 0, 70'000}));
  EXPECT_FALSE(read_confirmed(as_bytes(out.substr(0, out.size() - 1))));
  std::string wrong;
  append_confirmed({3, 65, 1, 0}, wrong);
  EXPECT_FALSE(read_confirmed(as_bytes(wrong)));
}

FormHead part_of(std::uint64_t offset, std::uint64_t size, std::string_view bytes) {
  FormHead head;
  head.is_part = true;
  head.offset = offset;
  head.size = size;
  head.rest = as_bytes(bytes);
  return head;
}

TEST(PartJoiner, PutsPartsTogether) {
  PartJoiner joiner;
  EXPECT_FALSE(joiner.add(part_of(0, 5, "ab")));
  EXPECT_FALSE(joiner.add(part_of(2, 5, "cd")));
  const auto whole = joiner.add(part_of(4, 5, "e"));
  ASSERT_TRUE(whole);
  EXPECT_EQ(as_text(whole->bytes()), "abcde");
  EXPECT_EQ(joiner.collected(), 0u);
}

TEST(PartJoiner, AFirstPartBeginsAnewAndAGapDropsAll) {
  PartJoiner joiner;
  EXPECT_FALSE(joiner.add(part_of(0, 5, "ab")));
  EXPECT_FALSE(joiner.add(part_of(0, 3, "x")));
  EXPECT_TRUE(joiner.add(part_of(1, 3, "yz")));
  EXPECT_FALSE(joiner.add(part_of(0, 5, "ab")));
  EXPECT_FALSE(joiner.add(part_of(3, 5, "de")));
  EXPECT_EQ(joiner.collected(), 0u);
  EXPECT_FALSE(joiner.add(part_of(2, 5, "cde")));
}

}  // namespace
}  // namespace roost::gates
