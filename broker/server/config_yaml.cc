// SPDX-License-Identifier: Apache-2.0
#include "broker/server/config_yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace roost::server {

namespace {

// The settings that may be lists of words.
constexpr std::array<std::string_view, 5> kWordLists = {"etcd.endpoints", "http.allowed_hosts",
                                                        "http.allowed_origins", "metrics.classes",
                                                        "mqtt.keep_last"};

constexpr int kDepthMax = 16;

int line_of(const YAML::Mark& mark) { return mark.line + 1; }

class Flattener {
 public:
  Flattener(YamlOutcome& outcome, const std::function<bool(const std::string&)>& known)
      : outcome_(outcome), known_(known) {}

  void add(const YAML::Node& node, const std::string& path, int depth) {
    const int line = line_of(node.Mark());
    if (depth > kDepthMax) {
      outcome_.faults.push_back({line, path + " is nested too deeply"});
    } else if (node.IsMap()) {
      add_map(node, path, depth);
    } else if (node.IsSequence()) {
      add_list(node, path, depth);
    } else if (node.IsScalar()) {
      outcome_.entries.push_back({path, node.Scalar(), line, YamlEntry::Kind::scalar});
    } else {
      outcome_.entries.push_back({path, "", line, YamlEntry::Kind::nothing});
    }
  }

 private:
  static std::string join(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
  }

  void add_map(const YAML::Node& node, const std::string& path, int depth) {
    if (node.size() == 0) {
      outcome_.entries.push_back({path, "", line_of(node.Mark()), YamlEntry::Kind::empty_map});
    }
    std::map<std::string, int> seen;
    for (const auto& pair : node) {
      const int line = line_of(pair.first.Mark());
      if (!pair.first.IsScalar()) {
        outcome_.faults.push_back({line, "a key must be a plain word"});
        continue;
      }
      const std::string inner = join(path, pair.first.Scalar());
      const auto [first, added] = seen.emplace(pair.first.Scalar(), line);
      if (!added) {
        outcome_.faults.push_back(
            {line, inner + " is given twice, first in line " + std::to_string(first->second)});
        continue;
      }
      if (!known_(inner)) {
        outcome_.entries.push_back({inner, "", line, YamlEntry::Kind::unknown});
        continue;
      }
      const std::size_t before = outcome_.entries.size();
      add(pair.second, inner, depth + 1);
      // A null has no place of its own; its key has.
      if (outcome_.entries.size() > before && pair.second.IsNull()) {
        outcome_.entries.back().line = line;
      }
    }
  }

  // A list of plain words is one text, separated by commas, or one of lines.
  bool join_scalars(const YAML::Node& node, const std::string& path, const char* separator) {
    std::string text;
    for (const auto& item : node) {
      if (!item.IsScalar()) return false;
      text += (text.empty() ? "" : separator) + item.Scalar();
    }
    outcome_.entries.push_back(
        {path, std::move(text), line_of(node.Mark()), YamlEntry::Kind::scalar});
    return true;
  }

  void add_list(const YAML::Node& node, const std::string& path, int depth) {
    if (node.size() == 0) {
      outcome_.entries.push_back({path, "", line_of(node.Mark()), YamlEntry::Kind::empty_list});
    }
    const bool is_words =
        std::find(kWordLists.begin(), kWordLists.end(), path) != kWordLists.end() ||
        (path.starts_with("listeners.") && path.ends_with(".auth"));
    const bool is_lines = (path.starts_with("bridges.") && path.ends_with(".topics")) ||
                          (path.starts_with("webhooks.") && path.ends_with(".filters"));
    const bool is_events = path.starts_with("webhooks.") && path.ends_with(".events");
    if ((is_words || is_lines || is_events) && node.size() > 0 &&
        join_scalars(node, path, is_lines ? "\n" : ",")) {
      return;
    }
    std::size_t index = 0;
    for (const auto& item : node) add(item, join(path, std::to_string(index++)), depth + 1);
  }

  YamlOutcome& outcome_;
  const std::function<bool(const std::string&)>& known_;
};

}  // namespace

YamlOutcome flatten_yaml(const std::string& text,
                         const std::function<bool(const std::string& path)>& known) {
  YamlOutcome outcome;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsMap()) {
      Flattener(outcome, known).add(root, "", 0);
    } else if (root.IsDefined() && !root.IsNull()) {
      outcome.faults.push_back({line_of(root.Mark()), "expected settings as \"name: value\""});
    }
  } catch (const YAML::Exception& fault) {
    outcome.faults.push_back({line_of(fault.mark), "not YAML: " + fault.msg});
  }
  return outcome;
}

}  // namespace roost::server
