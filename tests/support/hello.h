// SPDX-License-Identifier: Apache-2.0
// CONNECT and PUBLISH as tests say them: the packet struct with its wishes chained on.
// Views: texts given must live until the packet is sent (literals do).
// Thread: any thread (values).
#pragma once

#include <string_view>

#include "broker/mqtt/packet.h"

namespace roost::support {

inline constexpr auto kQos0 = mqtt::Qos::at_most_once;
inline constexpr auto kQos1 = mqtt::Qos::at_least_once;
inline constexpr auto kQos2 = mqtt::Qos::exactly_once;

// MQTT 5, clean start, no expiry, no keep alive unless said.
struct Hello : mqtt::Connect {
  // Not inline: g++ 12 sees uninitialised members in optional<WillFields> once they are.
  Hello();
  Hello(const Hello&);
  Hello& operator=(const Hello&);
  ~Hello();

  Hello& v3() { return version = mqtt::ProtocolVersion::v3_1_1, *this; }
  Hello& resume() { return clean_start = false, *this; }
  Hello& keep_alive(std::uint16_t s) { return keep_alive_s = s, *this; }
  Hello& expiry(std::uint32_t s) {
    properties.session_expiry_interval_s = s;
    return marked(mqtt::PropertyId::session_expiry_interval);
  }
  Hello& receive_max(std::uint16_t n) {
    properties.receive_maximum = n;
    return marked(mqtt::PropertyId::receive_maximum);
  }
  Hello& packet_max(std::uint32_t bytes) {
    properties.maximum_packet_size = bytes;
    return marked(mqtt::PropertyId::maximum_packet_size);
  }
  Hello& aliases(std::uint16_t n) {
    properties.topic_alias_maximum = n;
    return marked(mqtt::PropertyId::topic_alias_maximum);
  }
  Hello& last_words(std::string_view topic, std::string_view payload) {
    will.emplace();
    will->topic = topic;
    will->payload = as_bytes(payload);
    return *this;
  }
  Hello& will_qos(mqtt::Qos qos) { return will->qos = qos, *this; }
  Hello& will_retained() { return will->retain = true, *this; }
  Hello& will_delay(std::uint32_t s) {
    will->properties.will_delay_interval_s = s;
    will->properties.mark(mqtt::PropertyId::will_delay_interval);
    return *this;
  }
  Hello& will_expiry(std::uint32_t s) {
    will->properties.message_expiry_interval_s = s;
    will->properties.mark(mqtt::PropertyId::message_expiry_interval);
    return *this;
  }
  Hello& marked(mqtt::PropertyId id) { return properties.mark(id), *this; }
};

struct Pub : mqtt::Publish {
  Pub(std::string_view to, std::string_view text, mqtt::Qos with = kQos0) {
    topic = to;
    payload = as_bytes(text);
    qos = with;
  }
  Pub& retained() { return retain = true, *this; }
  Pub& again() { return dup = true, *this; }
  Pub& id(mqtt::PacketId number) { return packet_id = number, *this; }
  Pub& expiry(std::uint32_t s) {
    properties.message_expiry_interval_s = s;
    return marked(mqtt::PropertyId::message_expiry_interval);
  }
  Pub& alias(std::uint16_t number) {
    properties.topic_alias = number;
    return marked(mqtt::PropertyId::topic_alias);
  }
  Pub& marked(mqtt::PropertyId property) { return properties.mark(property), *this; }
};

struct Sub {
  std::string_view filter;
  mqtt::SubscriptionOptions options;
  std::uint32_t identifier = 0;

  explicit Sub(std::string_view of, mqtt::Qos qos = kQos0) : filter(of) { options.qos = qos; }
  Sub& id(std::uint32_t number) { return identifier = number, *this; }
  Sub& no_local() { return options.no_local = true, *this; }
  Sub& as_published() { return options.retain_as_published = true, *this; }
  Sub& retain_handling(mqtt::RetainHandling how) { return options.retain_handling = how, *this; }
};

}  // namespace roost::support
