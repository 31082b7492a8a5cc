// SPDX-License-Identifier: Apache-2.0
// Bytes -> packets, without copies. Refuses everything that the specification forbids in a single
// packet; the reason code to answer with travels in the error. What depends on the session
// (packet ids in use, aliases known, windows) is not judged here.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/base/result.h"
#include "broker/mqtt/frame.h"
#include "broker/mqtt/limits.h"
#include "broker/mqtt/packet.h"

namespace roost::mqtt {

// Who sent the bytes: what a client may send and what a server may send differ in packet types,
// properties and reason codes.
enum class Sender : std::uint8_t { client, server };

struct DecodeError {
  ReasonCode reason = ReasonCode::malformed_packet;
  const char* what = "";  // a static sentence for logs, e.g. "packet id 0"
  // The version to answer in. For a CONNECT, as far as it could be read: the one it asked for,
  // 5 for levels above that, else 3.1.1.
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  // CONNECT only: no CONNACK can say what is wrong. Another protocol's name [MQTT-3.1.2-1], or a
  // 3.x packet that is malformed [MQTT-3.1.4-1].
  bool close_silently = false;
};

// Any packet but CONNECT's first decision: CONNECT ignores `version` and sets its own.
Result<Packet, DecodeError> decode(const Frame& frame, ProtocolVersion version,
                                   const Limits& limits, Sender sender = Sender::client);

// The client id of the CONNECT that begins in front of `bytes`, not checked in any way; empty where
// that can't be read (yet). For choosing a core before anything is judged.
std::string_view peek_client_id(ByteView bytes);

// The hot ones, without the variant. Requires: frame.type() fits.
// `out` is overwritten; its vectors keep their capacity.
[[nodiscard]] Result<void, DecodeError> decode_publish(const Frame& frame, ProtocolVersion version,
                                                       const Limits& limits, Publish& out,
                                                       Sender sender = Sender::client);
[[nodiscard]] Result<void, DecodeError> decode_ack(const Frame& frame, ProtocolVersion version,
                                                   Ack& out, Sender sender = Sender::client);

}  // namespace roost::mqtt
