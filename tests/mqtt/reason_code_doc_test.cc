// SPDX-License-Identifier: Apache-2.0
// deploy/docs/reason-codes.md has every reason code under its name, once.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "broker/mqtt/reason_code.h"

namespace roost::mqtt {
namespace {

TEST(ReasonCodeDoc, HasEachCodeOnce) {
  static const std::regex kRow(R"(^\| (0x[0-9A-F]{2}) \| ([^|]+) \| ([^|]+) \|.*\|$)");
  std::ifstream in("deploy/docs/reason-codes.md");
  ASSERT_TRUE(in) << "run from the repository's root";
  std::vector<std::string> written, known;
  for (std::string line; std::getline(in, line);) {
    std::smatch parts;
    if (std::regex_match(line, parts, kRow))
      written.push_back(parts[1].str() + " " + parts[2].str());
  }
  for (int code = 0; code < 256; ++code) {
    const std::string_view name_of_it = name(static_cast<ReasonCode>(code));
    if (name_of_it == "Unknown reason code") continue;
    char number[8];
    std::snprintf(number, sizeof number, "0x%02X ", code);
    known.push_back(number + std::string(name_of_it));
  }
  EXPECT_GT(known.size(), 40U);
  EXPECT_EQ(written, known);
}

}  // namespace
}  // namespace roost::mqtt
