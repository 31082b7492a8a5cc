// SPDX-License-Identifier: Apache-2.0
// How `roost sub` prints a message: mosquitto_sub's -F language, -v and plain.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/result.h"
#include "broker/mqtt/packet.h"

namespace roost::cli {

// When a message came: seconds since 1970 and nanoseconds.
struct Arrived {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
};

// Errors: invalid_argument with the bad specifier. Call it once before format_message.
Result<void> check_format(std::string_view format);

// Appends the message. False when it can't be shown this way (%J of a payload that isn't JSON).
// Requires: check_format(format).
bool format_message(std::string_view format, const mqtt::Publish& message, Arrived arrived,
                    std::string& out);

// %j and %J: the message as a JSON object; the payload quoted, or itself as JSON.
bool append_message_json(const mqtt::Publish& message, Arrived arrived, bool payload_is_json,
                         std::string& out);

// Appends `text` as a JSON string; what isn't UTF-8 is passed through.
void append_json_string(std::string_view text, std::string& out);

}  // namespace roost::cli
