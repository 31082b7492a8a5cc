// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "broker/mqtt/decode_parts.h"
#include "broker/mqtt/utf8.h"

namespace roost::mqtt {
namespace {

struct Protocol {
  std::string_view name;
  std::uint8_t level;
  ProtocolVersion version;
  bool bridge;
};

// [MQTT-3.1.2-1] [MQTT-3.1.2-2]; the high bit is mosquitto's way to say "I am a bridge".
constexpr std::array kProtocols = {
    Protocol{"MQIsdp", 0x03, ProtocolVersion::v3_1, false},
    Protocol{"MQIsdp", 0x83, ProtocolVersion::v3_1, true},
    Protocol{"MQTT", 0x04, ProtocolVersion::v3_1_1, false},
    Protocol{"MQTT", 0x84, ProtocolVersion::v3_1_1, true},
    Protocol{"MQTT", 0x05, ProtocolVersion::v5, false},
};

struct ConnectFlags {
  explicit ConnectFlags(std::uint8_t bits)
      : reserved(bits & 0x01),
        clean_start(bits & 0x02),
        will(bits & 0x04),
        will_qos((bits >> 3) & 0x03),
        will_retain(bits & 0x20),
        password(bits & 0x40),
        user_name(bits & 0x80) {}

  bool reserved, clean_start, will;
  unsigned will_qos;
  bool will_retain, password, user_name;
};

// Sets the version to answer in, even where it is not one of ours.
void read_protocol(Reader& reader, Connect& out) {
  reader.set_version(ProtocolVersion::v3_1_1);
  const std::string_view name = reader.raw_text();
  const std::uint8_t level = reader.byte();
  if (reader.failed()) return;
  const auto* found = std::find_if(kProtocols.begin(), kProtocols.end(), [&](const Protocol& p) {
    return p.name == name && p.level == level;
  });
  if (found != kProtocols.end()) {
    out.version = found->version;
    out.bridge = found->bridge;
    return reader.set_version(found->version);
  }
  if (name != "MQTT" && name != "MQIsdp") {
    return reader.fail_protocol("the protocol is not MQTT");
  }
  if (name == "MQIsdp") reader.set_version(ProtocolVersion::v3_1);
  if (name == "MQTT" && level > 5) reader.set_version(ProtocolVersion::v5);
  reader.fail(ReasonCode::unsupported_protocol_version, "a protocol level that is not spoken");
}

// 3.1 ignores what it doesn't use. [MQTT31-3.1]
void check_connect_flags(Reader& reader, const ConnectFlags& flags) {
  const ProtocolVersion version = reader.version();
  if (flags.will && flags.will_qos == 3) reader.fail_malformed("will QoS 3");  // [MQTT-3.1.2-12]
  if (flags.password && !flags.user_name && version != ProtocolVersion::v5) {
    reader.fail_malformed("a password without a user name");  // [MQTT-3.1.2-22]
  }
  if (version == ProtocolVersion::v3_1) return;
  if (flags.reserved) reader.fail_malformed("the reserved connect flag is set");  // [MQTT-3.1.2-3]
  if (!flags.will && (flags.will_qos != 0 || flags.will_retain)) {
    reader.fail_malformed("will QoS or retain without a will");  // [MQTT-3.1.2-11]
  }
}

void read_client_id(Reader& reader, Connect& out) {
  out.client_id = reader.raw_text();
  if (!is_valid_name(out.client_id)) {
    reader.fail(ReasonCode::client_identifier_not_valid, "the client id is not valid UTF-8");
  }
}

void read_will(Reader& reader, const DecodeCall& call, const ConnectFlags& flags, Connect& out) {
  WillFields& will = out.will.emplace();
  will.qos = static_cast<Qos>(flags.will_qos);
  will.retain = flags.will_retain;
  if (reader.version() == ProtocolVersion::v5) {
    decode_properties(reader, kWill, call.sender, will.properties);
  }
  will.topic = reader.raw_text();
  if (!reader.failed()) check_topic(reader, will.topic, call.limits);
  will.payload = reader.binary();
}

void read_login(Reader& reader, const ConnectFlags& flags, Connect& out) {
  // In 3.1 the remaining length takes precedence over these two flags. [MQTT31-3.1]
  const auto follows = [&reader](bool flag) {
    return flag && !(reader.version() == ProtocolVersion::v3_1 && reader.at_end());
  };
  if (follows(flags.user_name)) {
    out.user_name = reader.raw_text();
    if (!is_valid_name(*out.user_name)) reader.fail_malformed("the user name is not valid UTF-8");
  }
  if (follows(flags.password)) out.password = reader.binary();
}

}  // namespace

void decode_connect(Reader& reader, const DecodeCall& call, Connect& out) {
  read_protocol(reader, out);
  if (call.frame.flags() != 0 && out.version != ProtocolVersion::v3_1) {
    reader.fail_malformed("wrong flags in the fixed header");
  }
  const ConnectFlags flags(reader.byte());
  if (reader.failed()) return;
  check_connect_flags(reader, flags);
  out.clean_start = flags.clean_start;
  out.keep_alive_s = reader.two_bytes();
  if (out.version == ProtocolVersion::v5) {
    decode_properties(reader, PacketType::connect, call.sender, out.properties);
    if (out.properties.has(PropertyId::authentication_data) &&
        !out.properties.has(PropertyId::authentication_method)) {
      reader.fail_protocol("authentication data without a method");  // [MQTT5-3.1.2.11.10]
    }
  }
  read_client_id(reader, out);
  if (flags.will) read_will(reader, call, flags, out);
  read_login(reader, flags, out);
}

std::string_view peek_client_id(ByteView bytes) {
  Reader reader(bytes, ProtocolVersion::v3_1_1);
  if (reader.byte() >> 4 != static_cast<int>(PacketType::connect)) return {};
  reader.varint();    // remaining length
  reader.raw_text();  // protocol name
  const std::uint8_t level = reader.byte();
  reader.byte();       // connect flags
  reader.two_bytes();  // keep alive
  if (level == 5) reader.take(reader.varint());
  const std::string_view client_id = reader.raw_text();
  return reader.failed() ? std::string_view() : client_id;
}

}  // namespace roost::mqtt
