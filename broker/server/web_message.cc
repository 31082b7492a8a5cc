// SPDX-License-Identifier: Apache-2.0
#include "broker/server/web_message.h"

#include <algorithm>
#include <charconv>

#include "broker/http/query.h"
#include "broker/mqtt/topic.h"
#include "broker/mqtt/utf8.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using mqtt::PropertyId;

// What curl and browsers say where nobody chose one.
constexpr std::string_view kNoContentType = "application/x-www-form-urlencoded";
constexpr std::size_t kTextMax = 65'535;  // [MQTT5-1.5.4]
constexpr std::size_t kUserPropertiesMax = 1000;

Unexpected<Error> bad(std::string text) {
  return error(ErrorKind::invalid_argument, std::move(text));
}

Result<std::string> text_of(const json::value& value, const std::string& name) {
  if (value.is_string()) return std::string(value.get_string());
  return bad(name + " must be a text");
}

Result<std::string> bytes_of(const json::value& value, const std::string& name) {
  if (value.is_string()) {
    if (auto bytes = decode_base64(value.get_string())) return *std::move(bytes);
  }
  return bad(name + " must be a text in base64 (with +, / and =)");
}

Result<bool> bool_of(const json::value& value, const std::string& name) {
  if (value.is_bool()) return value.get_bool();
  return bad(name + " must be true or false");
}

Result<std::uint32_t> number_of(const json::value& value, const std::string& name,
                                std::uint32_t most) {
  if (value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= most) {
    return static_cast<std::uint32_t>(value.get_int64());
  }
  return bad(name + " must be a number from 0 to " + std::to_string(most));
}

// A member of a query as the JSON value it stands for.
json::value value_of(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, fault] = std::from_chars(text.data(), end, number);
  if (fault == std::errc() && at == end && !text.empty()) return number;
  return json::value(text);
}

template <typename To, typename T>
Result<void> put(To& to, Result<T> value) {
  if (!value) return Unexpected(value.error());
  to = *std::move(value);
  return {};
}

Result<void> add_user_properties(const json::value& value, WebMessage& message) {
  const auto add = [&](std::string_view name, const json::value& text) -> Result<void> {
    auto words = text_of(text, "a user property");
    if (!words) return Unexpected(words.error());
    message.user_properties.emplace_back(name, *std::move(words));
    return {};
  };
  if (value.is_object()) {
    for (const auto& [name, text] : value.get_object()) {
      if (auto added = add(name, text); !added) return added;
    }
    return {};
  }
  if (!value.is_array()) {
    return bad("user_properties must be an object, or a list of pairs [[\"name\", \"value\"]]");
  }
  for (const json::value& pair : value.get_array()) {
    const json::array* const two = pair.if_array();
    if (two == nullptr || two->size() != 2 || !two->front().is_string()) {
      return bad("user_properties is a list of pairs of texts, like [[\"name\", \"value\"]]");
    }
    if (auto added = add(two->front().get_string(), two->back()); !added) return added;
  }
  return {};
}

Result<void> set_property(std::string_view name, const json::value& value, WebMessage& message) {
  if (name == "message_expiry_interval") {
    return put(message.message_expiry_interval_s,
               number_of(value, "message_expiry_interval", mqtt::kNeverExpires));
  }
  if (name == "payload_format_indicator") {
    auto number = number_of(value, "payload_format_indicator", 1);
    if (number) message.payload_is_text = *number == 1;
    return number ? Result<void>() : Unexpected(number.error());
  }
  if (name == "content_type") return put(message.content_type, text_of(value, "content_type"));
  if (name == "response_topic") {
    return put(message.response_topic, text_of(value, "response_topic"));
  }
  if (name == "correlation_data") {
    return put(message.correlation_data, bytes_of(value, "correlation_data"));
  }
  if (name == "user_properties") return add_user_properties(value, message);
  return bad("there is no property \"" + std::string(name) +
             "\"; there are message_expiry_interval, payload_format_indicator, content_type, "
             "response_topic, correlation_data and user_properties");
}

Result<void> set_qos(const json::value& value, WebMessage& message) {
  const auto number = number_of(value, "qos", 2);
  if (!number) return Unexpected(number.error());
  message.qos = static_cast<mqtt::Qos>(*number);
  return {};
}

Result<void> set_member(std::string_view name, const json::value& value, WebMessage& message) {
  if (name == "topic") return put(message.topic, text_of(value, "topic"));
  if (name == "payload") return put(message.payload, text_of(value, "payload"));
  if (name == "payload_base64") return put(message.payload, bytes_of(value, "payload_base64"));
  if (name == "qos") return set_qos(value, message);
  if (name == "retain") return put(message.retain, bool_of(value, "retain"));
  if (name == "properties") {
    if (!value.is_object()) return bad("properties must be an object");
    for (const auto& [property, what] : value.get_object()) {
      if (auto set = set_property(property, what, message); !set) return set;
    }
    return {};
  }
  return bad("there is no \"" + std::string(name) +
             "\" in a message; there are topic, payload, payload_base64, qos, retain and "
             "properties");
}

Result<void> check_text(const std::string& text, const char* name) {
  if (text.size() <= kTextMax && mqtt::is_valid_utf8(text)) return {};
  return bad(std::string(name) + " must be UTF-8 of at most 65535 bytes, without U+0000");
}

