// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/client_limits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace roost::gates {
namespace {

ClientLimits rate(std::uint32_t messages, std::uint64_t bytes = 0) {
  ClientLimits limits;
  limits.messages_per_s = messages;
  limits.bytes_per_s = bytes;
  return limits;
}

// How many of that size are in time at once.
int burst(PublishRate& rate, std::size_t bytes, SteadyMs now_ms) {
  int count = 0;
  while (rate.take(bytes, now_ms)) ++count;
  return count;
}

TEST(PublishRateTest, ASecondsWorthMayComeAtOnce) {
  const ClientLimits limits = rate(100);
  PublishRate of(limits);
  EXPECT_EQ(burst(of, 10, 50'000), 100);
  EXPECT_GT(of.ready_ms(), 50'000);
  EXPECT_LE(of.ready_ms(), 50'021);
}

TEST(PublishRateTest, KeepsTheRateOverTime) {
  const ClientLimits limits = rate(100);
  PublishRate of(limits);
  SteadyMs now = 50'000;
  int sent = 0;
  while (now < 60'000) {
    ++sent;
    if (!of.take(10, now)) now = std::max(now + 1, of.ready_ms());
  }
  EXPECT_NEAR(sent, 1100, 5) << "ten seconds, and the first one's worth";
}

TEST(PublishRateTest, WhatIsNotUsedIsNotSavedUp) {
  const ClientLimits limits = rate(100);
  PublishRate of(limits);
  EXPECT_EQ(burst(of, 10, 50'000), 100);
  EXPECT_EQ(burst(of, 10, 500'000), 100);
}

TEST(PublishRateTest, BytesCountToo) {
  const ClientLimits limits = rate(0, 1000);
  PublishRate of(limits);
  EXPECT_EQ(burst(of, 100, 50'000), 10);
  PublishRate large(limits);
  EXPECT_FALSE(large.take(5000, 50'000)) << "it is taken, and paid for by waiting";
  EXPECT_NEAR(static_cast<double>(large.ready_ms()), 54'000, 2);
}

TEST(PublishRateTest, TheStricterOneDecides) {
  const ClientLimits limits = rate(1000, 1000);
  PublishRate of(limits);
  EXPECT_EQ(burst(of, 100, 50'000), 10);
}

class LossRateTest : public testing::Test {
 protected:
  LossRateTest() { limits_.losses_max = 3; }
  ClientLimits limits_;
  LossRate rate_{limits_};
};

TEST_F(LossRateTest, WhoLosesTooManyIsHeldOff) {
  for (int i = 0; i < 3; ++i) rate_.add("lamp", 1000 + i);
  EXPECT_FALSE(rate_.is_held_off("lamp", 1003));
  rate_.add("lamp", 1003);
  EXPECT_TRUE(rate_.is_held_off("lamp", 1003));
  EXPECT_FALSE(rate_.is_held_off("other", 1003));
  EXPECT_TRUE(rate_.is_held_off("lamp", 1003 + 59'999));
  EXPECT_FALSE(rate_.is_held_off("lamp", 1003 + 60'000));
}

TEST_F(LossRateTest, WhoLosesOneNowAndThenNeverIs) {
  for (SteadyMs now = 0; now < 10'000'000; now += 20'000) {
    rate_.add("lamp", now);
    EXPECT_FALSE(rate_.is_held_off("lamp", now));
  }
}

TEST_F(LossRateTest, IsBounded) {
  for (int i = 0; i < 200'000; ++i) rate_.add("id " + std::to_string(i), i);
  EXPECT_LE(rate_.size(), 65'536U);
}

TEST(UserCountsTest, CountsConnectionsOfAUser) {
  UserCounts counts(2);
  std::vector<UserPlace> places(4);
  EXPECT_TRUE(counts.enter("ann", places[0]));
  EXPECT_TRUE(counts.enter("ann", places[1]));
  EXPECT_FALSE(counts.enter("ann", places[2]));
  EXPECT_TRUE(counts.enter("bob", places[2]));
  EXPECT_EQ(places[0].user(), "ann");
  places[0] = UserPlace();
  EXPECT_TRUE(counts.enter("ann", places[3]));
  std::vector<UserPlace> nobody(9);
  for (UserPlace& place : nobody) EXPECT_TRUE(counts.enter("", place));
}

TEST(UserCountsTest, WithoutALimitStillKnowsTheName) {
  UserCounts counts(0);
  UserPlace place;
  EXPECT_TRUE(counts.enter("ann", place));
  EXPECT_EQ(place.user(), "ann");
}

}  // namespace
}  // namespace roost::gates
