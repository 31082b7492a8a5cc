// SPDX-License-Identifier: Apache-2.0
// Gives a fuzzer its first inputs: the wire table, written into the corpus folder that it is
// started with (its first argument that is no flag), before libFuzzer reads it.
// Thread: own thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace roost::fuzz {

using Input = std::vector<std::uint8_t>;

// Writes `seeds` as seed-0000, seed-0001... Without a folder, nothing.
inline void write_seeds(int argc, char** argv, const std::vector<Input>& seeds) {
  for (int i = 1; i < argc; ++i) {
    const std::string folder = argv[i];
    if (folder.starts_with('-') || !std::filesystem::is_directory(folder)) continue;
    for (std::size_t seed = 0; seed < seeds.size(); ++seed) {
      char name[32];
      std::snprintf(name, sizeof name, "/seed-%04zu", seed);
      std::ofstream(folder + name, std::ios::binary)
          .write(reinterpret_cast<const char*>(seeds[seed].data()),
                 static_cast<std::streamsize>(seeds[seed].size()));
    }
    return;
  }
}

}  // namespace roost::fuzz
