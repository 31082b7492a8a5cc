// SPDX-License-Identifier: Apache-2.0
#include "broker/server/config.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "broker/base/check.h"
#include "broker/base/file.h"
#include "broker/server/config_check.h"
#include "broker/server/config_yaml.h"
#include "broker/server/settings.h"

namespace roost::server {

namespace {

constexpr std::string_view kPrefix = "ROOST_";
constexpr std::string_view kConfigVariable = "ROOST_CONFIG";
constexpr std::size_t kItemsMax = 1000;  // of a list

// Kubernetes sets ROOST_SERVICE_HOST, ROOST_PORT_1883_TCP_ADDR and the like, and
// ROOST_HTTP_PORT=tcp://10.0.0.1:80 for a service "roost-http", in every pod beside a service.
bool is_from_kubernetes(std::string_view name, std::string_view value) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  return name.ends_with("_SERVICE_HOST") || has("_SERVICE_PORT") || has("_TCP_") || has("_UDP_") ||
         value.starts_with("tcp://") || value.starts_with("udp://");
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

class Loader {
 public:
  Loader() {
    for (const Setting& setting : settings()) {
      if (list_of(setting) != nullptr) continue;
      CHECK(assign(setting, setting.default_text, config(), {}));
    }
    add_item(*find_setting("listeners.0.port").list);
    config().listeners[0].name = "main";
  }

  void read_file(const std::string& path) {
    const auto text = base::read_file(path);
    if (!text) {
      fail("", text.error().message);
      return;
    }
    const YamlOutcome yaml = flatten_yaml(*text, [](const std::string& key) {
      return is_group(key) || find_setting(key).setting != nullptr;
    });
    for (const YamlFault& fault : yaml.faults) {
      fail(path + ":" + std::to_string(fault.line), fault.text);
    }
    for (const SettingList& list : setting_lists()) {
      const bool is_given =
          std::any_of(yaml.entries.begin(), yaml.entries.end(), [&](const YamlEntry& entry) {
            return entry.path.starts_with(std::string(list.name) + ".") ||
                   (entry.path == list.name && entry.kind == YamlEntry::Kind::empty_list);
          });
      if (is_given) list.clear(config());
    }
    for (const YamlEntry& entry : yaml.entries) {
      apply_entry(entry, path + ":" + std::to_string(entry.line));
    }
  }

  void read_environment(const std::vector<std::string>& environment) {
    // Sorted, so that listener 0 comes before listener 1.
    std::map<std::string, std::string> paths;
    for (const std::string& pair : environment) {
      const std::size_t equals = pair.find('=');
      if (!pair.starts_with(kPrefix) || equals == std::string::npos) continue;
      const std::string name = pair.substr(0, equals), value = pair.substr(equals + 1);
      if (name == kConfigVariable || is_from_kubernetes(name, value)) continue;
      if (const auto path = path_of_variable(name)) {
        paths[*path] = value;
      } else {
        warn_unknown(name);
      }
    }
    for (const auto& [path, value] : paths) {
      apply(path, value, "environment variable " + variable_of_path(path));
    }
  }

  void apply(std::string_view path, std::string_view text, const std::string& source) {
    const SettingPath found = find_setting(path);
    if (found.setting == nullptr) {
      fail(source, unknown_path_text(path));
      return;
    }
    ListItem item;
    if (found.list != nullptr) {
      if (!has_item(*found.list, found.index, source)) return;
      item = found.list->at(config(), found.index);
    }
    if (!assign(*found.setting, text, config(), item)) {
      const bool is_secret = found.setting->kind == ValueKind::secret;
      fail(source, std::string(path) + " is " + (is_secret ? "not good" : quoted(text)) +
                       "; allowed is " + allowed_text(*found.setting));
      return;
    }
    origins_[std::string(path)] = source;
  }

  // Others see a command line.
  void apply_flag(const std::string& path, const std::string& value) {
    const SettingPath found = find_setting(path);
    if (found.setting != nullptr && found.setting->kind == ValueKind::secret) {
      fail("--set " + path, path +
                                " has no place on the command line, where others see it; take "
                                "the environment (" +
                                variable_of_path(path) + ") or a file");
      return;
    }
    apply(path, value, "--set " + path + "=" + value);
  }

