// SPDX-License-Identifier: Apache-2.0
// Patterns in which '*' stands for any run of characters, none too, and the rest for itself.
// Thread: any thread (pure).
#pragma once

#include <string_view>

namespace roost::base {

// Goes back to the last star only: a long text costs its length times the pattern's at most.
inline bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t at = 0, in = 0, star = std::string_view::npos, from = 0;
  while (in < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      from = in;
    } else if (at < pattern.size() && pattern[at] == text[in]) {
      ++at, ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace roost::base
