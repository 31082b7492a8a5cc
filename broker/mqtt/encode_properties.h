// SPDX-License-Identifier: Apache-2.0
// Inside the codec: the property block of a packet, by the table. Sorted by identifier; user
// properties in their order.
// Thread: any thread (pure).
#pragma once

#include <bit>

#include "broker/mqtt/property_table.h"
#include "broker/mqtt/writer.h"

namespace roost::mqtt {

template <typename Sink>
void write_property(Sink& sink, const PropertyRule& rule, const Properties& properties) {
  const auto id = static_cast<unsigned>(rule.id);
  switch (rule.type) {
    case PropertyType::byte:
      sink.byte(id);
      return sink.byte(properties.*rule.field.byte);
    case PropertyType::two_bytes:
      sink.byte(id);
      return sink.two_bytes(properties.*rule.field.two_bytes);
    case PropertyType::four_bytes:
      sink.byte(id);
      return sink.four_bytes(properties.*rule.field.four_bytes);
    case PropertyType::text:
      sink.byte(id);
      return sink.text(properties.*rule.field.text);
    case PropertyType::binary:
      sink.byte(id);
      return sink.binary(properties.*rule.field.binary);
    case PropertyType::varint:
      for (const std::uint32_t identifier : properties.subscription_identifiers) {
        sink.byte(id);
        sink.varint(identifier);
      }
      return;
    case PropertyType::text_pair:
      for (const auto& [name, value] : properties.user_properties) {
        sink.byte(id);
        sink.text(name);
        sink.text(value);
      }
      return;
  }
}

// The two vectors speak for themselves, marked or not.
inline std::uint64_t properties_to_write(const Properties& properties) {
  std::uint64_t present = properties.present;
  const auto bit = [](PropertyId id) { return std::uint64_t{1} << static_cast<unsigned>(id); };
  if (!properties.user_properties.empty()) present |= bit(PropertyId::user_property);
  if (!properties.subscription_identifiers.empty()) {
    present |= bit(PropertyId::subscription_identifier);
  }
  return present;
}

template <typename Sink>
void write_each_property(Sink& sink, const Properties& properties) {
  for (std::uint64_t left = properties_to_write(properties); left != 0; left &= left - 1) {
    const auto* rule = find_property(static_cast<std::uint8_t>(std::countr_zero(left)));
    if (rule != nullptr) write_property(sink, *rule, properties);
  }
}

// With the length in front.
template <typename Sink>
void write_properties(Sink& sink, const Properties& properties) {
  Measure measure;
  write_each_property(measure, properties);
  sink.varint(static_cast<std::uint32_t>(measure.size()));
  write_each_property(sink, properties);
}

}  // namespace roost::mqtt
