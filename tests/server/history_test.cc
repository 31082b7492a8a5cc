// SPDX-License-Identifier: Apache-2.0
// Ten minutes of a node.
#include "broker/server/history.h"

#include <gtest/gtest.h>
#include <boost/json/array.hpp>

namespace roost::server {
namespace {

class HistoryTest : public testing::Test {
 protected:
  // So many seconds pass, in each of which so many messages come.
  void seconds(int count, std::uint64_t messages) {
    for (int i = 0; i < count; ++i) {
      clock_.advance_ms(1000);
      totals_.messages_in += messages;
      tick();
    }
  }
  void tick() { history_.tick(clock_.steady_ms(), clock_.wall_ms(), totals_); }
  std::vector<double> series(const char* name) const {
    std::vector<double> values;
    const boost::json::object said = history_.json();
    for (const auto& value : said.at("series").at(name).as_array()) {
      values.push_back(value.to_number<double>());
    }
    return values;
  }
  double now(const char* name) const {
    return history_.json().at("now").at(name).to_number<double>();
  }

  ManualClock clock_;  // begins at a whole ten seconds of the wall clock
  History history_;
  HistoryTotals totals_;
};

TEST_F(HistoryTest, IsEmptyAtFirst) {
  EXPECT_TRUE(series("messages_in").empty());
  EXPECT_EQ(now("messages_in"), 0);
  EXPECT_EQ(history_.json().at("at_ms").to_number<std::int64_t>(), 0);
}

TEST_F(HistoryTest, HasARateForEachTenSecondsAndOneForNow) {
  tick();
  seconds(10, 5);
  EXPECT_EQ(series("messages_in"), (std::vector<double>{5}));
  EXPECT_EQ(history_.json().at("at_ms").to_number<std::int64_t>(), clock_.wall_ms());
  seconds(9, 20);
  EXPECT_EQ(series("messages_in").size(), 1U) << "the next isn't over";
  EXPECT_EQ(now("messages_in"), 20);
  seconds(1, 20);
  EXPECT_EQ(series("messages_in"), (std::vector<double>{5, 20}));
}

TEST_F(HistoryTest, GaugesStandAsTheyAre) {
  totals_.connected = 7;
  tick();
  totals_.connected = 9;
  totals_.queued = 100;
  seconds(10, 0);
  EXPECT_EQ(series("connected"), (std::vector<double>{9}));
  EXPECT_EQ(series("queued"), (std::vector<double>{100}));
  totals_.connected = 3;
  seconds(1, 0);
  EXPECT_EQ(now("connected"), 3);
}

TEST_F(HistoryTest, KeepsTenMinutes) {
  tick();
  for (std::uint64_t i = 0; i < 75; ++i) seconds(10, i);
  const auto values = series("messages_in");
  ASSERT_EQ(values.size(), History::kSamples);
  EXPECT_EQ(values.front(), 15) << "the oldest went";
  EXPECT_EQ(values.back(), 74);
}

TEST_F(HistoryTest, ALateTickIsARateOverItsOwnTime) {
  tick();
  clock_.advance_ms(25'000);
  totals_.messages_in += 100;
  tick();
  EXPECT_EQ(series("messages_in"), (std::vector<double>{4}));
}

TEST_F(HistoryTest, AWallClockThatJumpsAddsOneSampleOfTheTrueRate) {
  tick();
  seconds(10, 5);
  clock_.step_wall_ms(-3'600'000);
  seconds(1, 5);
  EXPECT_EQ(series("messages_in"), (std::vector<double>{5, 5}));
  seconds(9, 5);
  EXPECT_EQ(series("messages_in").size(), 3U);
}

TEST_F(HistoryTest, WhatFallsIsNoRate) {
  totals_.messages_in = 1000;
  tick();
  totals_.messages_in = 10;  // counters of a core that was read in between
  seconds(10, 0);
  EXPECT_EQ(series("messages_in"), (std::vector<double>{0}));
}

}  // namespace
}  // namespace roost::server
