// SPDX-License-Identifier: Apache-2.0
#include "broker/base/rate_switch.h"

#include <gtest/gtest.h>

namespace roost {
namespace {

TEST(RateSwitch, GoesOnAtOnceAboveTheOneRate) {
  RateSwitch much(100, 10, 5);
  EXPECT_FALSE(much.count(1000, 10));
  EXPECT_TRUE(much.count(1001));
  EXPECT_TRUE(much.is_on());
}

TEST(RateSwitch, StaysOnBetweenTheRates) {
  RateSwitch much(100, 10, 5);
  much.count(1000, 11);
  for (SteadyMs now = 1100; now < 2000; now += 100) EXPECT_TRUE(much.count(now, 5)) << now;
}

TEST(RateSwitch, GoesOffAfterAWindowBelowTheOther) {
  RateSwitch much(100, 10, 5);
  much.count(1000, 11);
  EXPECT_TRUE(much.count(1100, 4));
  EXPECT_TRUE(much.count(1199, 0)) << "that window lasts";
  EXPECT_FALSE(much.count(1200));
}

TEST(RateSwitch, GoesOffAfterAWindowWithoutAny) {
  RateSwitch much(100, 10, 5);
  much.count(1000, 11);
  EXPECT_FALSE(much.count(1200, 10));
}

}  // namespace
}  // namespace roost
