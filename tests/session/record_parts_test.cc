// SPDX-License-Identifier: Apache-2.0
// Large records as several log entries, and together again.
#include "broker/session/record_parts.h"

#include <gtest/gtest.h>

#include "broker/session/record_codec.h"
#include "tests/session/record_text.h"

namespace roost::session {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return bytes;
}

std::vector<Bytes> split(const Bytes& record) {
  std::vector<Bytes> parts;
  RecordSplitter splitter({record, {}});
  while (!splitter.done()) splitter.next(parts.emplace_back());
  return parts;
}

// Adds what must be taken; true: it was the last one.
bool takes(RecordJoiner& joiner, const Bytes& part) {
  const auto whole = joiner.add(part);
  EXPECT_TRUE(whole) << whole.error().message;
  return whole && whole->has_value();
}

TEST(RecordParts, JoinToWhatWasSplit) {
  RecordJoiner joiner;
  for (const std::size_t size : {std::size_t{1}, kRecordPartMax - 16, kRecordPartMax - 15,
                                 kRecordPartMax - 14, kRecordPartMax - 1, kRecordPartMax,
                                 kRecordPartMax + 1, 2 * kRecordPartMax, 10 * kRecordPartMax + 3}) {
    const Bytes record = counting(size);
    const std::vector<Bytes> parts = split(record);
    EXPECT_LE(parts.size(), size / kRecordPartMax + 2);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_LE(parts[i].size(), kRecordPartMax);
      EXPECT_TRUE(is_part(parts[i]));
      const auto whole = joiner.add(parts[i]);
      ASSERT_TRUE(whole) << whole.error().message;
      ASSERT_EQ(whole->has_value(), i + 1 == parts.size());
      EXPECT_EQ(joiner.unfinished(), i + 1 < parts.size());
      EXPECT_EQ(whole->value_or(record), record);
    }
  }
}

TEST(RecordParts, CarryALargePublish) {
  const Bytes payload = counting(3 << 20);
  routing::MessageParts message;
  message.topic = "camera/1";
  message.payload = payload;
  const Record record = PublishedRecord{routing::Message::make(message), std::nullopt};
  PiecedBytes bytes;
  encode_record(record, 100, bytes);
  ASSERT_TRUE(needs_parts(bytes));
  EXPECT_FALSE(is_part(bytes.bytes));
  EXPECT_LT(bytes.bytes.size(), 100u) << "the payload was copied";
  RecordJoiner joiner;
  RecordSplitter splitter(bytes);
  std::optional<Bytes> whole;
  while (!splitter.done()) {
    Bytes part;
    splitter.next(part);
    EXPECT_FALSE(decode_record(part, 100)) << "a part is no record";
    auto added = joiner.add(part);
    ASSERT_TRUE(added);
    whole = *std::move(added);
  }
  ASSERT_TRUE(whole);
  Bytes copied;
  encode_record(record, 100, copied);
  EXPECT_TRUE(*whole == copied);
  const auto decoded = decode_record(*whole, 100);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(text_of(*decoded), text_of(record));
}

// Version 1 on disks: never changed.
TEST(RecordParts, HaveAHeadOfThreeNumbers) {
  const std::vector<Bytes> parts = split({7, 8, 9});
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0], (Bytes{17, 3, 0, 3, 7, 8, 9}));
  RecordJoiner joiner;
  EXPECT_FALSE(takes(joiner, {17, 3, 0, 1, 7}));
  EXPECT_EQ(joiner.collected(), 1u);
  EXPECT_TRUE(takes(joiner, {17, 3, 1, 2, 8, 9}));
}

TEST(RecordParts, RefuseTruncationAndBytesBehindTheEnd) {
  const Bytes part = split({7, 8, 9})[0];
  for (std::size_t size = 0; size < part.size(); ++size) {
    RecordJoiner joiner;
    const Bytes cut(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(joiner.add(cut)) << size;
  }
  Bytes longer = part;
  longer.push_back(0);
  EXPECT_FALSE(RecordJoiner().add(longer));
}

TEST(RecordParts, RefuseWhatCannotBe) {
  for (const Bytes& part : {Bytes{17, 3, 0, 0},        // nothing in it
                            Bytes{17, 1, 0, 2, 7, 8},  // more than the whole
                            Bytes{17, 3, 4, 1, 7},     // starts behind it
                            Bytes{17, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, 7},  // over the limit
                            Bytes{16, 3, 0, 1, 7}}) {                          // another type
    RecordJoiner joiner;
    EXPECT_FALSE(joiner.add(part));
    EXPECT_FALSE(joiner.unfinished());
  }
}

TEST(RecordParts, AreRefusedAfterAGap) {
  RecordJoiner joiner;
  EXPECT_FALSE(takes(joiner, {17, 3, 0, 1, 7}));
  EXPECT_FALSE(joiner.add(Bytes{17, 3, 2, 1, 9}));  // the second is missing
  EXPECT_FALSE(joiner.unfinished());
  EXPECT_FALSE(joiner.add(Bytes{17, 3, 1, 1, 8})) << "its start is gone";
  EXPECT_TRUE(takes(joiner, {17, 1, 0, 1, 5})) << "the next record is not harmed";
}

TEST(RecordParts, OfTwoRecordsAreNotMixed) {
  RecordJoiner joiner;
  EXPECT_FALSE(takes(joiner, {17, 3, 0, 1, 7}));
  EXPECT_FALSE(joiner.add(Bytes{17, 4, 1, 3, 7, 7, 7})) << "of another size";
}

TEST(RecordParts, OfARecordThatWasCutAreDropped) {
  RecordJoiner joiner;
  EXPECT_FALSE(takes(joiner, {17, 3, 0, 1, 7}));
  EXPECT_FALSE(takes(joiner, {17, 2, 0, 1, 1})) << "a new one starts";
  const auto whole = joiner.add(Bytes{17, 2, 1, 1, 2});
  ASSERT_TRUE(whole);
  ASSERT_TRUE(whole->has_value());
  EXPECT_EQ(**whole, (Bytes{1, 2}));
  EXPECT_FALSE(takes(joiner, {17, 2, 0, 1, 1}));
  joiner.drop();
  EXPECT_FALSE(joiner.unfinished());
}

}  // namespace
}  // namespace roost::session
