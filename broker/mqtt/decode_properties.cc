// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "broker/mqtt/decode_parts.h"
#include "broker/mqtt/topic_check.h"

namespace roost::mqtt {
namespace {

// Reads the value, whatever it says, and puts it into its field.
std::uint32_t read_number(Reader& reader, const PropertyRule& rule, Properties& out) {
  switch (rule.type) {
    case PropertyType::byte:
      return out.*rule.field.byte = reader.byte();
    case PropertyType::two_bytes:
      return out.*rule.field.two_bytes = reader.two_bytes();
    case PropertyType::four_bytes:
      return out.*rule.field.four_bytes = reader.four_bytes();
    default:
      return out.subscription_identifiers.emplace_back(reader.varint());
  }
}

std::string_view read_text(Reader& reader, const PropertyRule& rule, Properties& out) {
  switch (rule.type) {
    case PropertyType::text:
      return out.*rule.field.text = reader.text();
    case PropertyType::binary:
      return as_text(out.*rule.field.binary = reader.binary());
    default: {
      const std::string_view name = reader.text();
      return out.user_properties.emplace_back(name, reader.text()).first;
    }
  }
}

void check_number(Reader& reader, PropertyCheck check, std::uint32_t value) {
  if (check == PropertyCheck::boolean && value > 1) {
    reader.fail_protocol("a property that is 0 or 1 has another value");
  } else if (check == PropertyCheck::not_zero && value == 0) {
    reader.fail_protocol("a property that must not be zero is");
  } else if (check == PropertyCheck::topic_alias && value == 0) {
    reader.fail(ReasonCode::topic_alias_invalid, "topic alias 0");  // [MQTT-3.3.2-8]
  }
}

void check_text(Reader& reader, PropertyCheck check, std::string_view value) {
  if (check != PropertyCheck::topic_name) return;
  switch (check_topic_name(value, Limits{}.topic_levels_max)) {
    case TopicFault::empty:
    case TopicFault::wildcard:  // [MQTT-3.3.2-14]
      return reader.fail_protocol("the response topic is no topic name");
    default:
      return;
  }
}

// Malformed by the letter [MQTT5-2.2.2.2]; which of the two codes a broker answers differs by
// packet in the conformance suites, see README.
void fail_not_allowed(Reader& reader, PacketType place) {
  const bool subscribing = place == PacketType::subscribe || place == PacketType::unsubscribe;
  reader.fail(subscribing ? ReasonCode::malformed_packet : ReasonCode::protocol_error,
              "a property that is not allowed in this packet");
}

void decode_property(Reader& reader, PacketType place, Sender sender, Properties& out) {
  // Identifiers are variable byte integers; all that exist fit in one byte. [MQTT5-2.2.2.2]
  const PropertyRule* rule = find_property(reader.byte());
  if (rule == nullptr) return reader.fail_malformed("an unknown property");
  const bool repeated = out.has(rule->id) && (rule->repeats_in & in(place)) == 0;
  std::uint32_t number = 0;
  std::string_view text;
  const bool is_number = rule->type <= PropertyType::varint;
  if (is_number) {
    number = read_number(reader, *rule, out);
  } else {
    text = read_text(reader, *rule, out);
  }
  out.mark(rule->id);
  if (reader.failed()) return;
  if (!rule->is_allowed(place, sender)) return fail_not_allowed(reader, place);
  if (repeated) return reader.fail_protocol("a property is given twice");
  is_number ? check_number(reader, rule->check, number) : check_text(reader, rule->check, text);
}

}  // namespace

void decode_properties(Reader& reader, PacketType place, Sender sender, Properties& out) {
  out.clear();
  const std::uint32_t size = reader.varint();
  if (size == 0) return;
  const ByteView block = reader.take(size);
  Reader properties(block, reader.version());
  while (!properties.at_end()) decode_property(properties, place, sender, out);
  out.raw = block;
  if (!properties.failed()) return;
  const DecodeError error = properties.error();
  reader.fail(error.reason, error.what);
}

}  // namespace roost::mqtt
