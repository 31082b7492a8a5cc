// SPDX-License-Identifier: Apache-2.0
#include "broker/core/timer_wheel.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace roost::core {
namespace {

constexpr SteadyMs kNever = std::numeric_limits<SteadyMs>::max();
constexpr SteadyMs kGrain = 16;

class CallingTimer final : public Timer {
 public:
  std::function<void()> call = [] {};
  int fired = 0;

 private:
  void on_timer() override {
    ++fired;
    call();
  }
};

TEST(TimerWheel, NeverFiresEarlyAndAtMostOneGrainLate) {
  for (SteadyMs due = 1'000; due < 1'200; ++due) {
    TimerWheel wheel(1'000);
    CallingTimer timer;
    wheel.arm(timer, due);
    SteadyMs now = 1'000;
    while (timer.fired == 0) wheel.run(now++);
    EXPECT_GE(now - 1, due);
    EXPECT_LE(now - 1, due + kGrain);
    EXPECT_FALSE(timer.armed());
  }
}

TEST(TimerWheel, FiresWhatIsOverdueAtTheNextRun) {
  TimerWheel wheel(1'000);
  CallingTimer timer;
  wheel.arm(timer, 10);
  EXPECT_LE(wheel.next_run_ms(), 1'000);
  wheel.run(1'000);
  EXPECT_EQ(timer.fired, 1);
  EXPECT_EQ(wheel.next_run_ms(), kNever);
}

TEST(TimerWheel, EndsARunInWhichATimerKeepsArmingItself) {
  TimerWheel wheel(1'000);
  CallingTimer timer;
  timer.call = [&] { wheel.arm(timer, 5); };
  wheel.arm(timer, 5);
  wheel.run(2'000);
  EXPECT_EQ(timer.fired, 1);
  wheel.run(2'000);
  EXPECT_EQ(timer.fired, 2);
}

TEST(TimerWheel, CatchesUpAfterALongSleepInOrderOfDueTimes) {
  TimerWheel wheel(0);
  std::vector<SteadyMs> order;
  std::vector<std::unique_ptr<CallingTimer>> timers;
  for (const SteadyMs due : {90'000, 40, 1'000'000, 16'000, 500, 3'600'000}) {
    timers.push_back(std::make_unique<CallingTimer>());
    timers.back()->call = [&order, due] { order.push_back(due); };
    wheel.arm(*timers.back(), due);
  }
  wheel.run(4'000'000);
  EXPECT_EQ(order, (std::vector<SteadyMs>{40, 500, 16'000, 90'000, 1'000'000, 3'600'000}));
}

TEST(TimerWheel, LetsATimerCancelOrDestroyOthersThatAreDueNow) {
  TimerWheel wheel(0);
  auto first = std::make_unique<CallingTimer>();
  auto second = std::make_unique<CallingTimer>();
  auto third = std::make_unique<CallingTimer>();
  int fired = 0;
  for (auto* timer : {first.get(), second.get(), third.get()}) {
    wheel.arm(*timer, 100);
    timer->call = [&, timer] {
      ++fired;
      for (auto* other : {&first, &second, &third}) {
        if (other->get() != timer) other->reset();
      }
    };
  }
  wheel.run(200);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, LetsATimerDieInItsOwnCall) {
  TimerWheel wheel(0);
  auto timer = std::make_unique<CallingTimer>();
  timer->call = [&] { timer.reset(); };
  wheel.arm(*timer, 100);
  wheel.run(200);
  EXPECT_EQ(timer, nullptr);
}

TEST(TimerWheel, UnarmsWhatIsLeftWhenItGoes) {
  CallingTimer overdue;
  CallingTimer later;
  {
    TimerWheel wheel(1'000);
    wheel.arm(overdue, 0);
    wheel.arm(later, 100'000);
  }
  EXPECT_FALSE(overdue.armed());
  EXPECT_FALSE(later.armed());
}

TEST(TimerWheel, TakesTheFarthestTimeThereIs) {
  TimerWheel wheel(1'700'000'000'000);
  CallingTimer timer;
  wheel.arm(timer, kNever);
  wheel.run(1'800'000'000'000);
  EXPECT_EQ(timer.fired, 0);
  EXPECT_TRUE(timer.armed());
  EXPECT_LT(wheel.next_run_ms(), kNever);
}

TEST(TimerWheel, MovesATimerThatIsArmedAgain) {
  TimerWheel wheel(0);
  CallingTimer timer;
  wheel.arm(timer, 100);
  wheel.arm(timer, 10'000);
  wheel.run(5'000);
  EXPECT_EQ(timer.fired, 0);
  wheel.run(10'016);
  EXPECT_EQ(timer.fired, 1);
}

// Random arming, cancelling and jumps of time against a plain set of due times.
TEST(TimerWheel, AgreesWithANaiveModel) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    SteadyMs now = 1'000 + static_cast<SteadyMs>(random() % 100'000);
    TimerWheel wheel(now);
    constexpr std::size_t kTimers = 200;
    std::vector<CallingTimer> timers(kTimers);
    std::vector<SteadyMs> due(kTimers, -1);
    std::vector<int> expected(kTimers, 0);
    for (std::size_t i = 0; i < kTimers; ++i) {
      timers[i].call = [&, i] {
        ASSERT_GE(due[i], 0) << "fired though not armed";
        EXPECT_GE(now, due[i]) << "early";
        due[i] = -1;
        ++expected[i];
      };
    }
    for (int step = 0; step < 3'000; ++step) {
      const std::size_t i = random() % kTimers;
      switch (random() % 4) {
        case 0:
        case 1: {
          const auto bits = static_cast<unsigned>(random() % 24);
          due[i] = std::max<SteadyMs>(0, now - 20 + static_cast<SteadyMs>(random() % (1U << bits)));
          wheel.arm(timers[i], due[i]);
          break;
        }
        case 2:
          wheel.cancel(timers[i]);
          due[i] = -1;
          break;
        default: {
          SteadyMs first = kNever;
          for (const SteadyMs each : due) {
            if (each >= 0) first = std::min(first, each);
          }
          if (first != kNever) {
            EXPECT_LE(wheel.next_run_ms(), std::max(first, now) + kGrain);
          } else {
            EXPECT_EQ(wheel.next_run_ms(), kNever);
          }
          now += static_cast<SteadyMs>(random() % (std::uint32_t{1} << (random() % 20)));
          wheel.run(now);
          for (const SteadyMs each : due) EXPECT_TRUE(each < 0 || each + kGrain > now) << "late";
        }
      }
    }
    for (std::size_t k = 0; k < kTimers; ++k) EXPECT_EQ(timers[k].fired, expected[k]);
  }
}

}  // namespace
}  // namespace roost::core
