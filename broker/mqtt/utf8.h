// SPDX-License-Identifier: Apache-2.0
// UTF-8 as MQTT wants it. [MQTT5-1.5.4]
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <string_view>

namespace roost::mqtt {

// Well-formed UTF-8 without U+0000 and without surrogates. [MQTT-1.5.4-1] [MQTT-1.5.4-2]
// ASCII is checked a word at a time.
bool is_valid_utf8(std::string_view text);

// Fit for a name (client id, user name): valid UTF-8 without control characters U+0001 to U+001F
// and U+007F to U+009F, which the specification lets a server refuse. [MQTT5-1.5.4.2]
bool is_valid_name(std::string_view text);

// What a topic name or filter is made of; one pass tells both.
enum class TopicText : std::uint8_t {
  plain,     // a valid name without + and #
  wildcard,  // a valid name with + or # somewhere
  invalid,   // no valid name
};
TopicText scan_topic(std::string_view text);

}  // namespace roost::mqtt
