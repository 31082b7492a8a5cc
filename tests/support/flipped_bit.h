// SPDX-License-Identifier: Apache-2.0
// What a bad disk does.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace roost::support {

// Flips a bit where `text` stands first in one of the files below `folder`; false: in none.
inline bool flip_bit(const std::string& folder, const std::string& text) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = bytes.find(text);
    if (at == std::string::npos) continue;
    bytes[at] ^= 0x01;
    std::ofstream(entry.path(), std::ios::binary | std::ios::trunc) << bytes;
    return true;
  }
  return false;
}

}  // namespace roost::support
