// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/auth/rule.h"

namespace roost::auth {
namespace {

bool naive(std::string_view shape, std::string_view name) {
  if (shape.empty()) return name.empty();
  if (shape.front() != '*') {
    return !name.empty() && shape.front() == name.front() && naive(shape.substr(1), name.substr(1));
  }
  return naive(shape.substr(1), name) || (!name.empty() && naive(shape, name.substr(1)));
}

std::vector<std::string> every_text(std::string_view letters, int size_max) {
  std::vector<std::string> all = {""};
  for (std::size_t from = 0; size_max > 0; --size_max) {
    const std::size_t end = all.size();
    for (; from < end; ++from) {
      for (const char letter : letters) all.push_back(all[from] + letter);
    }
  }
  return all;
}

TEST(Glob, FitsWhatTheNaiveWayFits) {
  const auto names = every_text("ab*", 4);
  for (const std::string& shape : every_text("ab*", 4)) {
    const Glob glob = Glob::parse(shape);
    for (const std::string& name : names) {
      const bool expected = naive(shape, name) && (glob.is_exact() || !name.empty());
      EXPECT_EQ(glob.fits(name), expected) << shape << " " << name;
    }
  }
}

TEST(Glob, AStarOfAnExactOneIsALetter) {
  EXPECT_TRUE(Glob::exact("*").fits("*"));
  EXPECT_FALSE(Glob::exact("*").fits("a"));
  EXPECT_TRUE(Glob::exact("").fits(""));
  EXPECT_FALSE(Glob::parse("*").fits("")) << "who has no name is nobody's shape";
}

}  // namespace
}  // namespace roost::auth
