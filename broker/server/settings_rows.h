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
#define CONFIG_FIELD(member) [](Config& c, ListenerConfig*) -> Field { return &c.member; }
#define LISTENER_FIELD(member) [](Config&, ListenerConfig* l) -> Field { return &l->member; }

// settings_doors.cc: who comes in and what holds floods off.
std::vector<Setting> auth_settings();
std::vector<Setting> more_auth_settings();
std::vector<Setting> limit_settings();
std::vector<Setting> http_settings();

}  // namespace roost::server
