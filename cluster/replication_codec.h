// SPDX-License-Identifier: Apache-2.0
// What replicas say to each other, as bytes. A chunk of the replication lane is a row of messages
// of many shards; both ends know from the session who speaks to whom.
//   chunk: kind (1, peer_messages.h), then of each message: shard, size, bytes
// Thread: any thread (values), one at a time for the writer.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/ids.h"
#include "broker/base/result.h"
#include "broker/base/shared.h"
#include "cluster/peer_network.h"
#include "cluster/replication/message.h"

namespace roost::cluster {

// A received chunk; the records in it are used where they lie.
class ReceivedChunk final : public SharedBlock {
 public:
  explicit ReceivedChunk(std::string bytes) : bytes_(std::move(bytes)) {}
  ByteView bytes() const { return as_bytes(bytes_); }

 private:
  const std::string bytes_;
};
using ReceivedChunkPtr = SharedPtr<ReceivedChunk>;

// Requires: an Append's records follow `previous` without a gap.
void encode(const replication::Message& message, std::string& out);
// `bytes` lie in `chunk`. Records stay there, unless they are so small a part of it that they would
// keep much for little. Errors: corrupt, also where a record doesn't have its checksum.
Result<replication::Message> decode_message(ByteView bytes, const ReceivedChunkPtr& chunk);

// Gathers a turn's messages to one peer.
class MessageChunks {
 public:
  // False: longer than a chunk by itself; dropped, as if it were lost on the way.
  bool add(ShardId shard, const replication::Message& message);
  bool empty() const { return chunks_.empty(); }
  std::vector<std::string> take() { return std::exchange(chunks_, {}); }

 private:
  std::vector<std::string> chunks_;
  std::string scratch_;
};

// Reads message by message.
class MessageChunkReader {
 public:
  // Of a whole chunk, its kind included.
  explicit MessageChunkReader(ByteView chunk) : left_(chunk.subspan(chunk.empty() ? 0 : 1)) {}
  // False: none left, or what is there is none (is_broken()).
  bool next(ShardId& shard, ByteView& message);
  bool is_broken() const { return is_broken_; }

 private:
  ByteView left_;
  bool is_broken_ = false;
};

}  // namespace roost::cluster
