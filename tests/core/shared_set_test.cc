// SPDX-License-Identifier: Apache-2.0
#include "broker/core/shared_set.h"

#include <gtest/gtest.h>

#include <thread>

namespace roost::core {
namespace {

TEST(SharedSetTest, CountsEachHashOfAPartOnce) {
  SharedSet set;
  set.open(2);
  set.open(1);  // the first call counts
  set.insert(0, 7);
  set.insert(0, 7);
  set.insert(1, 7);
  EXPECT_EQ(set.size(), 2U);
  set.erase(0, 7);
  set.erase(0, 7);
  EXPECT_EQ(set.size(), 1U);
  EXPECT_FALSE(set.contains(0, 7));
  EXPECT_TRUE(set.contains(1, 7));
  set.replace(1, {1, 2, 3});
  EXPECT_EQ(set.size(), 3U);
  EXPECT_FALSE(set.contains(1, 7));
  set.replace(1, {});
  EXPECT_EQ(set.size(), 0U);
}

TEST(SharedSetTest, AnyThreadAsksWhileOthersChange) {
  SharedSet set;
  set.open(2);
  std::thread first([&set] {
    for (std::uint64_t i = 0; i < 10'000; ++i) set.insert(0, i);
  });
  std::thread second([&set] {
    for (std::uint64_t i = 0; i < 10'000; ++i) set.insert(1, i), set.erase(1, i);
  });
  while (!set.contains(0, 9'999)) EXPECT_LE(set.size(), 10'001U);
  first.join();
  second.join();
  EXPECT_EQ(set.size(), 10'000U);
}

}  // namespace
}  // namespace roost::core
