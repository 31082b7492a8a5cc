// SPDX-License-Identifier: Apache-2.0
// A message of the web: JSON or a plain request, and the PUBLISH that it means; and a PUBLISH as
// JSON. Bytes that are no text are base64 (RFC 4648).
// Thread: any thread (values).
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "broker/http/server.h"
#include "broker/mqtt/limits.h"
#include "broker/mqtt/packet.h"

namespace roost::server {

struct WebMessage {
  std::string topic;
  std::string payload;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::optional<std::uint32_t> message_expiry_interval_s = {};
  std::optional<bool> payload_is_text = {};  // Payload Format Indicator
  std::optional<std::string> content_type = {}, response_topic = {}, correlation_data = {};
  std::vector<std::pair<std::string, std::string>> user_properties = {};

  // Views into this.
  mqtt::Publish publish() const;
};

// {"topic", "payload" or "payload_base64", "qos", "retain", "properties": {...}}
// Errors: invalid_argument, with what was found and what is allowed.
Result<WebMessage> message_of(const boost::json::value& value, const mqtt::Limits& limits);
// POST .../publish/TOPIC?qos=1&retain=true&...; the body is the payload, Content-Type a property.
// `topic`: still percent-encoded.
Result<WebMessage> message_of(const http::Request& request, std::string_view topic,
                              const mqtt::Limits& limits);

// Members "payload", or "payload_base64" where it is no UTF-8.
void put_payload(boost::json::object& object, std::string_view payload);
// The same the other way round, for the stream of events.
boost::json::object json_of(const mqtt::Publish& message);

std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

}  // namespace roost::server
