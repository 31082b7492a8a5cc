// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/rate_limiter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace roost::observe {
namespace {

class LinesLog final : public Log {
 public:
  bool enabled(LogLevel level) const override { return level >= LogLevel::info; }
  void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

TEST(RateLimiter, AllowsSoManyEachSecond) {
  RateLimiter limiter(2);
  EXPECT_TRUE(limiter.allow(0));
  EXPECT_TRUE(limiter.allow(10));
  EXPECT_FALSE(limiter.allow(999));
  EXPECT_TRUE(limiter.allow(1000));
  EXPECT_EQ(limiter.take_suppressed(1000), 1u);
  EXPECT_EQ(limiter.take_suppressed(1000), 0u) << "reported once";
  EXPECT_EQ(limiter.suppressed_total(), 1u);
}

TEST(RateLimiter, ZeroIsNoBound) {
  RateLimiter limiter(0);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limiter.allow(0));
}

TEST(RateBoundLog, SumsUpWhatItLeftOut) {
  LinesLog log;
  RateBoundLog bound(log, "connection", 2);
  for (int i = 0; i < 5; ++i) bound.write(LogLevel::info, "line", 100);
  EXPECT_EQ(log.lines.size(), 2u);
  bound.write(LogLevel::info, "later", 1100);
  ASSERT_EQ(log.lines.size(), 4u);
  EXPECT_EQ(log.lines[2], "3 more connection lines were left out (log.max_connection_lines)");
  EXPECT_EQ(log.lines[3], "later");
}

TEST(RateBoundLog, TickSaysItWhenNobodyWrites) {
  LinesLog log;
  RateBoundLog bound(log, "connection", 1);
  bound.write(LogLevel::info, "a", 0);
  bound.write(LogLevel::info, "b", 0);
  bound.tick(500);
  EXPECT_EQ(log.lines.size(), 1u) << "the second isn't over";
  bound.tick(1000);
  bound.tick(2000);
  EXPECT_EQ(log.lines.size(), 2u);
  EXPECT_EQ(bound.suppressed_total(), 1u);
}

TEST(RateBoundLog, LinesBelowTheLevelCountForNothing) {
  LinesLog log;
  RateBoundLog bound(log, "connection", 1);
  bound.write(LogLevel::debug, "a", 0);
  bound.write(LogLevel::info, "b", 0);
  EXPECT_EQ(log.lines, std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace roost::observe
