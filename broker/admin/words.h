// SPDX-License-Identifier: Apache-2.0
// Numbers and names as people read them.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace roost::admin {

std::string bytes_words(std::uint64_t bytes);      // "512 B", "1.5 MiB"
std::string duration_words(std::int64_t seconds);  // "45 s", "3 min", "2 h 5 min", "3 d 4 h"
// Control characters as \x1b, so that a client id can't drive the terminal.
std::string printable(std::string_view text);

}  // namespace roost::admin
