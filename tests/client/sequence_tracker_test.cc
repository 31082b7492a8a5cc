// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/sequence_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace roost::cli::bench {
namespace {

TEST(SequenceTracker, InOrderLeavesNothingMissing) {
  SequenceTracker tracker;
  for (std::uint64_t number = 0; number < 100; ++number) {
    EXPECT_EQ(tracker.on_arrival(number), Arrival::in_order);
  }
  EXPECT_EQ(tracker.next(), 100U);
  EXPECT_EQ(tracker.missing(), 0U);
}

TEST(SequenceTracker, CountsWhatAGapLeftOut) {
  SequenceTracker tracker;
  EXPECT_EQ(tracker.on_arrival(0), Arrival::in_order);
  EXPECT_EQ(tracker.on_arrival(5), Arrival::after_gap);
  EXPECT_EQ(tracker.missing(), 4U);
  EXPECT_EQ(tracker.on_arrival(6), Arrival::in_order);
}

TEST(SequenceTracker, ALateOneIsReorderedAndNoLongerMissing) {
  SequenceTracker tracker;
  tracker.on_arrival(5);
  EXPECT_EQ(tracker.on_arrival(2), Arrival::reordered);  // splits the gap
  EXPECT_EQ(tracker.missing(), 4U);
  EXPECT_EQ(tracker.on_arrival(0), Arrival::reordered);  // at its front
  EXPECT_EQ(tracker.on_arrival(4), Arrival::reordered);  // at its end
  EXPECT_EQ(tracker.on_arrival(1), Arrival::reordered);  // all of it
  EXPECT_EQ(tracker.on_arrival(3), Arrival::reordered);
  EXPECT_EQ(tracker.missing(), 0U);
}

TEST(SequenceTracker, TheSameTwiceIsADuplicate) {
  SequenceTracker tracker;
  tracker.on_arrival(0);
  EXPECT_EQ(tracker.on_arrival(0), Arrival::duplicate);
  tracker.on_arrival(3);
  tracker.on_arrival(1);
  EXPECT_EQ(tracker.on_arrival(1), Arrival::duplicate);
  EXPECT_EQ(tracker.missing(), 1U);
}

TEST(SequenceTracker, AgreesWithASetOnRandomArrivals) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    SequenceTracker tracker;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 500; ++i) {
      const std::uint64_t number = random() % 300;
      const bool is_new = seen.insert(number).second;
      EXPECT_EQ(tracker.on_arrival(number) == Arrival::duplicate, !is_new);
      EXPECT_EQ(tracker.next(), *seen.rbegin() + 1);
      EXPECT_EQ(tracker.missing(), *seen.rbegin() + 1 - seen.size());
    }
  }
}

}  // namespace
}  // namespace roost::cli::bench
