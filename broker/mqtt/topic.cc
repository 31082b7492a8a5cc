// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/topic.h"

#include <algorithm>
#include <cstddef>

#include "broker/mqtt/topic_check.h"
#include "broker/mqtt/utf8.h"

namespace roost::mqtt {
namespace {

constexpr std::size_t kTopicSizeMax = 65'535;  // what a length of two bytes can say
constexpr std::string_view kSharePrefix = "$share/";

bool exceeds_levels(std::string_view text, std::uint32_t levels_max) {
  if (text.size() < levels_max) return false;  // not even "/////"
  const auto slashes = static_cast<std::size_t>(std::count(text.begin(), text.end(), '/'));
  return slashes + 1 > levels_max;
}

// + and # fill their level, # only the last. [MQTT-4.7.1-1] [MQTT-4.7.1-2]
bool wildcards_stand_right(std::string_view text) {
  LevelCursor levels(text);
  while (!levels.done()) {
    const std::string_view level = levels.next();
    if (level.find_first_of("+#") == std::string_view::npos) continue;
    if (level.size() != 1) return false;
    if (level == "#" && !levels.done()) return false;
  }
  return true;
}

}  // namespace

TopicFault check_topic_name(std::string_view text, std::uint32_t levels_max) {
  if (text.empty()) return TopicFault::empty;
  const TopicText kind = scan_topic(text);
  if (kind == TopicText::invalid || text.size() > kTopicSizeMax) return TopicFault::bad_text;
  if (kind == TopicText::wildcard) return TopicFault::wildcard;
  return exceeds_levels(text, levels_max) ? TopicFault::too_many_levels : TopicFault::none;
}

TopicFault check_topic_filter(std::string_view text, std::uint32_t levels_max, FilterParts& parts) {
  if (text.empty()) return TopicFault::empty;
  const TopicText kind = scan_topic(text);
  if (kind == TopicText::invalid || text.size() > kTopicSizeMax) return TopicFault::bad_text;
  if (kind == TopicText::wildcard && !wildcards_stand_right(text)) return TopicFault::wildcard;
  parts = {.group = {}, .filter = text, .has_wildcard = kind == TopicText::wildcard};
  if (text.starts_with(kSharePrefix)) {
    const std::string_view rest = text.substr(kSharePrefix.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return TopicFault::bad_share;
    parts.group = rest.substr(0, slash);
    parts.filter = rest.substr(slash + 1);
    if (parts.group.empty() || parts.filter.empty()) return TopicFault::bad_share;
    if (parts.group.find_first_of("+#") != std::string_view::npos) return TopicFault::bad_share;
  }
  return exceeds_levels(parts.filter, levels_max) ? TopicFault::too_many_levels : TopicFault::none;
}

Result<TopicName, ReasonCode> TopicName::parse(std::string_view text, std::uint32_t levels_max) {
  if (check_topic_name(text, levels_max) != TopicFault::none) {
    return Unexpected(ReasonCode::topic_name_invalid);
  }
  return TopicName(text);
}

Result<TopicFilter, ReasonCode> TopicFilter::parse(std::string_view text,
                                                   std::uint32_t levels_max) {
  FilterParts parts;
  if (check_topic_filter(text, levels_max, parts) != TopicFault::none) {
    return Unexpected(ReasonCode::topic_filter_invalid);
  }
  TopicFilter filter;
  filter.whole_ = text;
  filter.text_ = parts.filter;
  filter.group_ = parts.group;
  filter.has_wildcard_ = parts.has_wildcard;
  return filter;
}

std::string_view LevelCursor::next() {
  const std::size_t slash = rest_.find('/');
  const std::string_view level = rest_.substr(0, slash);
  done_ = slash == std::string_view::npos;
  if (!done_) rest_.remove_prefix(slash + 1);
  return level;
}

bool matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) {
    return false;  // [MQTT-4.7.2-1]
  }
  LevelCursor wanted(filter), given(topic);
  while (!wanted.done()) {
    const std::string_view level = wanted.next();
    if (level == "#") return true;  // its parent too, where `given` is done
    if (given.done()) return false;
    const std::string_view found = given.next();
    if (level != "+" && level != found) return false;
  }
  return given.done();
}

}  // namespace roost::mqtt
