// SPDX-License-Identifier: Apache-2.0
// YAML text to a flat list of path, text and line: all that the rest sees of yaml-cpp.
// Thread: any thread.
#pragma once

#include <string>
#include <vector>

namespace roost::server {

struct YamlEntry {
  enum class Kind { scalar, nothing, empty_list, empty_map };
  std::string path;  // "listeners.0.port"
  std::string text;
  int line = 0;      // from 1
  Kind kind = Kind::scalar;
};

struct YamlFault {
  int line = 0;
  std::string text;
};

struct YamlOutcome {
  std::vector<YamlEntry> entries;  // in the order of the file
  std::vector<YamlFault> faults;
};

YamlOutcome flatten_yaml(const std::string& text);

}  // namespace roost::server