  ConfigOutcome finish() {
    derive(config());
    const auto origin = [this](std::string_view path) {
      const auto found = origins_.find(std::string(path));
      return found == origins_.end() ? origin_of_item(path) : found->second;
    };
    // What belongs together is looked at only where each alone is understood.
    if (outcome_.errors.empty()) outcome_.errors = check_config(config(), origin);
    for (std::string& line : warn_config(config())) config().warnings.push_back(std::move(line));
    return std::move(outcome_);
  }

 private:
  Config& config() { return outcome_.config; }

  void fail(const std::string& source, const std::string& text) {
    std::string line = source.empty() ? text : source + ": " + text;
    auto& errors = outcome_.errors;  // a list in a wrong place says the same for every item
    if (errors.empty() || errors.back() != line) errors.push_back(std::move(line));
  }

  void apply_entry(const YamlEntry& entry, const std::string& source) {
    switch (entry.kind) {
      case YamlEntry::Kind::scalar:
        apply(entry.path, entry.text, source);
        return;
      case YamlEntry::Kind::empty_list:
        for (const SettingList& list : setting_lists()) {
          if (entry.path != list.name) continue;
          origins_[entry.path] = source;
          return;
        }
        break;
      case YamlEntry::Kind::empty_map:
        if (find_setting(entry.path).setting != nullptr) break;
        [[fallthrough]];
      case YamlEntry::Kind::nothing:
        // `name:` with nothing behind it says nothing; `-` alone is an item of defaults.
        for (const SettingList& list : setting_lists()) {
          const SettingPath inside = find_setting(entry.path + "." + std::string(list.probe));
          if (inside.list == &list) has_item(list, inside.index, source);
        }
        return;
      case YamlEntry::Kind::unknown:
        break;
    }
    fail(source, unknown_path_text(entry.path));
  }

  // Of what isn't said in an item of a list: where something else of it is.
  std::string origin_of_item(std::string_view path) const {
    const SettingPath setting = find_setting(path);
    if (setting.list == nullptr) return {};
    const std::string item =
        std::string(setting.list->name) + "." + std::to_string(setting.index) + ".";
    const auto first = origins_.lower_bound(item);
    return first != origins_.end() && first->first.starts_with(item) ? first->second
                                                                     : std::string();
  }

  void add_item(const SettingList& list) {
    list.append(config());
    const ListItem item = list.at(config(), list.size(config()) - 1);
    for (const Setting& setting : settings()) {
      if (list_of(setting) == &list) {
        CHECK(assign(setting, setting.default_text, config(), item));
      }
    }
  }

  // Makes the next one.
  bool has_item(const SettingList& list, std::size_t index, const std::string& source) {
    if (index == list.size(config()) && index < kItemsMax) add_item(list);
    const std::size_t size = list.size(config());
    if (index < size) return true;
    const std::string name = std::string(list.name) + ".";
    fail(source, name + std::to_string(index) + " doesn't exist; the next one would be " + name +
                     std::to_string(size));
    return false;
  }

  void warn_unknown(const std::string& name) {
    std::string path = name.substr(kPrefix.size());
    std::transform(path.begin(), path.end(), path.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::size_t group_end = path.find('_');
    if (group_end != std::string::npos) path[group_end] = '.';
    std::string line = "environment variable " + name + " is not a setting of Roost";
    const std::vector<std::string> meant = nearest_paths(path);
    if (!meant.empty()) line += "; did you mean " + variable_of_path(meant.front()) + "?";
    config().warnings.push_back(line);
  }

  ConfigOutcome outcome_;
  std::map<std::string, std::string> origins_;  // path -> who set it last
};

}  // namespace

ConfigOutcome load_config(const ConfigSources& sources) {
  std::optional<std::string> file = sources.file;
  for (const std::string& pair : sources.environment) {
    const std::string prefix = std::string(kConfigVariable) + "=";
    if (!file && pair.starts_with(prefix) && pair.size() > prefix.size()) {
      file = pair.substr(prefix.size());
    }
  }
  Loader loader;
  if (file) loader.read_file(*file);
  loader.read_environment(sources.environment);
  for (const auto& [path, value] : sources.overrides) {
    loader.apply_flag(path, value);
  }
  return loader.finish();
}

std::vector<std::string> process_environment() {
  std::vector<std::string> result;
  for (char** pair = environ; pair != nullptr && *pair != nullptr; ++pair) {
    result.emplace_back(*pair);
  }
  return result;
}

}  // namespace roost::server
