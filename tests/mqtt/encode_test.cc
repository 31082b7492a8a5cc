// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/encode.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "broker/mqtt/decode.h"
#include "broker/mqtt/limits.h"
#include "tests/support/packet_text.h"
#include "tests/support/wire_cases.h"

namespace roost::mqtt {
namespace {

using support::packet_text;
using support::versions_of;
using support::wire_bytes;
using support::WireCase;

using Bytes = std::vector<std::uint8_t>;

Bytes encoded(const Packet& packet, ProtocolVersion version) {
  Bytes out;
  encode(packet, version, out);
  return out;
}

TEST(Encode, WritesEveryPacketOfTheTableAsItCame) {
  for (const WireCase& row : support::all_wire_cases()) {
    if (row.is_refused()) continue;
    for (const ProtocolVersion version : versions_of(row)) {
      SCOPED_TRACE(row.name);
      const Bytes bytes = wire_bytes(row.bytes);
      const FrameResult frame = next_frame(bytes, kPacketSizeMax);
      const auto packet = decode(frame.frame, version, {}, row.sender);
      ASSERT_TRUE(packet);
      const Bytes again = encoded(*packet, version);
      EXPECT_EQ(encoded_size(*packet, version), again.size());
      if (row.canonical) {
        EXPECT_TRUE(again == bytes) << packet_text(*packet);
      }
      const auto twice = decode(next_frame(again, kPacketSizeMax).frame, version, {}, row.sender);
      ASSERT_TRUE(twice) << twice.error().what;
      EXPECT_EQ(packet_text(*twice), row.text);
    }
  }
}

TEST(Encode, AppendsBehindWhatIsThere) {
  Bytes out = {1, 2, 3};
  encode(Pingresp{}, ProtocolVersion::v5, out);
  encode(Pingreq{}, ProtocolVersion::v5, out);
  EXPECT_EQ(out, (Bytes{1, 2, 3, 0xD0, 0, 0xC0, 0}));
}

TEST(Encode, LeavesOutWhatAVersionCannotSay) {
  Connack connack{.session_present = true, .reason = ReasonCode::success, .properties = {}};
  connack.properties.receive_maximum = 10;
  connack.properties.mark(PropertyId::receive_maximum);
  EXPECT_EQ(encoded(connack, ProtocolVersion::v3_1), wire_bytes("20 * 00 00"));
  EXPECT_EQ(encoded(connack, ProtocolVersion::v3_1_1), wire_bytes("20 * 01 00"));
  EXPECT_EQ(encoded(connack, ProtocolVersion::v5), wire_bytes("20 * 01 00 {21 000A}"));

  const Ack ack{.type = PacketType::pubrec,
                .packet_id = 5,
                .reason = ReasonCode::quota_exceeded,
                .properties = {}};
  EXPECT_EQ(encoded(ack, ProtocolVersion::v3_1_1), wire_bytes("50 * 0005"));
  EXPECT_EQ(encoded(ack, ProtocolVersion::v5), wire_bytes("50 * 0005 97"));

  const Suback suback{5, {ReasonCode::granted_qos_2, ReasonCode::not_authorized}, {}};
  EXPECT_EQ(encoded(suback, ProtocolVersion::v3_1_1), wire_bytes("90 * 0005 02 80"));
  EXPECT_EQ(encoded(suback, ProtocolVersion::v5), wire_bytes("90 * 0005 00 02 87"));

  const Unsuback unsuback{5, {ReasonCode::no_subscription_existed}, {}};
  EXPECT_EQ(encoded(unsuback, ProtocolVersion::v3_1_1), wire_bytes("B0 * 0005"));
  EXPECT_EQ(encoded(unsuback, ProtocolVersion::v5), wire_bytes("B0 * 0005 00 11"));

  const Disconnect disconnect{ReasonCode::server_shutting_down, {}};
  EXPECT_EQ(encoded(disconnect, ProtocolVersion::v3_1_1), wire_bytes("E0 00"));
  EXPECT_EQ(encoded(disconnect, ProtocolVersion::v5), wire_bytes("E0 * 8B"));
}

TEST(Encode, NeverSaysSessionPresentInARefusal) {
  const Connack connack{true, ReasonCode::not_authorized, {}};
  EXPECT_EQ(encoded(connack, ProtocolVersion::v3_1_1), wire_bytes("20 * 00 05"));
  EXPECT_EQ(encoded(connack, ProtocolVersion::v5), wire_bytes("20 * 00 87 00"));
}

TEST(Encode, ConnectSpeaksTheVersionItAsksFor) {
  Connect connect;
  connect.client_id = "c";
  connect.version = ProtocolVersion::v3_1;
  EXPECT_EQ(encoded(connect, ProtocolVersion::v5), wire_bytes("10 * 'MQIsdp' 03 02 0000 'c'"));
  connect.version = ProtocolVersion::v5;
  EXPECT_EQ(encoded(connect, ProtocolVersion::v3_1), wire_bytes("10 * 'MQTT' 05 02 0000 00 'c'"));
}

TEST(Encode, AcksWithoutPropertiesMatchTheLongWay) {
  using enum PacketType;
  for (const PacketType type : {puback, pubrec, pubrel, pubcomp}) {
    for (const auto reason : {ReasonCode::success, ReasonCode::packet_identifier_not_found}) {
      for (const auto version : {ProtocolVersion::v3_1_1, ProtocolVersion::v5}) {
        std::array<std::uint8_t, kAckSizeMax> out{};
        const std::size_t size = encode_ack(type, 0x1234, reason, version, out.data());
        const Ack ack{type, 0x1234, reason, {}};
        EXPECT_EQ(Bytes(out.begin(), out.begin() + size), encoded(ack, version));
      }
    }
  }
}

Bytes publish_bytes(const PublishParts& parts, ByteView payload) {
  const PublishSize size = publish_size(parts);
  Bytes out(size.head);
  encode_publish_head(parts, size, out.data());
  out.insert(out.end(), payload.begin(), payload.end());
  EXPECT_EQ(out.size(), size.total);
  return out;
}

// Payload sizes around every step of the remaining length.
TEST(Encode, PublishHeadMatchesTheLongWayForEverySize) {
  for (const std::size_t step : {std::size_t{0x80}, std::size_t{0x4000}, std::size_t{0x20'0000}}) {
    for (std::size_t size = step - 20; size < step + 4; ++size) {
      const Bytes payload(size, 'x');
      const Publish publish{.topic = "home/temp",
                            .packet_id = 7,
                            .qos = Qos::at_least_once,
                            .dup = true,
                            .retain = true,
                            .payload = payload,
                            .properties = {}};
      for (const auto version : {ProtocolVersion::v3_1_1, ProtocolVersion::v5}) {
        const PublishParts parts{.version = version,
                                 .qos = publish.qos,
                                 .dup = true,
                                 .retain = true,
                                 .packet_id = 7,
                                 .topic = publish.topic,
                                 .payload_size = size};
        ASSERT_TRUE(publish_bytes(parts, payload) == encoded(publish, version)) << size;
      }
    }
  }
}

TEST(Encode, PublishHeadOfTheLargestPacketFits) {
  PublishParts parts{};
  parts.topic = "t";
  parts.payload_size = kRemainingLengthMax - 3;
  const PublishSize size = publish_size(parts);
  EXPECT_EQ(size.total, kPacketSizeMax);
  Bytes out(size.head);
  encode_publish_head(parts, size, out.data());
  EXPECT_EQ(out, (Bytes{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, 't'}));
}

TEST(Encode, PublishHeadCarriesAliasExpiryIdentifiersAndForwarded) {
  const std::array<std::uint32_t, 2> identifiers = {1, 300};
  const Bytes forwarded = {0x01, 0x01};
  PublishParts parts{.version = ProtocolVersion::v5,
                     .qos = Qos::exactly_once,
                     .packet_id = 9,
                     .topic = "",
                     .topic_alias = 3,
                     .has_message_expiry = true,
                     .message_expiry_s = 60,
                     .subscription_identifiers = identifiers,
                     .forwarded = forwarded,
                     .payload_size = 1};
  const Bytes bytes = publish_bytes(parts, as_bytes("x"));
  EXPECT_EQ(bytes, wire_bytes("34 * '' 0009 {02 0000003C 23 0003 0B 01 0B AC02 01 01} ~x~"));
  parts.version = ProtocolVersion::v3_1_1;
  EXPECT_EQ(publish_bytes(parts, as_bytes("x")), wire_bytes("34 * '' 0009 ~x~"));
}

TEST(Encode, NumbersOfVariableLengthTakeAsFewBytesAsTheyCan) {
  const std::pair<std::uint32_t, Bytes> rows[] = {
      {0, {0}},
      {127, {0x7F}},
      {128, {0x80, 0x01}},
      {16'383, {0xFF, 0x7F}},
      {16'384, {0x80, 0x80, 0x01}},
      {2'097'151, {0xFF, 0xFF, 0x7F}},
      {2'097'152, {0x80, 0x80, 0x80, 0x01}},
      {268'435'455, {0xFF, 0xFF, 0xFF, 0x7F}},
  };
  for (const auto& [value, bytes] : rows) {
    Bytes out;
    append_varint(value, out);
    EXPECT_EQ(out, bytes) << value;
    EXPECT_EQ(varint_size(value), bytes.size()) << value;
  }
}

Properties decoded_properties(const Bytes& bytes, Publish& publish) {
  EXPECT_TRUE(
      decode_publish(next_frame(bytes, kPacketSizeMax).frame, ProtocolVersion::v5, {}, publish));
  return publish.properties;
}

TEST(Forwarded, KeepsWhatBelongsToTheMessageInItsOrder) {
  const Bytes bytes = wire_bytes(
      "30 * 't' {26 'b' '1' 02 0000000A 03 'text' 23 0005 09 'id' 26 'a' '2' 08 'r' 01 00} ~x~");
  Publish publish;
  const Properties properties = decoded_properties(bytes, publish);
  Bytes out = {0xEE};
  append_forwarded(properties, out);
  // The notation's first field is bytes too: 26 comes first.
  Bytes expected = wire_bytes("26 'b' '1' 03 'text' 09 'id' 26 'a' '2' 08 'r' 01 00");
  expected.insert(expected.begin(), 0xEE);
  EXPECT_EQ(out, expected);
  EXPECT_EQ(forwarded_size(properties), expected.size() - 1);
}

TEST(Forwarded, IsNothingWhereOnlyTheConnectionIsMeant) {
  const Bytes bytes = wire_bytes("30 * 't' {02 0000000A 23 0005} ~x~");
  Publish publish;
  const Properties properties = decoded_properties(bytes, publish);
  Bytes out;
  append_forwarded(properties, out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(forwarded_size(properties), 0U);
}

TEST(Forwarded, OfAWillLeavesOutItsDelay) {
  const Bytes bytes =
      wire_bytes("10 * 'MQTT' 05 06 003C 00 'c' {18 00000005 26 'k' 'v' 02 0000000A} 'w' 'gone'");
  const auto packet = decode(next_frame(bytes, kPacketSizeMax).frame, ProtocolVersion::v3_1_1, {});
  ASSERT_TRUE(packet);
  Bytes out;
  append_forwarded(std::get<Connect>(*packet).will->properties, out);
  EXPECT_EQ(out, wire_bytes("26 'k' 'v'"));
}

}  // namespace
}  // namespace roost::mqtt
