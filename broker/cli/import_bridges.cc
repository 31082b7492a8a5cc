// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/import_bridges.h"

#include <algorithm>
#include <array>

#include "broker/cli/import_mosquitto.h"
#include "broker/outgoing/topic_rules.h"
#include "broker/server/settings_value.h"

namespace roost::cli {

namespace {

struct Copied {
  std::string_view option, setting;
  bool is_tls;
};
constexpr std::array<Copied, 8> kCopied = {{{"remote_clientid", "client_id", false},
                                            {"clientid", "client_id", false},
                                            {"remote_username", "user", false},
                                            {"username", "user", false},
                                            {"notification_topic", "state_topic", false},
                                            {"bridge_cafile", "ca", true},
                                            {"bridge_certfile", "cert", true},
                                            {"bridge_keyfile", "key", true}}};

std::string take_address(ImportedBridge& bridge, const std::string& value) {
  const std::string first = value.substr(0, value.find_first_of(" \t"));
  const std::size_t colon = first.rfind(':');
  bridge.host = first.substr(0, colon);
  if (colon != std::string::npos) bridge.port = first.substr(colon + 1);
  if (!server::parse_number(bridge.port)) return "\"" + first + "\" is no HOST or HOST:PORT";
  return first == value ? "" : "a bridge has one address; it takes the first: " + first;
}

std::string take_version(ImportedBridge& bridge, const std::string& value) {
  if (value == "mqttv31") return "3.1 isn't offered to a remote; it says 3.1.1";
  if (value != "mqttv311" && value != "mqttv50") return "versions are mqttv311 and mqttv50";
  bridge.version = value == "mqttv50" ? "5" : "3.1.1";
  return "";
}

// "base cap" or "constant": by chance up to the cap.
std::string take_restart(ImportedBridge& bridge, const std::string& value) {
  const std::size_t space = value.find(' ');
  const std::string least = value.substr(0, space);
  const std::string most = space == std::string::npos ? least : value.substr(space + 1);
  if (!server::parse_number(least) || !server::parse_number(most))
    return "isn't a number of seconds";
  bridge.values.emplace_back("retry_min", least + "s");
  bridge.values.emplace_back("retry_max", most + "s");
  return "";
}

// Where one value is what Roost does.
struct Fixed {
  std::string_view option, ours, why;
};
constexpr std::array<Fixed, 4> kFixed = {{
    {"cleansession", "false", "both sessions last, or what waits would be lost"},
    {"bridge_insecure", "false", "certificates are checked for the host's name"},
    {"bridge_outgoing_retain", "true", "retained messages stay retained"},
    {"start_type", "automatic", "a bridge is connected all the time"},
}};

void put(std::string& text, std::size_t indent, std::string_view name, const std::string& value) {
  text += std::string(indent, ' ') + std::string(name) + ": " + value + "\n";
}

}  // namespace

std::string take_bridge_option(ImportedBridge& bridge, std::string_view option,
                               const std::string& value) {
  if (option == "address" || option == "addresses") return take_address(bridge, value);
  if (option == "bridge_protocol_version") return take_version(bridge, value);
  if (option == "restart_timeout") return take_restart(bridge, value);
  if (option == "keepalive_interval") {
    const auto seconds = server::parse_number(value);
    if (!seconds || *seconds < 5) return "a remote is asked every 5 s at most";
    bridge.values.emplace_back("keep_alive", value + "s");
    return "";
  }
  if (option == "topic") {
    const auto rule = outgoing::parse_topic_rule(value);
    if (!rule) return rule.error().message;
    bridge.topics.push_back(value);
    return "";
  }
  if (option == "password" || option == "remote_password") {
    return "secrets don't stand in roost.yaml: write it into a file and name that in password_file";
  }
  for (const Copied& one : kCopied) {
    if (one.option != option) continue;
    if (one.is_tls) bridge.has_tls = true;
    auto& values = one.is_tls ? bridge.tls : bridge.values;
    values.emplace_back(one.setting, yaml_quoted(value));
    return "";
  }
  for (const Fixed& one : kFixed) {
    if (one.option == option) return value == one.ours ? "" : std::string(one.why);
  }
  return "a bridge of Roost's has no such option";
}

std::string bridges_yaml(const std::vector<ImportedBridge>& bridges) {
  if (bridges.empty()) return "";
  std::string text = "\nbridges:\n";
  for (const ImportedBridge& bridge : bridges) {
    text += "  - name: " + bridge.name + "\n";
    const bool is_v6 = bridge.host.find(':') != std::string::npos;
    put(text, 4, "url",
        yaml_quoted((bridge.has_tls ? "mqtts://" : "mqtt://") +
                    (is_v6 ? "[" + bridge.host + "]" : bridge.host) + ":" + bridge.port));
    put(text, 4, "version", yaml_quoted(bridge.version));
    for (const auto& [name, value] : bridge.values) put(text, 4, name, value);
    if (!bridge.tls.empty()) text += "    tls:\n";
    for (const auto& [name, value] : bridge.tls) put(text, 6, name, value);
    text += "    topics:\n";
    for (const std::string& topic : bridge.topics) text += "      - " + yaml_quoted(topic) + "\n";
  }
  return text;
}

}  // namespace roost::cli
