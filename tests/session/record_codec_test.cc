// SPDX-License-Identifier: Apache-2.0
// Log records as bytes: what is on disks stays readable, whatever comes from one is survived.
#include "broker/session/record_codec.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/session/random_records.h"
#include "tests/session/record_text.h"
#include "tests/support/wire_cases.h"

namespace roost::session {
namespace {

using Bytes = std::vector<std::uint8_t>;
using routing::Message;
using routing::MessageParts;
using routing::MessagePtr;

constexpr SteadyMs kOffset = 1000;

Bytes encoded(const Record& record, SteadyMs shard_offset_ms = kOffset) {
  Bytes bytes;
  encode_record(record, shard_offset_ms, bytes);
  return bytes;
}

MessagePtr plain(std::string_view topic, std::string_view payload) {
  MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(payload);
  parts.qos = mqtt::Qos::at_least_once;
  parts.received_ms = 5;
  return Message::make(parts);
}

// With all that a message can have.
MessagePtr full() {
  const Bytes forwarded = {0x01, 0x01};  // payload format indicator
  MessageParts parts;
  parts.topic = "t/1";
  parts.payload = as_bytes("on");
  parts.forwarded = forwarded;
  parts.qos = mqtt::Qos::exactly_once;
  parts.retain = true;
  parts.origin = 0x0102030405060708;
  parts.sequence = 300;
  parts.received_ms = -872;
  parts.expiry_s = 60;
  return Message::make(parts);
}

constexpr const char* kFull =
    "3E 03 02 0102030405060708 AC02 8001 3C 02"  // flags, sizes, origin, sequence, received, expiry
    " ~t/1~ 0101 ~on~";

std::string with_full(const char* before) { return std::string(before) + " " + kFull; }

// What stands on disks since version 1: a row is never changed, only added.
std::vector<std::pair<std::string, Record>> goldens() {
  const Generation generation{.epoch = 2, .counter = 200};
  const std::string who = "02 ~c1~ 02 C801";
  const auto of = [&who](const char* type, const char* rest) {
    return std::string(type) + " " + who + " " + rest;
  };
  std::vector<std::pair<std::string, Record>> rows;
  const auto row = [&rows](std::string bytes, Record record) {
    rows.emplace_back(std::move(bytes), std::move(record));
  };
  row("01 05 80C09BD9E931 A08D06 00 01 02 01 ~#~ 03 ~a/+~",
      StartedRecord{5, 1'712'000'000'000, 100'000, 0, true, {"#", "a/+"}});
  row("01 05 07 01 00 02 00", StartedRecord{5, 7, 1, 0, false, {}, true});
  row("02 07 FFFFFFFFFFFFFFFF7F", TickRecord{7, kNever});
  row("03 00 01 01 00 ED07 01 ~a1~", PublishedRecord{plain("a", "1"), std::nullopt});
  row(with_full("03 01 3F 8101"), PublishedRecord{full(), Source::of_shard(ShardId{63}, 0, 129)});
  row(with_full("03 02 3F 05 8101"),
      PublishedRecord{full(), Source::of_shard(ShardId{63}, 5, 129)});
  row(with_full("03 03 02 C801 8101"),
      PublishedRecord{full(), Source::of_node(200, CoreId{2}, 129)});
  row("04 00 02 ~c1~ 03 ~g/a~ 01 01 00 ED07 01 ~a1~",
      AssignedRecord{plain("a", "1"), "c1", "g/a", std::nullopt});
  row(of("05", "02 07 01 01 01 00 ED07 01 ~a1~ 00 02") + kFull + " 00",
      GatheredRecord{
          "c1",
          generation,
          {{plain("a", "1"), 7, mqtt::Qos::at_least_once}, {full(), 0, mqtt::Qos::exactly_once}},
          false});
  row("06 00 01 01 00 ED07 00 ~a~", RetainedRecord{plain("a", ""), std::nullopt});
  row(with_full("06 01 3F 8101"), RetainedRecord{full(), Source::of_shard(ShardId{63}, 0, 129)});
  row(with_full("06 02 3F 05 8101"), RetainedRecord{full(), Source::of_shard(ShardId{63}, 5, 129)});
  row(with_full("06 03 02 C801 8101"),
      RetainedRecord{full(), Source::of_node(200, CoreId{2}, 129)});
  row(of("07", "09 01 01 FFFFFFFF0F FFFF03 00"),
      AttachedRecord{"c1", generation, 9, true, true, mqtt::kNeverExpires, 65535, std::nullopt});
  row(of("07", "09 00 00 00 14 01 05") + kFull,
      AttachedRecord{"c1", generation, 9, false, false, 0, 20, WillRecord{full(), 5}});
  row(of("08", "0A 3C 04 01"),
      DetachedRecord{"c1", generation, 10, 60, 4, DetachedRecord::WillFate::discarded});
  row("09 02 ~c1~ 01", EndedRecord{"c1", EndedRecord::Why::removed});
  row("0A " + who, WillFiredRecord{"c1", generation});
  row(of("0B", "07 02 01 ~#~ 01 03 ~a/+~ 2E"),
      SubscribedRecord{
          "c1",
          generation,
          7,
          {{"#", {.qos = mqtt::Qos::at_least_once}},
           {"a/+", {mqtt::Qos::exactly_once, true, true, mqtt::RetainHandling::do_not_send}}}});
  row(of("0C", "01 01 ~#~"), UnsubscribedRecord{"c1", generation, {"#"}});
  row(of("0D", "03 C801 02 04 02 08 01"), AckedRecord{"c1", generation, {100, 101, 103}, {4, 3}});
  row(of("0E", "FFFF03 01 01 00 ED07 01 ~a1~"),
      ReceivedRecord{"c1", generation, 65535, plain("a", "1")});
  row(of("0F", "02 FEFF07 FBFF07"), ReleasedRecord{"c1", generation, {65535, 1}});
  row("10 8001", ForwardedRecord{128});
  row("12 01 01 00 ED07 01 ~a1~", ToldRecord{plain("a", "1")});
  return rows;
}

std::vector<Record> samples() {
  std::vector<Record> records;
  for (auto& [bytes, record] : goldens()) records.push_back(std::move(record));
  RandomRecords random(3);
  for (int i = 0; i < 320; ++i) records.push_back(random.record());
  return records;
}

TEST(RecordCodec, WritesWhatIsOnDisksSinceVersionOne) {
  std::map<RecordType, int> seen;
  for (const auto& [bytes, record] : goldens()) {
    EXPECT_EQ(encoded(record), support::wire_bytes(bytes)) << text_of(record);
    ++seen[type_of(record)];
  }
  EXPECT_EQ(seen.size(), std::variant_size_v<Record>);
}

TEST(RecordCodec, ReadsWhatIsOnDisksSinceVersionOne) {
  for (const auto& [bytes, record] : goldens()) {
    const auto decoded = decode_record(support::wire_bytes(bytes), kOffset);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(text_of(*decoded), text_of(record));
  }
}

TEST(RecordCodec, RoundTripsRecordsOfAllKinds) {
  RandomRecords random(1);
  for (int i = 0; i < 16'000; ++i) {
    const Record record = random.record();
    const Bytes bytes = encoded(record);
    const auto decoded = decode_record(bytes, kOffset);
    ASSERT_TRUE(decoded) << decoded.error().message << " of " << text_of(record);
    ASSERT_EQ(decoded->index(), record.index());
    ASSERT_EQ(text_of(*decoded), text_of(record));
  }
}

TEST(RecordCodec, AppendsToWhatIsThere) {
  Bytes bytes = {0xAA};
  encode_record(ForwardedRecord{1}, 0, bytes);
  EXPECT_EQ(bytes, (Bytes{0xAA, 16, 1}));
}

TEST(RecordCodec, StoresReceivedInShardTime) {
  const Bytes bytes =
      encoded(RetainedRecord{plain("a", "1"), std::nullopt}, 500);  // steady 5: shard time 505
  // Another process, whose steady clock stands elsewhere at the same shard time.
  const auto decoded = decode_record(bytes, -10'000);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<RetainedRecord>(*decoded).message->received_ms(), 10'505);
}

TEST(RecordCodec, LeavesTheRecordsOwnTimesAsTheyAre) {
  const auto decoded = decode_record(encoded(TickRecord{5, 6}, 500), -10'000);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(text_of(*decoded), text_of(TickRecord{5, 6}));
}

TEST(RecordCodec, KeepsAPublishSmall) {
  const std::string payload(64, 'p');
  MessageParts parts;
  parts.topic = "home/lamp1/set";
  parts.payload = as_bytes(payload);
  parts.qos = mqtt::Qos::at_least_once;
  parts.origin = ~std::uint64_t{0};
  parts.sequence = 200'000'000;               // messages of one core
  parts.received_ms = std::int64_t{1} << 41;  // 69 years
  parts.expiry_s = 86'400;
  const PublishedRecord record{Message::make(parts), std::nullopt};
  EXPECT_LE(encoded(record, 0).size(), 64u + 14 + 26);
}

TEST(RecordCodec, RefusesEveryTruncation) {
  for (const Record& record : samples()) {
    const Bytes bytes = encoded(record);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy, so that a sanitizer sees a read past its end.
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const auto decoded = decode_record(cut, kOffset);
      ASSERT_FALSE(decoded) << size << " bytes of " << text_of(record);
      ASSERT_EQ(decoded.error().kind, ErrorKind::corrupt);
    }
  }
}

TEST(RecordCodec, RefusesBytesBehindTheEndAndNamesTheType) {
  for (const Record& record : samples()) {
    Bytes bytes = encoded(record);
    bytes.push_back(0);
    const auto decoded = decode_record(bytes, kOffset);
    ASSERT_FALSE(decoded) << text_of(record);
    EXPECT_NE(decoded.error().message.find(name_of(type_of(record))), std::string::npos)
        << decoded.error().message;
  }
}

TEST(RecordCodec, RefusesATypeOfALaterVersionByItsNumber) {
  const auto decoded = decode_record(Bytes{200, 1, 2, 3}, 0);
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message.find("200"), std::string::npos) << decoded.error().message;
  EXPECT_EQ(name_of(RecordType{200}), nullptr);
  EXPECT_FALSE(decode_record(Bytes{0}, 0));
}

// One form for every value: what is read from damaged bytes, if anything, are these very bytes.
TEST(RecordCodec, ReadsDamagedBytesAsWhatTheySayOrNotAtAll) {
  int refused = 0;
  for (const Record& record : samples()) {
    const Bytes bytes = encoded(record);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      Bytes damaged = bytes;
      damaged[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      const auto decoded = decode_record(damaged, kOffset);
      if (!decoded) {
        ++refused;
        continue;
      }
      ASSERT_EQ(encoded(*decoded), damaged) << text_of(*decoded);
    }
  }
  EXPECT_GT(refused, 1000);
}

struct Refused {
  const char* what;
  const char* bytes;
  const char* fault;  // part of the message
};

TEST(RecordCodec, RefusesWhatNoVersionWrote) {
  const Refused rows[] = {
      {"a number longer than needed", "10 8000", "longer than needed"},
      {"2^65", "10 FFFFFFFFFFFFFFFFFF02", "64 bits"},
      {"a number of eleven bytes", "10 8080808080808080808000", "64 bits"},
      {"a flag of 2", "03 02 01 01 00 ED07 01 ~a1~", "flag"},
      {"QoS 3", "06 00 03 01 00 ED07 00 ~a~", "flags"},
      {"an unknown flag of a message", "06 00 41 01 00 ED07 00 ~a~", "flags"},
      {"an origin of 0", "06 00 21 01 0000000000000000 00 ED07 00 ~a~", "no origin"},
      {"nothing forwarded", "06 00 11 01 00 00 ED07 00 ~a~", "forwarded"},
      {"received at the end of time", "06 00 01 01 00 FFFFFFFFFFFFFFFF7F 00 ~a~", "time"},
      {"37 million years", "02 818080808080808010 00", "time"},
      {"an expiry of 2^32 s", "06 00 09 01 00 ED07 8080808010 00 ~a~", "too large"},
      {"a packet id of 65536", "0F 02 ~c1~ 02 03 01 808008", "too large"},
      {"a shard of 65536", "03 01 808004 01 01 01 00 ED07 01 ~a1~", "too large"},
      {"QoS 3 of a filter", "0B 02 ~c1~ 02 03 00 01 01 ~#~ 03", "options"},
      {"retain handling 3", "0B 02 ~c1~ 02 03 00 01 01 ~#~ 30", "options"},
      {"an unknown reason to end", "09 02 ~c1~ 02", "choice"},
      {"2^63 filters", "0C 02 ~c1~ 02 03 80808080808080808001 01 ~#~", "too early"},
      {"a topic of 2^63 bytes", "06 00 01 80808080808080808001 00 ED07 00 ~a~", "too early"},
      {"a payload of one byte too many", "06 00 01 01 00 ED07 02 ~a1~", "too early"},
  };
  for (const Refused& row : rows) {
    const auto decoded = decode_record(support::wire_bytes(row.bytes), kOffset);
    ASSERT_FALSE(decoded) << row.what;
    EXPECT_NE(decoded.error().message.find(row.fault), std::string::npos)
        << row.what << ": " << decoded.error().message;
  }
}

TEST(RecordCodec, RefusesATextOverItsLimit) {
  const std::string longest(65'535, 'c');
  Bytes bytes = encoded(EndedRecord{longest, EndedRecord::Why::expired});
  EXPECT_TRUE(decode_record(bytes, 0));
  Bytes longer = {9, 0x80, 0x80, 0x04};
  longer.resize(4 + 65'536 + 1, 0);
  EXPECT_FALSE(decode_record(longer, 0));
}

}  // namespace
}  // namespace roost::session
