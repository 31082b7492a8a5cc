// SPDX-License-Identifier: Apache-2.0
// Any bytes as a chunk of another node, a message of a replica or a piece of a snapshot: what
// decodes must encode to the very same bytes. First input byte: which of them.
#include "cluster/peer_messages.h"

#include <string>
#include <variant>

#include "broker/base/check.h"
#include "cluster/replication_codec.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace cluster;

void check_message(ByteView bytes, const ReceivedChunkPtr& chunk) {
  const auto message = decode_message(bytes, chunk);
  if (!message) {
    CHECK(message.error().kind == ErrorKind::corrupt);
    return;
  }
  std::string again;
  encode(*message, again);
  CHECK(again == as_text(bytes));
}

void check_row(ByteView bytes) {
  const auto chunk = ReceivedChunkPtr::adopt(new ReceivedChunk(std::string(as_text(bytes))));
  MessageChunkReader reader(chunk->bytes());
  ShardId shard;
  ByteView message;
  while (reader.next(shard, message)) check_message(message, chunk);
}

void check_chunk(ByteView bytes) {
  const auto message = decode_peer_message(bytes);
  if (!message) return;
  CHECK(std::visit([](const auto& one) { return encode(one); }, *message) == as_text(bytes));
}

void check_piece(ByteView bytes) {
  const auto piece = decode_piece(1, 2, bytes);
  if (piece) CHECK(encode(*piece) == as_text(bytes));
}

void run(ByteView bytes) {
  if (bytes.empty()) return;
  const ByteView rest = bytes.subspan(1);
  switch (bytes[0] % 4) {
    case 0: {
      const auto chunk = ReceivedChunkPtr::adopt(new ReceivedChunk(std::string(as_text(rest))));
      return check_message(chunk->bytes(), chunk);
    }
    case 1:
      return check_row(rest);
    case 2:
      return check_chunk(rest);
    default:
      return check_piece(rest);
  }
}

Input seed(char which, const std::string& bytes) {
  Input input(1, static_cast<std::uint8_t>(which));
  input.insert(input.end(), bytes.begin(), bytes.end());
  return input;
}

std::vector<Input> seeds() {
  using namespace replication;
  Append append{7, {3, 40}, 39, 5, nullptr};
  append.records = std::make_shared<std::vector<LogRecord>>(
      std::vector<LogRecord>{make_record({4, 41}, as_bytes("one")), make_record({4, 42}, {})});
  Fenced fenced;
  fenced.table = {{1, 1}, {3, 30}};
  std::vector<Input> all;
  MessageChunks row;
  for (const Message& message :
       {Message(Fence{9, 1, 3, 4}), Message(fenced), Message(append), Message(Ack{7, 4, 3, 2}),
        Message(Refused{}), Message(BeginImport{7, 1, 2, 5}), Message(ImportReady{7, 2})}) {
    std::string bytes;
    encode(message, bytes);
    all.push_back(seed(0, bytes));
    row.add(ShardId{3}, message);
  }
  all.push_back(seed(1, row.take()[0]));
  NodeReport report{"n1", "uuid", 5, true, {{"n2", 4, PeerView::Seen::refused}}, {{}, {}}};
  all.push_back(seed(2, encode(report)));
  all.push_back(seed(2, encode(PeerCommand{1, PeerCommand::Kind::move_leaders, "n", {}})));
  all.push_back(seed(2, encode(PeerAnswer{1, true, {}, "text"})));
  all.push_back(seed(2, encode(SnapshotPart{ShardId{1}, 2, 3, true, "bytes"})));
  all.push_back(seed(2, encode(SnapshotTaken{ShardId{1}, 2, 3, true})));
  all.push_back(seed(2, encode(SnapshotEnded{ShardId{1}, 2, "why"})));
  all.push_back(seed(3, encode(SnapshotPiece{1, 2, SnapshotPiece::State{{{"key", "value"}}}})));
  all.push_back(seed(3, encode(SnapshotPiece{1, 2, SnapshotPiece::Log{{{{3, 4}, "record"}}}})));
  all.push_back(seed(3, encode(SnapshotPiece{1, 2, SnapshotPiece::End{{{1, 1}}, {1, 2}, 1, 0}})));
  return all;
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  roost::fuzz::write_seeds(*argc, *argv, roost::fuzz::seeds());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run({data, size});
  return 0;
}
