// SPDX-License-Identifier: Apache-2.0
#include "broker/admin/words.h"

#include <gtest/gtest.h>

namespace roost::admin {
namespace {

TEST(Words, OfBytes) {
  EXPECT_EQ(bytes_words(0), "0 B");
  EXPECT_EQ(bytes_words(1023), "1023 B");
  EXPECT_EQ(bytes_words(1536), "1.5 KiB");
  EXPECT_EQ(bytes_words(std::uint64_t{5} << 30), "5.0 GiB");
  EXPECT_EQ(bytes_words(~std::uint64_t{0}), "16384.0 PiB");
}

TEST(Words, OfDurations) {
  EXPECT_EQ(duration_words(0), "0 s");
  EXPECT_EQ(duration_words(59), "59 s");
  EXPECT_EQ(duration_words(60), "1 min");
  EXPECT_EQ(duration_words(3599), "59 min 59 s");
  EXPECT_EQ(duration_words(7500), "2 h 5 min");
  EXPECT_EQ(duration_words(3 * 86400 + 4 * 3600), "3 d 4 h");
}

TEST(Words, OfStrangersDriveNoTerminal) {
  EXPECT_EQ(printable("home/\xc3\xa4\x1b[31m\n\x7f"), "home/\xc3\xa4\\x1b[31m\\x0a\\x7f");
}

}  // namespace
}  // namespace roost::admin
