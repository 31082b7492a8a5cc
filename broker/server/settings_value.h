// SPDX-License-Identifier: Apache-2.0
// Texts people write for numbers: "10MB", "90s", "yes". One reader for file, environment, flags.
// Thread: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace roost::server {

// Decimal digits only.
std::optional<std::uint64_t> parse_number(std::string_view text);
// Plain bytes, or with B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (of 1024).
std::optional<std::uint64_t> parse_size(std::string_view text);
// Plain seconds, or with ms, s, m, h, d, w. In milliseconds.
std::optional<std::uint64_t> parse_duration_ms(std::string_view text);
// true, yes, on, false, no, off.
std::optional<bool> parse_bool(std::string_view text);

// "host:7883", "127.0.0.1:7883", "[::1]:7883", "*:7883". Nothing where host or port is missing, the
// port is 0, or more than both is there (a scheme, a path).
struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};
std::optional<HostPort> parse_host_port(std::string_view text);
// Words separated by commas, without the spaces around them; empty ones are left out.
std::vector<std::string> split_list(std::string_view text);

// The largest unit of 1024 that leaves a whole number: "10MiB", "268435460".
std::string format_size(std::uint64_t bytes);
// The largest unit that leaves a whole number: "90s", "2h".
std::string format_duration_ms(std::uint64_t ms);

}  // namespace roost::server
