// SPDX-License-Identifier: Apache-2.0
// The levels of a topic, cut and looked up as a match gets to them, each once. Up to the default
// limit of levels nothing is allocated. Thread: core-bound.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <string_view>

#include "broker/mqtt/limits.h"
#include "broker/routing/level_symbols.h"

namespace roost::routing {

class TopicLevels {
 public:
  TopicLevels(std::string_view topic, const LevelSymbols& symbols)
      : rest_(topic), symbols_(symbols) {}

  // Requires: every smaller level was asked for before.
  bool has(std::size_t level) { return level < levels_.size() || (!done_ && cut()); }

  // Requires: has(level) was true.
  Symbol symbol(std::size_t level) {
    Level& known = levels_[level];
    if (known.symbol == kNotLookedUp) known.symbol = symbols_.find(known.text);
    return known.symbol;
  }

 private:
  static constexpr Symbol kNotLookedUp = 0xFFFFFFFF;

  struct Level {
    explicit Level(std::string_view level) : text(level) {}
    std::string_view text;
    Symbol symbol = kNotLookedUp;
  };

  bool cut() {
    const std::size_t end = rest_.find('/');
    levels_.emplace_back(rest_.substr(0, end));  // in place: a copy would wait for its stores
    done_ = end == std::string_view::npos;
    if (!done_) rest_.remove_prefix(end + 1);
    return true;
  }

  boost::container::small_vector<Level, mqtt::kTopicLevelsDefault> levels_;
  std::string_view rest_;
  const LevelSymbols& symbols_;
  bool done_ = false;
};

}  // namespace roost::routing
