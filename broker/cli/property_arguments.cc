// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/property_arguments.h"

#include <charconv>
#include <string_view>

namespace roost::cli {
namespace {

using mqtt::Properties;
using mqtt::PropertyId;

// Which commands take it, one letter each: connect, publish, subscribe, unsubscribe, disconnect,
// will.
struct Row {
  std::string_view name;
  PropertyId id;
  std::string_view commands;
  std::uint32_t most = 0;  // numbers: the largest value; 0: it is a text
};

constexpr Row kRows[] = {
    {"payload-format-indicator", PropertyId::payload_format_indicator, "pw", 1},
    {"message-expiry-interval", PropertyId::message_expiry_interval, "pw", 0xFFFFFFFF},
    {"content-type", PropertyId::content_type, "pw"},
    {"response-topic", PropertyId::response_topic, "pw"},
    {"correlation-data", PropertyId::correlation_data, "pw"},
    {"topic-alias", PropertyId::topic_alias, "p", 65535},
    {"subscription-identifier", PropertyId::subscription_identifier, "s", 268'435'455},
    {"session-expiry-interval", PropertyId::session_expiry_interval, "cd", 0xFFFFFFFF},
    {"will-delay-interval", PropertyId::will_delay_interval, "w", 0xFFFFFFFF},
    {"authentication-method", PropertyId::authentication_method, "c"},
    {"authentication-data", PropertyId::authentication_data, "c"},
    {"request-problem-information", PropertyId::request_problem_information, "c", 1},
    {"request-response-information", PropertyId::request_response_information, "c", 1},
    {"receive-maximum", PropertyId::receive_maximum, "c", 65535},
    {"topic-alias-maximum", PropertyId::topic_alias_maximum, "c", 65535},
    {"maximum-packet-size", PropertyId::maximum_packet_size, "c", 268'435'460},
    {"user-property", PropertyId::user_property, "cpsudw"},
};

void set_number(PropertyId id, std::uint32_t value, Properties& to) {
  const auto word = static_cast<std::uint16_t>(value);
  const auto byte = static_cast<std::uint8_t>(value);
  switch (id) {
    case PropertyId::payload_format_indicator:
      to.payload_format_indicator = byte;
      break;
    case PropertyId::message_expiry_interval:
      to.message_expiry_interval_s = value;
      break;
    case PropertyId::topic_alias:
      to.topic_alias = word;
      break;
    case PropertyId::subscription_identifier:
      to.subscription_identifiers = {value};
      break;
    case PropertyId::session_expiry_interval:
      to.session_expiry_interval_s = value;
      break;
    case PropertyId::will_delay_interval:
      to.will_delay_interval_s = value;
      break;
    case PropertyId::request_problem_information:
      to.request_problem_information = byte;
      break;
    case PropertyId::request_response_information:
      to.request_response_information = byte;
      break;
    case PropertyId::receive_maximum:
      to.receive_maximum = word;
      break;
    case PropertyId::topic_alias_maximum:
      to.topic_alias_maximum = word;
      break;
    default:
      to.maximum_packet_size = value;
      break;
  }
}

void set_text(PropertyId id, std::string_view value, Properties& to) {
  switch (id) {
    case PropertyId::content_type:
      to.content_type = value;
      break;
    case PropertyId::response_topic:
      to.response_topic = value;
      break;
    case PropertyId::correlation_data:
      to.correlation_data = as_bytes(value);
      break;
    case PropertyId::authentication_method:
      to.authentication_method = value;
      break;
    default:
      to.authentication_data = as_bytes(value);
      break;
  }
}

auto wrong(const std::string& why) { return error(ErrorKind::invalid_argument, "-D: " + why); }

}  // namespace

Properties* PropertyArguments::properties_of(const std::string& command) {
  if (command == "connect") return &connect;
  if (command == "publish") return &publish;
  if (command == "subscribe") return &subscribe;
  if (command == "unsubscribe") return &unsubscribe;
  if (command == "disconnect") return &disconnect;
  if (command == "will") return &will;
  return nullptr;
}

Result<void> PropertyArguments::add(std::vector<std::string> words) {
  if (words.size() < 3) return wrong("takes a command, a property and its value");
  const std::string& command = words[0];
  const std::string& name = words[1];
  Properties* to = properties_of(command);
  if (to == nullptr) {
    return wrong("'" + command +
                 "' is none of connect, publish, subscribe, unsubscribe, disconnect, will");
  }
  const Row* row = nullptr;
  for (const Row& candidate : kRows) {
    if (candidate.name == name) row = &candidate;
  }
  if (row == nullptr) return wrong("no property '" + name + "'");
  if (row->commands.find(command.front()) == std::string_view::npos) {
    return wrong(name + " isn't allowed for " + command);
  }
  const bool is_user_property = row->id == PropertyId::user_property;
  if (!is_user_property && words.size() == 4 && words[3].empty()) words.pop_back();
  if (words.size() != (is_user_property ? 4U : 3U)) {
    return wrong(is_user_property ? "user-property takes a name and a value"
                                  : name + " takes one value");
  }
  if (is_user_property) {
    const std::string& key = texts_.emplace_back(words[2]);
    const std::string& value = texts_.emplace_back(words[3]);
    to->user_properties.emplace_back(key, value);
  } else if (row->most == 0) {
    set_text(row->id, texts_.emplace_back(words[2]), *to);
  } else {
    const std::string& text = words[2];
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size() || value > row->most) {
      return wrong(name + " takes a number up to " + std::to_string(row->most));
    }
    set_number(row->id, static_cast<std::uint32_t>(value), *to);
  }
  to->mark(row->id);
  return {};
}

}  // namespace roost::cli
