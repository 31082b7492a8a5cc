// SPDX-License-Identifier: Apache-2.0
// Messages of replicas as bytes: the same again, and nothing but that.
#include "cluster/replication_codec.h"

#include <gtest/gtest.h>

#include "cluster/peer_messages.h"

namespace roost::cluster {
namespace {

using replication::Append;
using replication::LogRecord;
using replication::Message;

ReceivedChunkPtr chunk_of(std::string bytes) {
  return ReceivedChunkPtr::adopt(new ReceivedChunk(std::move(bytes)));
}

std::string bytes_of(const Message& message) {
  std::string bytes;
  encode(message, bytes);
  return bytes;
}

Append append_of(const std::vector<std::string>& texts) {
  Append append{7, {3, 40}, 39, 123'456, nullptr};
  auto records = std::make_shared<std::vector<LogRecord>>();
  replication::Position at = append.previous;
  for (const std::string& text : texts) {
    at = {at.epoch + (records->size() % 2 == 0 ? 1U : 0U), at.index + 1};
    records->push_back(replication::make_record(at, as_bytes(text)));
  }
  append.records = std::move(records);
  return append;
}

std::vector<Message> all_kinds() {
  replication::Fenced fenced;
  fenced.epoch = 9;
  fenced.lineage = 1;
  fenced.table = {{1, 1}, {4, 200}, {9, 70'000}};
  fenced.last = 80'000;
  fenced.first_kept = 60'000;
  fenced.commit = fenced.applied = 79'999;
  fenced.is_importing = true;
  fenced.import_next = 3;
  fenced.sent_ms = -5;
  return {replication::Fence{9, 1, 300, 1'000'000},
          fenced,
          append_of({"one", "", "three", std::string(300, 'x')}),
          Append{7, {0, 0}, 0, 0, nullptr},
          replication::Ack{7, 44, 43, UINT32_MAX},
          replication::Refused{replication::Refused::Why::older_counter, 2, UINT64_MAX},
          replication::BeginImport{7, 1, 2, 55},
          replication::ImportReady{7, 2}};
}

TEST(ReplicationCodec, EveryKindComesBackAsItWas) {
  for (const Message& message : all_kinds()) {
    const std::string bytes = bytes_of(message);
    const auto chunk = chunk_of(bytes);
    const auto again = decode_message(chunk->bytes(), chunk);
    ASSERT_TRUE(again.has_value()) << describe(message);
    EXPECT_EQ(again->index(), message.index());
    EXPECT_EQ(describe(*again), describe(message));
    EXPECT_EQ(bytes_of(*again), bytes);
  }
}

TEST(ReplicationCodec, RecordsLieInTheChunk) {
  const Append append = append_of({"one", "two"});
  const auto chunk = chunk_of(bytes_of(append));
  const auto again = decode_message(chunk->bytes(), chunk);
  ASSERT_TRUE(again.has_value());
  const auto& records = *std::get<Append>(*again).records;
  ASSERT_EQ(records.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(records[i].position, (*append.records)[i].position);
    EXPECT_EQ(as_text(records[i].bytes), as_text((*append.records)[i].bytes));
    EXPECT_GE(records[i].bytes.data(), chunk->bytes().data());
    EXPECT_LT(records[i].bytes.data(), chunk->bytes().data() + chunk->bytes().size());
    EXPECT_EQ(records[i].owner.get(), chunk.get());
  }
}

// A small record doesn't keep a large chunk alive.
TEST(ReplicationCodec, SmallPartsOfALargeChunkAreCopied) {
  const std::string small = bytes_of(append_of({"one"}));
  const auto chunk = chunk_of(small + std::string(10 * small.size(), 'x'));
  const auto again = decode_message(chunk->bytes().first(small.size()), chunk);
  ASSERT_TRUE(again.has_value());
  const LogRecord& record = (*std::get<Append>(*again).records)[0];
  EXPECT_NE(record.owner.get(), chunk.get());
  EXPECT_EQ(as_text(record.bytes), "one");
}

TEST(ReplicationCodec, WhatIsCutOffIsRefusedAtEveryByte) {
  for (const Message& message : all_kinds()) {
    const std::string bytes = bytes_of(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto chunk = chunk_of(bytes.substr(0, size));
      const auto cut = decode_message(chunk->bytes(), chunk);
      ASSERT_FALSE(cut.has_value()) << describe(message) << " at " << size;
      EXPECT_EQ(cut.error().kind, ErrorKind::corrupt);
    }
    const auto longer = chunk_of(bytes + '\0');
    EXPECT_FALSE(decode_message(longer->bytes(), longer)) << describe(message);
  }
}

// Every single bit: refused, or another message that has exactly these bytes.
TEST(ReplicationCodec, WhatIsFlippedIsRefusedOrAnotherMessage) {
  std::size_t refused = 0;
  for (const Message& message : all_kinds()) {
    const std::string bytes = bytes_of(message);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      const auto chunk = chunk_of(flipped);
      const auto again = decode_message(chunk->bytes(), chunk);
      if (again) {
        EXPECT_EQ(bytes_of(*again), flipped);
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 1000U);
}

TEST(ReplicationCodec, ARecordThatWasChangedOnTheWayIsRefused) {
  std::string bytes = bytes_of(append_of({"one"}));
  bytes.back() = 'x';
  const auto chunk = chunk_of(bytes);
  const auto again = decode_message(chunk->bytes(), chunk);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().message, "a record without its checksum");
}

TEST(ReplicationCodec, ATableThatDoesNotRiseIsRefused) {
  replication::Fenced fenced;
  fenced.table = {{4, 200}, {3, 300}};
  const auto chunk = chunk_of(bytes_of(fenced));
  EXPECT_FALSE(decode_message(chunk->bytes(), chunk));
}

TEST(MessageChunks, CarryManyShardsInOrder) {
  MessageChunks chunks;
  EXPECT_TRUE(chunks.empty());
  const auto messages = all_kinds();
  for (std::uint16_t shard = 0; shard < 64; ++shard) {
    ASSERT_TRUE(chunks.add(ShardId{shard}, messages[shard % messages.size()]));
  }
  const auto made = chunks.take();
  EXPECT_TRUE(chunks.empty());
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(kind_of_chunk(made[0]), static_cast<std::uint8_t>(PeerMessageKind::replicas));
  const auto chunk = chunk_of(made[0]);
  MessageChunkReader reader(chunk->bytes());
  ShardId shard;
  ByteView bytes;
  for (std::uint16_t wanted = 0; wanted < 64; ++wanted) {
    ASSERT_TRUE(reader.next(shard, bytes));
    EXPECT_EQ(shard.value, wanted);
    EXPECT_EQ(as_text(bytes), bytes_of(messages[wanted % messages.size()]));
  }
  EXPECT_FALSE(reader.next(shard, bytes));
  EXPECT_FALSE(reader.is_broken());
}

TEST(MessageChunks, StayBelowTheSizeOfAChunk) {
  MessageChunks chunks;
  const Append append = append_of({std::string(100'000, 'x')});
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(chunks.add(ShardId{1}, append));
  const auto made = chunks.take();
  EXPECT_EQ(made.size(), 5U);
  std::size_t messages = 0;
  for (const std::string& one : made) {
    EXPECT_LE(one.size(), kChunkBytesMax);
    MessageChunkReader reader(as_bytes(one));
    ShardId shard;
    ByteView bytes;
    while (reader.next(shard, bytes)) ++messages;
    EXPECT_FALSE(reader.is_broken());
  }
  EXPECT_EQ(messages, 30U);
}

TEST(MessageChunks, WhatIsLongerThanAChunkIsDropped) {
  MessageChunks chunks;
  EXPECT_FALSE(chunks.add(ShardId{1}, append_of({std::string(kChunkBytesMax, 'x')})));
  EXPECT_TRUE(chunks.empty());
}

TEST(MessageChunks, ABrokenRowEnds) {
  MessageChunks chunks;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(chunks.add(ShardId{1}, replication::Ack{1, 2, 3, 4}));
  const std::string whole = chunks.take()[0];
  for (std::size_t size = 0; size < whole.size(); ++size) {
    MessageChunkReader reader(as_bytes(whole).first(size));
    ShardId shard;
    ByteView bytes;
    std::size_t read = 0;
    while (reader.next(shard, bytes)) ++read;
    EXPECT_LT(read, 3U);
    EXPECT_EQ(reader.is_broken(), size > 0 && (size - 1) % ((whole.size() - 1) / 3) != 0) << size;
  }
}

}  // namespace
}  // namespace roost::cluster
