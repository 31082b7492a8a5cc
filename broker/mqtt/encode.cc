// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/encode.h"

#include "broker/mqtt/encode_properties.h"
#include "broker/mqtt/limits.h"
#include "broker/mqtt/writer.h"

namespace roost::mqtt {
namespace {

bool is_v5(ProtocolVersion version) { return version == ProtocolVersion::v5; }

bool has_properties(const Properties& properties) { return properties_to_write(properties) != 0; }

template <typename Sink>
void write_v5_properties(Sink& sink, const Properties& properties, ProtocolVersion version) {
  if (is_v5(version)) write_properties(sink, properties);
}

unsigned connect_flags(const Connect& packet) {
  unsigned flags = packet.clean_start ? 0x02 : 0x00;
  if (packet.will) {
    flags |= 0x04 | static_cast<unsigned>(packet.will->qos) << 3;
    if (packet.will->retain) flags |= 0x20;
  }
  if (packet.password) flags |= 0x40;
  if (packet.user_name) flags |= 0x80;
  return flags;
}

// CONNECT speaks the version that it asks for.
template <typename Sink>
void write_body(Sink& sink, const Connect& packet, ProtocolVersion) {
  const ProtocolVersion version = packet.version;
  sink.text(version == ProtocolVersion::v3_1 ? "MQIsdp" : "MQTT");
  sink.byte(static_cast<unsigned>(version) | (packet.bridge ? 0x80 : 0x00));
  sink.byte(connect_flags(packet));
  sink.two_bytes(packet.keep_alive_s);
  write_v5_properties(sink, packet.properties, version);
  sink.text(packet.client_id);
  if (packet.will) {
    write_v5_properties(sink, packet.will->properties, version);
    sink.text(packet.will->topic);
    sink.binary(packet.will->payload);
  }
  if (packet.user_name) sink.text(*packet.user_name);
  if (packet.password) sink.binary(*packet.password);
}

template <typename Sink>
void write_body(Sink& sink, const Connack& packet, ProtocolVersion version) {
  const bool says_present = version != ProtocolVersion::v3_1 && !is_error(packet.reason);
  sink.byte(packet.session_present && says_present ? 1 : 0);
  sink.byte(is_v5(version) ? static_cast<unsigned>(packet.reason)
                           : connack_return_code(packet.reason));
  write_v5_properties(sink, packet.properties, version);
}

template <typename Sink>
void write_body(Sink& sink, const Publish& packet, ProtocolVersion version) {
  sink.text(packet.topic);
  if (packet.qos != Qos::at_most_once) sink.two_bytes(packet.packet_id);
  write_v5_properties(sink, packet.properties, version);
  sink.bytes(packet.payload);
}

// The reason is left out where it is success, the properties where there are none.
// [MQTT5-3.4.2.1]
template <typename Sink>
void write_short_form(Sink& sink, ReasonCode reason, const Properties& properties) {
  if (has_properties(properties)) {
    sink.byte(static_cast<unsigned>(reason));
    write_properties(sink, properties);
  } else if (reason != ReasonCode::success) {
    sink.byte(static_cast<unsigned>(reason));
  }
}

template <typename Sink>
void write_body(Sink& sink, const Ack& packet, ProtocolVersion version) {
  sink.two_bytes(packet.packet_id);
  if (is_v5(version)) write_short_form(sink, packet.reason, packet.properties);
}

unsigned option_bits(const SubscriptionOptions& options, ProtocolVersion version) {
  const auto qos = static_cast<unsigned>(options.qos);
  if (!is_v5(version)) return qos;
  return qos | (options.no_local ? 0x04 : 0x00) | (options.retain_as_published ? 0x08 : 0x00) |
         static_cast<unsigned>(options.retain_handling) << 4;
}

template <typename Sink>
void write_body(Sink& sink, const Subscribe& packet, ProtocolVersion version) {
  sink.two_bytes(packet.packet_id);
  write_v5_properties(sink, packet.properties, version);
  for (const SubscribeEntry& entry : packet.entries) {
    sink.text(entry.filter);
    sink.byte(option_bits(entry.options, version));
  }
}

template <typename Sink>
void write_body(Sink& sink, const Suback& packet, ProtocolVersion version) {
  sink.two_bytes(packet.packet_id);
  write_v5_properties(sink, packet.properties, version);
  for (const ReasonCode reason : packet.reasons) {
    const bool as_failure = !is_v5(version) && is_error(reason);  // [MQTT-3.9.3-2]
    sink.byte(static_cast<unsigned>(as_failure ? ReasonCode::unspecified_error : reason));
  }
}

template <typename Sink>
void write_body(Sink& sink, const Unsubscribe& packet, ProtocolVersion version) {
  sink.two_bytes(packet.packet_id);
  write_v5_properties(sink, packet.properties, version);
  for (const std::string_view filter : packet.filters) sink.text(filter);
}

template <typename Sink>
void write_body(Sink& sink, const Unsuback& packet, ProtocolVersion version) {
  sink.two_bytes(packet.packet_id);
  if (!is_v5(version)) return;
  write_properties(sink, packet.properties);
  for (const ReasonCode reason : packet.reasons) sink.byte(static_cast<unsigned>(reason));
}

template <typename Sink>
void write_body(Sink&, const Pingreq&, ProtocolVersion) {}

template <typename Sink>
void write_body(Sink&, const Pingresp&, ProtocolVersion) {}

template <typename Sink>
void write_body(Sink& sink, const Disconnect& packet, ProtocolVersion version) {
  if (is_v5(version)) write_short_form(sink, packet.reason, packet.properties);
}

// AUTH has no form with a reason code alone. [MQTT5-3.15.2.1]
template <typename Sink>
void write_body(Sink& sink, const Auth& packet, ProtocolVersion) {
  if (packet.reason == ReasonCode::success && !has_properties(packet.properties)) return;
  sink.byte(static_cast<unsigned>(packet.reason));
  write_properties(sink, packet.properties);
}

unsigned head_byte(PacketType type, unsigned flags) {
  return static_cast<unsigned>(type) << 4 | flags;
}

unsigned publish_head_byte(Qos qos, bool dup, bool retain) {
  return head_byte(PacketType::publish, static_cast<unsigned>(qos) << 1 | (dup ? 0x08U : 0x00U) |
                                            (retain ? 0x01U : 0x00U));
}

unsigned ack_head_byte(PacketType type) {
  return head_byte(type, type == PacketType::pubrel ? 0x02 : 0x00);
}

struct FirstByte {
  unsigned operator()(const Connect&) const { return head_byte(PacketType::connect, 0); }
  unsigned operator()(const Connack&) const { return head_byte(PacketType::connack, 0); }
  unsigned operator()(const Publish& p) const { return publish_head_byte(p.qos, p.dup, p.retain); }
  unsigned operator()(const Ack& p) const { return ack_head_byte(p.type); }
  unsigned operator()(const Subscribe&) const { return head_byte(PacketType::subscribe, 0x02); }
  unsigned operator()(const Suback&) const { return head_byte(PacketType::suback, 0); }
  unsigned operator()(const Unsubscribe&) const { return head_byte(PacketType::unsubscribe, 0x02); }
  unsigned operator()(const Unsuback&) const { return head_byte(PacketType::unsuback, 0); }
  unsigned operator()(const Pingreq&) const { return head_byte(PacketType::pingreq, 0); }
  unsigned operator()(const Pingresp&) const { return head_byte(PacketType::pingresp, 0); }
  unsigned operator()(const Disconnect&) const { return head_byte(PacketType::disconnect, 0); }
  unsigned operator()(const Auth&) const { return head_byte(PacketType::auth, 0); }
};

template <typename Sink>
void write_any_body(Sink& sink, const Packet& packet, ProtocolVersion version) {
  std::visit([&](const auto& p) { write_body(sink, p, version); }, packet);
}

std::uint32_t body_size(const Packet& packet, ProtocolVersion version) {
  Measure measure;
  write_any_body(measure, packet, version);
  DCHECK(measure.size() <= kRemainingLengthMax);
  return static_cast<std::uint32_t>(measure.size());
}

// Property bytes of a PUBLISH to a subscriber, their length not included.
std::uint32_t publish_properties_size(const PublishParts& parts) {
  std::size_t size = parts.forwarded.size();
  if (parts.topic_alias != 0) size += 3;
  if (parts.has_message_expiry) size += 5;
  for (const std::uint32_t identifier : parts.subscription_identifiers) {
    size += 1 + varint_bytes(identifier);
  }
  return static_cast<std::uint32_t>(size);
}

void write_publish_properties(Writer& writer, const PublishParts& parts) {
  writer.varint(publish_properties_size(parts));
  if (parts.has_message_expiry) {
    writer.byte(static_cast<unsigned>(PropertyId::message_expiry_interval));
    writer.four_bytes(parts.message_expiry_s);
  }
  if (parts.topic_alias != 0) {
    writer.byte(static_cast<unsigned>(PropertyId::topic_alias));
    writer.two_bytes(parts.topic_alias);
  }
  for (const std::uint32_t identifier : parts.subscription_identifiers) {
    writer.byte(static_cast<unsigned>(PropertyId::subscription_identifier));
    writer.varint(identifier);
  }
  writer.bytes(parts.forwarded);
}

}  // namespace

void encode(const Packet& packet, ProtocolVersion version, std::vector<std::uint8_t>& out) {
  const std::uint32_t body = body_size(packet, version);
  const std::size_t start = out.size();
  out.resize(start + 1 + varint_bytes(body) + body);
  Writer writer(out.data() + start);
  writer.byte(std::visit(FirstByte{}, packet));
  writer.varint(body);
  write_any_body(writer, packet, version);
  DCHECK(writer.at() == out.data() + out.size());
}

std::size_t encoded_size(const Packet& packet, ProtocolVersion version) {
  const std::uint32_t body = body_size(packet, version);
  return 1 + varint_bytes(body) + body;
}

std::size_t encode_ack(PacketType type, PacketId packet_id, ReasonCode reason,
                       ProtocolVersion version, std::uint8_t* out) {
  const bool says_reason = is_v5(version) && reason != ReasonCode::success;
  Writer writer(out);
  writer.byte(ack_head_byte(type));
  writer.byte(says_reason ? 3 : 2);
  writer.two_bytes(packet_id);
  if (says_reason) writer.byte(static_cast<unsigned>(reason));
  return says_reason ? 5 : 4;
}

PublishSize publish_size(const PublishParts& parts) {
  std::size_t head = 2 + parts.topic.size();
  if (parts.qos != Qos::at_most_once) head += 2;
  if (is_v5(parts.version)) {
    const std::uint32_t properties = publish_properties_size(parts);
    head += varint_bytes(properties) + properties;
  }
  const std::uint64_t body = head + parts.payload_size;
  head += 1 + varint_bytes(static_cast<std::uint32_t>(body));
  return {static_cast<std::uint32_t>(head), head + parts.payload_size};
}

void encode_publish_head(const PublishParts& parts, const PublishSize& size, std::uint8_t* out) {
  DCHECK(size.total <= kPacketSizeMax);
  Writer writer(out);
  writer.byte(publish_head_byte(parts.qos, parts.dup, parts.retain));
  // What the remaining length counts is the packet less its own two fields.
  auto body = static_cast<std::uint32_t>(size.total - 2);
  while (1 + varint_bytes(body) + body > size.total) --body;
  writer.varint(body);
  writer.text(parts.topic);
  if (parts.qos != Qos::at_most_once) writer.two_bytes(parts.packet_id);
  if (is_v5(parts.version)) write_publish_properties(writer, parts);
  DCHECK(writer.at() == out + size.head);
}

void append_varint(std::uint32_t value, std::vector<std::uint8_t>& out) {
  const std::size_t start = out.size();
  out.resize(start + varint_bytes(value));
  Writer(out.data() + start).varint(value);
}

std::size_t varint_size(std::uint32_t value) { return varint_bytes(value); }

}  // namespace roost::mqtt
