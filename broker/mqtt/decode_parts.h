// SPDX-License-Identifier: Apache-2.0
// Inside the codec: the parts that decode.cc puts together, one file a family of packets.
// Faults stay in the Reader. Whoever calls checks the end of the packet.
// Thread: any thread (pure).
#pragma once

#include "broker/mqtt/decode.h"
#include "broker/mqtt/property_table.h"
#include "broker/mqtt/reader.h"

namespace roost::mqtt {

// What a decoder is told about the packet around its body.
struct DecodeCall {
  const Frame& frame;
  const Limits& limits;
  Sender sender;
};

// A whole property block with its length. `out` is overwritten.
void decode_properties(Reader& reader, PacketType place, Sender sender, Properties& out);

// Topic name of a PUBLISH or a will, already read.
void check_topic(Reader& reader, std::string_view topic, const Limits& limits);

// A reason code that `type` may carry when `sender` sends it.
ReasonCode decode_reason(Reader& reader, PacketType type, Sender sender);

void decode_connect(Reader& reader, const DecodeCall& call, Connect& out);
void decode_connack(Reader& reader, const DecodeCall& call, Connack& out);
void decode_subscribe(Reader& reader, const DecodeCall& call, Subscribe& out);
void decode_unsubscribe(Reader& reader, const DecodeCall& call, Unsubscribe& out);
void decode_suback(Reader& reader, const DecodeCall& call, Suback& out);
void decode_unsuback(Reader& reader, const DecodeCall& call, Unsuback& out);
void decode_disconnect(Reader& reader, const DecodeCall& call, Disconnect& out);
void decode_auth(Reader& reader, const DecodeCall& call, Auth& out);

}  // namespace roost::mqtt
