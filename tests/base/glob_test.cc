// SPDX-License-Identifier: Apache-2.0
#include "broker/base/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace roost::base {
namespace {

TEST(Glob, AStarIsAnyRun) {
  struct Case {
    const char* pattern;
    const char* text;
    bool fits;
  };
  constexpr Case kCases[] = {
      {"*", "", true},           {"*", "a", true},          {"", "", true},
      {"", "a", false},          {"lamp", "lamp", true},    {"lamp", "lamp2", false},
      {"lamp", "lam", false},    {"lamp*", "lamp", true},   {"lamp*", "lamp-2", true},
      {"*lamp", "a lamp", true}, {"*lamp", "lamps", false}, {"a*b*c", "a-b-b-c", true},
      {"a*b*c", "a-c-b", false}, {"**", "x", true},         {"*ab", "aab", true},
      {"?", "x", false},         {"a*", "A", false},
  };
  for (const Case& one : kCases) {
    EXPECT_EQ(glob_matches(one.pattern, one.text), one.fits) << one.pattern << " on " << one.text;
  }
}

// No text costs more than its length times the pattern's.
TEST(Glob, ManyStarsAreNoBomb) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(glob_matches(pattern + "b", std::string(10'000, 'a')));
  EXPECT_TRUE(glob_matches(pattern, std::string(10'000, 'a')));
}

}  // namespace
}  // namespace roost::base