// All for which the broker would close the connection.
Result<WebMessage> checked(WebMessage message, const mqtt::Limits& limits) {
  if (!mqtt::TopicName::parse(message.topic, limits.topic_levels_max)) {
    return bad(
        "topic must be a topic name: UTF-8 without control characters, + and #, of 1 to "
        "65535 bytes and at most " +
        std::to_string(limits.topic_levels_max) + " levels");
  }
  if (message.response_topic &&
      !mqtt::TopicName::parse(*message.response_topic, limits.topic_levels_max)) {
    return bad("response_topic must be a topic name, without + and #");
  }
  if (message.content_type) {
    if (auto good = check_text(*message.content_type, "content_type"); !good) {
      return Unexpected(good.error());
    }
  }
  if (message.correlation_data && message.correlation_data->size() > kTextMax) {
    return bad("correlation_data has at most 65535 bytes");
  }
  if (message.user_properties.size() > kUserPropertiesMax) {
    return bad("there are at most 1000 user_properties");
  }
  for (const auto& [name, value] : message.user_properties) {
    for (const std::string* text : {&name, &value}) {
      if (auto good = check_text(*text, "a user property"); !good) return Unexpected(good.error());
    }
  }
  if (message.payload_is_text.value_or(false) && !mqtt::is_valid_utf8(message.payload)) {
    return bad("payload_format_indicator is 1, and the payload isn't UTF-8");
  }
  return message;
}

}  // namespace

mqtt::Publish WebMessage::publish() const {
  mqtt::Publish made;
  made.topic = topic;
  made.payload = as_bytes(payload);
  made.qos = qos;
  made.retain = retain;
  mqtt::Properties& to = made.properties;
  const auto say = [&to](PropertyId id, const auto& value, auto& field, auto convert) {
    if (!value) return;
    field = convert(*value);
    to.mark(id);
  };
  const auto same = [](const auto& value) { return value; };
  const auto text = [](const std::string& value) { return std::string_view(value); };
  say(PropertyId::message_expiry_interval, message_expiry_interval_s, to.message_expiry_interval_s,
      same);
  say(PropertyId::payload_format_indicator, payload_is_text, to.payload_format_indicator,
      [](bool is_text) { return static_cast<std::uint8_t>(is_text); });
  say(PropertyId::content_type, content_type, to.content_type, text);
  say(PropertyId::response_topic, response_topic, to.response_topic, text);
  say(PropertyId::correlation_data, correlation_data, to.correlation_data,
      [](const std::string& value) { return as_bytes(value); });
  for (const auto& [name, value] : user_properties) to.user_properties.emplace_back(name, value);
  if (!user_properties.empty()) to.mark(PropertyId::user_property);
  return made;
}

Result<WebMessage> message_of(const json::value& value, const mqtt::Limits& limits) {
  if (!value.is_object()) return bad("a message must be an object like {\"topic\": \"a/b\"}");
  const json::object& object = value.get_object();
  if (object.contains("payload") && object.contains("payload_base64")) {
    return bad("payload and payload_base64 exclude each other");
  }
  if (!object.contains("topic")) return bad("a message needs a topic");
  WebMessage message;
  for (const auto& [name, member] : object) {
    if (auto set = set_member(name, member, message); !set) return Unexpected(set.error());
  }
  return checked(std::move(message), limits);
}

Result<WebMessage> message_of(const http::Request& request, std::string_view topic,
                              const mqtt::Limits& limits) {
  WebMessage message;
  auto name = http::percent_decode(topic);
  if (!name) return bad("the topic behind publish/: behind '%' stand two hex digits");
  message.topic = *std::move(name);
  message.payload = request.body;
  const std::string_view type = request.header("Content-Type");
  if (!type.empty() && type != kNoContentType) message.content_type = type;
  const auto query = http::Query::parse(request.query);
  if (!query) return Unexpected(query.error());
  for (const auto& [key, text] : query->all()) {
    if (key == "timeout_s") continue;
    const json::value value = value_of(text);
    Result<void> set;
    if (key == "qos") {
      set = set_qos(value, message);
    } else if (key == "retain") {
      set = put(message.retain, bool_of(value, "retain"));
    } else if (key == "message_expiry_interval" || key == "payload_format_indicator") {
      set = set_property(key, value, message);
    } else if (key == "response_topic" || key == "correlation_data") {
      set = set_property(key, json::value(text), message);
    } else {
      set = bad("there is no \"" + key +
                "\" in the query; there are qos, retain, timeout_s, message_expiry_interval, "
                "payload_format_indicator, response_topic and correlation_data");
    }
    if (!set) return Unexpected(set.error());
  }
  return checked(std::move(message), limits);
}

void put_payload(json::object& object, std::string_view payload) {
  if (mqtt::is_valid_utf8(payload)) {
    object["payload"] = payload;
  } else {
    object["payload_base64"] = encode_base64(payload);
  }
}

json::object json_of(const mqtt::Publish& message) {
  json::object object = {{"topic", message.topic}};
  put_payload(object, as_text(message.payload));
  object["qos"] = static_cast<int>(message.qos);
  object["retain"] = message.retain;
  const mqtt::Properties& said = message.properties;
  json::object properties;
  if (said.has(PropertyId::message_expiry_interval)) {
    properties["message_expiry_interval"] = said.message_expiry_interval_s;
  }
  if (said.has(PropertyId::payload_format_indicator)) {
    properties["payload_format_indicator"] = said.payload_format_indicator;
  }
  if (said.has(PropertyId::content_type)) properties["content_type"] = said.content_type;
  if (said.has(PropertyId::response_topic)) properties["response_topic"] = said.response_topic;
  if (said.has(PropertyId::correlation_data)) {
    properties["correlation_data"] = encode_base64(as_text(said.correlation_data));
  }
  if (!said.user_properties.empty()) {
    json::array pairs;
    for (const auto& [name, value] : said.user_properties) {
      pairs.push_back(json::array{name, value});
    }
    properties["user_properties"] = std::move(pairs);
  }
  if (!properties.empty()) object["properties"] = std::move(properties);
  return object;
}

}  // namespace roost::server
