// SPDX-License-Identifier: Apache-2.0
// PUBLISH packets of numbered messages, written and read without copies.
// Thread: any thread (pure).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/cli/bench/flow.h"
#include "broker/mqtt/frame.h"
#include "broker/mqtt/types.h"

namespace roost::cli::bench {

struct NumberedPublish {
  std::string_view topic;
  std::uint8_t qos = 0;
  mqtt::PacketId id = 0;  // QoS 1 and 2
  bool dup = false;
  bool retain = false;
  bool is_v5 = false;
  std::size_t payload_bytes = 0;  // 0: empty; else at least a Stamp
  Stamp stamp;
};

// Bytes of the whole packet.
std::size_t packet_size(const NumberedPublish& publish);
// The same stamp gives the same payload. Requires: room for packet_size().
void put_packet(std::uint8_t* out, const NumberedPublish& publish);

// The fields of a PUBLISH that are looked at; no validation beyond staying inside the frame.
struct PublishParts {
  std::uint8_t qos = 0;
  mqtt::PacketId id = 0;
  ByteView payload;
};
bool split_publish(const mqtt::Frame& frame, bool is_v5, PublishParts& out);

// Of an acknowledgement, PUBREL too; false where the frame is too short.
bool read_packet_id(const mqtt::Frame& frame, mqtt::PacketId& out);
// MQTT 5's refusal in an acknowledgement; success where there is no reason.
mqtt::ReasonCode reason_of_ack(const mqtt::Frame& frame);

}  // namespace roost::cli::bench
