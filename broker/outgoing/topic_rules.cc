// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/topic_rules.h"

#include <algorithm>
#include <utility>

#include "broker/mqtt/topic.h"

namespace roost::outgoing {

namespace {

constexpr std::size_t kWordsMax = 5;

Result<std::vector<std::string>> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at < line.size()) {
    if (line[at] == ' ' || line[at] == '\t') {
      ++at;
      continue;
    }
    if (line[at] == '"') {
      const std::size_t end = line.find('"', at + 1);
      if (end == std::string_view::npos) {
        return error(ErrorKind::invalid_argument, "a \" has no other one behind it");
      }
      words.emplace_back(line.substr(at + 1, end - at - 1));
      at = end + 1;
    } else {
      const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
      words.emplace_back(line.substr(at, end - at));
      at = end;
    }
  }
  return words;
}

Result<void> check(const TopicRule& rule, const std::string& prefix, const char* side) {
  const std::string whole = prefix + rule.filter;
  if (whole.empty()) {
    return error(
        ErrorKind::invalid_argument,
        std::string("without a filter both prefixes are needed: there is no topic ") + side);
  }
  if (prefix.find_first_of("+#") != std::string::npos) {
    return error(ErrorKind::invalid_argument,
                 "\"" + prefix + "\": a prefix is part of topics and has no wildcards");
  }
  const auto filter = mqtt::TopicFilter::parse(whole);
  if (!filter) {
    return error(ErrorKind::invalid_argument, "\"" + whole + "\" is no topic filter");
  }
  if (filter->is_shared()) {
    return error(ErrorKind::invalid_argument, "\"" + whole + "\": a bridge joins no share group");
  }
  return {};
}

void add(std::vector<TopicRules::Wanted>& wanted, std::string filter, mqtt::Qos qos) {
  const auto same = std::find_if(wanted.begin(), wanted.end(),
                                 [&](const auto& one) { return one.filter == filter; });
  if (same == wanted.end()) {
    wanted.push_back({std::move(filter), qos});
  } else {
    same->qos = std::max(same->qos, qos);
  }
}

std::optional<std::string> renamed(std::string_view topic, const TopicRule& rule,
                                   const std::string& from, const std::string& to) {
  if (!topic.starts_with(from)) return std::nullopt;
  if (!mqtt::matches(from + rule.filter, topic)) return std::nullopt;
  return to + std::string(topic.substr(from.size()));
}

}  // namespace

Result<TopicRule> parse_topic_rule(std::string_view line) {
  auto words = words_of(line);
  if (!words) return Unexpected(std::move(words).error());
  if (words->empty() || words->size() > kWordsMax) {
    return error(ErrorKind::invalid_argument,
                 "expected FILTER [out|in|both [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]]");
  }
  words->resize(kWordsMax);
  TopicRule rule;
  rule.filter = (*words)[0];
  const std::string& direction = (*words)[1];
  if (direction == "in") {
    rule.direction = Direction::in;
  } else if (direction == "both") {
    rule.direction = Direction::both;
  } else if (!direction.empty() && direction != "out") {
    return error(ErrorKind::invalid_argument,
                 "\"" + direction + "\" is no direction; allowed is out, in or both");
  }
  const std::string& qos = (*words)[2];
  if (qos.size() > 1 || (!qos.empty() && (qos[0] < '0' || qos[0] > '2'))) {
    return error(ErrorKind::invalid_argument, "\"" + qos + "\" is no QoS; allowed is 0, 1 or 2");
  }
  if (!qos.empty()) rule.qos = static_cast<mqtt::Qos>(qos[0] - '0');
  rule.local_prefix = (*words)[3];
  rule.remote_prefix = (*words)[4];
  if (auto good = check(rule, rule.local_prefix, "here"); !good) return Unexpected(good.error());
  if (auto good = check(rule, rule.remote_prefix, "there"); !good) return Unexpected(good.error());
  return rule;
}

TopicRules::TopicRules(std::vector<TopicRule> rules) : rules_(std::move(rules)) {
  for (const TopicRule& rule : rules_) {
    if (rule.direction != Direction::in) add(here_, rule.local_prefix + rule.filter, rule.qos);
    if (rule.direction != Direction::out) add(there_, rule.remote_prefix + rule.filter, rule.qos);
  }
}

std::optional<std::string> TopicRules::to_remote(std::string_view topic) const {
  for (const TopicRule& rule : rules_) {
    if (rule.direction == Direction::in) continue;
    if (auto name = renamed(topic, rule, rule.local_prefix, rule.remote_prefix)) return name;
  }
  return std::nullopt;
}

std::optional<std::string> TopicRules::to_local(std::string_view topic) const {
  for (const TopicRule& rule : rules_) {
    if (rule.direction == Direction::out) continue;
    if (auto name = renamed(topic, rule, rule.remote_prefix, rule.local_prefix)) return name;
  }
  return std::nullopt;
}

}  // namespace roost::outgoing
