// SPDX-License-Identifier: Apache-2.0
// Keys of a shard's state: their bytes, their order, and back.
#include "broker/session/state_key.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace roost::session {
namespace {

using namespace std::string_literals;

struct Row {
  std::string key;
  std::string bytes;
  StateKey parsed;
};

// On disks since version 1: never changed.
std::vector<Row> rows() {
  using enum StateKind;
  return {
      {state_key(header, "c1"), "Sc1", {.kind = header, .name = "c1"}},
      {state_key(filters, "c1"), "Fc1", {.kind = filters, .name = "c1"}},
      {state_key(will, ""), "W", {.kind = will, .name = ""}},
      {entry_key(0x0102030405060708, 300),
       "Q\1\2\3\4\5\6\7\x08\0\0\0\0\0\0\1\x2c"s,
       {.kind = entry, .name = {}, .number = 0x0102030405060708, .sequence = 300}},
      {erasure_key(1, 2),
       "E\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2"s,
       {.kind = erasure, .name = {}, .number = 1, .sequence = 2}},
      {body_key(258, 0xFFFE),
       "M\0\0\0\0\0\0\1\2\xff\xfe"s,
       {.kind = body, .name = {}, .number = 258, .part = 0xFFFE}},
      {state_key(references, 258),
       "R\0\0\0\0\0\0\1\2"s,
       {.kind = references, .name = {}, .number = 258}},
      {state_key(retained, "a/b"), "Ta/b", {.kind = retained, .name = "a/b"}},
      {state_key(to_forward, ~std::uint64_t{0}),
       "O\xff\xff\xff\xff\xff\xff\xff\xff",
       {.kind = to_forward, .name = {}, .number = ~std::uint64_t{0}}},
      {seen_key(ShardId{259}), "D\1\3", {.kind = seen, .name = {}, .number = 259}},
      {seen_key(Source::of_shard(ShardId{259}, 258, 7)),
       "I\0\0\0\0\0\0\0\1\2\1\3"s,
       {.kind = seen_from, .name = {}, .number = 258, .part = 259}},
      {seen_key(Source::of_node(258, CoreId{2}, 7)),
       "I\1\0\0\0\0\0\0\1\2\0\2"s,
       {.kind = seen_from, .name = {}, .number = 258, .part = 2, .source = Source::Kind::node}},
      {state_key(sweep, 1), "G\0\0\0\0\0\0\0\1"s, {.kind = sweep, .name = {}, .number = 1}},
      {state_key(body_ahead, 1),
       "P\0\0\0\0\0\0\0\1"s,
       {.kind = body_ahead, .name = {}, .number = 1}},
      {state_key(clock), "C", {.kind = clock, .name = {}}},
      {state_key(limits), "L", {.kind = limits, .name = {}}},
      {state_key(next_session), "N", {.kind = next_session, .name = {}}},
      {state_key(form_version), "V", {.kind = form_version, .name = {}}},
  };
}

bool is_named(const Row& row) {
  return std::string_view("SFWT").find(row.bytes[0]) != std::string_view::npos;
}

TEST(StateKey, IsWhatIsOnDisksSinceVersionOne) {
  for (const Row& row : rows()) EXPECT_EQ(row.key, row.bytes);
}

TEST(StateKey, ParsesToWhatItWasMadeOf) {
  for (const Row& row : rows()) {
    const auto parsed = parse_state_key(row.bytes);
    ASSERT_TRUE(parsed) << row.bytes;
    EXPECT_EQ(*parsed, row.parsed) << row.bytes;
  }
}

TEST(StateKey, RefusesOtherLengthsAndLetters) {
  for (const Row& row : rows()) {
    if (is_named(row)) continue;  // any text is a name
    EXPECT_FALSE(parse_state_key(row.bytes + "x")) << row.bytes;
    for (std::size_t size = 0; size < row.bytes.size(); ++size) {
      EXPECT_FALSE(parse_state_key(row.bytes.substr(0, size))) << row.bytes;
    }
  }
  EXPECT_FALSE(parse_state_key("x"));
  EXPECT_FALSE(parse_state_key("\xff"));
}

TEST(StateKey, TakesAnyNameButNotWithoutItsLetter) {
  const std::string name("\0\xff/", 3);
  EXPECT_EQ(parse_state_key(state_key(StateKind::header, name))->name, name);
  EXPECT_FALSE(parse_state_key(""));
}

TEST(StateKey, SortsByNumber) {
  std::vector<std::string> keys;
  for (const std::uint64_t session : {0ULL, 1ULL, 255ULL, 256ULL, 1ULL << 40}) {
    for (const std::uint64_t sequence : {0ULL, 9ULL, 10ULL, 65'536ULL, ~0ULL}) {
      keys.push_back(entry_key(session, sequence));
    }
  }
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(StateKey, OfANumberIsThePrefixOfItsEntries) {
  const std::string prefix = state_key(StateKind::entry, 7);
  const std::string end = next_key(prefix);
  EXPECT_LE(prefix, entry_key(7, 0));
  EXPECT_LT(entry_key(7, ~std::uint64_t{0}), end);
  EXPECT_GE(entry_key(8, 0), end);
  EXPECT_LT(entry_key(6, ~std::uint64_t{0}), prefix);
  EXPECT_TRUE(body_key(9, 3).starts_with(state_key(StateKind::body, 9)));
}

TEST(NextKey, IsBehindAllThatStartWithThePrefix) {
  EXPECT_EQ(next_key("S"), "T");
  EXPECT_EQ(next_key("ab"), "ac");
  EXPECT_EQ(next_key("a\xff\xff"), "b");
  EXPECT_EQ(next_key("a\x7f"), "a\x80");
  EXPECT_EQ(next_key("a\0"s), "a\1"s);
}

TEST(NextKey, IsEmptyWhereNothingIsBehind) {
  EXPECT_EQ(next_key(""), "");
  EXPECT_EQ(next_key("\xff\xff"), "");
}

}  // namespace
}  // namespace roost::session
