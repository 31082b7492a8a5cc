// SPDX-License-Identifier: Apache-2.0
// A shard's state as values: what is on disks stays readable, whatever comes from one is survived.
#include "broker/session/state_codec.h"

#include <gtest/gtest.h>

#include <functional>

#include "broker/session/shard_log.h"
#include "broker/session/state_key.h"
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

Bytes encoded(const StoredHeader& value) {
  Bytes bytes;
  encode_value(value, bytes);
  return bytes;
}
Bytes encoded(const StoredFilters& value) {
  Bytes bytes;
  encode_value(value, bytes);
  return bytes;
}
Bytes encoded(const StoredClock& value) {
  Bytes bytes;
  encode_value(value, bytes);
  return bytes;
}
Bytes encoded(const StoredSeenFrom& value) {
  Bytes bytes;
  encode_value(value, bytes);
  return bytes;
}
Bytes encoded(const StoredSeen& value) {
  Bytes bytes;
  encode_value(value, bytes);
  return bytes;
}
Bytes encoded(const StoredSweep& value) {
  Bytes bytes;
  encode_value(value, bytes);
  return bytes;
}
template <typename T>
Bytes encoded(const T& value) {
  Bytes bytes;
  encode_value(value, kOffset, bytes);
  return bytes;
}
Bytes encoded_limits(const StartedRecord& limits) {
  Bytes bytes;
  encode_limits(limits, bytes);
  return bytes;
}
Bytes encoded_number(std::uint64_t number) {
  Bytes bytes;
  encode_number(number, bytes);
  return bytes;
}

// The value as text, or nothing where the bytes are refused; and its bytes again.
struct Read {
  std::string text;
  Bytes again;
};
using Reader = std::function<std::optional<Read>(ByteView)>;

template <typename T>
std::optional<Read> read_of(const Result<T>& value) {
  if (value) return Read{text_of(*value), encoded(*value)};
  EXPECT_EQ(value.error().kind, ErrorKind::corrupt);
  EXPECT_TRUE(value.error().message.starts_with("a stored ")) << value.error().message;
  return std::nullopt;
}

std::optional<Read> read_header(ByteView bytes) { return read_of(decode_header(bytes)); }
std::optional<Read> read_filters(ByteView bytes) { return read_of(decode_filters(bytes)); }
std::optional<Read> read_clock(ByteView bytes) { return read_of(decode_clock(bytes)); }
std::optional<Read> read_sweep(ByteView bytes) { return read_of(decode_sweep(bytes)); }
std::optional<Read> read_seen(ByteView bytes) { return read_of(decode_seen(bytes)); }
std::optional<Read> read_seen_from(ByteView bytes) { return read_of(decode_seen_from(bytes)); }
std::optional<Read> read_will(ByteView bytes) { return read_of(decode_will(bytes, kOffset)); }
std::optional<Read> read_entry(ByteView bytes) { return read_of(decode_entry(bytes, kOffset)); }
std::optional<Read> read_body(ByteView bytes) { return read_of(decode_body(bytes, kOffset)); }
std::optional<Read> read_limits(ByteView bytes) {
  const auto limits = decode_limits(bytes);
  if (!limits) return std::nullopt;
  return Read{text_of(*limits), encoded_limits(*limits)};
}
std::optional<Read> read_number(ByteView bytes) {
  const auto number = decode_number(bytes);
  if (!number) return std::nullopt;
  return Read{std::to_string(*number), encoded_number(*number)};
}
std::optional<Read> read_message(ByteView bytes) {
  BodyJoiner joiner;
  if (!joiner.add(0, bytes)) return std::nullopt;
  const auto message = joiner.finish(kOffset);
  if (!message) return std::nullopt;
  Bytes again;
  encode_message(*message, kOffset, again);
  return Read{text_of(*message), again};
}

MessagePtr plain() {
  MessageParts parts;
  parts.topic = "a";
  parts.payload = as_bytes("1");
  parts.qos = mqtt::Qos::at_least_once;
  parts.received_ms = 5;
  return Message::make(parts);
}

StoredEntry entry(mqtt::Qos qos, std::uint32_t subscription_id, bool with_body, EntryExtra extra) {
  StoredEntry stored;
  stored.index = 129;
  if (with_body) stored.entry.message = plain();
  stored.entry.subscription_id = subscription_id;
  stored.entry.qos = qos;
  stored.entry.retain = with_body;
  stored.entry.extra = std::make_unique<EntryExtra>(std::move(extra));
  return stored;
}

StoredHeader header() {
  return {.number = 6,
          .generation = {.epoch = 2, .counter = 200},
          .durable = true,
          .attached = true,
          .expiry_s = 3600,
          .expires_at_ms = kNever,
          .next_sequence = 300,
          .oldest_unfinished = 296,
          .sent_before = 299,
          .receive_maximum = 20,
          .queued = 3,
          .queued_bytes = 1000,
          .finished = {297},
          .received = {299, 298},
          .awaiting_release = {1, 65535},
          .newest = {{256, 255}}};
}

