// SPDX-License-Identifier: Apache-2.0
// Packets in one line each, as mosquitto's clients print them with -d.
// Thread: any thread (pure).
#pragma once

#include <string>

#include "broker/mqtt/packet.h"

namespace roost::client {

// "(d0, q1, r0, m5, 'topic', ... (4 bytes))"; the packet id as it is in the message.
std::string publish_line(const mqtt::Publish& message);
// "PUBACK", "PUBREC", ...
std::string ack_name(mqtt::PacketType type);

}  // namespace roost::client
