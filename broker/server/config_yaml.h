// SPDX-License-Identifier: Apache-2.0
// YAML text to a flat list of path, text and line: all that the rest sees of yaml-cpp.
// Thread: any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace roost::server {

struct YamlEntry {
  enum class Kind { scalar, nothing, empty_list, empty_map, unknown };
  std::string path;  // "listeners.0.port"
  std::string text;
  int line = 0;  // from 1
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

// A key whose path is not `known` is one entry of kind unknown; what is below it is left out.
YamlOutcome flatten_yaml(const std::string& text,
                         const std::function<bool(const std::string& path)>& known);

}  // namespace roost::server
