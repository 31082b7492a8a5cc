// SPDX-License-Identifier: Apache-2.0
#include "broker/core/core.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "broker/core/cores.h"

namespace roost::core {
namespace {

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_NONBLOCK | O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  int read_end() const { return ends_[0]; }
  void fill() const { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }

 private:
  std::array<int, 2> ends_{};
};

class CountingWatcher final : public Watcher {
 public:
  std::function<void()> call = [] {};
  int ready = 0;
  void on_ready(std::uint32_t) override {
    ++ready;
    call();
  }
};

class CallingTurnEnd final : public TurnEnd {
 public:
  std::function<void()> call = [] {};
  void on_turn_end() override { call(); }
};

class CallingTimer final : public Timer {
 public:
  std::function<void()> call = [] {};

 private:
  void on_timer() override { call(); }
};

TEST(Core, IsCurrentOnlyInsideItsTurns) {
  ManualClock clock;
  Core core(CoreId{0}, clock);
  EXPECT_EQ(Core::current(), nullptr);
  bool was_current = false;
  core.post([&] { was_current = core.is_current(); });
  core.run_once(0);
  EXPECT_TRUE(was_current);
  EXPECT_EQ(Core::current(), nullptr);
}

TEST(Core, RunsMailInTheOrderOfPosting) {
  ManualClock clock;
  Core core(CoreId{0}, clock);
  std::vector<int> order;
  for (int i = 0; i < 1'000; ++i) core.post([&order, i] { order.push_back(i); });
  EXPECT_EQ(core.mail_waiting(), 1'000U);
  core.run_once(0);
  EXPECT_EQ(core.mail_waiting(), 0U);
  ASSERT_EQ(order.size(), 1'000U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(core.counters().mails.value(), 1'000U);
}

TEST(Core, RunsMailThatItPostsToItselfWithoutSleepingInBetween) {
  ManualClock clock;
  Core core(CoreId{0}, clock);
  int runs = 0;
  core.post([&] { core.post([&] { ++runs; }); });
  core.run_once(0);
  core.run_once(-1);  // would hang if it slept
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(core.counters().wakeups.value(), 0U);
}

TEST(Core, DoesSocketsThenMailThenTimersThenTurnEnd) {
  ManualClock clock;
  Core core(CoreId{0}, clock);
  std::string order;
  Pipe pipe;
  CountingWatcher watcher;
  CallingTurnEnd end;
  CallingTimer timer;
  end.call = [&] { order += 'e'; };
  timer.call = [&] { order += 't'; };
  watcher.call = [&] {
    order += 's';
    core.at_turn_end(end);
    core.at_turn_end(end);
    core.timers().arm(timer, core.now_ms());
  };
  core.watch(pipe.read_end(), EPOLLIN, watcher);
  pipe.fill();
  core.post([&] { order += 'm'; });
  core.run_once(0);
  EXPECT_EQ(order, "smte");
}

TEST(Core, RunsTurnEndWorkThatIsAddedWhileItRuns) {
  ManualClock clock;
  Core core(CoreId{0}, clock);
  std::string order;
  CallingTurnEnd first;
  CallingTurnEnd second;
  first.call = [&] {
    order += '1';
    core.at_turn_end(second);
  };
  second.call = [&] { order += '2'; };
  core.post([&] { core.at_turn_end(first); });
  core.run_once(0);
  EXPECT_EQ(order, "12");
}

TEST(Core, ForgetsTurnEndWorkThatDies) {
  ManualClock clock;
  Core core(CoreId{0}, clock);
  std::array<std::unique_ptr<CallingTurnEnd>, 3> works;
  int runs = 0;
  for (auto& work : works) {
    work = std::make_unique<CallingTurnEnd>();
    work->call = [&] {
      ++runs;
      works[1].reset();
    };
  }
  core.post([&] {
    for (auto& work : works) core.at_turn_end(*work);
  });
  core.run_once(0);
  EXPECT_EQ(runs, 2);
}

TEST(Core, DoesNotCallAWatcherAnyMoreWhoseEventWasAlreadyFetched) {
  ManualClock clock;
  Core core(CoreId{0}, clock);
  std::array<Pipe, 2> pipes;
  std::array<CountingWatcher, 2> watchers;
  for (std::size_t i = 0; i < 2; ++i) {
    core.watch(pipes[i].read_end(), EPOLLIN, watchers[i]);
    pipes[i].fill();
    watchers[i].call = [&, i] { core.unwatch(pipes[1 - i].read_end(), watchers[1 - i]); };
  }
  core.run_once(0);
  EXPECT_EQ(watchers[0].ready + watchers[1].ready, 1);
}

TEST(Core, WatchesLevelTriggered) {
  ManualClock clock;
  Core core(CoreId{0}, clock);
  Pipe pipe;
  CountingWatcher watcher;
  core.watch(pipe.read_end(), EPOLLIN, watcher);
  pipe.fill();
  core.run_once(0);
  core.run_once(0);
  EXPECT_EQ(watcher.ready, 2);
  core.rewatch(pipe.read_end(), 0, watcher);
  core.run_once(0);
  EXPECT_EQ(watcher.ready, 2);
}

TEST(Core, ReadsTheClockOncePerTurn) {
  ManualClock clock;
  Core core(CoreId{0}, clock);
  SteadyMs before = 0;
  SteadyMs after = 0;
  WallMs wall = 0;
  core.post([&] {
    before = core.now_ms();
    clock.advance_ms(100);
    after = core.now_ms();
  });
  core.run_once(0);
  EXPECT_EQ(before, after);
  core.post([&] { wall = core.wall_ms(); });
  core.run_once(0);
  EXPECT_EQ(wall, clock.wall_ms());
}

// Whoever isn't a core runs the turn of one that sleeps; one that is awake does it itself.
TEST(Core, RunsASleepersTurnWhereTheMailComesFrom) {
  SystemClock clock;
  Core core(CoreId{0}, clock);
  core.start();
  std::atomic<int> runs{0};
  int posted = 0;
  while (core.counters().borrowed_turns.value() == 0) {
    core.post_and_run([&] { ++runs; });
    ++posted;
    while (runs < posted) std::this_thread::yield();
  }
  const auto here = std::this_thread::get_id();
  bool was_here = false;
  while (!was_here) {
    core.post_and_run([&] {
      was_here = std::this_thread::get_id() == here && core.is_current();
      ++runs;
    });
    ++posted;
    while (runs < posted) std::this_thread::yield();
  }
  core.stop();
  EXPECT_EQ(runs, posted);
  EXPECT_EQ(Core::current(), nullptr);
}

// What a borrowed turn posts to another sleeper is run there and then as well, or by its thread.
TEST(Core, WhatABorrowedTurnPostsArrives) {
  SystemClock clock;
  Core first(CoreId{0}, clock), second(CoreId{1}, clock);
  first.start();
  second.start();
  std::atomic<int> runs{0};
  for (int i = 0; i < 1'000; ++i) {
    first.post_and_run([&] { second.post([&] { first.post([&] { ++runs; }); }); });
  }
  while (runs < 1'000) std::this_thread::yield();
  first.stop();
  second.stop();
  EXPECT_EQ(runs, 1'000);
}

TEST(Core, DestroysMailThatWasNeverRun) {
  ManualClock clock;
  auto token = std::make_shared<int>(1);
  {
    Core core(CoreId{0}, clock);
    core.post([token] {});
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Core, WakesForATimerThatIsDue) {
  SystemClock clock;
  Core core(CoreId{0}, clock);
  CallingTimer timer;
  bool fired = false;
  timer.call = [&] { fired = true; };
  const SteadyMs due = clock.steady_ms() + 30;
  core.post([&] { core.timers().arm(timer, due); });
  while (!fired) core.run_once(-1);
  EXPECT_GE(clock.steady_ms(), due);
}

TEST(Cores, SpreadShardsOverAllCores) {
  ManualClock clock;
  Cores cores(3, clock);
  EXPECT_EQ(cores.size(), 3);
  for (std::uint16_t shard = 0; shard < 64; ++shard) {
    EXPECT_EQ(cores.of(ShardId{shard}).id().value, shard % 3);
  }
}

}  // namespace
}  // namespace roost::core
