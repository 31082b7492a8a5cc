// SPDX-License-Identifier: Apache-2.0
// Inside the codec: a set of packet types, for the tables that say what is allowed where.
// Thread: immutable.
#pragma once

#include <cstdint>

#include "broker/mqtt/types.h"

namespace roost::mqtt {

using PacketSet = std::uint16_t;  // bit PacketType

template <typename... Types>
constexpr PacketSet in(Types... types) {
  return static_cast<PacketSet>(((1U << static_cast<unsigned>(types)) | ...));
}

}  // namespace roost::mqtt
