// SPDX-License-Identifier: Apache-2.0
// Topic names and filters, valid by construction, and how they match. [MQTT5-4.7]
// Both are views; whoever keeps one keeps the text.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/base/result.h"
#include "broker/mqtt/limits.h"
#include "broker/mqtt/reason_code.h"

namespace roost::mqtt {

class TopicName {
 public:
  // UTF-8 without control characters, 1 to 65 535 bytes, no wildcard, levels within the limit;
  // else 0x90.
  static Result<TopicName, ReasonCode> parse(std::string_view text,
                                             std::uint32_t levels_max = kTopicLevelsDefault);
  // Requires: `text` was parsed before (a stored message).
  static TopicName trusted(std::string_view text) { return TopicName(text); }

  std::string_view text() const { return text_; }
  // `$SYS/...` and the like: wildcards at the first level don't match them. [MQTT-4.7.2-1]
  bool is_dollar() const { return text_.front() == '$'; }

 private:
  explicit TopicName(std::string_view text) : text_(text) {}
  std::string_view text_;
};

class TopicFilter {
 public:
  // Accepts "$share/group/filter", whose levels are counted without the first two; checks place of
  // wildcards, UTF-8, control characters, levels; else 0x8F.
  static Result<TopicFilter, ReasonCode> parse(std::string_view text,
                                               std::uint32_t levels_max = kTopicLevelsDefault);

  std::string_view whole() const { return whole_; }  // as the client sent it
  std::string_view text() const { return text_; }    // without "$share/group/"
  std::string_view group() const { return group_; }  // empty: not shared
  bool is_shared() const { return !group_.empty(); }
  bool has_wildcard() const { return has_wildcard_; }

 private:
  std::string_view whole_, text_, group_;
  bool has_wildcard_ = false;
};

// Walks "a/b//c" level by level: "a", "b", "", "c". An empty text has one empty level.
class LevelCursor {
 public:
  explicit LevelCursor(std::string_view text) : rest_(text) {}
  bool done() const { return done_; }
  // Requires: !done().
  std::string_view next();

 private:
  std::string_view rest_;
  bool done_ = false;
};

// The plain rule, one filter against one name; the naive matcher that the tree is tested with.
bool matches(std::string_view filter, std::string_view topic);

}  // namespace roost::mqtt
