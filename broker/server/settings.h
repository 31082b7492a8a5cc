// SPDX-License-Identifier: Apache-2.0
// The one table of settings: path, kind, default, bounds, text. It drives the YAML reader, the
// environment, the flags, deploy/roost.yaml and the documentation.
// Thread: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/server/config.h"

namespace roost::server {

enum class ValueKind {
  text,
  secret,  // a text that is never shown; not taken from the command line
  file,    // a file that must be readable
  boolean,
  tri_state,  // true, false, or nothing said
  number,
  size,  // bytes
  duration_s,
  duration_ms,
  choice,
};

// Where a value goes. For a choice: its index into bool or an enum, or its word into a string.
using Field = std::variant<std::string*, bool*, std::optional<bool>*, std::uint16_t*,
                           std::uint32_t*, std::uint64_t*, LogLevel*, Ack*>;

// Bounds in the field's unit, a word that stands for one value ("never"), the words of a choice.
struct Allowed {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  std::string_view word = {};
  std::uint64_t word_value = 0;
  std::vector<std::string_view> choices = {};
};

// One item of a list of groups; one of them is set, none: a setting that stands alone.
struct ListItem {
  ListenerConfig* listener = nullptr;
  BridgeConfig* bridge = nullptr;
  WebhookConfig* webhook = nullptr;
};

struct Setting {
  std::string_view path;  // "http.port"; in listeners "listeners.*.port"
  ValueKind kind;
  std::string_view default_text;  // empty: nothing
  Field (*field)(Config&, const ListItem&);
  std::string_view doc;
  Allowed allowed = {};
};

// A list of groups.
struct SettingList {
  std::string_view name;   // "listeners"
  std::string_view probe;  // a setting of every item
  std::string_view example;
  std::size_t (*size)(const Config&);
  void (*clear)(Config&);
  void (*append)(Config&);
  ListItem (*at)(Config&, std::size_t index);
  // Of a setting's path: "listeners.*.port" is in listeners.
  bool has(std::string_view path) const {
    return path.size() > name.size() + 3 && path.starts_with(name) && path[name.size() + 1] == '*';
  }
};
std::span<const SettingList> setting_lists();
// Null: it stands alone.
const SettingList* list_of(const Setting& setting);

// In the order of deploy/roost.yaml: groups together, listeners first.
std::span<const Setting> settings();

// A path as people give it, "listeners.2.port", taken apart.
struct SettingPath {
  const Setting* setting = nullptr;   // null: unknown
  const SettingList* list = nullptr;  // that it is in
  std::size_t index = 0;              // of its item there
};
SettingPath find_setting(std::string_view path);

// The path of ROOST_HTTP_PORT or ROOST_LISTENERS_0_PORT; nothing where no setting has that name.
std::optional<std::string> path_of_variable(std::string_view name);
std::string variable_of_path(std::string_view path);

// Whether settings stand below it: "http", "listeners", "listeners.0", "listeners.0.tls".
bool is_group(std::string_view path);

// What an unknown path probably meant: none to three paths.
std::vector<std::string> nearest_paths(std::string_view path);
// What is wrong with an unknown path, with those hints.
std::string unknown_path_text(std::string_view path);

// "a number from 1 to 65535"
std::string allowed_text(const Setting& setting);

// Stores `text` in the setting's field; false when it is not allowed.
bool assign(const Setting& setting, std::string_view text, Config& config, const ListItem& item);

}  // namespace roost::server
