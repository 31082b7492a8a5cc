// SPDX-License-Identifier: Apache-2.0
// Any bytes as a log record, a part of one, or a value or key of a shard's state: what decodes
// must encode to the very same bytes. First input byte: which of them.
#include <algorithm>
#include <iterator>
#include <memory>
#include <string>

#include "broker/base/check.h"
#include "broker/session/record_codec.h"
#include "broker/session/record_parts.h"
#include "broker/session/share_step.h"
#include "broker/session/state_codec.h"
#include "broker/session/state_key.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace session;

constexpr SteadyMs kOffset = 123'456;

void check_same(ByteView bytes, const Input& again) { CHECK(as_text(bytes) == as_text(again)); }

void check_record(ByteView bytes) {
  const auto record = decode_record(bytes, kOffset);
  if (!record) {
    CHECK(record.error().kind == ErrorKind::corrupt);
    return;
  }
  Input again;
  encode_record(*record, kOffset, again);
  check_same(bytes, again);
}

// The input is cut into entries by a length of one byte each.
void check_parts(ByteView bytes) {
  RecordJoiner joiner;
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(bytes[0], bytes.size() - 1);
    const auto whole = joiner.add(bytes.subspan(1, size));
    bytes = bytes.subspan(1 + size);
    if (!whole) CHECK(!joiner.unfinished());
    if (!whole || !whole->has_value()) continue;
    CHECK(!joiner.unfinished() && !(*whole)->empty());
    check_record(**whole);
  }
}

template <typename T>
void check_value(ByteView bytes, const Result<T>& value) {
  if (!value) return;
  Input again;
  encode_value(*value, again);
  check_same(bytes, again);
}

template <typename T>
void check_timed(ByteView bytes, const Result<T>& value) {
  if (!value) return;
  Input again;
  encode_value(*value, kOffset, again);
  check_same(bytes, again);
}

void check_limits(ByteView bytes) {
  const auto limits = decode_limits(bytes);
  if (!limits) return;
  Input again;
  encode_limits(*limits, again);
  check_same(bytes, again);
}

void check_number(ByteView bytes) {
  const auto number = decode_number(bytes);
  if (!number) return;
  Input again;
  encode_number(*number, again);
  check_same(bytes, again);
}

void check_key(ByteView bytes) {
  const std::string_view key = as_text(bytes);
  const auto parsed = parse_state_key(key);
  if (!parsed) return;
  CHECK(key.starts_with(state_key(parsed->kind)));
  if (parsed->kind == StateKind::entry) CHECK(key == entry_key(parsed->number, parsed->sequence));
  if (parsed->kind == StateKind::erasure) {
    CHECK(key == erasure_key(parsed->number, parsed->sequence));
  }
  if (parsed->kind == StateKind::body) CHECK(key == body_key(parsed->number, parsed->part));
  const std::string end = next_key(key);
  CHECK(end.empty() || end > key);
}

void check_body(ByteView bytes) {
  BodyJoiner joiner;
  if (!joiner.add(0, bytes)) return;
  const auto message = joiner.finish(kOffset);
  if (!message) return;
  Input again;
  encode_message(*message, kOffset, again);
  check_same(bytes, again);
}

// As what a message forwards.
void check_step(ByteView bytes) {
  routing::MessageParts parts;
  parts.topic = "t";
  parts.forwarded = bytes;
  const auto message = routing::Message::make(parts);
  if (!message->is_step()) return;
  const auto step = read_step(*message);
  if (!step) return;
  CHECK(is_joined(*message) == (step->what == ShareStep::What::joined));
  const auto again = step_message(*step, about_of(*step, message), 0);
  CHECK(as_text(again->forwarded()) == as_text(bytes));
}

using Check = void (*)(ByteView);
constexpr Check kChecks[] = {
    check_record,
    check_parts,
    [](ByteView bytes) { check_value(bytes, decode_header(bytes)); },
    [](ByteView bytes) { check_value(bytes, decode_filters(bytes)); },
    [](ByteView bytes) { check_value(bytes, decode_clock(bytes)); },
    [](ByteView bytes) { check_value(bytes, decode_sweep(bytes)); },
    [](ByteView bytes) { check_timed(bytes, decode_will(bytes, kOffset)); },
    [](ByteView bytes) { check_timed(bytes, decode_entry(bytes, kOffset)); },
    [](ByteView bytes) { check_timed(bytes, decode_body(bytes, kOffset)); },
    check_limits,
    check_number,
    check_key,
    check_body,
    [](ByteView bytes) { check_value(bytes, decode_seen(bytes)); },
    [](ByteView bytes) { check_value(bytes, decode_group(bytes)); },
    check_step,
};

