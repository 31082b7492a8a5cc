// SPDX-License-Identifier: Apache-2.0
// For the files with the rows of the table of settings, and nobody else.
// Thread: immutable.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/server/settings.h"

namespace roost::server {

inline constexpr std::uint64_t kAny16 = std::numeric_limits<std::uint16_t>::max();
inline constexpr std::uint64_t kAny32 = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint64_t kAny64 = std::numeric_limits<std::uint64_t>::max();
inline constexpr std::uint64_t kDayMs = 86'400'000;

inline Allowed range(std::uint64_t min, std::uint64_t max, std::string_view word = {},
                     std::uint64_t word_value = 0) {
  return {min, max, word, word_value, {}};
}

inline Allowed one_of(std::vector<std::string_view> choices) {
  return {0, 0, {}, 0, std::move(choices)};
}

// A capture-less lambda names the field.
#define CONFIG_FIELD(member) [](Config& c, const ListItem&) -> Field { return &c.member; }
#define LISTENER_FIELD(member) \
  [](Config&, const ListItem& i) -> Field { return &i.listener->member; }
#define BRIDGE_FIELD(member) [](Config&, const ListItem& i) -> Field { return &i.bridge->member; }
#define WEBHOOK_FIELD(member) [](Config&, const ListItem& i) -> Field { return &i.webhook->member; }

// settings_doors.cc: who comes in and what holds floods off.
std::vector<Setting> auth_settings();
std::vector<Setting> more_auth_settings();
std::vector<Setting> limit_settings();
std::vector<Setting> http_settings();
// settings_ways.cc: the ways out.
std::vector<Setting> bridge_settings();
std::vector<Setting> webhook_settings();
// settings_otel.cc
std::vector<Setting> otel_settings();

}  // namespace roost::server
