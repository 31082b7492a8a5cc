// SPDX-License-Identifier: Apache-2.0
// A packet as one line for people: tests compare packets by it, so a failure reads as a sentence.
//   PUBLISH qos=1 dup id=10 topic="a/b" payload="21.5" {message_expiry_interval=5}
// Properties stand in the order of their identifiers, user properties in their own.
// Thread: any thread (pure).
#pragma once

#include <string>

#include "broker/mqtt/packet.h"

namespace roost::support {

std::string packet_text(const mqtt::Packet& packet);

}  // namespace roost::support
