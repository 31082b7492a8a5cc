// SPDX-License-Identifier: Apache-2.0
// `roost serve`: config in, a running node until a signal says stop.
// Thread: main's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace roost::server {

inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 2;          // usage or config
inline constexpr int kExitDataDirectory = 3;  // can't be made or written
inline constexpr int kExitAddressInUse = 4;

struct ServeOptions {
  std::optional<std::string> config_file;
  bool check = false;                 // read and check the config, start nothing
  bool print_config = false;          // print the default config file (deploy/roost.yaml)
  std::optional<std::uint16_t> port;  // of the first listener
  std::optional<std::string> data_dir;
  std::vector<std::pair<std::string, std::string>> overrides;  // --set key=value, in order
};

// Serves until SIGTERM or SIGINT (a second one exits at once); SIGHUP reads passwords again.
// Returns the exit code; errors are printed to stderr.
int run_serve(const ServeOptions& options);

}  // namespace roost::server
