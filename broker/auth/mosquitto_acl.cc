// SPDX-License-Identifier: Apache-2.0
// mosquitto's ACL file, read as mosquitto 2.0 reads it; tests/system/acl_test.py proves it there.
#include <algorithm>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "broker/auth/faults.h"
#include "broker/auth/rule_set.h"
#include "broker/base/file.h"

namespace roost::auth {
namespace {

constexpr std::size_t kFileSizeMax = 16 * 1024 * 1024;
constexpr std::string_view kBlanks = " \t\v\f\r";

std::string_view without_blanks_behind(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::string_view without_blanks(std::string_view text) {
  return without_blanks_behind(text.substr(std::min(text.find_first_not_of(kBlanks), text.size())));
}

// Takes the next word, up to a space, off `rest`; only spaces divide words.
std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  return word;
}

class Reader {
 public:
  explicit Reader(std::string_view name) : faults_(name) { parts_.name = name; }

  void read_line(std::string_view text, int line) {
    text = without_blanks_behind(text);
    if (text.starts_with('#')) return;
    const std::string_view word = take_word(text);
    if (word.empty()) return;
    if (word == "user") {
      read_user(text, line);
    } else if (word == "topic" || word == "pattern") {
      read_topic(word == "pattern", text, line);
    } else {
      faults_.add(line, "a line begins with \"" + std::string(word) +
                            "\"; allowed is user, topic, pattern, and # for a comment");
    }
  }

  Result<RulesPtr> finish() && {
    if (!faults_.empty()) return faults_.as_error(ErrorKind::invalid_argument);
    // What is about the user goes before patterns, and denies before the rest of either. A user's
    // lines together, because they are asked together.
    std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return std::tuple(a.user, a.rule.allow) < std::tuple(b.user, b.rule.allow);
    });
    parts_.rules.reserve(entries_.size());
    for (Entry& entry : entries_) parts_.rules.push_back(std::move(entry.rule));
    parts_.allowed_where_no_rule_fits = bit_of(Right::retain);
    parts_.subscribes_by_receive = true;
    return RulesPtr(std::make_shared<const RuleSet>(std::move(parts_)));
  }

 private:
  struct Entry {
    Rule rule;
    std::uint32_t user = 0;  // in the order of the file
  };
  static constexpr std::uint32_t kPattern = 0xFFFFFFFF;

  void read_user(std::string_view rest, int line) {
    user_ = without_blanks(rest);
    if (user_.empty()) faults_.add(line, "user: expected a name");
    user_number_ = user_numbers_.emplace(user_, user_numbers_.size() + 1).first->second;
  }

  void read_topic(bool is_pattern, std::string_view rest, int line) {
    const std::string what = is_pattern ? "pattern" : "topic";
    std::string_view access = take_word(rest), topic = without_blanks(rest);
    if (access.empty()) {
      faults_.add(line, what + ": expected a topic");
      return;
    }
    if (topic.empty()) {  // one word alone is the topic
      topic = access;
      access = "readwrite";
    }
    Rule rule;
    rule.line = static_cast<std::uint32_t>(line);
    if (const auto rights = rights_of(access)) {
      rule.allow = access != "deny";
      rule.rights = *rights;
    } else {
      faults_.add(line, what + " is \"" + std::string(access) +
                            "\"; allowed is read, write, readwrite, deny");
      return;
    }
    using enum TopicPattern::Syntax;
    auto pattern = TopicPattern::parse(topic, is_pattern ? mosquitto : plain);
    if (!pattern) {
      faults_.add(line, "\"" + std::string(topic) + "\" " + pattern.error().message);
      return;
    }
    rule.topics.push_back(std::move(*pattern));
    if (!is_pattern) {
      rule.conditions = std::make_unique<Conditions>();
      rule.conditions->users.push_back(Glob::exact(user_));  // "": who has no name
    }
    entries_.push_back({std::move(rule), is_pattern ? kPattern : user_number_});
  }

  static std::optional<Rights> rights_of(std::string_view access) {
    const Rights read = bit_of(Right::receive), write = bit_of(Right::publish);
    if (access == "read") return read;
    if (access == "write") return write;
    if (access == "readwrite" || access == "deny") return static_cast<Rights>(read | write);
    return std::nullopt;
  }

  RuleSetParts parts_;
  Faults faults_;
  std::vector<Entry> entries_;
  std::string_view user_;  // of the text
  std::uint32_t user_number_ = 0;
  std::unordered_map<std::string_view, std::uint32_t> user_numbers_;
};

}  // namespace

Result<RulesPtr> parse_mosquitto_acl(std::string_view text, std::string_view name) {
  if (text.size() > kFileSizeMax) {
    return error(ErrorKind::invalid_argument, std::string(name) + ": larger than 16 MiB");
  }
  Reader reader(name);
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    reader.read_line(text.substr(0, end), line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::move(reader).finish();
}

Result<RulesPtr> read_mosquitto_acl(const std::string& path) {
  const auto text = base::read_file(path, kFileSizeMax);
  if (!text) return Unexpected(Error(text.error()));
  return parse_mosquitto_acl(*text, path);
}

}  // namespace roost::auth
