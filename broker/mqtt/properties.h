// SPDX-License-Identifier: Apache-2.0
// MQTT 5 properties [MQTT5-2.2.2] of one packet, as views into the frame or into whatever the
// sender keeps alive. A property that is absent reads as its default.
// Thread: any thread (a value).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/mqtt/types.h"

namespace roost::mqtt {

// The identifier is also the bit number in Properties::present.
enum class PropertyId : std::uint8_t {
  payload_format_indicator = 0x01,
  message_expiry_interval = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0B,
  session_expiry_interval = 0x11,
  assigned_client_identifier = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay_interval = 0x18,
  request_response_information = 0x19,
  response_information = 0x1A,
  server_reference = 0x1C,
  reason_string = 0x1F,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user_property = 0x26,
  maximum_packet_size = 0x27,
  wildcard_subscription_available = 0x28,
  subscription_identifier_available = 0x29,
  shared_subscription_available = 0x2A,
};

using UserProperty = std::pair<std::string_view, std::string_view>;

struct Properties {
  std::uint64_t present = 0;  // bit PropertyId

  std::uint32_t message_expiry_interval_s = 0;
  std::uint32_t session_expiry_interval_s = 0;
  std::uint32_t will_delay_interval_s = 0;
  std::uint32_t maximum_packet_size = 0;
  std::uint16_t server_keep_alive_s = 0;
  std::uint16_t receive_maximum = 65535;
  std::uint16_t topic_alias_maximum = 0;
  std::uint16_t topic_alias = 0;
  std::uint8_t payload_format_indicator = 0;
  std::uint8_t request_problem_information = 1;
  std::uint8_t request_response_information = 0;
  std::uint8_t maximum_qos = 2;
  std::uint8_t retain_available = 1;
  std::uint8_t wildcard_subscription_available = 1;
  std::uint8_t subscription_identifier_available = 1;
  std::uint8_t shared_subscription_available = 1;
  std::string_view content_type = {};
  std::string_view response_topic = {};
  ByteView correlation_data = {};
  std::string_view assigned_client_identifier = {};
  std::string_view authentication_method = {};
  ByteView authentication_data = {};
  std::string_view response_information = {};
  std::string_view server_reference = {};
  std::string_view reason_string = {};
  // Several only in a PUBLISH that the server sends. 1 to 268 435 455.
  std::vector<std::uint32_t> subscription_identifiers = {};
  std::vector<UserProperty> user_properties = {};  // in the order of the wire
  // Decoded packets: the property block as it stood on the wire, without its length.
  ByteView raw = {};

  bool has(PropertyId id) const { return (present >> static_cast<unsigned>(id)) & 1U; }
  // For senders: fill the field, then mark it.
  void mark(PropertyId id) { present |= std::uint64_t{1} << static_cast<unsigned>(id); }
  // Back to nothing, cheap when there is nothing; the vectors keep their capacity, up to a limit.
  void clear() {
    if (present != 0 || !user_properties.empty() || !subscription_identifiers.empty()) reset();
  }

 private:
  void reset();
};

// The properties of a message that travel unaltered from publisher to subscriber, in wire form
// and wire order: payload format, content type, response topic, correlation data, user
// properties. [MQTT-3.3.2-17] [MQTT-3.3.2-18] Appends to `out`; nothing if there are none.
// Requires: `properties` was decoded from a PUBLISH or a will (reads `raw`).
void append_forwarded(const Properties& properties, std::vector<std::uint8_t>& out);

// Length in bytes of what append_forwarded would write.
std::size_t forwarded_size(const Properties& properties);

// Each user property of what append_forwarded() wrote, in its order. What is no such thing ends it.
void each_user_property(
    ByteView forwarded,
    const std::function<void(std::string_view name, std::string_view value)>& visit);

}  // namespace roost::mqtt
