// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/backoff.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace roost::outgoing {
namespace {

TEST(Backoff, DoublesUpToItsMostHalfOfItByChance) {
  Backoff backoff(100, 1000, 1);
  for (const std::uint32_t whole : {100U, 200U, 400U, 800U, 1000U, 1000U}) {
    const std::uint32_t wait = backoff.next_ms();
    EXPECT_GE(wait, whole / 2);
    EXPECT_LE(wait, whole);
  }
  backoff.reset();
  EXPECT_LE(backoff.next_ms(), 100U);
}

TEST(Backoff, DiffersBetweenThoseThatFailTogether) {
  std::set<std::uint32_t> waits;
  for (std::uint32_t seed = 1; seed <= 50; ++seed)
    waits.insert(Backoff(10'000, 10'000, seed).next_ms());
  EXPECT_GT(waits.size(), 40U);
}

TEST(Backoff, DoesNotOverflow) {
  constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
  Backoff backoff(kMost - 1, kMost, 1);
  for (int i = 0; i < 5; ++i) EXPECT_GE(backoff.next_ms(), kMost / 2 - 1);
}

}  // namespace
}  // namespace roost::outgoing
