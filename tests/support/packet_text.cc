// SPDX-License-Identifier: Apache-2.0
#include "tests/support/packet_text.h"

#include <array>
#include <cstdio>
#include <string_view>

#include "broker/mqtt/property_table.h"

namespace roost::support {
namespace {

using namespace mqtt;

constexpr std::size_t kShownMax = 64;

std::string quoted(std::string_view text) {
  if (text.size() > kShownMax) return "<" + std::to_string(text.size()) + " bytes>";
  std::string out = "\"";
  for (const char c : text) {
    if (c >= 0x20 && c < 0x7F && c != '"' && c != '\\') {
      out += c;
      continue;
    }
    std::array<char, 5> hex{};
    std::snprintf(hex.data(), hex.size(), "\\x%02X", static_cast<unsigned>(c) & 0xFFU);
    out += hex.data();
  }
  return out + "\"";
}

std::string quoted(ByteView bytes) { return quoted(as_text(bytes)); }

std::string number(std::string_view name, std::uint64_t value) {
  return " " + std::string(name) + "=" + std::to_string(value);
}

std::string reason_text(ReasonCode reason) {
  std::array<char, 8> hex{};
  std::snprintf(hex.data(), hex.size(), "%02X", static_cast<unsigned>(reason));
  return hex.data();
}

std::string_view property_name(PropertyId id) {
  switch (id) {
    case PropertyId::payload_format_indicator:
      return "payload_format_indicator";
    case PropertyId::message_expiry_interval:
      return "message_expiry_interval";
    case PropertyId::content_type:
      return "content_type";
    case PropertyId::response_topic:
      return "response_topic";
    case PropertyId::correlation_data:
      return "correlation_data";
    case PropertyId::subscription_identifier:
      return "subscription_identifier";
    case PropertyId::session_expiry_interval:
      return "session_expiry_interval";
    case PropertyId::assigned_client_identifier:
      return "assigned_client_identifier";
    case PropertyId::server_keep_alive:
      return "server_keep_alive";
    case PropertyId::authentication_method:
      return "authentication_method";
    case PropertyId::authentication_data:
      return "authentication_data";
    case PropertyId::request_problem_information:
      return "request_problem_information";
    case PropertyId::will_delay_interval:
      return "will_delay_interval";
    case PropertyId::request_response_information:
      return "request_response_information";
    case PropertyId::response_information:
      return "response_information";
    case PropertyId::server_reference:
      return "server_reference";
    case PropertyId::reason_string:
      return "reason_string";
    case PropertyId::receive_maximum:
      return "receive_maximum";
    case PropertyId::topic_alias_maximum:
      return "topic_alias_maximum";
    case PropertyId::topic_alias:
      return "topic_alias";
    case PropertyId::maximum_qos:
      return "maximum_qos";
    case PropertyId::retain_available:
      return "retain_available";
    case PropertyId::user_property:
      return "user_property";
    case PropertyId::maximum_packet_size:
      return "maximum_packet_size";
    case PropertyId::wildcard_subscription_available:
      return "wildcard_subscription_available";
    case PropertyId::subscription_identifier_available:
      return "subscription_identifier_available";
    case PropertyId::shared_subscription_available:
      return "shared_subscription_available";
  }
  return "?";
}

std::string property_text(const PropertyRule& rule, const Properties& properties) {
  const std::string name(property_name(rule.id));
  std::string out;
  switch (rule.type) {
    case PropertyType::byte:
      return number(name, properties.*rule.field.byte);
    case PropertyType::two_bytes:
      return number(name, properties.*rule.field.two_bytes);
    case PropertyType::four_bytes:
      return number(name, properties.*rule.field.four_bytes);
    case PropertyType::text:
      return " " + name + "=" + quoted(properties.*rule.field.text);
    case PropertyType::binary:
      return " " + name + "=" + quoted(properties.*rule.field.binary);
    case PropertyType::varint:
      for (const auto id : properties.subscription_identifiers) out += number(name, id);
      return out;
    case PropertyType::text_pair:
      for (const auto& [key, value] : properties.user_properties) {
        out += " " + quoted(key) + ":" + quoted(value);
      }
      return out;
  }
  return out;
}

std::string properties_text(const Properties& properties) {
  std::string out;
  for (const PropertyRule& rule : property_rules()) {
    if (properties.has(rule.id)) out += property_text(rule, properties);
  }
  return out.empty() ? "" : " {" + out.substr(1) + "}";
}

std::string_view version_text(ProtocolVersion version) {
  return version == ProtocolVersion::v3_1     ? "3.1"
         : version == ProtocolVersion::v3_1_1 ? "3.1.1"
                                              : "5.0";
}

std::string text(const Connect& p) {
  std::string out = "CONNECT " + std::string(version_text(p.version));
  if (p.bridge) out += " bridge";
  if (p.clean_start) out += " clean";
  out += number("keep_alive", p.keep_alive_s) + " id=" + quoted(p.client_id);
  if (p.will) {
    out += " will(" + std::string(p.will->retain ? "retain " : "") +
           "qos=" + std::to_string(static_cast<int>(p.will->qos)) +
           " topic=" + quoted(p.will->topic) + " payload=" + quoted(p.will->payload) +
           properties_text(p.will->properties) + ")";
  }
  if (p.user_name) out += " user=" + quoted(*p.user_name);
  if (p.password) out += " password=" + quoted(*p.password);
  return out + properties_text(p.properties);
}

std::string text(const Connack& p) {
  return "CONNACK " + reason_text(p.reason) + (p.session_present ? " present" : "") +
         properties_text(p.properties);
}

std::string text(const Publish& p) {
  std::string out = "PUBLISH" + number("qos", static_cast<unsigned>(p.qos));
  if (p.dup) out += " dup";
  if (p.retain) out += " retain";
  if (p.packet_id != 0) out += number("id", p.packet_id);
  return out + " topic=" + quoted(p.topic) + " payload=" + quoted(p.payload) +
         properties_text(p.properties);
}

std::string text(const Ack& p) {
  constexpr std::array kNames = {"PUBACK", "PUBREC", "PUBREL", "PUBCOMP"};
  const auto type = static_cast<std::size_t>(p.type) - static_cast<std::size_t>(PacketType::puback);
  return kNames.at(type) + number("id", p.packet_id) + " " + reason_text(p.reason) +
         properties_text(p.properties);
}

std::string text(const Subscribe& p) {
  std::string out = "SUBSCRIBE" + number("id", p.packet_id);
  for (const auto& [filter, options] : p.entries) {
    out += " " + quoted(filter) + "/" + std::to_string(static_cast<int>(options.qos));
    if (options.no_local) out += "/no_local";
    if (options.retain_as_published) out += "/as_published";
    if (options.retain_handling == RetainHandling::send_if_new) out += "/if_new";
    if (options.retain_handling == RetainHandling::do_not_send) out += "/no_retained";
  }
  return out + properties_text(p.properties);
}

template <typename Answer>
std::string answer_text(std::string_view name, const Answer& p) {
  std::string out = std::string(name) + number("id", p.packet_id);
  for (const ReasonCode reason : p.reasons) out += " " + reason_text(reason);
  return out + properties_text(p.properties);
}

std::string text(const Suback& p) { return answer_text("SUBACK", p); }
std::string text(const Unsuback& p) { return answer_text("UNSUBACK", p); }

std::string text(const Unsubscribe& p) {
  std::string out = "UNSUBSCRIBE" + number("id", p.packet_id);
  for (const std::string_view filter : p.filters) out += " " + quoted(filter);
  return out + properties_text(p.properties);
}

std::string text(const Pingreq&) { return "PINGREQ"; }
std::string text(const Pingresp&) { return "PINGRESP"; }

std::string text(const Disconnect& p) {
  return "DISCONNECT " + reason_text(p.reason) + properties_text(p.properties);
}

std::string text(const Auth& p) {
  return "AUTH " + reason_text(p.reason) + properties_text(p.properties);
}

}  // namespace

std::string packet_text(const Packet& packet) {
  return std::visit([](const auto& p) { return text(p); }, packet);
}

}  // namespace roost::support
