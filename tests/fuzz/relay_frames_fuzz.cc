// SPDX-License-Identifier: Apache-2.0
// Any bytes as frames between a front and a leader: the first input byte says of which kind; 0: a
// whole chunk. What can be read is written as the very same bytes.
#include <string>

#include "broker/base/check.h"
#include "broker/gates/relay_frames.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace gates;

constexpr ShardId kShard{7};

template <typename T>
void check_frame(ByteView bytes) {
  T frame;
  if (!read_relay_frame(bytes, frame)) return;
  std::string again;
  add_relay_frame(kShard, frame, again);
  CHECK(std::string_view(again).substr(kPeerFrameHead) == as_text(bytes));
}

void check_kind(PeerFrameKind kind, ByteView bytes) {
  switch (kind) {
    case PeerFrameKind::open:
      return check_frame<RelayOpen>(bytes);
    case PeerFrameKind::granted:
      return check_frame<RelayGranted>(bytes);
    case PeerFrameKind::opened:
      return check_frame<RelayOpened>(bytes);
    case PeerFrameKind::refused:
      return check_frame<RelayRefused>(bytes);
    case PeerFrameKind::data:
      return check_frame<RelayData>(bytes);
    case PeerFrameKind::credit:
      return check_frame<RelayCredit>(bytes);
    case PeerFrameKind::close:
      return check_frame<RelayClose>(bytes);
    case PeerFrameKind::closed:
      return check_frame<RelayClosed>(bytes);
    case PeerFrameKind::claims:
      return check_frame<RelayClaims>(bytes);
    case PeerFrameKind::left:
      return check_frame<RelayLeft>(bytes);
    default:
      return;
  }
}

void check_chunk(std::string_view chunk) {
  PeerFrameReader reader(chunk);
  PeerFrame frame;
  std::string again;
  while (reader.next(frame)) {
    check_kind(frame.kind, frame.bytes);
    add_frame(frame.kind, frame.to, frame.bytes, again);
  }
  CHECK(chunk.starts_with(again) && (again.size() == chunk.size()) == !reader.is_broken());
}

std::vector<Input> seeds() {
  std::vector<Input> seeds;
  std::string all;
  const auto add = [&](const auto& frame) {
    std::string chunk;
    add_relay_frame(kShard, frame, chunk);
    all += chunk;
    Input& seed = seeds.emplace_back();
    seed.push_back(static_cast<std::uint8_t>(frame.kKind));
    seed.insert(seed.end(), chunk.begin() + kPeerFrameHead, chunk.end());
  };
  add(RelayOpen{130, 5, 70, {1024, 8}, session::AckMode::memory, "made"});
  add(RelayGranted{1, {5, 300}, true});
  add(RelayOpened{2, 5});
  add(RelayRefused{3});
  add(RelayData{Way::to_leader, 10, as_bytes("ab")});
  add(RelayCredit{Way::to_front, 4, 65536});
  add(RelayClose{Way::to_front, 5, Goodbye::moved, "moved"});
  add(RelayClosed{Way::to_leader, 6});
  add(RelayClaims{5, true, false, {{8, {4, 9}, true, "a"}, {9, {5, 1}, false, ""}}});
  add(RelayLeft{7, {5, 1}, session::Departure::with_will, true, "a"});
  Input& chunk = seeds.emplace_back();
  chunk.push_back(0);
  chunk.insert(chunk.end(), all.begin(), all.end());
  return seeds;
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  roost::fuzz::write_seeds(*argc, *argv, roost::fuzz::seeds());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const roost::ByteView bytes{data + 1, size - 1};
  if (data[0] == 0) {
    roost::fuzz::check_chunk(roost::as_text(bytes));
  } else {
    roost::fuzz::check_kind(static_cast<roost::gates::PeerFrameKind>(data[0]), bytes);
  }
  return 0;
}
