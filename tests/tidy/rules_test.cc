// SPDX-License-Identifier: Apache-2.0
// The rules of replication are named where the code keeps them.
#include <gtest/gtest.h>

#include <regex>

#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

// Files of the product below `folder` with a comment that names that rule.
int cited(std::string_view folder, int rule) {
  const std::regex citation("//.*\\bR" + std::to_string(rule) + "\\b");
  int files = 0;
  for (const SourceFile& file : read_sources(product_folders())) {
    if (!file.path.starts_with(folder) || !file.path.ends_with(".cc")) continue;
    for (const std::string& line : file.lines) {
      if (!std::regex_search(line, citation)) continue;
      ++files;
      break;
    }
  }
  return files;
}

TEST(Rules, EachIsCitedWhereItIsKept) {
  for (int rule = 1; rule <= 7; ++rule) EXPECT_GE(cited("cluster/", rule), 2) << "R" << rule;
}

TEST(Rules, OneThatNobodyKeepsIsMissed) { EXPECT_EQ(cited("cluster/", 99), 0); }

}  // namespace
}  // namespace roost::tidy
