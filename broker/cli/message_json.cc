// SPDX-License-Identifier: Apache-2.0
#include <boost/json/stream_parser.hpp>
#include <cstdio>
#include <ctime>

#include "broker/cli/message_format.h"

namespace roost::cli {
namespace {

using mqtt::PropertyId;

bool is_json(std::string_view text) {
  boost::json::stream_parser parser;
  boost::system::error_code problem;
  parser.write(text.data(), text.size(), problem);
  if (!problem) parser.finish(problem);
  return !problem;
}

void append_member(std::string_view name, std::string_view text, std::string& out) {
  append_json_string(name, out);
  out += ':';
  append_json_string(text, out);
  out += ',';
}

void append_number(std::string_view name, std::uint64_t number, std::string& out) {
  append_json_string(name, out);
  out += ':' + std::to_string(number) + ',';
}

void append_properties(const mqtt::Properties& properties, std::string& out) {
  out += "\"properties\":{";
  if (!properties.user_properties.empty()) {
    out += "\"user-properties\":{";
    for (const auto& [name, value] : properties.user_properties) append_member(name, value, out);
    out.back() = '}';
    out += ',';
  }
  if (properties.has(PropertyId::content_type)) {
    append_member("content-type", properties.content_type, out);
  }
  if (properties.has(PropertyId::correlation_data)) {
    append_member("correlation-data", as_text(properties.correlation_data), out);
  }
  if (properties.has(PropertyId::payload_format_indicator)) {
    append_number("payload-format-indicator", properties.payload_format_indicator, out);
  }
  if (properties.has(PropertyId::response_topic)) {
    append_member("response-topic", properties.response_topic, out);
  }
  if (properties.has(PropertyId::message_expiry_interval)) {
    append_number("message-expiry-interval", properties.message_expiry_interval_s, out);
  }
  if (properties.has(PropertyId::topic_alias)) {
    append_number("topic-alias", properties.topic_alias, out);
  }
  for (const std::uint32_t id : properties.subscription_identifiers) {
    append_number("subscription-identifier", id, out);
  }
  if (out.back() == ',') out.pop_back();
  out += "},";
}

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) {
          out += c;
        } else {
          char code[8];
          std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
          out += code;
        }
    }
  }
  out += '"';
}

bool append_message_json(const mqtt::Publish& message, Arrived arrived, bool payload_is_json,
                         std::string& out) {
  const std::string_view payload = as_text(message.payload);
  if (payload_is_json && !payload.empty() && !is_json(payload)) return false;
  const auto seconds = static_cast<std::time_t>(arrived.seconds);
  std::tm local{};
  localtime_r(&seconds, &local);
  char time[64], zone[16];
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &local);
  std::strftime(zone, sizeof zone, "%z", &local);
  char micros[32];
  std::snprintf(micros, sizeof micros, ".%06uZ", arrived.nanoseconds / 1000);
  out += '{';
  append_member("tst", std::string(time) + micros + zone, out);
  append_member("topic", message.topic, out);
  append_number("qos", static_cast<std::uint64_t>(message.qos), out);
  append_number("retain", message.retain ? 1 : 0, out);
  append_number("payloadlen", payload.size(), out);
  if (message.qos != mqtt::Qos::at_most_once) append_number("mid", message.packet_id, out);
  if (message.properties.present != 0) append_properties(message.properties, out);
  out += "\"payload\":";
  if (payload.empty()) {
    out += "null";
  } else if (payload_is_json) {
    out += payload;
  } else {
    append_json_string(payload, out);
  }
  out += '}';
  return true;
}

}  // namespace roost::cli
