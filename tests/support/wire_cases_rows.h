// SPDX-License-Identifier: Apache-2.0
// The words that rows of the wire table are written with.
// Thread: immutable.
#pragma once

#include "tests/support/wire_cases.h"

namespace roost::support {

inline constexpr auto kClient = mqtt::Sender::client;
inline constexpr auto kServer = mqtt::Sender::server;

using enum mqtt::ReasonCode;

// Decodes to the packet, which encodes to the same bytes.
constexpr WireCase ok(std::string_view name, mqtt::Sender sender, unsigned versions,
                      std::string_view bytes, std::string_view text) {
  return {.name = name, .sender = sender, .versions = versions, .bytes = bytes, .text = text};
}

// Decodes to the packet; we would write it shorter or in another order.
constexpr WireCase ok_if_odd(std::string_view name, mqtt::Sender sender, unsigned versions,
                             std::string_view bytes, std::string_view text) {
  WireCase row = ok(name, sender, versions, bytes, text);
  row.canonical = false;
  return row;
}

constexpr WireCase refused(std::string_view name, mqtt::Sender sender, unsigned versions,
                           std::string_view bytes, mqtt::ReasonCode reason) {
  return {.name = name, .sender = sender, .versions = versions, .bytes = bytes, .reason = reason};
}

}  // namespace roost::support
