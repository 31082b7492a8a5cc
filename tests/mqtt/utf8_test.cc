// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace roost::mqtt {
namespace {

std::string utf8_of(std::uint32_t value) {
  const auto byte = [](std::uint32_t v) { return static_cast<char>(v); };
  if (value < 0x80) return {byte(value)};
  if (value < 0x800) return {byte(0xC0 | value >> 6), byte(0x80 | (value & 0x3F))};
  if (value < 0x10000) {
    return {byte(0xE0 | value >> 12), byte(0x80 | (value >> 6 & 0x3F)),
            byte(0x80 | (value & 0x3F))};
  }
  return {byte(0xF0 | value >> 18), byte(0x80 | (value >> 12 & 0x3F)),
          byte(0x80 | (value >> 6 & 0x3F)), byte(0x80 | (value & 0x3F))};
}

bool is_surrogate(std::uint32_t value) { return value >= 0xD800 && value <= 0xDFFF; }
bool is_control(std::uint32_t value) { return value < 0x20 || (value >= 0x7F && value < 0xA0); }

TEST(Utf8, AcceptsEveryCodePointButZeroAndSurrogates) {
  for (std::uint32_t value = 0; value <= 0x10FFFF; ++value) {
    ASSERT_EQ(is_valid_utf8(utf8_of(value)), value != 0 && !is_surrogate(value)) << value;
  }
  EXPECT_FALSE(is_valid_utf8(utf8_of(0x110000)));
  EXPECT_FALSE(is_valid_utf8(utf8_of(0x1FFFFF)));
}

TEST(Utf8, NamesHaveNoControlCharacters) {
  for (std::uint32_t value = 0; value <= 0x10FFFF; ++value) {
    ASSERT_EQ(is_valid_name(utf8_of(value)), !is_control(value) && !is_surrogate(value)) << value;
  }
}

// All strings of three bytes whose first byte is not ASCII, against the table of the Unicode
// standard written as ranges.
bool fits_table(unsigned a, unsigned b, unsigned c) {
  const auto tail = [](unsigned byte) { return byte >= 0x80 && byte <= 0xBF; };
  const auto ascii = [](unsigned byte) { return byte >= 0x01 && byte <= 0x7F; };
  if (a >= 0xC2 && a <= 0xDF) return tail(b) && ascii(c);
  if (a == 0xE0) return b >= 0xA0 && b <= 0xBF && tail(c);
  if (a == 0xED) return b >= 0x80 && b <= 0x9F && tail(c);
  if (a >= 0xE1 && a <= 0xEF) return tail(b) && tail(c);
  return false;
}

TEST(Utf8, AgreesWithTheTableForAllStringsOfThreeBytes) {
  for (unsigned a = 0x80; a < 0x100; ++a) {
    for (unsigned b = 0; b < 0x100; ++b) {
      for (unsigned c = 0; c < 0x100; ++c) {
        const char text[] = {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)};
        ASSERT_EQ(is_valid_utf8({text, 3}), fits_table(a, b, c)) << a << " " << b << " " << c;
      }
    }
  }
}

TEST(Utf8, KnowsTheBordersOfFourByteSequences) {
  const std::pair<const char*, bool> rows[] = {
      {"\xF0\x90\x80\x80", true},  {"\xF0\x8F\xBF\xBF", false},     {"\xF4\x8F\xBF\xBF", true},
      {"\xF4\x90\x80\x80", false}, {"\xF1\x80\x80\x80", true},      {"\xF3\xBF\xBF\xBF", true},
      {"\xF5\x80\x80\x80", false}, {"\xF0\x90\x80", false},         {"\xF0\x90\x80\x7F", false},
      {"\xF0\x90\xC0\x80", false}, {"\xF8\x88\x80\x80\x80", false},
  };
  for (const auto& [text, valid] : rows) EXPECT_EQ(is_valid_utf8(text), valid) << text;
}

// The word-wise scan meets each kind of character at each place of strings of each length.
TEST(Utf8, FindsAFaultAtEveryPlaceOfEveryLength) {
  const std::vector<std::string> faults = {std::string(1, '\0'), "\x80",    "\xFF", "\xC3",
                                           "\xED\xA0\x80",       "\xC0\x80"};
  for (std::size_t size = 1; size <= 40; ++size) {
    const std::string good(size, 'a');
    ASSERT_TRUE(is_valid_utf8(good));
    ASSERT_TRUE(is_valid_name(good));
    ASSERT_EQ(scan_topic(good), TopicText::plain);
    for (std::size_t at = 0; at < size; ++at) {
      for (const std::string& fault : faults) {
        std::string bad = good;
        bad.replace(at, 1, fault);
        ASSERT_FALSE(is_valid_utf8(bad)) << size << " " << at;
        ASSERT_FALSE(is_valid_name(bad)) << size << " " << at;
        ASSERT_EQ(scan_topic(bad), TopicText::invalid) << size << " " << at;
      }
      for (const std::string fine : {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\xAA\x9B\x94", "~", " "}) {
        std::string text = good;
        text.replace(at, 1, fine);
        ASSERT_TRUE(is_valid_utf8(text)) << size << " " << at;
        ASSERT_TRUE(is_valid_name(text)) << size << " " << at;
        ASSERT_EQ(scan_topic(text), TopicText::plain) << size << " " << at;
      }
      for (const char control : {'\x01', '\x1F', '\x7F', '\n'}) {
        std::string text = good;
        text[at] = control;
        ASSERT_TRUE(is_valid_utf8(text)) << size << " " << at;
        ASSERT_FALSE(is_valid_name(text)) << size << " " << at;
        ASSERT_EQ(scan_topic(text), TopicText::invalid) << size << " " << at;
      }
    }
  }
}

TEST(Utf8, SeesAWildcardAtEveryPlaceButAFaultBehindItFirst) {
  for (std::size_t size = 1; size <= 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const char wildcard : {'+', '#'}) {
        std::string text(size, 'a');
        text[at] = wildcard;
        ASSERT_EQ(scan_topic(text), TopicText::wildcard) << size << " " << at;
        ASSERT_TRUE(is_valid_name(text));
        ASSERT_EQ(scan_topic(text + "\xFF"), TopicText::invalid) << size << " " << at;
      }
    }
  }
}

TEST(Utf8, NothingIsValid) {
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_name({}));
  EXPECT_EQ(scan_topic({}), TopicText::plain);
}

}  // namespace
}  // namespace roost::mqtt
