// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>

#include "broker/auth/faults.h"
#include "broker/auth/rule_set.h"
#include "broker/base/file.h"

namespace roost::auth {
namespace {

constexpr std::size_t kFileSizeMax = 4 * 1024 * 1024;
constexpr std::size_t kWordsMax = 1'000'000;  // anchors make a large list of a small file
constexpr int kDepthMax = 32;

constexpr std::array<std::pair<std::string_view, Rights>, 5> kRights = {{
    {"publish", bit_of(Right::publish)},
    {"subscribe", bit_of(Right::subscribe)},
    {"receive", bit_of(Right::receive)},
    {"retain", bit_of(Right::retain)},
    {"all", kAllRights},
}};

// How deep brackets stand in each other, so that a parser that recurses isn't given a tower of
// them. Brackets in quotes and comments don't count; one in a plain word might: the limit has room.
int depth_of(std::string_view text) {
  int depth = 0, deepest = 0;
  char quote = 0, before = '\n';
  for (std::size_t i = 0; i < text.size(); before = text[i++]) {
    const char c = text[i];
    const bool is_start = before == ' ' || before == '\n' || before == '\t' || before == ',' ||
                          before == '[' || before == '{' || before == ':';
    if (quote != 0) {
      if (quote == '"' && c == '\\') ++i;
      if (c == quote) quote = 0;
      if (i == text.size()) break;
    } else if ((c == '"' || c == '\'') && is_start) {
      quote = c;
    } else if (c == '#' && (before == ' ' || before == '\n' || before == '\t')) {
      i = std::min(text.find('\n', i), text.size() - 1);
    } else if ((c == '[' || c == '{') && is_start) {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      depth = std::max(0, depth - 1);
    }
  }
  return deepest;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 80;
  return "\"" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "..." : "") + "\"";
}

class Reader {
 public:
  explicit Reader(std::string_view name) : faults_(name) { parts_.name = name; }

  Result<RuleSetParts> read(const YAML::Node& root) {
    parts_.allowed_where_no_rule_fits = bit_of(Right::receive) | bit_of(Right::retain);
    if (root.IsSequence()) {
      read_rules(root, 1);
    } else if (root.IsMap()) {
      has_groups_ = true;
      read_file(root);
    } else {
      faults_.add(1, "expected \"rules:\" and a list, or a list of rules alone");
    }
    if (!faults_.empty()) return faults_.as_error(ErrorKind::invalid_argument);
    return std::move(parts_);
  }

  void not_yaml(const YAML::Exception& fault) {
    faults_.add(fault.mark.line + 1, "not YAML: " + fault.msg);
  }
  Result<RuleSetParts> failed() { return faults_.as_error(ErrorKind::invalid_argument); }

 private:
  using Node = YAML::Node;
  using OnKey = std::function<bool(const std::string& key, const Node& value, int line)>;
  using OnWord = std::function<void(const std::string& word, int line)>;

  static int line_of(const Node& node, int otherwise) {
    const int line = node.Mark().line + 1;
    return line > 0 ? line : otherwise;
  }

  // Calls `on_key` for each key of a map; false: there is none of that name.
  void each_key(const Node& map, const std::string& path, std::string_view allowed,
                const OnKey& on_key) {
    std::map<std::string, int> seen;
    for (const auto& pair : map) {
      const int line = line_of(pair.first, 1);
      if (!pair.first.IsScalar()) {
        faults_.add(line, "a key must be a plain word");
        continue;
      }
      const std::string& key = pair.first.Scalar();
      const auto [first, added] = seen.emplace(key, line);
      if (!added) {
        faults_.add(line,
                    path + key + " is given twice, first in line " + std::to_string(first->second));
      } else if (!on_key(key, pair.second, line)) {
        faults_.add(line, path + key + " is not known; allowed is " + std::string(allowed));
      }
    }
  }

