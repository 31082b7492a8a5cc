// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "broker/mqtt/encode.h"
#include "broker/mqtt/limits.h"
#include "tests/support/wire_cases.h"

namespace roost::mqtt {
namespace {

using Bytes = std::vector<std::uint8_t>;

FrameResult framed(const Bytes& bytes, std::uint32_t limit = kPacketSizeMax) {
  return next_frame(bytes, limit);
}

TEST(Frame, WantsMoreOfNothing) {
  const FrameResult result = framed({});
  EXPECT_EQ(result.status, FrameStatus::incomplete);
  EXPECT_EQ(result.wanted, 0U);
}

TEST(Frame, TellsTypeAndFlagsOfTheFirstByte) {
  const Bytes bytes = {0x3D, 0x02, 0xAA, 0xBB, 0xCC};
  const FrameResult result = framed(bytes);
  ASSERT_EQ(result.status, FrameStatus::complete);
  EXPECT_EQ(result.frame.type(), PacketType::publish);
  EXPECT_EQ(result.frame.flags(), 0x0D);
  EXPECT_EQ(result.frame.header_size, 2U);
  EXPECT_EQ(result.frame.size(), 4U);
  EXPECT_EQ(Bytes(result.frame.body.begin(), result.frame.body.end()), (Bytes{0xAA, 0xBB}));
}

// Whatever way the bytes of a packet are split, they are one packet only when all are there.
TEST(Frame, IsTheSameForEveryPacketOfTheTableSplitAnywhere) {
  for (const auto& row : support::all_wire_cases()) {
    const Bytes bytes = support::wire_bytes(row.bytes);
    if (bytes.size() > 70'000) continue;
    const FrameResult whole = framed(bytes);
    if (whole.status != FrameStatus::complete) continue;
    ASSERT_EQ(whole.frame.size(), bytes.size()) << row.name;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const FrameResult part = next_frame(ByteView(bytes).first(size), kPacketSizeMax);
      ASSERT_EQ(part.status, FrameStatus::incomplete) << row.name;
      ASSERT_EQ(part.wanted, size < whole.frame.header_size ? 0 : bytes.size()) << row.name;
    }
  }
}

TEST(Frame, TakesPacketAfterPacketFromAStream) {
  Bytes stream;
  std::vector<std::size_t> sizes;
  for (const auto& row : support::ack_cases()) {
    const Bytes bytes = support::wire_bytes(row.bytes);
    sizes.push_back(bytes.size());
    stream.insert(stream.end(), bytes.begin(), bytes.end());
  }
  ByteView left = stream;
  for (const std::size_t size : sizes) {
    const FrameResult result = next_frame(left, kPacketSizeMax);
    ASSERT_EQ(result.status, FrameStatus::complete);
    ASSERT_EQ(result.frame.size(), size);
    left = left.subspan(size);
  }
  EXPECT_TRUE(left.empty());
}

TEST(Frame, ReadsLengthsAroundEveryStep) {
  for (const std::uint32_t length : {0U, 127U, 128U, 16'383U, 16'384U, 2'097'151U, 2'097'152U}) {
    Bytes bytes = {0x30};
    append_varint(length, bytes);
    const std::size_t header = bytes.size();
    bytes.resize(header + length);
    const FrameResult result = framed(bytes);
    ASSERT_EQ(result.status, FrameStatus::complete) << length;
    EXPECT_EQ(result.frame.body.size(), length);
    EXPECT_EQ(result.frame.header_size, header);
  }
}

TEST(Frame, WantsTheLargestPacketThatThereIs) {
  const FrameResult result = framed({0x30, 0xFF, 0xFF, 0xFF, 0x7F});
  EXPECT_EQ(result.status, FrameStatus::incomplete);
  EXPECT_EQ(result.wanted, 268'435'460U);
}

TEST(Frame, RefusesALengthOfFiveBytesAsSoonAsItIsSeen) {
  EXPECT_EQ(framed({0x30, 0x80, 0x80, 0x80}).status, FrameStatus::incomplete);
  const FrameResult result = framed({0x30, 0x80, 0x80, 0x80, 0x80});
  EXPECT_EQ(result.status, FrameStatus::malformed);
  EXPECT_EQ(reason_of(result), ReasonCode::malformed_packet);
}

TEST(Frame, RefusesALengthThatIsLongerThanNeeded) {
  for (const Bytes& bytes : {Bytes{0xC0, 0x80, 0x00}, Bytes{0xC0, 0xFF, 0x00},
                             Bytes{0xC0, 0x80, 0x80, 0x00}, Bytes{0xC0, 0x80, 0x80, 0x80, 0x00}}) {
    EXPECT_EQ(framed(bytes).status, FrameStatus::malformed);
  }
}

TEST(Frame, RefusesType0WithItsFirstByte) {
  for (std::uint8_t flags = 0; flags < 16; ++flags) {
    const FrameResult result = framed({flags});
    EXPECT_EQ(result.status, FrameStatus::malformed);
    EXPECT_EQ(reason_of(result), ReasonCode::protocol_error);
  }
}

TEST(Frame, CountsTheHeaderIntoTheLimit) {
  const Bytes bytes = {0x30, 0x03, 1, 2, 3};
  EXPECT_EQ(framed(bytes, 5).status, FrameStatus::complete);
  const FrameResult result = framed(bytes, 4);
  EXPECT_EQ(result.status, FrameStatus::too_large);
  EXPECT_EQ(result.wanted, 5U);
  EXPECT_EQ(reason_of(result), ReasonCode::packet_too_large);
}

TEST(Frame, IsTooLargeBeforeItsBodyArrives) {
  EXPECT_EQ(framed({0x30, 0xFF, 0x7F}, 1000).status, FrameStatus::too_large);
  EXPECT_EQ(framed({0x30, 0xFF}, 1000).status, FrameStatus::incomplete);
}

TEST(Frame, HasNoReasonWhereNothingIsWrong) {
  EXPECT_EQ(reason_of(framed({0xC0, 0x00})), ReasonCode::success);
  EXPECT_EQ(reason_of(framed({0xC0})), ReasonCode::success);
}

}  // namespace
}  // namespace roost::mqtt
