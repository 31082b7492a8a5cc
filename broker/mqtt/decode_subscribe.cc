// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/decode_parts.h"
#include "broker/mqtt/topic_check.h"

namespace roost::mqtt {
namespace {

// Packet id, then properties in version 5.
PacketId read_subscribe_head(Reader& reader, const DecodeCall& call, Properties& properties) {
  const PacketId packet_id = reader.two_bytes();
  if (!reader.failed() && packet_id == 0) reader.fail_malformed("packet id 0");  // [MQTT-2.2.1-3]
  if (reader.version() == ProtocolVersion::v5) {
    decode_properties(reader, call.frame.type(), call.sender, properties);
  }
  // A payload of no filters. [MQTT-3.8.3-2] [MQTT-3.10.3-2]
  if (!reader.failed() && reader.at_end()) reader.fail_protocol("no topic filter");
  return packet_id;
}

struct FilterText {
  std::string_view text;
  bool shared = false;
};

FilterText read_filter(Reader& reader, const Limits& limits) {
  const std::string_view text = reader.raw_text();
  if (reader.failed()) return {};
  FilterParts parts;
  switch (check_topic_filter(text, limits.topic_levels_max, parts)) {
    case TopicFault::none:
      break;
    case TopicFault::bad_share:
      reader.fail_protocol("a shared subscription without group or filter");  // [MQTT-4.8.2-1]
      break;
    case TopicFault::too_many_levels:
      reader.fail(ReasonCode::topic_filter_invalid, "the filter has too many levels");
      break;
    case TopicFault::wildcard:
      reader.fail_malformed("a wildcard at a wrong place");  // [MQTT-4.7.1-1]
      break;
    case TopicFault::empty:
      reader.fail_malformed("empty topic filter");  // [MQTT-4.7.3-1]
      break;
    case TopicFault::bad_text:
      reader.fail_malformed("the filter is not valid UTF-8");
      break;
  }
  return {text, !parts.group.empty()};
}

SubscriptionOptions read_options(Reader& reader, bool shared) {
  const std::uint8_t bits = reader.byte();
  const bool v5 = reader.version() == ProtocolVersion::v5;
  SubscriptionOptions options;
  options.qos = static_cast<Qos>(bits & 0x03);
  options.no_local = v5 && (bits & 0x04) != 0;
  options.retain_as_published = v5 && (bits & 0x08) != 0;
  const unsigned handling = v5 ? (bits >> 4) & 0x03U : 0;
  options.retain_handling = static_cast<RetainHandling>(handling);
  if ((bits & (v5 ? 0xC0 : 0xFC)) != 0) {
    reader.fail_malformed("reserved bits of the subscription options");  // [MQTT-3.8.3-5]
  }
  if ((bits & 0x03) == 3) reader.fail_protocol("QoS 3");  // [MQTT5-3.8.3.1]
  if (handling == 3) reader.fail_protocol("retain handling 3");
  if (options.no_local && shared) {
    reader.fail_protocol("No Local on a shared subscription");  // [MQTT-3.8.3-4]
  }
  return options;
}

}  // namespace

void decode_subscribe(Reader& reader, const DecodeCall& call, Subscribe& out) {
  out.packet_id = read_subscribe_head(reader, call, out.properties);
  while (!reader.at_end()) {
    const FilterText filter = read_filter(reader, call.limits);
    out.entries.push_back({filter.text, read_options(reader, filter.shared)});
  }
}

void decode_unsubscribe(Reader& reader, const DecodeCall& call, Unsubscribe& out) {
  out.packet_id = read_subscribe_head(reader, call, out.properties);
  while (!reader.at_end()) out.filters.push_back(read_filter(reader, call.limits).text);
}

}  // namespace roost::mqtt