  // One word or a list of them, not an empty one.
  void each_word(const Node& node, const std::string& path, int line, const OnWord& on_word) {
    const auto one = [&](const Node& item) {
      const int own = line_of(item, line);
      if (!item.IsScalar()) {
        faults_.add(own, path + (item.IsNull() ? " has nothing where a word is expected; # begins"
                                                 " a comment: quote it"
                                               : " has a list or map where a word is expected"));
      } else if (++words_ > kWordsMax) {
        if (words_ == kWordsMax + 1) {
          faults_.add(own, "more than " + std::to_string(kWordsMax) + " words in all lists");
        }
      } else {
        on_word(item.Scalar(), own);
      }
    };
    if (!node.IsSequence()) return one(node);
    if (node.size() == 0) faults_.add(line, path + " is empty; allowed is to leave it out");
    for (const Node& item : node) one(item);
  }

  void read_file(const Node& root) {
    if (const Node groups = root["groups"]; groups) read_groups(groups);
    bool has_rules = false;
    each_key(root, "", "groups, default, rules",
             [&](const std::string& key, const Node& value, int line) {
               has_rules = has_rules || key == "rules";
               if (key == "rules") read_rules(value, line);
               if (key == "default") read_default(value, line);
               return key == "rules" || key == "default" || key == "groups";
             });
    if (!has_rules) faults_.add(1, "rules is missing");
  }

  void read_default(const Node& node, int line) {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    if (text == "allow") parts_.allowed_where_no_rule_fits = kAllRights;
    if (text != "allow" && text != "deny") {
      faults_.add(line, "default is " + quoted(text) + "; allowed is allow, deny");
    }
  }

  void read_groups(const Node& node) {
    if (!node.IsMap()) {
      faults_.add(line_of(node, 1), "groups: expected names with a list of users each");
      return;
    }
    each_key(node, "groups.", "", [&](const std::string& key, const Node& value, int line) {
      Group group{key, {}};
      // Empty: a group whose members tokens name.
      if (!value.IsSequence() || value.size() > 0) {
        each_word(value, "groups." + key, line, [&](const std::string& word, int own) {
          if (word.empty()) faults_.add(own, "groups." + key + " has an empty user name");
          group.members.push_back(Glob::parse(word));
        });
      }
      group_names_.insert(key);
      parts_.groups.push_back(std::move(group));
      return true;
    });
  }

  void read_rules(const Node& node, int line) {
    if (!node.IsSequence()) {
      faults_.add(line_of(node, line), "rules: expected a list");
      return;
    }
    std::size_t number = 0;
    for (const Node& item : node) {
      const std::string path = "rules." + std::to_string(number++);
      const int own = line_of(item, line);
      if (item.IsMap()) {
        read_rule(item, path + ".", own);
      } else {
        faults_.add(own, path + ": expected \"allow:\" or \"deny:\" and \"topics:\"");
      }
    }
  }

  void read_rule(const Node& node, const std::string& path, int line) {
    constexpr std::string_view kKeys =
        "allow, deny, topics, users, anonymous, groups, clients, common_names, listeners, networks";
    Rule rule;
    rule.line = static_cast<std::uint32_t>(line);
    Conditions about;
    int verdicts = 0;
    bool has_topics = false;
    each_key(node, path, kKeys, [&](const std::string& key, const Node& value, int own) {
      if (key == "allow" || key == "deny") {
        ++verdicts;
        rule.allow = key == "allow";
        each_word(value, path + key, own,
                  [&](const std::string& word, int at) { read_right(word, path + key, at, rule); });
        return true;
      }
      if (key == "topics") {
        has_topics = true;
        each_word(value, path + key, own,
                  [&](const std::string& word, int at) { read_topic(word, path + key, at, rule); });
        return true;
      }
      return read_condition(key, value, path + key, own, about);
    });
    if (verdicts != 1) faults_.add(line, path + "allow or " + path + "deny: expected one of them");
    if (!has_topics) faults_.add(line, path + "topics is missing");
    if (!about.is_empty()) rule.conditions = std::make_unique<Conditions>(std::move(about));
    parts_.rules.push_back(std::move(rule));
  }

