// SPDX-License-Identifier: Apache-2.0
// What the nodes of a cluster say to each other beside the messages of replicas: reports and
// commands to the controller on the replication lane, snapshots and what brokers ask each other on
// the bulk lane. The first byte of a chunk is its kind.
// Thread: any thread (values).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/ids.h"
#include "broker/base/result.h"
#include "cluster/replication/status.h"
#include "cluster/resync.h"

namespace roost::cluster {

// Never given a new meaning; one that isn't known is skipped (a later version's).
enum class PeerMessageKind : std::uint8_t {
  replicas = 1,  // replication_codec.h
  report = 2,
  command = 3,
  answer = 4,
  // bulk
  snapshot_part = 10,
  snapshot_taken = 11,
  snapshot_ended = 12,
  talk = 13,
};
// 0: of an empty chunk.
inline std::uint8_t kind_of_chunk(std::string_view chunk) {
  return chunk.empty() ? 0 : static_cast<std::uint8_t>(chunk.front());
}

// To the node that is the controller.
struct PeerCommand {
  enum class Kind : std::uint8_t { remove_node, undo_remove, move_leaders, force_leader };
  std::uint64_t id = 0;  // of who asks
  Kind kind = Kind::remove_node;
  std::string node;
  ShardId shard;  // with force_leader
  friend bool operator==(const PeerCommand&, const PeerCommand&) = default;
};
struct PeerAnswer {
  std::uint64_t id = 0;
  bool is_done = false;
  ErrorKind kind = ErrorKind::unavailable;  // else
  std::string message;
  friend bool operator==(const PeerAnswer&, const PeerAnswer&) = default;
};

// A piece of a snapshot is cut into parts that fit a chunk. Leader to member.
struct SnapshotPart {
  ShardId shard;
  std::uint64_t import = 0;
  std::uint64_t number = 0;  // of the piece
  bool is_last = false;      // of the piece
  std::string bytes;
};
// Member to leader: so many pieces are on disk.
struct SnapshotTaken {
  ShardId shard;
  std::uint64_t import = 0;
  std::uint64_t pieces = 0;
  bool is_whole = false;  // the End among them
};
// Either way: goes no further.
struct SnapshotEnded {
  ShardId shard;
  std::uint64_t import = 0;
  std::string why;
};
inline constexpr std::size_t kSnapshotPartBytes = 512 << 10;
// A piece is no longer: its size, and a value of a state (a MiB) above it.
inline constexpr std::size_t kSnapshotPieceBytesMax = 4 << 20;
// A part of a question to the other node's broker, or of what it says to one. In order.
struct PeerTalk {
  bool is_answer = false;
  std::uint64_t number = 0;  // of the question; whoever asks counts
  bool is_last = true;
  std::string bytes;
  friend bool operator==(const PeerTalk&, const PeerTalk&) = default;
};
inline constexpr std::size_t kTalkPartBytes = 512 << 10;

// Whole chunks, their kind included.
std::string encode(const NodeReport& report);
std::string encode(const PeerCommand& command);
std::string encode(const PeerAnswer& answer);
std::string encode(const SnapshotPart& part);
std::string encode(const SnapshotTaken& taken);
std::string encode(const SnapshotEnded& ended);
std::string encode(const PeerTalk& talk);
// A piece without its numbers, which its parts have.
std::string encode(const SnapshotPiece& piece);

using PeerMessage = std::variant<NodeReport, PeerCommand, PeerAnswer, SnapshotPart, SnapshotTaken,
                                 SnapshotEnded, PeerTalk>;
// Of a whole chunk that is none of replicas. Errors: corrupt, or not_found: of an unknown kind.
Result<PeerMessage> decode_peer_message(ByteView chunk);
// Errors: corrupt.
Result<SnapshotPiece> decode_piece(std::uint64_t import, std::uint64_t number, ByteView bytes);

}  // namespace roost::cluster
