// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/property_table.h"

#include <array>

namespace roost::mqtt {
namespace {

using enum PacketType;
using Type = PropertyType;
using Check = PropertyCheck;
using P = Properties;
using Id = PropertyId;

constexpr PacketSet kNone = 0;
constexpr PacketSet kMessage = in(publish, kWill);
constexpr PacketSet kAcks = in(puback, pubrec, pubrel, pubcomp);
constexpr PacketSet kAnswers = kAcks | in(disconnect, auth);
constexpr PacketSet kServerAnswers = kAnswers | in(connack, suback, unsuback);
constexpr PacketSet kByClient = kAnswers | kMessage | in(connect, subscribe, unsubscribe);
constexpr PacketSet kByServer = kServerAnswers | in(publish);

// id, type, check, from a client, from a server, may repeat, member
constexpr std::array kRules = {
    PropertyRule{Id::payload_format_indicator, Type::byte, Check::boolean, kMessage, in(publish),
                 kNone, &P::payload_format_indicator},
    PropertyRule{Id::message_expiry_interval, Type::four_bytes, Check::any, kMessage, in(publish),
                 kNone, &P::message_expiry_interval_s},
    PropertyRule{Id::content_type, Type::text, Check::any, kMessage, in(publish), kNone,
                 &P::content_type},
    PropertyRule{Id::response_topic, Type::text, Check::topic_name, kMessage, in(publish), kNone,
                 &P::response_topic},
    PropertyRule{Id::correlation_data, Type::binary, Check::any, kMessage, in(publish), kNone,
                 &P::correlation_data},
    PropertyRule{Id::subscription_identifier,
                 Type::varint,
                 Check::not_zero,
                 in(subscribe),
                 in(publish),
                 in(publish),
                 {}},
    PropertyRule{Id::session_expiry_interval, Type::four_bytes, Check::any, in(connect, disconnect),
                 in(connack), kNone, &P::session_expiry_interval_s},
    PropertyRule{Id::assigned_client_identifier, Type::text, Check::any, kNone, in(connack), kNone,
                 &P::assigned_client_identifier},
    PropertyRule{Id::server_keep_alive, Type::two_bytes, Check::any, kNone, in(connack), kNone,
                 &P::server_keep_alive_s},
    PropertyRule{Id::authentication_method, Type::text, Check::any, in(connect, auth),
                 in(connack, auth), kNone, &P::authentication_method},
    PropertyRule{Id::authentication_data, Type::binary, Check::any, in(connect, auth),
                 in(connack, auth), kNone, &P::authentication_data},
    PropertyRule{Id::request_problem_information, Type::byte, Check::boolean, in(connect), kNone,
                 kNone, &P::request_problem_information},
    PropertyRule{Id::will_delay_interval, Type::four_bytes, Check::any, in(kWill), kNone, kNone,
                 &P::will_delay_interval_s},
    PropertyRule{Id::request_response_information, Type::byte, Check::boolean, in(connect), kNone,
                 kNone, &P::request_response_information},
    PropertyRule{Id::response_information, Type::text, Check::any, kNone, in(connack), kNone,
                 &P::response_information},
    PropertyRule{Id::server_reference, Type::text, Check::any, kNone, in(connack, disconnect),
                 kNone, &P::server_reference},
    PropertyRule{Id::reason_string, Type::text, Check::any, kAnswers, kServerAnswers, kNone,
                 &P::reason_string},
    PropertyRule{Id::receive_maximum, Type::two_bytes, Check::not_zero, in(connect), in(connack),
                 kNone, &P::receive_maximum},
    PropertyRule{Id::topic_alias_maximum, Type::two_bytes, Check::any, in(connect), in(connack),
                 kNone, &P::topic_alias_maximum},
    PropertyRule{Id::topic_alias, Type::two_bytes, Check::topic_alias, in(publish), in(publish),
                 kNone, &P::topic_alias},
    PropertyRule{Id::maximum_qos, Type::byte, Check::boolean, kNone, in(connack), kNone,
                 &P::maximum_qos},
    PropertyRule{Id::retain_available, Type::byte, Check::boolean, kNone, in(connack), kNone,
                 &P::retain_available},
    PropertyRule{Id::user_property,
                 Type::text_pair,
                 Check::any,
                 kByClient,
                 kByServer,
                 kByClient | kByServer,
                 {}},
    PropertyRule{Id::maximum_packet_size, Type::four_bytes, Check::not_zero, in(connect),
                 in(connack), kNone, &P::maximum_packet_size},
    PropertyRule{Id::wildcard_subscription_available, Type::byte, Check::boolean, kNone,
                 in(connack), kNone, &P::wildcard_subscription_available},
    PropertyRule{Id::subscription_identifier_available, Type::byte, Check::boolean, kNone,
                 in(connack), kNone, &P::subscription_identifier_available},
    PropertyRule{Id::shared_subscription_available, Type::byte, Check::boolean, kNone, in(connack),
                 kNone, &P::shared_subscription_available},
};

constexpr std::uint8_t kNoRule = 0xFF;

constexpr auto kIndex = [] {
  std::array<std::uint8_t, 256> index{};
  index.fill(kNoRule);
  for (std::size_t i = 0; i < kRules.size(); ++i) {
    index[static_cast<std::uint8_t>(kRules[i].id)] = static_cast<std::uint8_t>(i);
  }
  return index;
}();

}  // namespace

std::span<const PropertyRule> property_rules() { return kRules; }

const PropertyRule* find_property(std::uint8_t id) {
  const std::uint8_t rule = kIndex[id];
  return rule == kNoRule ? nullptr : &kRules[rule];
}

}  // namespace roost::mqtt
