// SPDX-License-Identifier: Apache-2.0
// Inside the codec: why a topic name or filter is none. A decoder answers some of these
// differently than TopicName::parse and TopicFilter::parse, which know only "invalid".
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <string_view>

namespace roost::mqtt {

enum class TopicFault : std::uint8_t {
  none,
  empty,            // [MQTT-4.7.3-1]
  bad_text,         // UTF-8, control characters, over 65 535 bytes
  wildcard,         // in a name [MQTT-3.3.2-2]; in a filter at a wrong place [MQTT-4.7.1]
  bad_share,        // "$share/" not followed by group, "/" and filter [MQTT-4.8.2]
  too_many_levels,  // a limit of ours
};

TopicFault check_topic_name(std::string_view text, std::uint32_t levels_max);

// The parts of "$share/group/filter"; group is empty where the filter is not shared.
struct FilterParts {
  std::string_view group;
  std::string_view filter;
  bool has_wildcard = false;
};
TopicFault check_topic_filter(std::string_view text, std::uint32_t levels_max, FilterParts& parts);

}  // namespace roost::mqtt
