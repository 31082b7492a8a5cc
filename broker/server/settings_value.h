// SPDX-License-Identifier: Apache-2.0
// Texts people write for numbers: "10MB", "90s", "yes". One reader for file, environment, flags.
// Thread: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace roost::server {

// Decimal digits only.
std::optional<std::uint64_t> parse_number(std::string_view text);
// Plain bytes, or with B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (of 1024).
std::optional<std::uint64_t> parse_size(std::string_view text);
// Plain seconds, or with ms, s, m, h, d, w. In milliseconds.
std::optional<std::uint64_t> parse_duration_ms(std::string_view text);
// true, yes, on, false, no, off.
std::optional<bool> parse_bool(std::string_view text);

// The largest unit of 1024 that leaves a whole number: "10MiB", "268435460".
std::string format_size(std::uint64_t bytes);
// The largest unit that leaves a whole number: "90s", "2h".
std::string format_duration_ms(std::uint64_t ms);

}  // namespace roost::server
