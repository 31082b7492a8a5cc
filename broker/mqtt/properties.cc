// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/properties.h"

#include "broker/mqtt/property_table.h"
#include "broker/mqtt/reader.h"

namespace roost::mqtt {
namespace {

// One packet of ten million bytes must not leave 64 MB behind in whoever decodes into it.
constexpr std::size_t kKeptCapacityMax = 1024;

constexpr std::uint64_t bit(PropertyId id) { return std::uint64_t{1} << static_cast<unsigned>(id); }

constexpr std::uint64_t kForwarded =
    bit(PropertyId::payload_format_indicator) | bit(PropertyId::content_type) |
    bit(PropertyId::response_topic) | bit(PropertyId::correlation_data) |
    bit(PropertyId::user_property);

void skip_value(Reader& reader, PropertyType type) {
  switch (type) {
    case PropertyType::byte:
      reader.take(1);
      break;
    case PropertyType::two_bytes:
      reader.take(2);
      break;
    case PropertyType::four_bytes:
      reader.take(4);
      break;
    case PropertyType::varint:
      reader.varint();
      break;
    case PropertyType::text_pair:
      reader.binary();
      [[fallthrough]];
    case PropertyType::text:
    case PropertyType::binary:
      reader.binary();
      break;
  }
}

// Calls `take` with each property of the block that is forwarded, identifier included.
template <typename Take>
void each_forwarded(const Properties& properties, Take take) {
  if ((properties.present & kForwarded) == 0) return;
  const ByteView raw = properties.raw;
  Reader reader(raw, ProtocolVersion::v5);
  while (!reader.at_end()) {
    const std::size_t start = raw.size() - reader.left();
    const PropertyRule* rule = find_property(reader.byte());
    if (rule == nullptr) return;
    skip_value(reader, rule->type);
    if (bit(rule->id) & kForwarded) {
      take(raw.subspan(start, raw.size() - reader.left() - start));
    }
  }
}

}  // namespace

void Properties::reset() {
  auto identifiers = std::move(subscription_identifiers);
  auto pairs = std::move(user_properties);
  *this = Properties{};
  identifiers.clear();
  pairs.clear();
  if (identifiers.capacity() <= kKeptCapacityMax) subscription_identifiers = std::move(identifiers);
  if (pairs.capacity() <= kKeptCapacityMax) user_properties = std::move(pairs);
}

void append_forwarded(const Properties& properties, std::vector<std::uint8_t>& out) {
  each_forwarded(properties, [&out](ByteView property) {
    out.insert(out.end(), property.begin(), property.end());
  });
}

std::size_t forwarded_size(const Properties& properties) {
  std::size_t size = 0;
  each_forwarded(properties, [&size](ByteView property) { size += property.size(); });
  return size;
}

void each_user_property(ByteView forwarded,
                        const std::function<void(std::string_view, std::string_view)>& visit) {
  Reader reader(forwarded, ProtocolVersion::v5);
  while (!reader.at_end()) {
    const PropertyRule* rule = find_property(reader.byte());
    if (rule == nullptr) return;
    if (rule->id != PropertyId::user_property) {
      skip_value(reader, rule->type);
      continue;
    }
    const std::string_view name = reader.raw_text();
    const std::string_view value = reader.raw_text();
    if (reader.failed()) return;
    visit(name, value);
  }
}

}  // namespace roost::mqtt
