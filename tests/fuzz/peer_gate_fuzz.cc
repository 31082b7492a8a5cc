// SPDX-License-Identifier: Apache-2.0
// Any bytes as what another node says on the traffic lane: a chunk of frames, a message, a
// confirmation, parts, interest. What is read must be written to the very same bytes. First input
// byte: which of them.
#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "broker/base/check.h"
#include "broker/gates/interest_frames.h"
#include "broker/gates/part_joiner.h"
#include "broker/gates/peer_frames.h"
#include "broker/gates/peer_message.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace gates;

constexpr SteadyMs kNow = 1LL << 41;  // beyond any age

void check_chunk(ByteView bytes) {
  std::string again;
  PeerFrameReader reader(as_text(bytes));
  PeerFrame frame;
  while (reader.next(frame)) add_frame(frame.kind, frame.to, frame.bytes, again);
  CHECK(as_text(bytes).starts_with(again));
  CHECK(reader.is_broken() == (again.size() != bytes.size()));
}

void check_publish(ByteView bytes) {
  const auto read = read_publish(bytes, kNow, {});
  if (!read) return;
  std::string again;
  append_publish_head(read->head, again);
  append_message_head(*read->message, kNow, again);
  again.append(as_text(read->message->payload()));
  CHECK(as_text(bytes) == again);
}

void check_once(ByteView bytes) {
  const auto read = read_once(bytes, kNow, {});
  if (!read) return;
  std::string again;
  append_once_head(read->keeps, again);
  append_message_head(*read->message, kNow, again);
  again.append(as_text(read->message->payload()));
  CHECK(as_text(bytes) == again);
}

void check_confirmed(ByteView bytes) {
  const auto read = read_confirmed(bytes);
  if (!read) return;
  std::string again;
  for (const Confirmed& one : *read) append_confirmed(one, again);
  CHECK(as_text(bytes) == again);
}

void check_interest(ByteView bytes) {
  const auto read = read_interest(bytes);
  if (!read || read->changes.size() > 16'384) return;  // written as several
  std::string again;
  append_interest(read->is_whole, read->version, read->changes, 0, again);
  CHECK(as_text(bytes) == again);
}

void check_grant(ByteView bytes) {
  const auto read = read_grant(bytes);
  if (!read) return;
  std::string again;
  append_grant(*read, again);
  CHECK(as_text(bytes) == again);
}

// The input is cut into parts by a length of one byte each.
void check_parts(ByteView bytes) {
  PartJoiner joiner;
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(bytes[0], bytes.size() - 1);
    const auto form = read_form(bytes.subspan(1, size));
    bytes = bytes.subspan(1 + size);
    if (!form || !form->is_part) continue;
    const auto whole = joiner.add(*form);
    if (whole) CHECK(whole->bytes().size() == form->size);
  }
}

using Check = void (*)(ByteView);
constexpr Check kChecks[] = {check_chunk, check_publish,  check_once, check_confirmed,
                             check_parts, check_interest, check_grant};

Input input_of(std::uint8_t kind, const std::string& bytes) {
  Input input{kind};
  input.insert(input.end(), bytes.begin(), bytes.end());
  return input;
}

void run(ByteView input) {
  if (input.empty()) return;
  kChecks[input[0] % std::size(kChecks)](input.subspan(1));
}

std::vector<Input> peer_seeds() {
  routing::MessageParts parts;
  parts.topic = "a/b";
  parts.payload = as_bytes("payload");
  parts.qos = mqtt::Qos::at_least_once;
  parts.origin = 77;
  parts.expiry_s = 300;
  parts.received_ms = kNow - 1000;
  std::string message;
  append_message_head(*routing::Message::make(parts), kNow, message);
  message += "payload";
  PublishHead head;
  head.number = 300;
  head.shards = {{3, true, true, 7}};
  head.source = routing::Source::of_node(5, CoreId{1}, 9);
  std::string publish, once, confirmed, chunk, part;
  append_publish_head(head, publish);
  append_once_head(true, once);
  append_confirmed({3, 63, 1'000, 0}, confirmed);
  append_confirmed({2, kVolatileTarget, 0, 9}, confirmed);
  add_frame(PeerFrameKind::publish, 1, as_bytes(publish + message), chunk);
  append_part_form(1, 0, 5, part);
  part = std::string(1, static_cast<char>(part.size() + 5)) + part + "whole";
  std::string interest, grant;
  append_interest(true, 9,
                  {{routing::InterestChange::Kind::leads, 3, 7},
                   {routing::InterestChange::Kind::on, 3, 100'000},
                   {routing::InterestChange::Kind::depths, routing::kVolatiles, 6}},
                  0, interest);
  append_grant({5, {{3, 7, 40}}}, grant);
  return {input_of(5, interest),
          input_of(6, grant),
          input_of(0, chunk),
          input_of(1, publish + message),
          input_of(2, once + message),
          input_of(3, confirmed),
          input_of(4, part)};
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  roost::fuzz::write_seeds(*argc, *argv, roost::fuzz::peer_seeds());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run({data, size});
  return 0;
}
