// SPDX-License-Identifier: Apache-2.0
// The one table of MQTT 5 properties [MQTT5-2.2.2.2]: how each looks on the wire, who may send it
// in which packet, what it must not say. Decoder, encoder and tests read nothing else.
// Thread: immutable.
#pragma once

#include <span>

#include "broker/mqtt/decode.h"
#include "broker/mqtt/packet_set.h"
#include "broker/mqtt/properties.h"
#include "broker/mqtt/types.h"

namespace roost::mqtt {

// The will's properties stand inside a CONNECT, under rules of their own.
inline constexpr PacketType kWill = PacketType{0};

enum class PropertyType : std::uint8_t {
  byte,
  two_bytes,
  four_bytes,
  varint,
  text,
  binary,
  text_pair,
};

enum class PropertyCheck : std::uint8_t {
  any,
  boolean,  // 0 or 1
  not_zero,
  topic_alias,  // not zero, with a reason code of its own
  topic_name,   // not empty, no wildcard
};

// Where Properties keeps it; nothing for the two that are vectors.
union PropertyField {
  constexpr PropertyField() : none(0) {}
  constexpr PropertyField(std::uint8_t Properties::*member) : byte(member) {}
  constexpr PropertyField(std::uint16_t Properties::*member) : two_bytes(member) {}
  constexpr PropertyField(std::uint32_t Properties::*member) : four_bytes(member) {}
  constexpr PropertyField(std::string_view Properties::*member) : text(member) {}
  constexpr PropertyField(ByteView Properties::*member) : binary(member) {}

  char none;
  std::uint8_t Properties::*byte;
  std::uint16_t Properties::*two_bytes;
  std::uint32_t Properties::*four_bytes;
  std::string_view Properties::*text;
  ByteView Properties::*binary;
};

struct PropertyRule {
  PropertyId id;
  PropertyType type;
  PropertyCheck check;
  PacketSet from_client;  // packets that carry it when a client sends them
  PacketSet from_server;
  PacketSet repeats_in;  // packets that may carry it more than once
  PropertyField field;

  bool is_allowed(PacketType place, Sender sender) const {
    return ((sender == Sender::client ? from_client : from_server) & in(place)) != 0;
  }
};

// Sorted by id.
std::span<const PropertyRule> property_rules();

// Null for an identifier that MQTT doesn't know.
const PropertyRule* find_property(std::uint8_t id);

}  // namespace roost::mqtt
