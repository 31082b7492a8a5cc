// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/relay_frames.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/wire_cases.h"

namespace roost::gates {
namespace {

using support::wire_bytes;

constexpr ShardId kShard{7};

// The bytes of the one frame in `chunk`.
PeerFrame only_frame(const std::string& chunk) {
  PeerFrameReader reader(chunk);
  PeerFrame frame, another;
  EXPECT_TRUE(reader.next(frame));
  EXPECT_FALSE(reader.next(another));
  EXPECT_FALSE(reader.is_broken());
  return frame;
}

// What is written has these bytes, and is read from no others: not from fewer, not from more.
template <typename T>
void check(const T& frame, std::string_view notation) {
  SCOPED_TRACE(notation);
  std::string chunk;
  add_relay_frame(kShard, frame, chunk);
  const PeerFrame written = only_frame(chunk);
  EXPECT_EQ(written.kind, T::kKind);
  EXPECT_EQ(written.to, kShard.value);
  std::vector<std::uint8_t> bytes = wire_bytes(notation);
  EXPECT_EQ(as_text(written.bytes), as_text(bytes));
  T read;
  ASSERT_TRUE(read_relay_frame(bytes, read));
  std::string again;
  add_relay_frame(kShard, read, again);
  EXPECT_EQ(again, chunk);
  if constexpr (std::is_same_v<T, RelayData>) return;  // any tail is data
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    T cut;
    EXPECT_FALSE(read_relay_frame(ByteView(bytes).first(size), cut)) << size;
  }
  bytes.push_back(0);
  EXPECT_FALSE(read_relay_frame(bytes, read));
}

TEST(RelayFrames, HaveTheseBytes) {
  check(RelayOpen{130, 5, 70, {1024, 8}, session::AckMode::memory, "made"},
        "82 01 05 46 80 08 08 02 04 6D616465 00 00");
  const auth::Identity ann{"ann", "cn", "main", "::1", {"g"}, {{"k", "v"}}, "[]", 300};
  check(
      RelayOpen{1, 5, 70, {1024, 8}, session::AckMode::quorum, "", true, ann, "v"},
      "01 05 46 80 08 08 00 00 01 03 616E6E 02 636E 04 6D61696E 03 3A3A31 01 01 67 01 01 6B 01 76 "
      "02 5B5D AC 02 01 76");
  check(RelayGranted{1, {5, 300}, true}, "01 05 AC 02 01");
  check(RelayOpened{2, 5}, "02 05");
  check(RelayRefused{3}, "03");
  check(RelayCredit{Way::to_front, 4, 65536}, "01 04 80 80 04");
  check(RelayClose{Way::to_front, 5, Goodbye::taken_over, "taken over"},
        "01 05 01 0A 74616B656E206F766572");
  check(RelayClosed{Way::to_leader, 6}, "00 06");
  check(RelayLeft{7, {5, 1}, session::Departure::with_will, true, "a"}, "07 05 01 01 01 01 61");
  check(RelayClaims{5, true, false, {{8, {4, 9}, true, "a"}, {9, {5, 1}, false, ""}}},
        "05 01 00 02 08 04 09 01 01 61 09 05 01 00 00");
  check(RelayData{Way::to_leader, 10, as_bytes("ab")}, "00 0A 6162");
}

TEST(RelayFrames, DataMayBeAppendedByTheCaller) {
  std::string chunk;
  const std::size_t begun = begin_relay_data(kShard, Way::to_front, 1000, chunk);
  chunk += "one";
  chunk += "two";
  end_frame(begun, chunk);
  std::string same;
  add_relay_frame(kShard, RelayData{Way::to_front, 1000, as_bytes("onetwo")}, same);
  EXPECT_EQ(chunk, same);
}

TEST(RelayFrames, WithValuesThatAreNotKnownAreRefused) {
  RelayOpen open;
  EXPECT_FALSE(read_relay_frame(wire_bytes("01 05 46 80 08 08 03 00 00 00"), open));  // ack mode
  EXPECT_FALSE(
      read_relay_frame(wire_bytes("81 00 05 46 80 08 08 01 00 00 00"), open));  // longer form
  EXPECT_FALSE(
      read_relay_frame(wire_bytes("01 05 FF FF FF FF 1F 08 08 01 00 00 00"), open));  // 33 bits
  RelayGranted granted;
  EXPECT_FALSE(read_relay_frame(wire_bytes("01 05 01 02"), granted));
  RelayCredit credit;
  EXPECT_FALSE(read_relay_frame(wire_bytes("02 04 01"), credit));
  RelayClose close;
  EXPECT_FALSE(read_relay_frame(wire_bytes("01 05 03 00"), close));
  RelayLeft left;
  EXPECT_FALSE(read_relay_frame(wire_bytes("07 05 01 03 01 01 61"), left));
  RelayClaims claims;  // many more announced than there are bytes for
  EXPECT_FALSE(read_relay_frame(wire_bytes("05 01 01 FF FF 03 08 04 09 01 01 61"), claims));
}

}  // namespace
}  // namespace roost::gates
