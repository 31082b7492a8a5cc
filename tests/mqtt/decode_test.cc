// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "broker/mqtt/encode.h"
#include "tests/support/packet_text.h"
#include "tests/support/wire_cases.h"

namespace roost::mqtt {
namespace {

using support::packet_text;
using support::versions_of;
using support::wire_bytes;
using support::WireCase;

using Bytes = std::vector<std::uint8_t>;

// What a connection does with the bytes: header first, then the body.
Result<Packet, DecodeError> decode_bytes(const Bytes& bytes, ProtocolVersion version,
                                         Sender sender = Sender::client, Limits limits = {}) {
  const FrameResult frame = next_frame(bytes, kPacketSizeMax);
  if (frame.status != FrameStatus::complete) {
    return Unexpected(DecodeError{.reason = reason_of(frame), .what = "the header"});
  }
  return decode(frame.frame, version, limits, sender);
}

void expect_row(const WireCase& row, ProtocolVersion version) {
  SCOPED_TRACE(std::string(row.name) + ", version " + std::to_string(static_cast<int>(version)));
  const Bytes bytes = wire_bytes(row.bytes);
  const auto packet = decode_bytes(bytes, version, row.sender);
  if (row.is_refused()) {
    ASSERT_FALSE(packet) << packet_text(*packet);
    EXPECT_EQ(packet.error().reason, row.reason) << packet.error().what;
    EXPECT_STRNE(packet.error().what, "");
    return;
  }
  ASSERT_TRUE(packet) << packet.error().what;
  EXPECT_EQ(packet_text(*packet), row.text);
}

void expect_rows(std::span<const WireCase> rows) {
  for (const WireCase& row : rows) {
    for (const ProtocolVersion version : versions_of(row)) expect_row(row, version);
  }
}

TEST(Decode, ReadsAndRefusesEveryConnectOfTheTable) { expect_rows(support::connect_cases()); }
TEST(Decode, ReadsAndRefusesEveryConnackOfTheTable) { expect_rows(support::connack_cases()); }
TEST(Decode, ReadsAndRefusesEveryPublishOfTheTable) { expect_rows(support::publish_cases()); }
TEST(Decode, ReadsAndRefusesEveryAckOfTheTable) { expect_rows(support::ack_cases()); }
TEST(Decode, ReadsAndRefusesEverySubscribeOfTheTable) { expect_rows(support::subscribe_cases()); }
TEST(Decode, ReadsAndRefusesEveryOtherPacketOfTheTable) { expect_rows(support::other_cases()); }
TEST(Decode, ReadsAndRefusesEveryPropertyOfTheTable) { expect_rows(support::property_cases()); }

TEST(Decode, TableHasHundredsOfRowsWithDistinctNames) {
  std::set<std::string_view> names;
  for (const WireCase& row : support::all_wire_cases()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
  EXPECT_GT(names.size(), 350U);
}

TEST(PeekClientId, IsWhatDecodeReadsFromEveryConnectOfTheTable) {
  for (const WireCase& row : support::connect_cases()) {
    const Bytes bytes = wire_bytes(row.bytes);
    const auto packet = decode_bytes(bytes, ProtocolVersion::v5);
    if (!packet) continue;
    const std::string_view id = std::get<Connect>(*packet).client_id;
    EXPECT_EQ(peek_client_id(bytes), id) << row.name;
    for (std::size_t size = 0; size < std::min<std::size_t>(bytes.size(), 1000); ++size) {
      const std::string_view early = peek_client_id(ByteView(bytes).first(size));
      EXPECT_TRUE(early.empty() || early == id) << row.name << ", cut to " << size;
    }
  }
}

TEST(PeekClientId, OfAnythingElseIsEmpty) {
  for (const WireCase& row : support::all_wire_cases()) {
    const Bytes bytes = wire_bytes(row.bytes);
    if (bytes[0] >> 4 == 1) continue;
    EXPECT_EQ(peek_client_id(bytes), "") << row.name;
  }
  EXPECT_EQ(peek_client_id({}), "");
}

// Every packet cut anywhere is refused or still a packet; nothing reads past the end (ASan).
TEST(Decode, SurvivesEveryPacketCutAnywhere) {
  for (const WireCase& row : support::all_wire_cases()) {
    const Bytes bytes = wire_bytes(row.bytes);
    const FrameResult whole = next_frame(bytes, kPacketSizeMax);
    if (whole.status != FrameStatus::complete || bytes.size() > 1000) continue;
    for (std::size_t size = 0; size < whole.frame.body.size(); ++size) {
      const Bytes body(whole.frame.body.begin(), whole.frame.body.begin() + size);
      const Frame frame{bytes[0], body, 2};
      for (const ProtocolVersion version : versions_of(row)) {
        static_cast<void>(decode(frame, version, Limits{}, row.sender).has_value());
      }
    }
  }
}

TEST(Decode, RefusesAPropertyGivenTwice) {
  const auto packet = decode_bytes(wire_bytes("30 * 't' {01 01 01 01}"), ProtocolVersion::v5);
  ASSERT_FALSE(packet);
  EXPECT_EQ(packet.error().reason, ReasonCode::protocol_error);
  EXPECT_STREQ(packet.error().what, "a property is given twice");
}

TEST(Decode, KeepsTheFirstFaultOfAPacketWithSeveral) {
  const auto packet = decode_bytes(wire_bytes("36 * 'a/#' 0000 {04}"), ProtocolVersion::v5);
  ASSERT_FALSE(packet);
  EXPECT_STREQ(packet.error().what, "QoS 3");
}

TEST(Decode, ViewsPointIntoTheFrame) {
  const Bytes bytes = wire_bytes("30 * 't' {26 'k' 'v'} ~payload~");
  const auto packet = decode_bytes(bytes, ProtocolVersion::v5);
  ASSERT_TRUE(packet);
  const Publish& publish = std::get<Publish>(*packet);
  const auto within = [&bytes](const void* at) {
    return at >= bytes.data() && at < bytes.data() + bytes.size();
  };
  EXPECT_TRUE(within(publish.topic.data()));
  EXPECT_TRUE(within(publish.payload.data()));
  EXPECT_TRUE(within(publish.properties.user_properties.at(0).first.data()));
  EXPECT_TRUE(within(publish.properties.raw.data()));
}

TEST(Decode, TellsTheVersionToRefuseAConnectIn) {
  const struct {
    const char* bytes;
    ProtocolVersion version;
    bool silent;
  } rows[] = {
      {"10 * 'MQTT' 06 02 003C 00 'c'", ProtocolVersion::v5, false},
      {"10 * 'MQTT' 02 02 003C 'c'", ProtocolVersion::v3_1_1, false},
      {"10 * 'MQTT' 03 02 003C 'c'", ProtocolVersion::v3_1_1, false},
      {"10 * 'MQIsdp' 06 02 003C 'c'", ProtocolVersion::v3_1, false},
      {"10 * 'MQTT' 05 03 003C 00 'c'", ProtocolVersion::v5, false},
      {"10 * 'MQTT' 05 02 003C 00 0002 C328", ProtocolVersion::v5, false},
      {"10 * 'MQTT' 04 02 003C 0002 C328", ProtocolVersion::v3_1_1, false},
      {"10 * 'MQTT' 04 03 003C 'c'", ProtocolVersion::v3_1_1, true},
      {"10 * 'MQIsdp' 03 1E 003C 'c' 'w' 'x'", ProtocolVersion::v3_1, true},
      {"10 * 'MQTT'", ProtocolVersion::v3_1_1, true},
      {"10 * 'HTTP' 04 02 003C 'c'", ProtocolVersion::v3_1_1, true},
  };
  for (const auto& row : rows) {
    const auto packet = decode_bytes(wire_bytes(row.bytes), ProtocolVersion::v3_1_1);
    ASSERT_FALSE(packet) << row.bytes;
    EXPECT_EQ(packet.error().version, row.version) << row.bytes;
    EXPECT_EQ(packet.error().close_silently, row.silent) << row.bytes;
  }
}

TEST(Decode, ErrorsAfterConnectCarryTheConnectionsVersion) {
  for (const auto version : {ProtocolVersion::v3_1, ProtocolVersion::v3_1_1, ProtocolVersion::v5}) {
    const auto packet = decode_bytes(wire_bytes("30 * 'a/#' 00"), version);
    ASSERT_FALSE(packet);
    EXPECT_EQ(packet.error().version, version);
    EXPECT_FALSE(packet.error().close_silently);
  }
}

TEST(Decode, ObeysTheLimitOfTopicLevels) {
  const Bytes publish = wire_bytes("30 * 'a/b/c'");
  const Bytes subscribe = wire_bytes("82 * 000A '$share/g/a/b/c' 00");
  const auto with = [](const Bytes& bytes, std::uint32_t levels) {
    return decode_bytes(bytes, ProtocolVersion::v3_1_1, Sender::client,
                        {.topic_levels_max = levels});
  };
  EXPECT_TRUE(with(publish, 3));
  EXPECT_EQ(with(publish, 2).error().reason, ReasonCode::topic_name_invalid);
  EXPECT_TRUE(with(subscribe, 3));
  EXPECT_EQ(with(subscribe, 2).error().reason, ReasonCode::topic_filter_invalid);
}

// The hot path: one Publish is used for packet after packet and keeps nothing of the one before.
TEST(Decode, ReusesAPublishWithoutTraces) {
  Publish publish;
  const Bytes full = wire_bytes("3D * 't' 000A {01 01 23 0005 26 'k' 'v'} ~x~");
  const Bytes bare = wire_bytes("30 * 'u' 00");
  const Bytes old = wire_bytes("30 * 'v' ~y~");
  const auto into = [&publish](const Bytes& bytes, ProtocolVersion version) {
    ASSERT_TRUE(decode_publish(next_frame(bytes, kPacketSizeMax).frame, version, {}, publish));
  };
  into(full, ProtocolVersion::v5);
  EXPECT_EQ(publish.properties.user_properties.size(), 1U);
  const std::size_t capacity = publish.properties.user_properties.capacity();
  into(bare, ProtocolVersion::v5);
  EXPECT_EQ(packet_text(publish), R"(PUBLISH qos=0 topic="u" payload="")");
  EXPECT_EQ(publish.properties.topic_alias, 0);
  EXPECT_TRUE(publish.properties.raw.empty());
  EXPECT_TRUE(publish.properties.user_properties.empty());
  EXPECT_EQ(publish.properties.user_properties.capacity(), capacity);
  into(full, ProtocolVersion::v5);
  into(old, ProtocolVersion::v3_1_1);
  EXPECT_EQ(packet_text(publish), R"(PUBLISH qos=0 topic="v" payload="y")");
}

TEST(Decode, HotPathsAgreeWithTheTable) {
  for (const WireCase& row : support::all_wire_cases()) {
    const Bytes bytes = wire_bytes(row.bytes);
    const FrameResult frame = next_frame(bytes, kPacketSizeMax);
    if (frame.status != FrameStatus::complete) continue;
    const PacketType type = frame.frame.type();
    const bool is_ack = type >= PacketType::puback && type <= PacketType::pubcomp;
    if (!is_ack && type != PacketType::publish) continue;
    for (const ProtocolVersion version : versions_of(row)) {
      Publish publish;
      Ack ack;
      const auto result = is_ack ? decode_ack(frame.frame, version, ack, row.sender)
                                 : decode_publish(frame.frame, version, {}, publish, row.sender);
      ASSERT_EQ(result.has_value(), !row.is_refused()) << row.name;
      if (row.is_refused()) {
        EXPECT_EQ(result.error().reason, row.reason) << row.name;
      } else {
        EXPECT_EQ(is_ack ? packet_text(ack) : packet_text(publish), row.text);
      }
    }
  }
}

}  // namespace
}  // namespace roost::mqtt
