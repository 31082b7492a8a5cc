// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/peer_frames.h"

#include <gtest/gtest.h>

namespace roost::gates {
namespace {

TEST(PeerFrames, ComeBackAsTheyWereAdded) {
  std::string chunk;
  add_frame(PeerFrameKind::publish, 700, as_bytes("hello"), chunk);
  add_frame(PeerFrameKind::grant, 0, {}, chunk);
  const std::size_t begun = begin_frame(PeerFrameKind::data, 63, chunk);
  chunk += "some";
  chunk += "more";
  end_frame(begun, chunk);

  PeerFrameReader reader(chunk);
  PeerFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.kind, PeerFrameKind::publish);
  EXPECT_EQ(frame.to, 700);
  EXPECT_EQ(as_text(frame.bytes), "hello");
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.kind, PeerFrameKind::grant);
  EXPECT_TRUE(frame.bytes.empty());
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.to, 63);
  EXPECT_EQ(as_text(frame.bytes), "somemore");
  EXPECT_FALSE(reader.next(frame));
  EXPECT_FALSE(reader.is_broken());
}

TEST(PeerFrames, AChunkThatIsCutAnywhereInsideAFrameIsBroken) {
  std::string chunk;
  add_frame(PeerFrameKind::once, 1, as_bytes("payload"), chunk);
  for (std::size_t size = 1; size < chunk.size(); ++size) {
    PeerFrameReader reader(std::string_view(chunk).substr(0, size));
    PeerFrame frame;
    EXPECT_FALSE(reader.next(frame)) << size;
    EXPECT_TRUE(reader.is_broken()) << size;
  }
}

TEST(PeerFrames, ASizeBeyondTheChunkIsBroken) {
  std::string chunk;
  add_frame(PeerFrameKind::once, 1, as_bytes("payload"), chunk);
  chunk[6] = static_cast<char>(0xFF);
  PeerFrameReader reader(chunk);
  PeerFrame frame;
  EXPECT_FALSE(reader.next(frame));
  EXPECT_TRUE(reader.is_broken());
}

}  // namespace
}  // namespace roost::gates
