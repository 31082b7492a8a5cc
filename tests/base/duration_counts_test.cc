// SPDX-License-Identifier: Apache-2.0
#include "broker/base/duration_counts.h"

#include <gtest/gtest.h>

namespace roost {
namespace {

std::size_t bucket_of(std::int64_t ns) {
  DurationCounts counts;
  counts.add(ns);
  for (std::size_t i = 0; i <= DurationCounts::kBounds; ++i) {
    if (counts.count(i) == 1) return i;
  }
  return SIZE_MAX;
}

TEST(DurationCounts, ABoundBelongsToTheBucketBelow) {
  EXPECT_EQ(bucket_of(0), 0U);
  EXPECT_EQ(bucket_of(-5), 0U);
  for (std::size_t i = 0; i < DurationCounts::kBounds; ++i) {
    const auto bound_ns = static_cast<std::int64_t>(DurationCounts::bound_us(i)) * 1000;
    EXPECT_EQ(bucket_of(bound_ns), i);
    EXPECT_EQ(bucket_of(bound_ns + 1000), i + 1);
  }
  EXPECT_EQ(bucket_of(INT64_MAX), DurationCounts::kBounds);
}

TEST(DurationCounts, AddsUp) {
  DurationCounts counts;
  counts.add(20'000, 3);
  counts.add(2'000'000'000);
  EXPECT_EQ(counts.count(1), 3U);
  EXPECT_DOUBLE_EQ(counts.sum_s(), 2.00006);
}

}  // namespace
}  // namespace roost
