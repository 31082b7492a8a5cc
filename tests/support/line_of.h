// SPDX-License-Identifier: Apache-2.0
// A packet from the broker as a short line:
//   "CONNACK 00 present" "a/b=21.5 q1 #7 dup retain ids=1,2 expiry=9 alias=3" "PUBREC 5 92"
//   "SUBACK 1 00 01" "PINGRESP" "DISCONNECT 8E"
// Thread: any thread (pure).
#pragma once

#include <string>

#include "broker/mqtt/packet.h"

namespace roost::support {

std::string line_of(const mqtt::Packet& packet);

}  // namespace roost::support
