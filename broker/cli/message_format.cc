// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/message_format.h"

#include <cstdio>
#include <ctime>

namespace roost::cli {
namespace {

using mqtt::PropertyId;

constexpr std::string_view kSpecifiers = "%ACDEFIjJlmpPqRrStUxX";
constexpr std::string_view kEscapes = "0aenrtv\\";
constexpr std::string_view kEscaped{"\0\a\x1b\n\r\t\v\\", 8};

// "%-010.3p": how a field is shaped.
struct Shape {
  bool left = false;
  bool zeros = false;
  std::size_t width = 0;
  std::size_t longest = std::string::npos;
};

std::size_t take_number(std::string_view& text) {
  std::size_t number = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9' && number < 10'000) {
    number = number * 10 + static_cast<std::size_t>(text.front() - '0');
    text.remove_prefix(1);
  }
  return number;
}

Shape take_shape(std::string_view& text) {
  Shape shape;
  for (; !text.empty() && (text.front() == '-' || text.front() == '0'); text.remove_prefix(1)) {
    (text.front() == '-' ? shape.left : shape.zeros) = true;
  }
  shape.width = take_number(text);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    shape.longest = take_number(text);
  }
  return shape;
}

void append_shaped(std::string_view field, const Shape& shape, std::string& out) {
  field = field.substr(0, shape.longest);
  const std::size_t padding = shape.width > field.size() ? shape.width - field.size() : 0;
  if (!shape.left) out.append(padding, shape.zeros ? '0' : ' ');
  out += field;
  if (shape.left) out.append(padding, ' ');
}

std::string hex(ByteView bytes, const char* digits) {
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string time_text(const char* format, Arrived arrived) {
  const auto seconds = static_cast<std::time_t>(arrived.seconds);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[256];
  return {text, std::strftime(text, sizeof text, format, &local)};
}

std::string unix_time(Arrived arrived) {
  char text[48];
  std::snprintf(text, sizeof text, "%lld.%09u", static_cast<long long>(arrived.seconds),
                arrived.nanoseconds);
  return text;
}

std::string property_field(char specifier, const mqtt::Properties& properties) {
  const auto number = [&](PropertyId id, std::uint32_t value) {
    return properties.has(id) ? std::to_string(value) : std::string();
  };
  std::string out;
  switch (specifier) {
    case 'A':
      return number(PropertyId::topic_alias, properties.topic_alias);
    case 'C':
      return std::string(properties.content_type);
    case 'D':
      return std::string(as_text(properties.correlation_data));
    case 'E':
      return number(PropertyId::message_expiry_interval, properties.message_expiry_interval_s);
    case 'F':
      return number(PropertyId::payload_format_indicator, properties.payload_format_indicator);
    case 'R':
      return std::string(properties.response_topic);
    case 'S':
      for (const std::uint32_t id : properties.subscription_identifiers) {
        out += (out.empty() ? "" : " ") + std::to_string(id);
      }
      return out;
    default:  // P
      for (const auto& [name, value] : properties.user_properties) {
        if (!out.empty()) out += ' ';
        out += name;
        out += ':';
        out += value;
      }
      return out;
  }
}

// False when %J's payload is no JSON.
bool append_field(char specifier, const Shape& shape, const mqtt::Publish& message, Arrived arrived,
                  std::string& out) {
  std::string field;
  switch (specifier) {
    case '%':
      field = "%";
      break;
    case 'I':
      field = time_text("%Y-%m-%dT%H:%M:%S%z", arrived);
      break;
    case 'j':
    case 'J':
      return append_message_json(message, arrived, specifier == 'J', out);
    case 'l':
      field = std::to_string(message.payload.size());
      break;
    case 'm':
      field = std::to_string(message.packet_id);
      break;
    case 'p':
      field = as_text(message.payload);
      break;
    case 'q':
      field = std::to_string(static_cast<int>(message.qos));
      break;
    case 'r':
      field = message.retain ? "1" : "0";
      break;
    case 't':
      field = message.topic;
      break;
    case 'U':
      field = unix_time(arrived);
      break;
    case 'x':
      field = hex(message.payload, "0123456789abcdef");
      break;
    case 'X':
      field = hex(message.payload, "0123456789ABCDEF");
      break;
    default:
      field = property_field(specifier, message.properties);
      break;
  }
  append_shaped(field, shape, out);
  return true;
}

void append_time(char letter, Arrived arrived, std::string& out) {
  if (letter == '@') {
    out += '@';
  } else if (letter == 'N') {
    char text[16];
    std::snprintf(text, sizeof text, "%09u", arrived.nanoseconds);
    out += text;
  } else {
    const char format[] = {'%', letter, 0};
    out += time_text(format, arrived);
  }
}

}  // namespace

Result<void> check_format(std::string_view format) {
  while (!format.empty()) {
    const char c = format.front();
    format.remove_prefix(1);
    if (c == '%') {
      take_shape(format);
      if (format.empty()) return error(ErrorKind::invalid_argument, "a format ends with '%'");
      if (kSpecifiers.find(format.front()) == std::string_view::npos) {
        return error(ErrorKind::invalid_argument,
                     "Invalid format specifier '" + std::string(1, format.front()) + "'.");
      }
      format.remove_prefix(1);
    } else if (c == '\\') {
      if (format.empty() || kEscapes.find(format.front()) == std::string_view::npos) {
        return error(ErrorKind::invalid_argument,
                     "Invalid escape specifier '" + std::string(format.substr(0, 1)) + "'.");
      }
      format.remove_prefix(1);
    } else if (c == '@') {
      if (format.empty()) return error(ErrorKind::invalid_argument, "a format ends with '@'");
      format.remove_prefix(1);
    }
  }
  return {};
}

bool format_message(std::string_view format, const mqtt::Publish& message, Arrived arrived,
                    std::string& out) {
  while (!format.empty()) {
    const char c = format.front();
    format.remove_prefix(1);
    if (c == '%') {
      const Shape shape = take_shape(format);
      if (!append_field(format.front(), shape, message, arrived, out)) return false;
      format.remove_prefix(1);
    } else if (c == '\\') {
      out += kEscaped[kEscapes.find(format.front())];
      format.remove_prefix(1);
    } else if (c == '@') {
      append_time(format.front(), arrived, out);
      format.remove_prefix(1);
    } else {
      out += c;
    }
  }
  return true;
}

}  // namespace roost::cli