void run(ByteView input) {
  if (input.empty()) return;
  kChecks[input[0] % std::size(kChecks)](input.subspan(1));
}

routing::MessagePtr message() {
  const Input forwarded = {0x01, 0x01};
  routing::MessageParts parts;
  parts.topic = "a/b";
  parts.payload = as_bytes("payload");
  parts.forwarded = forwarded;
  parts.qos = mqtt::Qos::at_least_once;
  parts.origin = 77;
  parts.expiry_s = 300;
  return routing::Message::make(parts);
}

std::vector<Record> records() {
  const Generation generation{.epoch = 1, .counter = 2};
  return {
      StartedRecord{1, 2, 3, 4, true, {"#"}},
      TickRecord{1, 2},
      PublishedRecord{message(), Source::of_shard(ShardId{3}, 0, 4)},
      AssignedRecord{message(), "c", "g/a", Source::of_shard(ShardId{3}, 5, 4)},
      GatheredRecord{"c", generation, {{message(), 7, mqtt::Qos::exactly_once}}, true},
      RetainedRecord{message(), Source::of_node(1, CoreId{2}, 3)},
      AttachedRecord{"c", generation, 1, true, true, 300, 20, WillRecord{message(), 5}},
      DetachedRecord{"c", generation, 1, 300, 9, DetachedRecord::WillFate::discarded},
      EndedRecord{"c", EndedRecord::Why::removed},
      WillFiredRecord{"c", generation},
      SubscribedRecord{"c", generation, 7, {{"a/+", {}}}},
      UnsubscribedRecord{"c", generation, {"a/+"}},
      AckedRecord{"c", generation, {1, 2, 300}, {4}},
      ReceivedRecord{"c", generation, 500, message()},
      ReleasedRecord{"c", generation, {500, 501}},
      ForwardedRecord{1000},
      ToldRecord{message()},
  };
}

// One of each record, and the values that have a shape of their own.
std::vector<Input> record_seeds() {
  std::vector<Input> seeds;
  for (const Record& record : records()) encode_record(record, kOffset, seeds.emplace_back(1, 0));
  seeds.push_back({1, 5, 17, 2, 0, 1, 16, 5, 17, 2, 1, 1, 9});
  StoredHeader header;
  header.finished = {1, 2};
  header.newest = {{3, 4}};
  encode_value(header, seeds.emplace_back(1, 2));
  encode_value(StoredFilters{{"a/+", {}, 7}}, seeds.emplace_back(1, 3));
  encode_value(StoredWill{message(), {1, 2}, 5, kNever}, kOffset, seeds.emplace_back(1, 6));
  StoredEntry entry;
  entry.entry.message = message();
  entry.entry.extra = std::make_unique<EntryExtra>(EntryExtra{{1, 2}, "g/a"});
  encode_value(entry, kOffset, seeds.emplace_back(1, 7));
  encode_value(StoredBody{1, message()}, kOffset, seeds.emplace_back(1, 8));
  encode_limits(StartedRecord{0, 0, 3, 4, true, {"#"}}, seeds.emplace_back(1, 9));
  encode_message(message(), kOffset, seeds.emplace_back(1, 12));
  StoredGroup group{1, 2, {{"c", {3, 4}, 5, true, mqtt::Qos::exactly_once}}};
  encode_value(group, seeds.emplace_back(1, 14));
  ShareStep step{ShareStep::What::assigned, "g/a/#", "c", {3, 4}, 5};
  const auto sent = step_message(step, message(), 0);
  seeds.emplace_back(1, 15).insert(seeds.back().end(), sent->forwarded().begin(),
                                   sent->forwarded().end());
  for (const std::string& key : {entry_key(1, 2), body_key(1, 2), seen_key(ShardId{3})}) {
    seeds.emplace_back(1, 11).insert(seeds.back().end(), key.begin(), key.end());
  }
  return seeds;
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  roost::fuzz::write_seeds(*argc, *argv, roost::fuzz::record_seeds());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run({data, size});
  return 0;
}
