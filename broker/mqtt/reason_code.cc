// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/reason_code.h"

#include <array>

#include "broker/mqtt/packet_set.h"

namespace roost::mqtt {
namespace {

struct Row {
  ReasonCode code;
  PacketSet packets;
  std::string_view name;
};

using enum PacketType;

constexpr PacketSet kPublishAnswers = in(puback, pubrec);
constexpr PacketSet kSubscribeAnswers = in(suback, unsuback);
constexpr PacketSet kEnds = in(connack, disconnect);

// [MQTT5-2.4], sorted by code.
constexpr std::array kRows = {
    Row{ReasonCode::success,
        kPublishAnswers | kSubscribeAnswers | kEnds | in(pubrel, pubcomp, auth), "Success"},
    Row{ReasonCode::granted_qos_1, in(suback), "Granted QoS 1"},
    Row{ReasonCode::granted_qos_2, in(suback), "Granted QoS 2"},
    Row{ReasonCode::disconnect_with_will, in(disconnect), "Disconnect with Will Message"},
    Row{ReasonCode::no_matching_subscribers, kPublishAnswers, "No matching subscribers"},
    Row{ReasonCode::no_subscription_existed, in(unsuback), "No subscription existed"},
    Row{ReasonCode::continue_authentication, in(auth), "Continue authentication"},
    Row{ReasonCode::reauthenticate, in(auth), "Re-authenticate"},
    Row{ReasonCode::unspecified_error, kPublishAnswers | kSubscribeAnswers | kEnds,
        "Unspecified error"},
    Row{ReasonCode::malformed_packet, kEnds, "Malformed Packet"},
    Row{ReasonCode::protocol_error, kEnds, "Protocol Error"},
    Row{ReasonCode::implementation_specific_error, kPublishAnswers | kSubscribeAnswers | kEnds,
        "Implementation specific error"},
    Row{ReasonCode::unsupported_protocol_version, in(connack), "Unsupported Protocol Version"},
    Row{ReasonCode::client_identifier_not_valid, in(connack), "Client Identifier not valid"},
    Row{ReasonCode::bad_user_name_or_password, in(connack), "Bad User Name or Password"},
    Row{ReasonCode::not_authorized, kPublishAnswers | kSubscribeAnswers | kEnds, "Not authorized"},
    Row{ReasonCode::server_unavailable, in(connack), "Server unavailable"},
    Row{ReasonCode::server_busy, kEnds, "Server busy"},
    Row{ReasonCode::banned, in(connack), "Banned"},
    Row{ReasonCode::server_shutting_down, in(disconnect), "Server shutting down"},
    Row{ReasonCode::bad_authentication_method, kEnds, "Bad authentication method"},
    Row{ReasonCode::keep_alive_timeout, in(disconnect), "Keep Alive timeout"},
    Row{ReasonCode::session_taken_over, in(disconnect), "Session taken over"},
    Row{ReasonCode::topic_filter_invalid, kSubscribeAnswers | in(disconnect),
        "Topic Filter invalid"},
    Row{ReasonCode::topic_name_invalid, kPublishAnswers | kEnds, "Topic Name invalid"},
    Row{ReasonCode::packet_identifier_in_use, kPublishAnswers | kSubscribeAnswers,
        "Packet Identifier in use"},
    Row{ReasonCode::packet_identifier_not_found, in(pubrel, pubcomp),
        "Packet Identifier not found"},
    Row{ReasonCode::receive_maximum_exceeded, in(disconnect), "Receive Maximum exceeded"},
    Row{ReasonCode::topic_alias_invalid, in(disconnect), "Topic Alias invalid"},
    Row{ReasonCode::packet_too_large, kEnds, "Packet too large"},
    Row{ReasonCode::message_rate_too_high, in(disconnect), "Message rate too high"},
    Row{ReasonCode::quota_exceeded, kPublishAnswers | kEnds | in(suback), "Quota exceeded"},
    Row{ReasonCode::administrative_action, in(disconnect), "Administrative action"},
    Row{ReasonCode::payload_format_invalid, kPublishAnswers | kEnds, "Payload format invalid"},
    Row{ReasonCode::retain_not_supported, kEnds, "Retain not supported"},
    Row{ReasonCode::qos_not_supported, kEnds, "QoS not supported"},
    Row{ReasonCode::use_another_server, kEnds, "Use another server"},
    Row{ReasonCode::server_moved, kEnds, "Server moved"},
    Row{ReasonCode::shared_subscriptions_not_supported, in(suback, disconnect),
        "Shared Subscriptions not supported"},
    Row{ReasonCode::connection_rate_exceeded, kEnds, "Connection rate exceeded"},
    Row{ReasonCode::maximum_connect_time, in(disconnect), "Maximum connect time"},
    Row{ReasonCode::subscription_identifiers_not_supported, in(suback, disconnect),
        "Subscription Identifiers not supported"},
    Row{ReasonCode::wildcard_subscriptions_not_supported, in(suback, disconnect),
        "Wildcard Subscriptions not supported"},
};

constexpr std::uint8_t kNoRow = 0xFF;

// Row by code: codes come from the wire with every ack.
constexpr auto kIndex = [] {
  std::array<std::uint8_t, 256> index{};
  index.fill(kNoRow);
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    index[static_cast<std::uint8_t>(kRows[i].code)] = static_cast<std::uint8_t>(i);
  }
  return index;
}();

}  // namespace

std::string_view name(ReasonCode code) {
  const std::uint8_t row = kIndex[static_cast<std::uint8_t>(code)];
  return row == kNoRow ? "Unknown reason code" : kRows[row].name;
}

bool is_allowed(ReasonCode code, PacketType type) {
  const std::uint8_t row = kIndex[static_cast<std::uint8_t>(code)];
  return row != kNoRow && (kRows[row].packets & in(type)) != 0;
}

std::uint8_t connack_return_code(ReasonCode code) {
  constexpr std::uint8_t kBadVersion = 1, kBadClientId = 2, kUnavailable = 3, kBadLogin = 4,
                         kNotAuthorized = 5;
  switch (code) {
    case ReasonCode::success:
      return 0;
    case ReasonCode::unsupported_protocol_version:
      return kBadVersion;
    case ReasonCode::client_identifier_not_valid:
      return kBadClientId;
    case ReasonCode::bad_user_name_or_password:
      return kBadLogin;
    case ReasonCode::not_authorized:
    case ReasonCode::banned:
    case ReasonCode::bad_authentication_method:
    case ReasonCode::topic_name_invalid:  // of the will, as the next two
    case ReasonCode::retain_not_supported:
    case ReasonCode::qos_not_supported:
      return kNotAuthorized;
    default:
      return kUnavailable;
  }
}

}  // namespace roost::mqtt
