// SPDX-License-Identifier: Apache-2.0
// What the codec costs a message. Run: build/release/mqtt_bench
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"
#include "broker/mqtt/limits.h"
#include "broker/mqtt/topic.h"
#include "broker/mqtt/utf8.h"

namespace roost::mqtt {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::string_view kTopic = "home/ground/kitchen/temp";

// A PUBLISH of 64 bytes payload.
Bytes publish_bytes(ProtocolVersion version, Qos qos, bool with_properties) {
  static const std::string payload(64, 'x');
  Publish publish{.topic = kTopic,
                  .packet_id = static_cast<PacketId>(qos == Qos::at_most_once ? 0 : 7),
                  .qos = qos,
                  .payload = as_bytes(payload)};
  if (with_properties) {
    publish.properties.content_type = "text/plain";
    publish.properties.mark(PropertyId::content_type);
    publish.properties.message_expiry_interval_s = 60;
    publish.properties.mark(PropertyId::message_expiry_interval);
    publish.properties.user_properties = {{"unit", "celsius"}};
  }
  Bytes bytes;
  encode(publish, version, bytes);
  return bytes;
}

void decode_stream(benchmark::State& state, ProtocolVersion version, Qos qos, bool properties) {
  const Bytes bytes = publish_bytes(version, qos, properties);
  const Limits limits;
  Publish publish;
  for (auto _ : state) {
    const FrameResult frame = next_frame(bytes, limits.packet_size_max);
    const auto result = decode_publish(frame.frame, version, limits, publish);
    benchmark::DoNotOptimize(result.has_value());
    benchmark::DoNotOptimize(publish.payload.data());
  }
}

void bm_decode_publish_v311_qos0(benchmark::State& state) {
  decode_stream(state, ProtocolVersion::v3_1_1, Qos::at_most_once, false);
}
BENCHMARK(bm_decode_publish_v311_qos0);

void bm_decode_publish_v311_qos1(benchmark::State& state) {
  decode_stream(state, ProtocolVersion::v3_1_1, Qos::at_least_once, false);
}
BENCHMARK(bm_decode_publish_v311_qos1);

void bm_decode_publish_v5_qos0(benchmark::State& state) {
  decode_stream(state, ProtocolVersion::v5, Qos::at_most_once, false);
}
BENCHMARK(bm_decode_publish_v5_qos0);

void bm_decode_publish_v5_properties(benchmark::State& state) {
  decode_stream(state, ProtocolVersion::v5, Qos::at_least_once, true);
}
BENCHMARK(bm_decode_publish_v5_properties);

void bm_decode_ack(benchmark::State& state) {
  const Bytes bytes = {0x40, 0x02, 0x00, 0x07};
  Ack ack;
  for (auto _ : state) {
    const FrameResult frame = next_frame(bytes, kPacketSizeDefault);
    benchmark::DoNotOptimize(decode_ack(frame.frame, ProtocolVersion::v3_1_1, ack).has_value());
    benchmark::DoNotOptimize(ack.packet_id);
  }
}
BENCHMARK(bm_decode_ack);

void encode_head(benchmark::State& state, PublishParts parts) {
  parts.topic = kTopic;
  parts.payload_size = 64;
  std::array<std::uint8_t, 256> out{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(parts);
    const PublishSize size = publish_size(parts);
    encode_publish_head(parts, size, out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}

void bm_encode_publish_head_v311(benchmark::State& state) { encode_head(state, {}); }
BENCHMARK(bm_encode_publish_head_v311);

void bm_encode_publish_head_v5(benchmark::State& state) {
  static constexpr std::array<std::uint32_t, 1> kIdentifiers = {7};
  encode_head(state, {.version = ProtocolVersion::v5,
                      .qos = Qos::at_least_once,
                      .packet_id = 7,
                      .has_message_expiry = true,
                      .message_expiry_s = 60,
                      .subscription_identifiers = kIdentifiers});
}
BENCHMARK(bm_encode_publish_head_v5);

void bm_encode_ack(benchmark::State& state) {
  std::array<std::uint8_t, kAckSizeMax> out{};
  PacketId id = 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        encode_ack(PacketType::puback, id++, ReasonCode::success, ProtocolVersion::v5, out.data()));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(bm_encode_ack);

void bm_forwarded_properties(benchmark::State& state) {
  const Bytes bytes = publish_bytes(ProtocolVersion::v5, Qos::at_most_once, true);
  Publish publish;
  benchmark::DoNotOptimize(
      decode_publish(next_frame(bytes, kPacketSizeDefault).frame, ProtocolVersion::v5, {}, publish)
          .has_value());
  Bytes out;
  for (auto _ : state) {
    out.clear();
    append_forwarded(publish.properties, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(bm_forwarded_properties);

void bm_valid_utf8(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'a');
  for (auto _ : state) benchmark::DoNotOptimize(is_valid_utf8(text));
}
BENCHMARK(bm_valid_utf8)->Arg(5)->Arg(24)->Arg(256);

void bm_valid_utf8_beyond_ascii(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < 32; ++i)
    text +=
        "K\xC3\xBC"
        "che/";
  for (auto _ : state) benchmark::DoNotOptimize(is_valid_utf8(text));
}
BENCHMARK(bm_valid_utf8_beyond_ascii);

void bm_scan_topic(benchmark::State& state) {
  for (auto _ : state) {
    std::string_view topic = kTopic;
    benchmark::DoNotOptimize(topic);
    benchmark::DoNotOptimize(scan_topic(topic));
  }
}
BENCHMARK(bm_scan_topic);

void bm_matches(benchmark::State& state) {
  for (auto _ : state) {
    std::string_view topic = kTopic;
    benchmark::DoNotOptimize(topic);
    benchmark::DoNotOptimize(matches("home/+/kitchen/#", topic));
  }
}
BENCHMARK(bm_matches);

}  // namespace
}  // namespace roost::mqtt
