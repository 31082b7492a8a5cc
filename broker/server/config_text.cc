// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <sstream>

#include "broker/server/config.h"
#include "broker/server/settings.h"

namespace roost::server {

namespace {

constexpr std::size_t kWidth = 96;
constexpr std::uint64_t kEndless = std::numeric_limits<std::uint32_t>::max();  // not worth saying

constexpr std::string_view kHead =
    R"(# Every setting of Roost. What begins with "#name:" is a default, commented in: take
# away the # and change it. Durations take ms, s, m, h, d, w (plain: seconds), sizes B, kB, MB, GB,
# KiB, MiB, GiB (plain: bytes). A name that Roost doesn't know is an error.
#
# Each setting is an environment variable too: ROOST_HTTP_PORT is http.port, ROOST_LISTENERS_0_PORT
# the port of the first listener. And a flag: --set http.port=9090. Flags win over the environment,
# the environment over this file. `roost serve --check` reads all of it and stops.
#
# Generated from broker/server/settings_table.cc; tests/server/config_text_test.cc compares.
)";

void put_comment(std::ostream& out, const std::string& indent, std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string line = indent + "#", word;
  while (words >> word) {
    if (line.size() + 1 + word.size() > kWidth && line.size() > indent.size() + 1) {
      out << line << "\n";
      line = indent + "#";
    }
    line += " " + word;
  }
  out << line << "\n";
}

std::string comment_of(const Setting& setting) {
  std::string text(setting.doc);
  if (setting.kind == ValueKind::choice || setting.kind == ValueKind::boolean ||
      setting.kind == ValueKind::tri_state) {
    text += " [" + allowed_text(setting) + "]";
  }
  if (setting.kind == ValueKind::number && setting.allowed.max < kEndless) {
    text += " [" + std::to_string(setting.allowed.min) + " to " +
            std::to_string(setting.allowed.max) + "]";
  }
  return text;
}

// What YAML would take for something else goes in quotes.
std::string yaml_value(const Setting& setting) {
  if (setting.default_text.empty()) return "";
  const bool plain = setting.default_text.find_first_of("*:#") == std::string_view::npos &&
                     setting.path != "listeners.*.tls.min_version";
  return plain ? " " + std::string(setting.default_text)
               : " \"" + std::string(setting.default_text) + "\"";
}

// "listeners.*.tls.cert" -> "listeners.*.tls"; "data_dir" -> ""
std::string_view group_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('.') + 1); }

void put_setting(std::ostream& out, const std::string& indent, const Setting& setting) {
  put_comment(out, indent, comment_of(setting));
  out << indent << "#" << name_of(setting.path) << ":" << yaml_value(setting) << "\n";
}

void put_item_setting(std::ostream& out, const SettingList& list, const Setting& setting,
                      std::string_view& group) {
  const std::string_view own = group_of(setting.path);
  const bool nested = own.ends_with(".tls");
  if (setting.path.ends_with(".*.name")) {
    put_comment(out, "  ", comment_of(setting));
    out << "  - " << (list.name == "listeners" ? "name: main" : list.example) << "\n";
    return;
  }
  if (nested && group != own) out << "    tls:\n";
  put_setting(out, nested ? "      " : "    ", setting);
}

// A list that is empty unless somebody fills it: all of it is a comment.
void put_list(std::ostream& out, const SettingList& list) {
  std::ostringstream text;
  text << list.name << ":\n";
  std::string_view group;
  for (const Setting& setting : settings()) {
    if (!list.has(setting.path)) continue;
    put_item_setting(text, list, setting, group);
    group = group_of(setting.path);
  }
  std::istringstream lines(text.str());
  out << "\n";
  for (std::string line; std::getline(lines, line);) out << "# " << line << "\n";
}

bool is_nested(std::string_view group) { return group.find('.') != std::string_view::npos; }

// What stands before the first setting of a group: "cluster:", or "tls:" inside it.
void put_group_head(std::ostream& out, std::string_view before, std::string_view group) {
  if (is_nested(group)) {
    if (group != before) out << "  " << name_of(group) << ":\n";
    return;
  }
  if (group != before || group.empty()) out << "\n";
  if (group != before && !group.empty()) out << group << ":\n";
}

}  // namespace

std::string default_config_text() {
  std::ostringstream out;
  out << kHead;
  std::string_view group = "none yet";
  for (const Setting& setting : settings()) {
    const std::string_view own = group_of(setting.path);
    const SettingList* const list = list_of(setting);
    if (list != nullptr && list->name == "listeners") {
      if (group == "none yet") out << "\nlisteners:\n";
      put_item_setting(out, *list, setting, group);
    } else if (list == nullptr) {
      put_group_head(out, group, own);
      put_setting(out, own.empty() ? "" : is_nested(own) ? "    " : "  ", setting);
    }
    group = own;
  }
  for (const SettingList& list : setting_lists()) {
    if (list.name != "listeners") put_list(out, list);
  }
  return out.str();
}

std::string settings_markdown() {
  std::ostringstream out;
  out << "| Setting | Environment | Default | Meaning |\n| --- | --- | --- | --- |\n";
  for (const Setting& setting : settings()) {
    std::string variable = variable_of_path(setting.path);
    const std::size_t star = variable.find('*');
    if (star != std::string::npos) variable[star] = 'N';
    const std::string value(setting.default_text);
    out << "| `" << setting.path << "` | `" << variable << "` | "
        << (value.empty() ? "" : "`" + value + "`") << " | " << comment_of(setting) << " |\n";
  }
  return out.str();
}

}  // namespace roost::server