struct Row {
  Reader read;
  std::string bytes;  // support::wire_bytes: on disks since version 1, never changed
  std::string text;
};

std::vector<Row> goldens() {
  const StoredFilters filters = {
      {"#", {.qos = mqtt::Qos::at_least_once}, 0},
      {"a/+", {mqtt::Qos::exactly_once, true, true, mqtt::RetainHandling::do_not_send}, 7}};
  const StoredWill will{plain(), {.epoch = 2, .counter = 200}, 5, 10};
  const StartedRecord limits{0, 0, 100'000, 128, true, {"#"}};
  using enum mqtt::Qos;
  return {
      {read_header,
       "06 02 C801 01 01 901C FFFFFFFFFFFFFFFF7F AC02 A802 AB02 14 03 E807"
       "01 D204 02 D604 01 02 02 FCFF07 01 8002 FF01",
       text_of(header())},
      {read_filters, "02 01 ~#~ 01 00 03 ~a/+~ 2E 07", text_of(filters)},
      {read_filters, "00", text_of(StoredFilters())},
      {read_will, "02 C801 05 0A 01 01 00 ED07 01 ~a1~", text_of(will)},
      {read_entry, "01 8101", text_of(entry(at_least_once, 0, false, {}))},
      {read_entry, "12 8101 07", text_of(entry(exactly_once, 7, false, {}))},
      {read_entry, "6D 8101 02 07 08 03 ~g/a~ 01 01 00 ED07 01 ~a1~",
       text_of(entry(at_least_once, 0, true, {{7, 8}, "g/a"}))},
      {read_body, "8101 00", text_of(StoredBody{129, {}})},
      {read_body, "8101 01 01 01 00 ED07 01 ~a1~", text_of(StoredBody{129, plain()})},
      {read_clock, "07 80C09BD9E931", text_of(StoredClock{7, 1'712'000'000'000})},
      {read_sweep, "03 8001", text_of(StoredSweep{3, 128})},
      {read_seen, "8101 05", text_of(StoredSeen{129, 5})},
      {read_seen_from, "8101 05 C801", text_of(StoredSeenFrom{{129, 5}, 200})},
      {read_limits, "A08D06 8001 01 01 01 ~#~", text_of(limits)},
      {read_message, "01 01 00 ED07 01 ~a1~", text_of(plain())},
      {read_number, "8101", "129"},
      {read_number, "FFFFFFFFFFFFFFFFFF01", std::to_string(~std::uint64_t{0})},
  };
}

// Values by seed, with what reads them.
std::vector<std::pair<Reader, Read>> samples(std::uint64_t seed, int rounds) {
  std::vector<std::pair<Reader, Read>> rows;
  RandomRecords random(seed);
  const auto row = [&rows](Reader read, const auto& value) {
    rows.emplace_back(std::move(read), Read{text_of(value), encoded(value)});
  };
  for (int i = 0; i < rounds; ++i) {
    row(read_header, random.header());
    row(read_filters, random.filters());
    row(read_will, random.will());
    row(read_entry, random.entry());
    row(read_body, random.body());
  }
  for (const Row& golden : goldens()) {
    rows.emplace_back(golden.read, Read{golden.text, support::wire_bytes(golden.bytes)});
  }
  return rows;
}

TEST(StateCodec, ReadsAndWritesWhatIsOnDisksSinceVersionOne) {
  for (const Row& row : goldens()) {
    const Bytes bytes = support::wire_bytes(row.bytes);
    const auto read = row.read(bytes);
    ASSERT_TRUE(read) << row.text;
    EXPECT_EQ(read->text, row.text);
    EXPECT_EQ(read->again, bytes) << row.text;
  }
  EXPECT_EQ(kStateFormVersion, 1u);
}

TEST(StateCodec, RoundTripsValuesOfAllKinds) {
  for (const auto& [read, value] : samples(1, 2000)) {
    const auto found = read(value.again);
    ASSERT_TRUE(found) << value.text;
    ASSERT_EQ(found->text, value.text);
  }
}

TEST(StateCodec, RefusesEveryTruncationAndBytesBehindTheEnd) {
  for (const auto& [read, value] : samples(2, 40)) {
    for (std::size_t size = 0; size < value.again.size(); ++size) {
      // A copy, so that a sanitizer sees a read past its end.
      const Bytes cut(value.again.begin(), value.again.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_FALSE(read(cut)) << size << " bytes of " << value.text;
    }
    Bytes longer = value.again;
    longer.push_back(0);
    ASSERT_FALSE(read(longer)) << value.text;
  }
}

TEST(StateCodec, ReadsDamagedBytesAsWhatTheySayOrNotAtAll) {
  int refused = 0;
  for (const auto& [read, value] : samples(3, 40)) {
    for (std::size_t bit = 0; bit < value.again.size() * 8; ++bit) {
      Bytes damaged = value.again;
      damaged[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      const auto found = read(damaged);
      if (found) {
        ASSERT_EQ(found->again, damaged) << found->text;
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(StateCodec, RefusesFlagsOfWhatIsNotThere) {
  for (const char* bytes : {
           "11 8101 00",  // subscription identifier 0
           "21 8101 00",  // an empty list of them
           "41 8101 00",  // an empty share
           "03 8101",     // QoS 3
           "81 8101",     // a flag of a later version
           "09 8101",     // no body
       }) {
    EXPECT_FALSE(decode_entry(support::wire_bytes(bytes), 0)) << bytes;
  }
}

TEST(StateCodec, StoresReceivedInShardTime) {
  const auto body = decode_body(encoded(StoredBody{1, plain()}), -10'000);
  ASSERT_TRUE(body);
  EXPECT_EQ(body->message->received_ms(), 5 + kOffset + 10'000);
}

TEST(StateCodec, CountsReferencesInThirtyTwoBits) {
  EXPECT_EQ(*decode_reference_count(encoded_number(0xFFFFFFFF)), 0xFFFFFFFF);
  EXPECT_FALSE(decode_reference_count(encoded_number(0x100000000)));
}

TEST(StateCodec, RefusesAnotherFormVersionAndNamesBoth) {
  EXPECT_TRUE(check_form_version(encoded_number(1)));
  EXPECT_FALSE(check_form_version({}));
  const auto checked = check_form_version(encoded_number(29));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, ErrorKind::invalid_argument);
  EXPECT_NE(checked.error().message.find("29"), std::string::npos);
  EXPECT_NE(checked.error().message.find("knows 1"), std::string::npos);
}

TEST(StateCodec, KeepsAnIdleSessionSmall) {
  StoredHeader idle;
  idle.number = 1'000'000;
  idle.generation = {.epoch = 1000, .counter = 1'000'000};
  idle.expiry_s = 30 * 86'400;
  idle.expires_at_ms = std::int64_t{1} << 41;
  idle.receive_maximum = 65'535;
  EXPECT_LE(encoded(idle).size(), 40u);
}

class Bodies : public testing::TestWithParam<std::size_t> {};

TEST_P(Bodies, AreStoredInPartsAndJoined) {
  Bytes payload(GetParam(), 'p');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(i / 251);
  MessageParts parts;
  parts.topic = "camera/1";
  parts.payload = payload;
  const MessagePtr message = Message::make(parts);
  Bytes bytes;
  encode_message(message, kOffset, bytes);
  StateChanges changes;
  BodySplitter splitter(7, message, kOffset);
  while (!splitter.done()) splitter.next(changes);
  EXPECT_EQ(changes.changes.front().key, state_key(StateKind::body_ahead, 7));
  BodyJoiner joiner;
  Bytes stored;
  for (std::size_t i = 1; i < changes.changes.size(); ++i) {
    const auto part = static_cast<std::uint16_t>(i - 1);
    const Bytes& each = *changes.changes[i].value;
    EXPECT_EQ(changes.changes[i].key, body_key(7, part));
    EXPECT_LE(each.size(), kBodyPartMax);
    stored.insert(stored.end(), each.begin(), each.end());
    ASSERT_TRUE(joiner.add(part, each));
  }
  EXPECT_TRUE(stored == bytes);
  const auto joined = joiner.finish(kOffset);
  ASSERT_TRUE(joined) << joined.error().message;
  EXPECT_TRUE(text_of(*joined) == text_of(message));
}

// Around what makes one part full: 16 bytes stand in front of the payload.
INSTANTIATE_TEST_SUITE_P(StateCodec, Bodies,
                         testing::Values(0, 1, kBodyPartMax - 17, kBodyPartMax - 16,
                                         kBodyPartMax - 15, kBodyPartMax, 3 * kBodyPartMax,
                                         std::size_t{64} << 20));

TEST(BodyJoiner, RefusesMissingPartsAndSizesThatCannotBe) {
  const Bytes full(kBodyPartMax, 0);
  const Bytes over(kBodyPartMax + 1, 0);
  EXPECT_FALSE(BodyJoiner().add(1, full)) << "the first is missing";
  EXPECT_FALSE(BodyJoiner().add(0, over));
  EXPECT_FALSE(BodyJoiner().add(0, {}));
  EXPECT_FALSE(BodyJoiner().finish(0)) << "all are missing";
  BodyJoiner joiner;
  EXPECT_TRUE(joiner.add(0, full));
  EXPECT_FALSE(joiner.add(2, full)) << "the second is missing";
  EXPECT_TRUE(joiner.add(1, Bytes(5, 0)));
  EXPECT_FALSE(joiner.add(2, full)) << "only the last may be short";
}

TEST(BodyJoiner, BeginsAnewAfterFinish) {
  Bytes bytes;
  encode_message(plain(), kOffset, bytes);
  BodyJoiner joiner;
  EXPECT_TRUE(joiner.add(0, Bytes(5, 0xFF)));
  EXPECT_FALSE(joiner.finish(kOffset));
  EXPECT_TRUE(joiner.add(0, bytes));
  EXPECT_TRUE(joiner.finish(kOffset));
}

}  // namespace
}  // namespace roost::session
