// SPDX-License-Identifier: Apache-2.0
// [MQTT5-2.2.2.2] copied by hand: every property in every packet from both sides, once and twice.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"
#include "broker/mqtt/property_table.h"

namespace roost::mqtt {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Packets by letter: O CONNECT, W will, K CONNACK, P PUBLISH, a PUBACK, r PUBREC, l PUBREL,
// c PUBCOMP, S SUBSCRIBE, s SUBACK, U UNSUBSCRIBE, u UNSUBACK, D DISCONNECT, A AUTH.
struct Row {
  std::uint8_t id;
  Bytes value;
  std::string client;  // packets in which a client may send it
  std::string server;
};

std::vector<Row> rows() {
  const Bytes one = {1}, two = {0, 1}, four = {0, 0, 0, 1}, text = {0, 1, 't'};
  return {
      {0x01, one, "PW", "P"},
      {0x02, four, "PW", "P"},
      {0x03, text, "PW", "P"},
      {0x08, text, "PW", "P"},
      {0x09, text, "PW", "P"},
      {0x0B, one, "S", "P"},
      {0x11, four, "OD", "K"},
      {0x12, text, "", "K"},
      {0x13, two, "", "K"},
      {0x15, text, "OA", "KA"},
      {0x16, text, "OA", "KA"},
      {0x17, one, "O", ""},
      {0x18, four, "W", ""},
      {0x19, one, "O", ""},
      {0x1A, text, "", "K"},
      {0x1C, text, "", "KD"},
      {0x1F, text, "arlcDA", "KarlcsuDA"},
      {0x21, two, "O", "K"},
      {0x22, two, "O", "K"},
      {0x23, two, "P", "P"},
      {0x24, one, "", "K"},
      {0x25, one, "", "K"},
      {0x26, {0, 1, 'k', 0, 1, 'v'}, "OWParlcSUDA", "KParlcsuDA"},
      {0x27, four, "O", "K"},
      {0x28, one, "", "K"},
      {0x29, one, "", "K"},
      {0x2A, one, "", "K"},
  };
}

// A whole packet around a block of properties.
struct Column {
  char letter;
  std::uint8_t first_byte;
  Bytes before, after;
  bool from_client, from_server;
};

std::vector<Column> columns() {
  const Bytes connect = {0, 4, 'M', 'Q', 'T', 'T', 5, 0x02, 0, 60};
  Bytes with_will = connect;
  with_will[7] = 0x06;
  with_will.insert(with_will.end(), {0, 0, 1, 'c'});
  const Bytes id = {0, 10}, id_and_success = {0, 10, 0};
  return {
      {'O', 0x10, connect, {0, 1, 'c'}, true, false},
      {'W', 0x10, with_will, {0, 1, 'w', 0, 0}, true, false},
      {'K', 0x20, {0, 0}, {}, false, true},
      {'P', 0x30, {0, 1, 't'}, {}, true, true},
      {'a', 0x40, id_and_success, {}, true, true},
      {'r', 0x50, id_and_success, {}, true, true},
      {'l', 0x62, id_and_success, {}, true, true},
      {'c', 0x70, id_and_success, {}, true, true},
      {'S', 0x82, id, {0, 1, 'f', 0}, true, false},
      {'s', 0x90, id, {0}, false, true},
      {'U', 0xA2, id, {0, 1, 'f'}, true, false},
      {'u', 0xB0, id, {0}, false, true},
      {'D', 0xE0, {0}, {}, true, true},
      {'A', 0xF0, {0x18}, {}, true, true},
  };
}

Result<Packet, DecodeError> decode_with(const Column& column, const Bytes& block, Sender sender) {
  Bytes body = column.before;
  append_varint(static_cast<std::uint32_t>(block.size()), body);
  body.insert(body.end(), block.begin(), block.end());
  body.insert(body.end(), column.after.begin(), column.after.end());
  return decode(Frame{column.first_byte, body, 2}, ProtocolVersion::v5, {}, sender);
}

Bytes block_of(const Row& row, int times) {
  Bytes block;
  // AUTH and authentication data want a method beside them.
  for (int i = 0; i < times; ++i) {
    block.push_back(row.id);
    block.insert(block.end(), row.value.begin(), row.value.end());
  }
  return block;
}

Bytes with_method(const Row& row, const Column& column, Bytes block) {
  const bool wanted = column.letter == 'A' || (column.letter == 'O' && row.id == 0x16);
  if (wanted && row.id != 0x15) block.insert(block.end(), {0x15, 0, 1, 'm'});
  return block;
}

bool contains(const std::string& letters, char letter) {
  return letters.find(letter) != std::string::npos;
}

template <typename Visit>
void for_each_cell(Visit visit) {
  for (const Row& row : rows()) {
    for (const Column& column : columns()) {
      for (const Sender sender : {Sender::client, Sender::server}) {
        if (!(sender == Sender::client ? column.from_client : column.from_server)) continue;
        SCOPED_TRACE(std::to_string(row.id) + " in " + column.letter +
                     (sender == Sender::client ? " from a client" : " from a server"));
        const std::string& allowed = sender == Sender::client ? row.client : row.server;
        visit(row, column, sender, contains(allowed, column.letter));
      }
    }
  }
}

TEST(PropertyMatrix, AllowsWhatTheSpecificationAllowsAndNothingElse) {
  for_each_cell([](const Row& row, const Column& column, Sender sender, bool allowed) {
    const auto packet = decode_with(column, with_method(row, column, block_of(row, 1)), sender);
    ASSERT_EQ(packet.has_value(), allowed) << (allowed ? packet.error().what : "");
    if (!allowed) {
      EXPECT_EQ(packet.error().reason, contains("SU", column.letter) ? ReasonCode::malformed_packet
                                                                     : ReasonCode::protocol_error);
    }
  });
}

TEST(PropertyMatrix, RefusesEachPropertyTwiceButTwo) {
  for_each_cell([](const Row& row, const Column& column, Sender sender, bool allowed) {
    if (!allowed) return;
    const bool repeats = row.id == 0x26 || (row.id == 0x0B && column.letter == 'P');
    const auto packet = decode_with(column, with_method(row, column, block_of(row, 2)), sender);
    ASSERT_EQ(packet.has_value(), repeats);
    if (!repeats) {
      EXPECT_EQ(packet.error().reason, ReasonCode::protocol_error);
    }
  });
}

TEST(PropertyMatrix, RefusesEachPropertyCutAnywhereAsMalformed) {
  for_each_cell([](const Row& row, const Column& column, Sender sender, bool) {
    Bytes block = block_of(row, 1);
    for (block.pop_back(); !block.empty(); block.pop_back()) {
      const auto packet = decode_with(column, block, sender);
      ASSERT_FALSE(packet);
      EXPECT_EQ(packet.error().reason, ReasonCode::malformed_packet);
    }
  });
}

TEST(PropertyMatrix, RefusesEveryUnknownIdentifierInEveryPacket) {
  for (const Column& column : columns()) {
    for (unsigned id = 0; id < 0x100; ++id) {
      if (find_property(static_cast<std::uint8_t>(id)) != nullptr) continue;
      const Sender sender = column.from_client ? Sender::client : Sender::server;
      const auto packet = decode_with(column, {static_cast<std::uint8_t>(id), 1, 1}, sender);
      ASSERT_FALSE(packet);
      EXPECT_EQ(packet.error().reason, ReasonCode::malformed_packet);
    }
  }
}

TEST(PropertyMatrix, TableHasTheTwentySevenProperties) {
  ASSERT_EQ(property_rules().size(), 27U);
  for (std::size_t i = 0; i < rows().size(); ++i) {
    EXPECT_EQ(static_cast<std::uint8_t>(property_rules()[i].id), rows()[i].id);
  }
}

TEST(Properties, ClearKeepsTheCapacityOfTheVectors) {
  Properties properties;
  properties.user_properties.resize(10);
  properties.subscription_identifiers.resize(10);
  properties.topic_alias = 5;
  properties.receive_maximum = 5;
  properties.mark(PropertyId::topic_alias);
  properties.clear();
  EXPECT_EQ(properties.present, 0U);
  EXPECT_EQ(properties.topic_alias, 0);
  EXPECT_EQ(properties.receive_maximum, 65'535);
  EXPECT_TRUE(properties.user_properties.empty());
  EXPECT_GE(properties.user_properties.capacity(), 10U);
  EXPECT_GE(properties.subscription_identifiers.capacity(), 10U);
}

TEST(Properties, ClearGivesBackWhatAHugePacketTook) {
  Properties properties;
  properties.user_properties.resize(100'000);
  properties.subscription_identifiers.resize(100'000);
  properties.clear();
  EXPECT_EQ(properties.user_properties.capacity(), 0U);
  EXPECT_EQ(properties.subscription_identifiers.capacity(), 0U);
}

}  // namespace
}  // namespace roost::mqtt
