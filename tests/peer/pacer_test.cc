// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/pacer.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "broker/base/clock.h"
#include "cluster/peer/settings.h"

namespace roost::cluster::peer {
namespace {

constexpr SteadyMs kNotDue = std::numeric_limits<SteadyMs>::max();

struct WaitingLane final : Paced {
  void on_slot() override {
    ++calls;
    if (again != nullptr) again->wait(self);
  }
  int calls = 0;
  Pacer* again = nullptr;
  std::weak_ptr<Paced> self;
};

class PeerPacer : public ::testing::Test {
 protected:
  PeerPacer() { next_slot(); }
  void next_slot() { clock_.advance_ms(kSlotMs - clock_.steady_ms() % kSlotMs); }
  // So much is said in this window that each lane begins one a slot.
  void say_much() {
    for (std::uint64_t i = 0; i <= kPaceAbove; ++i) pacer_.note_sent();
    SteadyMs other = 0;
    ASSERT_TRUE(pacer_.may_begin(other, false));
  }
  void next_window() { clock_.advance_ms(kPaceWindowMs - clock_.steady_ms() % kPaceWindowMs); }

  ManualClock clock_;
  Count waits_;
  int wakes_ = 0;
  Pacer pacer_{clock_, waits_, [this] { ++wakes_; }};
};

TEST_F(PeerPacer, LittleGoesAtOnce) {
  SteadyMs lane = 0;
  for (std::uint64_t i = 0; i < kPaceAbove; ++i) {
    pacer_.note_sent();
    EXPECT_TRUE(pacer_.may_begin(lane, false)) << i;
  }
}

TEST_F(PeerPacer, WhereMuchIsSaidEachLaneBeginsOneASlot) {
  say_much();
  SteadyMs lane = 0, other = 0;
  EXPECT_TRUE(pacer_.may_begin(lane, false));
  EXPECT_FALSE(pacer_.may_begin(lane, false));
  EXPECT_TRUE(pacer_.may_begin(other, false)) << "however many others did";
  clock_.advance_ms(kSlotMs - 1);
  EXPECT_FALSE(pacer_.may_begin(lane, false)) << "the slot lasts";
  clock_.advance_ms(1);
  EXPECT_TRUE(pacer_.may_begin(lane, false));
  EXPECT_FALSE(pacer_.may_begin(lane, false));
}

TEST_F(PeerPacer, ItLastsUntilAWindowInWhichLittleIsSaid) {
  say_much();
  for (int i = 0; i < 3; ++i) {
    next_window();
    SteadyMs lane = 0;
    EXPECT_TRUE(pacer_.may_begin(lane, false));
    EXPECT_FALSE(pacer_.may_begin(lane, false)) << i;
    for (std::uint64_t n = 0; n < kPaceBelow; ++n) pacer_.note_sent();
    EXPECT_FALSE(pacer_.may_begin(lane, false)) << i;
  }
  next_window();  // nothing is said in it
  SteadyMs lane = 0;
  pacer_.may_begin(lane, false);
  next_window();
  EXPECT_TRUE(pacer_.may_begin(lane, false));
  EXPECT_TRUE(pacer_.may_begin(lane, false));
}

TEST_F(PeerPacer, WhatMuchWaitsForGoesAtOnce) {
  SteadyMs lane = 0;
  say_much();
  EXPECT_TRUE(pacer_.may_begin(lane, false));
  EXPECT_FALSE(pacer_.may_begin(lane, false));
  EXPECT_TRUE(pacer_.may_begin(lane, true));
}

TEST_F(PeerPacer, WhoWaitsIsCalledOnceWhenTheNextSlotBegins) {
  const auto one = std::make_shared<WaitingLane>(), other = std::make_shared<WaitingLane>();
  EXPECT_EQ(pacer_.tick(), kNotDue);
  clock_.advance_ms(1);
  const SteadyMs slot_end = (clock_.steady_ms() / kSlotMs + 1) * kSlotMs;
  pacer_.wait(one);
  pacer_.wait(other);
  EXPECT_EQ(wakes_, 1) << "whoever ticks is woken once a slot";
  EXPECT_EQ(pacer_.tick(), slot_end);
  EXPECT_EQ(one->calls, 0);
  next_slot();
  EXPECT_EQ(pacer_.tick(), kNotDue);
  EXPECT_EQ(one->calls, 1);
  EXPECT_EQ(other->calls, 1);
  next_slot();
  pacer_.tick();
  EXPECT_EQ(one->calls, 1);
  EXPECT_EQ(waits_.value(), 2u);
}

TEST_F(PeerPacer, WhoWaitsAgainIsCalledInTheSlotAfter) {
  const auto lane = std::make_shared<WaitingLane>();
  lane->self = lane;
  lane->again = &pacer_;
  pacer_.wait(lane);
  next_slot();
  EXPECT_EQ(pacer_.tick(), clock_.steady_ms() + kSlotMs);
  EXPECT_EQ(lane->calls, 1);
  next_slot();
  pacer_.tick();
  EXPECT_EQ(lane->calls, 2);
}

TEST_F(PeerPacer, WhoIsGoneIsLeftOut) {
  auto lane = std::make_shared<WaitingLane>();
  pacer_.wait(lane);
  lane.reset();
  next_slot();
  EXPECT_EQ(pacer_.tick(), kNotDue);
}

}  // namespace
}  // namespace roost::cluster::peer
