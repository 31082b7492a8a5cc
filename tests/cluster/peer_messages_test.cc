// SPDX-License-Identifier: Apache-2.0
// Reports, commands and snapshots as bytes.
#include "cluster/peer_messages.h"

#include <gtest/gtest.h>

namespace roost::cluster {
namespace {

NodeReport report() {
  NodeReport report{"n1", "uuid-1", 1'700'000'000'123, true, {}, {}};
  report.peers = {{"n2", 5, PeerView::Seen::connected}, {"n3", 0, PeerView::Seen::refused}};
  ShardStatus status;
  status.shard = ShardId{63};
  status.role = replication::Role::leader;
  status.epoch = 4;
  status.last = {4, 1000};
  status.commit = 999;
  status.counter = 12;
  status.lineage = 1;
  status.is_restarted = true;
  status.stalled_ms = 1500;
  report.shards = {status, {}};
  return report;
}

std::vector<std::string> all_chunks() {
  return {encode(report()),
          encode(PeerCommand{9, PeerCommand::Kind::force_leader, "n2", ShardId{7}}),
          encode(PeerAnswer{9, false, ErrorKind::not_found, "there is no node n9"}),
          encode(SnapshotPart{ShardId{5}, 2, 7, true, "bytes"}),
          encode(SnapshotTaken{ShardId{5}, 2, 8, true}),
          encode(SnapshotEnded{ShardId{5}, 2, "no more room"}),
          encode(PeerTalk{true, 7, false, "part"})};
}

std::string encoded(const PeerMessage& message) {
  return std::visit([](const auto& one) { return encode(one); }, message);
}

TEST(PeerMessages, EveryKindComesBackAsItWas) {
  std::size_t kind = 0;
  for (const std::string& chunk : all_chunks()) {
    const auto message = decode_peer_message(as_bytes(chunk));
    ASSERT_TRUE(message.has_value()) << kind;
    EXPECT_EQ(message->index(), kind++);
    EXPECT_EQ(encoded(*message), chunk);
  }
  const auto again = decode_peer_message(as_bytes(encode(report())));
  ASSERT_TRUE(again);
  const auto& read = std::get<NodeReport>(*again);
  EXPECT_EQ(read.name, "n1");
  EXPECT_TRUE(read.is_draining);
  EXPECT_EQ(read.peers[1].seen, PeerView::Seen::refused);
  EXPECT_EQ(read.shards, report().shards);
}

TEST(PeerMessages, WhatIsCutOffIsRefusedAtEveryByte) {
  for (const std::string& chunk : all_chunks()) {
    for (std::size_t size = 1; size < chunk.size(); ++size) {
      const auto cut = decode_peer_message(as_bytes(chunk).first(size));
      ASSERT_FALSE(cut.has_value()) << int{chunk[0]} << " at " << size;
      EXPECT_EQ(cut.error().kind, ErrorKind::corrupt);
    }
    EXPECT_FALSE(decode_peer_message(as_bytes(chunk + '\0')));
  }
}

TEST(PeerMessages, WhatIsFlippedIsRefusedOrAnotherMessage) {
  std::size_t refused = 0;
  for (const std::string& chunk : all_chunks()) {
    for (std::size_t bit = 0; bit < chunk.size() * 8; ++bit) {
      std::string flipped = chunk;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      const auto message = decode_peer_message(as_bytes(flipped));
      if (message) {
        EXPECT_EQ(encoded(*message), flipped);
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100U);
}

// A later version's.
TEST(PeerMessages, AnUnknownKindIsNoFault) {
  for (const std::string& chunk :
       {std::string("\x7Fwhatever"), std::string("\x01"), std::string()}) {
    const auto message = decode_peer_message(as_bytes(chunk));
    ASSERT_FALSE(message.has_value());
    EXPECT_EQ(message.error().kind, chunk.empty() ? ErrorKind::corrupt : ErrorKind::not_found);
  }
}

TEST(SnapshotPieceCodec, EveryKindComesBackAsItWas) {
  SnapshotPiece::State state{{{"key", "value"}, {std::string("\0x", 2), std::string(70'000, 'v')}}};
  SnapshotPiece::Log log{{{{3, 40}, "record"}, {{3, 41}, ""}}};
  SnapshotPiece::End end{{{1, 1}, {3, 39}}, {3, 41}, 40, 39};
  std::vector<SnapshotPiece> pieces = {{2, 0, state}, {2, 1, log}, {2, 2, end}};
  for (const SnapshotPiece& piece : pieces) {
    const std::string bytes = encode(piece);
    const auto again = decode_piece(2, piece.number, as_bytes(bytes));
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->number, piece.number);
    EXPECT_EQ(again->what.index(), piece.what.index());
    EXPECT_EQ(encode(*again), bytes);
    for (std::size_t size = 0; size < std::min<std::size_t>(bytes.size(), 100); ++size) {
      EXPECT_FALSE(decode_piece(2, 0, as_bytes(bytes).first(size)));
    }
    EXPECT_FALSE(decode_piece(2, 0, as_bytes(bytes + "x")));
  }
  EXPECT_FALSE(decode_piece(2, 0, as_bytes("\x03")));
}

}  // namespace
}  // namespace roost::cluster
