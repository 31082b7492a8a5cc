// SPDX-License-Identifier: Apache-2.0
// Packets of clients, for tests of what happens to them.
// Thread: immutable.
#pragma once

#include <string_view>

#include "broker/mqtt/packet.h"

namespace roost::gates {

inline mqtt::Connect clean(std::string_view id) {
  mqtt::Connect connect;
  connect.version = mqtt::ProtocolVersion::v5;
  connect.client_id = id;
  return connect;
}

inline mqtt::Connect durable(std::string_view id) {
  mqtt::Connect connect = clean(id);
  connect.clean_start = false;
  connect.properties.session_expiry_interval_s = 3600;
  connect.properties.mark(mqtt::PropertyId::session_expiry_interval);
  return connect;
}

inline mqtt::Subscribe subscribe(std::string_view filter, mqtt::Qos qos, mqtt::PacketId id = 1) {
  mqtt::Subscribe subscribe;
  subscribe.packet_id = id;
  subscribe.entries.push_back({filter, {}});
  subscribe.entries.back().options.qos = qos;
  return subscribe;
}

inline mqtt::Publish publish(std::string_view topic, std::string_view payload, mqtt::Qos qos,
                             mqtt::PacketId id = 0) {
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = as_bytes(payload);
  publish.qos = qos;
  publish.packet_id = id;
  return publish;
}

inline mqtt::Ack ack(mqtt::PacketType type, mqtt::PacketId id) {
  mqtt::Ack ack;
  ack.type = type;
  ack.packet_id = id;
  return ack;
}

// Its will is published to "last" at QoS 0.
inline mqtt::Connect with_will(mqtt::Connect connect) {
  connect.will.emplace();
  connect.will->topic = "last";
  connect.will->payload = as_bytes("words");
  return connect;
}

}  // namespace roost::gates
