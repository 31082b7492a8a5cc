// SPDX-License-Identifier: Apache-2.0
// The will: kept at CONNECT, published once when its time has come, or never. [MQTT5-3.1.2.5]
// Thread: core-bound.
#pragma once

#include <optional>

#include "broker/mqtt/packet.h"
#include "broker/session/record.h"

namespace roost::session {

// What a CONNECT leaves behind; none without a will. `origin`: hash64(client id).
std::optional<WillRecord> will_of(const mqtt::Connect& connect, std::uint64_t origin);

// The message as it is published: its life begins then. Null: to a topic of the broker's own.
routing::MessagePtr published_will(const routing::Message& kept, SteadyMs now_ms);

// Whether a new subscription is followed by retained messages. [MQTT-3.3.1-9] [MQTT-3.3.1-10]
inline bool brings_retained(const mqtt::SubscriptionOptions& options, bool is_new) {
  return options.retain_handling == mqtt::RetainHandling::send ||
         (is_new && options.retain_handling == mqtt::RetainHandling::send_if_new);
}

}  // namespace roost::session
