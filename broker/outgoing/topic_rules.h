// SPDX-License-Identifier: Apache-2.0
// Which topics a bridge carries, which way and under which names. A rule is a line of mosquitto's
// `topic`: FILTER [out|in|both [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]], "" for nothing.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "broker/mqtt/types.h"

namespace roost::outgoing {

enum class Direction : std::uint8_t { out, in, both };

// A message of LOCAL-PREFIX + t here is one of REMOTE-PREFIX + t there, for each t that the filter
// matches. An empty filter: one topic, that of the prefixes.
struct TopicRule {
  std::string filter;
  Direction direction = Direction::out;
  mqtt::Qos qos = mqtt::Qos::at_most_once;  // at most
  std::string local_prefix, remote_prefix;
};

// Words are separated by blanks; one with blanks in it stands in "". Errors: invalid_argument: what
// is wrong and what is allowed.
Result<TopicRule> parse_topic_rule(std::string_view line);

class TopicRules {
 public:
  struct Wanted {
    std::string filter;
    mqtt::Qos qos;
  };

  explicit TopicRules(std::vector<TopicRule> rules);

  // To subscribe to: here (out and both), and there (in and both). Each filter once, with the
  // highest QoS of its rules.
  const std::vector<Wanted>& wanted_here() const { return here_; }
  const std::vector<Wanted>& wanted_there() const { return there_; }
  // The other side's name of a topic, by the first rule that has it; nothing: none has.
  std::optional<std::string> to_remote(std::string_view topic) const;
  std::optional<std::string> to_local(std::string_view topic) const;

 private:
  std::vector<TopicRule> rules_;
  std::vector<Wanted> here_, there_;
};

}  // namespace roost::outgoing
