// SPDX-License-Identifier: Apache-2.0
// Any bytes as a packet of any version from either side: what decodes must encode, and decode to
// the same packet again. First input byte: version and sender.
#include "broker/mqtt/decode.h"

#include <string>

#include "broker/base/check.h"
#include "broker/mqtt/encode.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/packet_text.h"
#include "tests/support/wire_cases.h"

namespace roost::fuzz {
namespace {

using namespace mqtt;

struct Side {
  ProtocolVersion version;
  Sender sender;
};

constexpr std::uint8_t byte_of(const Side& side) {
  return static_cast<std::uint8_t>(static_cast<int>(side.version) - 3 +
                                   (side.sender == Sender::server ? 4 : 0));
}

Side side_of(std::uint8_t byte) {
  const int version = byte % 4 == 3 ? 5 : 3 + byte % 4;
  return {static_cast<ProtocolVersion>(version), byte & 4 ? Sender::server : Sender::client};
}

Frame frame_of(ByteView bytes) {
  const FrameResult result = next_frame(bytes, kPacketSizeMax);
  CHECK(result.status == FrameStatus::complete && result.wanted == bytes.size());
  return result.frame;
}

void check_encoding(const Packet& packet, const Side& side) {
  Input bytes;
  encode(packet, side.version, bytes);
  CHECK(bytes.size() == encoded_size(packet, side.version));
  const auto again = decode(frame_of(bytes), side.version, {}, side.sender);
  CHECK(again.has_value());
  CHECK(support::packet_text(*again) == support::packet_text(packet));
}

// As a broker passes it on: the forwarded properties in front of the payload.
void check_forwarding(const Publish& publish) {
  if (publish.topic.empty()) return;
  Input forwarded;
  append_forwarded(publish.properties, forwarded);
  CHECK(forwarded.size() == forwarded_size(publish.properties));
  const PublishParts parts{.version = ProtocolVersion::v5,
                           .qos = publish.qos,
                           .packet_id = publish.packet_id,
                           .topic = publish.topic,
                           .forwarded = forwarded,
                           .payload_size = publish.payload.size()};
  const PublishSize size = publish_size(parts);
  Input bytes(size.head);
  encode_publish_head(parts, size, bytes.data());
  bytes.insert(bytes.end(), publish.payload.begin(), publish.payload.end());
  Publish received;
  CHECK(decode_publish(frame_of(bytes), ProtocolVersion::v5, {}, received, Sender::server)
            .has_value());
  CHECK(received.topic == publish.topic);
  CHECK(received.properties.user_properties == publish.properties.user_properties);
  CHECK(received.properties.content_type == publish.properties.content_type);
}

void check_hot_path(const Frame& frame, const Side& side, bool decoded) {
  const PacketType type = frame.type();
  if (type == PacketType::publish) {
    Publish publish;
    CHECK(decode_publish(frame, side.version, {}, publish, side.sender).has_value() == decoded);
    if (decoded) check_forwarding(publish);
  } else if (type >= PacketType::puback && type <= PacketType::pubcomp) {
    Ack ack;
    CHECK(decode_ack(frame, side.version, ack, side.sender).has_value() == decoded);
  }
}

void run(ByteView input) {
  if (input.empty()) return;
  const std::string_view peeked = peek_client_id(input.subspan(1));
  const Side side = side_of(input[0]);
  const FrameResult result = next_frame(input.subspan(1), kPacketSizeMax);
  if (result.status != FrameStatus::complete) return;
  const auto packet = decode(result.frame, side.version, {}, side.sender);
  check_hot_path(result.frame, side, packet.has_value());
  if (packet) {
    const auto* connect = std::get_if<Connect>(&*packet);
    CHECK(connect == nullptr || connect->client_id == peeked);
    check_encoding(*packet, side);
  } else {
    CHECK(is_error(packet.error().reason) && packet.error().what[0] != '\0');
  }
}

}  // namespace

std::vector<Input> decode_seeds() {
  std::vector<Input> seeds;
  for (const auto& row : support::all_wire_cases()) {
    const Input bytes = support::wire_bytes(row.bytes);
    if (bytes.size() > 4096) continue;
    for (const ProtocolVersion version : support::versions_of(row)) {
      Input& seed = seeds.emplace_back(1, byte_of({version, row.sender}));
      seed.insert(seed.end(), bytes.begin(), bytes.end());
    }
  }
  return seeds;
}

}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  roost::fuzz::write_seeds(*argc, *argv, roost::fuzz::decode_seeds());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run({data, size});
  return 0;
}
