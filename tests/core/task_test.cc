// SPDX-License-Identifier: Apache-2.0
#include "broker/core/task.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <utility>

namespace roost::core {
namespace {

TEST(Task, CarriesSmallAndLargeClosures) {
  int calls = 0;
  Task small([&calls] { ++calls; });
  std::array<int, 100> ballast{};
  ballast[99] = 7;
  Task large([&calls, ballast] { calls += ballast[99]; });
  small();
  large();
  EXPECT_EQ(calls, 8);
}

TEST(Task, MovesItsClosureAndBecomesEmpty) {
  auto token = std::make_unique<int>(5);
  int seen = 0;
  Task first([token = std::move(token), &seen] { seen = *token; });
  Task second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): emptiness is the promise
  ASSERT_TRUE(second);
  second();
  EXPECT_EQ(seen, 5);
}

TEST(Task, DestroysItsClosureOnce) {
  auto token = std::make_shared<int>(1);
  {
    Task task([token] {});
    Task other([token] {});
    EXPECT_EQ(token.use_count(), 3);
    task = std::move(other);
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace roost::core
