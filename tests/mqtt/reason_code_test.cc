// SPDX-License-Identifier: Apache-2.0
// [MQTT5-2.4] copied by hand, one line a code, against the table of the codec and against what
// decoder lets through.
#include "broker/mqtt/reason_code.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "broker/mqtt/decode.h"

namespace roost::mqtt {
namespace {

using Bytes = std::vector<std::uint8_t>;

// C CONNACK, a PUBACK, r PUBREC, l PUBREL, c PUBCOMP, S SUBACK, U UNSUBACK, D DISCONNECT, A AUTH.
const std::map<unsigned, std::string>& table() {
  static const std::map<unsigned, std::string> kTable = {
      {0x00, "CarlcSUDA"}, {0x01, "S"},      {0x02, "S"},  {0x04, "D"},      {0x10, "ar"},
      {0x11, "U"},         {0x18, "A"},      {0x19, "A"},  {0x80, "CarSUD"}, {0x81, "CD"},
      {0x82, "CD"},        {0x83, "CarSUD"}, {0x84, "C"},  {0x85, "C"},      {0x86, "C"},
      {0x87, "CarSUD"},    {0x88, "C"},      {0x89, "CD"}, {0x8A, "C"},      {0x8B, "D"},
      {0x8C, "CD"},        {0x8D, "D"},      {0x8E, "D"},  {0x8F, "SUD"},    {0x90, "CarD"},
      {0x91, "arSU"},      {0x92, "lc"},     {0x93, "D"},  {0x94, "D"},      {0x95, "CD"},
      {0x96, "D"},         {0x97, "CarSD"},  {0x98, "D"},  {0x99, "CarD"},   {0x9A, "CD"},
      {0x9B, "CD"},        {0x9C, "CD"},     {0x9D, "CD"}, {0x9E, "SD"},     {0x9F, "CD"},
      {0xA0, "D"},         {0xA1, "SD"},     {0xA2, "SD"},
  };
  return kTable;
}

struct Column {
  char letter;
  PacketType type;
  Bytes before, after;  // around the code, in a whole version 5 body
};

std::vector<Column> columns() {
  using enum PacketType;
  const Bytes id = {0x00, 0x0A}, id_and_none = {0x00, 0x0A, 0x00};
  const Bytes method = {0x04, 0x15, 0x00, 0x01, 'm'};
  return {{'C', connack, {0x00}, {0x00}},
          {'a', puback, id, {}},
          {'r', pubrec, id, {}},
          {'l', pubrel, id, {}},
          {'c', pubcomp, id, {}},
          {'S', suback, id_and_none, {}},
          {'U', unsuback, id_and_none, {}},
          {'D', disconnect, {}, {}},
          {'A', auth, {}, method}};
}

bool in_table(unsigned code, char letter) {
  const auto row = table().find(code);
  return row != table().end() && row->second.find(letter) != std::string::npos;
}

TEST(ReasonCode, IsAllowedWhereTheSpecificationSaysSo) {
  for (unsigned code = 0; code < 0x100; ++code) {
    for (const Column& column : columns()) {
      EXPECT_EQ(is_allowed(static_cast<ReasonCode>(code), column.type),
                in_table(code, column.letter))
          << code << " " << column.letter;
    }
    for (const auto type : {PacketType::connect, PacketType::publish, PacketType::subscribe,
                            PacketType::unsubscribe, PacketType::pingreq, PacketType::pingresp}) {
      EXPECT_FALSE(is_allowed(static_cast<ReasonCode>(code), type));
    }
  }
}

// Who may say what in DISCONNECT [MQTT5-3.14.2.1] and AUTH [MQTT5-3.15.2.1].
bool may_say(unsigned code, char letter, Sender sender) {
  const std::string both_disconnect = "\x80\x81\x82\x83\x90\x93\x94\x95\x96\x97\x98\x99";
  if (letter == 'A') {
    return code == 0x18 || (code == 0x00) == (sender == Sender::server);
  }
  if (letter != 'D' || code == 0x00) return true;
  if (both_disconnect.find(static_cast<char>(code)) != std::string::npos) return true;
  return (code == 0x04) == (sender == Sender::client);
}

TEST(ReasonCode, DecoderLetsThroughWhatIsAllowedAndNothingElse) {
  for (unsigned code = 0; code < 0x100; ++code) {
    for (const Column& column : columns()) {
      const bool both_ways = std::string("arlcDA").find(column.letter) != std::string::npos;
      for (const Sender sender : {Sender::client, Sender::server}) {
        if (sender == Sender::client && !both_ways) continue;
        Bytes body = column.before;
        body.push_back(static_cast<std::uint8_t>(code));
        body.insert(body.end(), column.after.begin(), column.after.end());
        const auto flags = column.type == PacketType::pubrel ? 2 : 0;
        const Frame frame{static_cast<std::uint8_t>(static_cast<int>(column.type) << 4 | flags),
                          body, 2};
        const auto packet = decode(frame, ProtocolVersion::v5, {}, sender);
        const bool allowed = in_table(code, column.letter) && may_say(code, column.letter, sender);
        ASSERT_EQ(packet.has_value(), allowed) << code << " " << column.letter;
        if (!allowed) {
          EXPECT_EQ(packet.error().reason, ReasonCode::protocol_error);
        }
      }
    }
  }
}

TEST(ReasonCode, EachHasANameOfItsOwn) {
  std::map<std::string_view, unsigned> names;
  for (const auto& [code, packets] : table()) {
    const std::string_view text = name(static_cast<ReasonCode>(code));
    EXPECT_FALSE(text.empty());
    EXPECT_TRUE(names.emplace(text, code).second) << text;
  }
  EXPECT_EQ(name(ReasonCode::topic_name_invalid), "Topic Name invalid");
  EXPECT_EQ(name(static_cast<ReasonCode>(0x03)), "Unknown reason code");
}

TEST(ReasonCode, IsAnErrorFrom0x80On) {
  for (const auto& [code, packets] : table()) {
    EXPECT_EQ(is_error(static_cast<ReasonCode>(code)), code >= 0x80);
  }
}

TEST(ReasonCode, BecomesOneOfSixReturnCodesIn3x) {
  using enum ReasonCode;
  EXPECT_EQ(connack_return_code(success), 0);
  EXPECT_EQ(connack_return_code(unsupported_protocol_version), 1);
  EXPECT_EQ(connack_return_code(client_identifier_not_valid), 2);
  EXPECT_EQ(connack_return_code(server_unavailable), 3);
  EXPECT_EQ(connack_return_code(server_busy), 3);
  EXPECT_EQ(connack_return_code(quota_exceeded), 3);
  EXPECT_EQ(connack_return_code(bad_user_name_or_password), 4);
  EXPECT_EQ(connack_return_code(not_authorized), 5);
  EXPECT_EQ(connack_return_code(banned), 5);
  for (const auto& [code, packets] : table()) {
    const bool refusal = code >= 0x80;
    EXPECT_EQ(connack_return_code(static_cast<ReasonCode>(code)) != 0,
              refusal || (code != 0 && code < 0x80));
  }
}

}  // namespace
}  // namespace roost::mqtt
