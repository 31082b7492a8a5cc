// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/histogram.h"

#include <gtest/gtest.h>

#include <cmath>

namespace roost::cli::bench {
namespace {

TEST(Histogram, OfNothingIsZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile(99), 0U);
  EXPECT_EQ(histogram.max(), 0U);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 100; ++value) histogram.add(value);
  EXPECT_EQ(histogram.percentile(1), 1U);
  EXPECT_EQ(histogram.percentile(50), 50U);
  EXPECT_EQ(histogram.percentile(99), 99U);
  EXPECT_EQ(histogram.percentile(100), 100U);
}

TEST(Histogram, LargeValuesAreWithinABucketOfTheTruth) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 1'000'000; ++value) histogram.add(value * 1000);
  for (const double percent : {1.0, 25.0, 50.0, 90.0, 99.0, 99.9}) {
    const double truth = percent / 100 * 1e9;
    EXPECT_NEAR(static_cast<double>(histogram.percentile(percent)), truth, truth * 0.016);
  }
  EXPECT_EQ(histogram.max(), 1'000'000'000U);
}

TEST(Histogram, TakesEveryNumberThereIs) {
  Histogram histogram;
  histogram.add(0);
  for (unsigned bit = 0; bit < 64; ++bit) {
    histogram.add(std::uint64_t{1} << bit);
    histogram.add((std::uint64_t{1} << bit) - 1);
  }
  histogram.add(~std::uint64_t{0});
  EXPECT_EQ(histogram.count(), 130U);
}

TEST(Histogram, MergesIntoWhatOneWouldHaveCounted) {
  Histogram one, other, both;
  for (std::uint64_t value = 0; value < 10'000; value += 3) {
    one.add(value);
    other.add(value * value);
    both.add(value);
    both.add(value * value);
  }
  one.merge(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.max(), both.max());
  for (const double percent : {10.0, 50.0, 99.0}) {
    EXPECT_EQ(one.percentile(percent), both.percentile(percent));
  }
}

}  // namespace
}  // namespace roost::cli::bench
