// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/decode.h"

#include <array>

#include "broker/mqtt/decode_parts.h"
#include "broker/mqtt/topic_check.h"

namespace roost::mqtt {
namespace {

using enum PacketType;

constexpr PacketSet kByClient = in(connect, publish, puback, pubrec, pubrel, pubcomp, subscribe,
                                   unsubscribe, pingreq, disconnect, auth);
constexpr PacketSet kByServer = in(connack, publish, puback, pubrec, pubrel, pubcomp, suback,
                                   unsuback, pingresp, disconnect, auth);
constexpr PacketSet kFlagsTwo = in(pubrel, subscribe, unsubscribe);  // [MQTT5-2.1.3]

// 3.1 says "not used" of these flags, sets QoS 1 in some and DUP where they are sent again.
// CONNECT looks itself, when it knows its version.
void check_flags(Reader& reader, const Frame& frame) {
  if (reader.version() == ProtocolVersion::v3_1) return;
  const unsigned wanted = kFlagsTwo & in(frame.type()) ? 0x02 : 0x00;
  if (frame.flags() != wanted) reader.fail_malformed("wrong flags in the fixed header");
}

void check_sender(Reader& reader, PacketType type, Sender sender) {
  const bool v5 = reader.version() == ProtocolVersion::v5;
  PacketSet allowed = sender == Sender::client ? kByClient : kByServer;
  if (!v5) allowed &= static_cast<PacketSet>(~in(auth));
  if (!v5 && sender == Sender::server) allowed &= static_cast<PacketSet>(~in(disconnect));
  if ((allowed & in(type)) == 0) reader.fail_protocol("a packet that this side never sends");
}

void read_publish(Reader& reader, const DecodeCall& call, Publish& out) {
  const std::uint8_t flags = call.frame.flags();
  const unsigned qos = (flags >> 1) & 0x03U;
  out.qos = static_cast<Qos>(qos);
  out.dup = (flags & 0x08) != 0;
  out.retain = (flags & 0x01) != 0;
  if (qos == 3) reader.fail_malformed("QoS 3");                        // [MQTT-3.3.1-4]
  if (qos == 0 && out.dup) reader.fail_malformed("DUP set at QoS 0");  // [MQTT-3.3.1-2]
  out.topic = reader.raw_text();
  out.packet_id = qos == 0 ? PacketId{0} : reader.two_bytes();
  if (qos != 0 && out.packet_id == 0) reader.fail_protocol("packet id 0");  // [MQTT-2.2.1-2]
  if (reader.version() == ProtocolVersion::v5) {
    decode_properties(reader, publish, call.sender, out.properties);
  } else {
    out.properties.clear();
  }
  out.payload = reader.rest();
  if (reader.failed()) return;
  if (!out.topic.empty()) [[likely]]
    return check_topic(reader, out.topic, call.limits);
  if (reader.version() != ProtocolVersion::v5) {
    reader.fail_malformed("empty topic");  // [MQTT-4.7.3-1]
  } else if (!out.properties.has(PropertyId::topic_alias)) {
    reader.fail_protocol("neither topic nor topic alias");  // [MQTT5-3.3.2.1]
  }
}

void read_ack(Reader& reader, const DecodeCall& call, Ack& out) {
  out.type = call.frame.type();
  out.reason = ReasonCode::success;
  out.properties.clear();
  check_flags(reader, call.frame);
  out.packet_id = reader.two_bytes();
  if (!reader.failed() && out.packet_id == 0) reader.fail_protocol("packet id 0");
  if (reader.version() == ProtocolVersion::v5 && !reader.at_end()) {  // [MQTT5-3.4.2.1]
    out.reason = decode_reason(reader, out.type, call.sender);
    if (!reader.at_end()) decode_properties(reader, out.type, call.sender, out.properties);
  }
  reader.expect_end();
}

// One body decoder a packet type; the type itself is chosen by `Struct`.
template <typename Struct, void (*kBody)(Reader&, const DecodeCall&, Struct&)>
Packet decode_as(Reader& reader, const DecodeCall& call) {
  Packet packet(std::in_place_type<Struct>);
  kBody(reader, call, *std::get_if<Struct>(&packet));
  return packet;
}

template <typename Struct>
void read_nothing(Reader&, const DecodeCall&, Struct&) {}

using DecodeFunction = Packet (*)(Reader&, const DecodeCall&);

constexpr std::array<DecodeFunction, 16> kDecoders = {
    nullptr,
    decode_as<Connect, decode_connect>,
    decode_as<Connack, decode_connack>,
    decode_as<Publish, read_publish>,
    decode_as<Ack, read_ack>,
    decode_as<Ack, read_ack>,
    decode_as<Ack, read_ack>,
    decode_as<Ack, read_ack>,
    decode_as<Subscribe, decode_subscribe>,
    decode_as<Suback, decode_suback>,
    decode_as<Unsubscribe, decode_unsubscribe>,
    decode_as<Unsuback, decode_unsuback>,
    decode_as<Pingreq, read_nothing<Pingreq>>,
    decode_as<Pingresp, read_nothing<Pingresp>>,
    decode_as<Disconnect, decode_disconnect>,
    decode_as<Auth, decode_auth>,
};

// Of 3.x only these two have a CONNACK that says what was wrong. [MQTT-3.1.4-1]
DecodeError connect_error(const Reader& reader) {
  DecodeError error = reader.error();
  const bool v3 = error.version != ProtocolVersion::v5;
  const bool has_code = error.reason == ReasonCode::unsupported_protocol_version ||
                        error.reason == ReasonCode::client_identifier_not_valid;
  error.close_silently = v3 && !has_code;
  return error;
}

}  // namespace

void check_topic(Reader& reader, std::string_view topic, const Limits& limits) {
  switch (check_topic_name(topic, limits.topic_levels_max)) {
    case TopicFault::none:
      return;
    case TopicFault::too_many_levels:
      return reader.fail(ReasonCode::topic_name_invalid, "the topic has too many levels");
    case TopicFault::wildcard:
      return reader.fail_malformed("a wildcard in a topic name");  // [MQTT-3.3.2-2]
    case TopicFault::empty:
      return reader.fail_malformed("empty topic");  // [MQTT-4.7.3-1]
    default:
      return reader.fail_malformed("the topic is not valid UTF-8");
  }
}

Result<Packet, DecodeError> decode(const Frame& frame, ProtocolVersion version,
                                   const Limits& limits, Sender sender) {
  Reader reader(frame.body, version);
  const PacketType type = frame.type();
  if (type == PacketType{0}) {
    reader.fail_protocol("packet type 0");
    return Unexpected(reader.error());
  }
  if (type != connect && type != publish) check_flags(reader, frame);
  check_sender(reader, type, sender);
  if (reader.failed()) return Unexpected(reader.error());
  Packet packet = kDecoders[static_cast<std::size_t>(type)](reader, {frame, limits, sender});
  reader.expect_end();
  if (!reader.failed()) return packet;
  return Unexpected(type == connect ? connect_error(reader) : reader.error());
}

Result<void, DecodeError> decode_publish(const Frame& frame, ProtocolVersion version,
                                         const Limits& limits, Publish& out, Sender sender) {
  Reader reader(frame.body, version);
  read_publish(reader, {frame, limits, sender}, out);
  if (reader.failed()) [[unlikely]]
    return Unexpected(reader.error());
  return {};
}

Result<void, DecodeError> decode_ack(const Frame& frame, ProtocolVersion version, Ack& out,
                                     Sender sender) {
  Reader reader(frame.body, version);
  const Limits limits;
  read_ack(reader, {frame, limits, sender}, out);
  if (reader.failed()) [[unlikely]]
    return Unexpected(reader.error());
  return {};
}

}  // namespace roost::mqtt
