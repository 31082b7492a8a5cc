// SPDX-License-Identifier: Apache-2.0
#include "tests/support/line_of.h"

#include <cstdio>
#include <string>

#include "tests/support/hello.h"

namespace roost::support {

using mqtt::PropertyId;

namespace {

std::string hex(mqtt::ReasonCode reason) {
  char text[3];
  std::snprintf(text, sizeof(text), "%02X", static_cast<unsigned>(reason));
  return text;
}

std::string text_of(const mqtt::Publish& packet) {
  constexpr std::size_t kShown = 40;
  std::string line(packet.topic);
  line += '=';
  if (packet.payload.size() <= kShown) {
    line += as_text(packet.payload);
  } else {
    line += '<' + std::to_string(packet.payload.size()) + " B>";
  }
  if (packet.qos != kQos0) {
    line += " q" + std::to_string(static_cast<int>(packet.qos));
    line += " #" + std::to_string(packet.packet_id);
  }
  if (packet.dup) line += " dup";
  if (packet.retain) line += " retain";
  const mqtt::Properties& properties = packet.properties;
  for (std::size_t i = 0; i < properties.subscription_identifiers.size(); ++i) {
    line += i == 0 ? " ids=" : ",";
    line += std::to_string(properties.subscription_identifiers[i]);
  }
  if (properties.has(PropertyId::message_expiry_interval)) {
    line += " expiry=" + std::to_string(properties.message_expiry_interval_s);
  }
  if (properties.has(PropertyId::topic_alias)) {
    line += " alias=" + std::to_string(properties.topic_alias);
  }
  return line;
}

std::string text_of(const mqtt::Ack& packet) {
  static constexpr const char* kNames[] = {"PUBACK ", "PUBREC ", "PUBREL ", "PUBCOMP "};
  std::string line =
      kNames[static_cast<int>(packet.type) - static_cast<int>(mqtt::PacketType::puback)];
  line += std::to_string(packet.packet_id);
  if (packet.reason != mqtt::ReasonCode::success) line += ' ' + hex(packet.reason);
  return line;
}

std::string text_of(const mqtt::Connack& packet) {
  return "CONNACK " + hex(packet.reason) + (packet.session_present ? " present" : "");
}

std::string text_of(const mqtt::Disconnect& packet) { return "DISCONNECT " + hex(packet.reason); }

template <typename Packet>
std::string with_reasons(std::string line, const Packet& packet) {
  line += ' ' + std::to_string(packet.packet_id);
  for (const mqtt::ReasonCode reason : packet.reasons) line += ' ' + hex(reason);
  return line;
}

std::string text_of(const mqtt::Suback& packet) { return with_reasons("SUBACK", packet); }
std::string text_of(const mqtt::Unsuback& packet) { return with_reasons("UNSUBACK", packet); }
std::string text_of(const mqtt::Pingresp&) { return "PINGRESP"; }

template <typename Packet>
std::string text_of(const Packet&) {
  return "?";
}

}  // namespace

std::string line_of(const mqtt::Packet& packet) {
  return std::visit([](const auto& one) { return text_of(one); }, packet);
}

}  // namespace roost::support
