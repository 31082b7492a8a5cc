// SPDX-License-Identifier: Apache-2.0
// The bridges of a mosquitto.conf: `connection` and what stands behind it. Part of
// import_mosquitto. Thread: own thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace roost::cli {

struct ImportedBridge {
  std::string name;
  std::string host, port = "1883";
  bool has_tls = false;
  std::string version = "3.1.1";                            // mosquitto's default
  std::vector<std::pair<std::string, std::string>> values;  // below it; as YAML writes them
  std::vector<std::pair<std::string, std::string>> tls;
  std::vector<std::string> topics;
};

// Takes an option of the bridge. Nothing: it went in; else what can't be translated of it.
std::string take_bridge_option(ImportedBridge& bridge, std::string_view option,
                               const std::string& value);

// As `bridges:` of roost.yaml.
std::string bridges_yaml(const std::vector<ImportedBridge>& bridges);

}  // namespace roost::cli