  void read_right(const std::string& word, const std::string& path, int line, Rule& rule) {
    for (const auto& [name, bits] : kRights) {
      if (name != word) continue;
      rule.rights |= bits;
      return;
    }
    faults_.add(line, path + " is " + quoted(word) +
                          "; allowed is publish, subscribe, receive, retain, all");
  }

  void read_topic(const std::string& word, const std::string& path, int line, Rule& rule) {
    auto pattern = TopicPattern::parse(word, TopicPattern::Syntax::roost);
    if (pattern) {
      rule.topics.push_back(std::move(*pattern));
    } else {
      faults_.add(line, path + ": " + quoted(word) + " " + pattern.error().message);
    }
  }

  // False: no condition has that name.
  bool read_condition(const std::string& key, const Node& value, const std::string& path, int line,
                      Conditions& about) {
    const std::array<std::pair<std::string_view, Globs*>, 4> lists = {
        {{"users", &about.users},
         {"clients", &about.client_ids},
         {"common_names", &about.common_names},
         {"listeners", &about.listeners}}};
    for (const auto& [name, globs] : lists) {
      if (name != key) continue;
      each_word(value, path, line, [&, into = globs](const std::string& word, int at) {
        if (word.empty()) {
          faults_.add(at, path + " has an empty name; \"anonymous: true\" is who has none");
        }
        into->push_back(Glob::parse(word));
      });
      return true;
    }
    if (key == "anonymous") {
      if (!value.IsScalar() || value.Scalar() != "true") {
        faults_.add(line, path + ": allowed is true, for clients without a user name");
      }
      about.users.push_back(Glob::exact(""));
    } else if (key == "groups") {
      each_word(value, path, line, [&](const std::string& word, int at) {
        about.groups.push_back({word});
        if (has_groups_ && !group_names_.contains(word)) {
          faults_.add(at, path + " has " + quoted(word) + ", which groups: doesn't know; a group" +
                              " whose members tokens name stands there as \"" + word + ": []\"");
        }
      });
    } else if (key == "networks") {
      each_word(value, path, line, [&](const std::string& word, int at) {
        const auto network = Network::parse(word);
        if (network) about.networks.push_back(*network);
        if (!network) {
          faults_.add(at, path + " has " + quoted(word) +
                              "; allowed is 10.0.0.0/8, fd00::/8 (nothing set behind the prefix),"
                              " an address, unix");
        }
      });
    } else {
      return false;
    }
    return true;
  }

  RuleSetParts parts_;
  Faults faults_;
  std::set<std::string> group_names_;
  std::size_t words_ = 0;
  bool has_groups_ = false;  // a token's rules have none: its issuer names them
};

}  // namespace

Result<RulesPtr> parse_rules(std::string_view yaml, std::string_view name) {
  const std::string place(name);
  if (yaml.size() > kFileSizeMax) {
    return error(ErrorKind::invalid_argument, place + ": larger than 4 MiB");
  }
  if (depth_of(yaml) > kDepthMax) {
    return error(ErrorKind::invalid_argument, place + ": brackets are nested too deeply");
  }
  Reader reader(name);
  Result<RuleSetParts> parts = [&] {
    try {
      return reader.read(YAML::Load(std::string(yaml)));
    } catch (const YAML::Exception& fault) {
      reader.not_yaml(fault);
      return reader.failed();
    }
  }();
  if (!parts) return Unexpected(std::move(parts).error());
  return RulesPtr(std::make_shared<const RuleSet>(std::move(*parts)));
}

Result<RulesPtr> read_rules(const std::string& path) {
  const auto text = base::read_file(path, kFileSizeMax);
  if (!text) return Unexpected(Error(text.error()));
  return parse_rules(*text, path);
}

}  // namespace roost::auth
