// SPDX-License-Identifier: Apache-2.0
// Real threads: what ThreadSanitizer is to look at.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "broker/core/cores.h"

namespace roost::core {
namespace {

// Each test with every core on its own thread, with one thread for all, and with cores that leave
// and come back all the time.
struct Named {
  const char* name;
  HostRules rules;
};
constexpr Named kRules[] = {
    {"OwnThreads", {.hosts = false}},
    {"OneThread", {.send_off_load = 1000}},
    {"Restless", {.window_ms = 1, .send_off_load = -1, .call_home_load = 1000, .quiet_windows = 1}},
};

class ManyCores : public testing::TestWithParam<Named> {
 protected:
  const SystemClock clock;
  const HostRules& rules = GetParam().rules;
};

INSTANTIATE_TEST_SUITE_P(Rules, ManyCores, testing::ValuesIn(kRules),
                         [](const auto& each) { return std::string(each.param.name); });

class CallingTimer final : public Timer {
 public:
  std::function<void()> call = [] {};

 private:
  void on_timer() override { call(); }
};

TEST_P(ManyCores, DeliverAStormFromPlainThreadsInOrderPerPoster) {
  Cores cores(3, clock, rules);
  constexpr int kPosters = 4;
  constexpr int kPosts = 5'000;
  std::latch done(3 * kPosters * kPosts);
  std::array<std::array<int, kPosters>, 3> last{};  // each row only touched by its core
  cores.start();
  std::vector<std::thread> posters;
  posters.reserve(kPosters);
  for (int poster = 0; poster < kPosters; ++poster) {
    posters.emplace_back([&, poster] {
      for (int i = 1; i <= kPosts; ++i) {
        for (std::uint16_t c = 0; c < 3; ++c) {
          cores.at(CoreId{c}).post([&, poster, i, c] {
            EXPECT_EQ(last[c][static_cast<std::size_t>(poster)], i - 1);
            last[c][static_cast<std::size_t>(poster)] = i;
            done.count_down();
          });
        }
      }
    });
  }
  for (auto& poster : posters) poster.join();
  done.wait();
  cores.stop();
}

// One ball between two cores: at most one has work at any time, so turns are borrowed.
TEST_P(ManyCores, PlayPingPongInBorrowedTurns) {
  Cores cores(2, clock, rules);
  constexpr int kRounds = 20'000;
  std::promise<void> over;
  int hits = 0;  // not atomic: the ball carries the right to touch it
  std::function<void(std::uint16_t)> hit = [&](std::uint16_t at) {
    EXPECT_EQ(Core::current(), &cores.at(CoreId{at}));
    if (++hits == kRounds) {
      over.set_value();
      return;
    }
    const auto other = static_cast<std::uint16_t>(1 - at);
    cores.at(CoreId{other}).post([&hit, other] { hit(other); });
  };
  cores.start();
  cores.at(CoreId{0}).post([&] { hit(0); });
  over.get_future().wait();
  cores.stop();
  EXPECT_EQ(hits, kRounds);
  const auto borrowed = cores.at(CoreId{0}).counters().borrowed_turns.value() +
                        cores.at(CoreId{1}).counters().borrowed_turns.value();
  EXPECT_GT(borrowed, 0U);
}

TEST_P(ManyCores, LoseNoMailInARingOfRandomHops) {
  constexpr std::uint16_t kCores = 4;
  Cores cores(kCores, clock, rules);
  constexpr int kBalls = 64;
  constexpr int kHops = 2'000;
  std::latch done(kBalls);
  std::function<void(std::uint32_t, int)> hop = [&](std::uint32_t state, int left) {
    if (left == 0) {
      done.count_down();
      return;
    }
    const std::uint32_t next = state * 1'664'525U + 1'013'904'223U;
    cores.at(CoreId{static_cast<std::uint16_t>((next >> 16) % kCores)}).post([&, next, left] {
      hop(next, left - 1);
    });
  };
  cores.start();
  for (std::uint32_t ball = 0; ball < kBalls; ++ball) {
    cores.at(CoreId{0}).post([&, ball] { hop(ball, kHops); });
  }
  done.wait();
  cores.stop();
}

// More than an outbox holds, inside one turn.
TEST_P(ManyCores, PassALargeBatchOnBeforeTheTurnEnds) {
  Cores cores(2, clock, rules);
  constexpr int kPosts = 10'000;
  std::latch done(kPosts);
  int next = 0;
  cores.start();
  cores.at(CoreId{0}).post([&] {
    for (int i = 0; i < kPosts; ++i) {
      cores.at(CoreId{1}).post([&, i] {
        EXPECT_EQ(next++, i);
        done.count_down();
      });
    }
  });
  done.wait();
  cores.stop();
}

// A timer that a borrowed turn arms must wake the thread that sleeps without a timeout.
TEST_P(ManyCores, FireATimerThatABorrowedTurnArmed) {
  Cores cores(2, clock, rules);
  Core& first = cores.at(CoreId{0});
  Core& second = cores.at(CoreId{1});
  cores.start();
  for (int round = 0; round < 20; ++round) {
    CallingTimer timer;
    std::promise<SteadyMs> fired;
    std::promise<void> gone;
    SteadyMs due = 0;
    timer.call = [&] { fired.set_value(second.now_ms()); };
    first.post([&] {
      second.post([&] {
        due = second.now_ms() + 5;
        second.timers().arm(timer, due);
      });
    });
    EXPECT_GE(fired.get_future().get(), due);
    second.post([&] { gone.set_value(); });
    gone.get_future().wait();
  }
  cores.stop();
}

TEST_P(ManyCores, StopWhileOthersPost) {
  for (int round = 0; round < 20; ++round) {
    auto alive = std::make_shared<int>(0);
    {
      Cores cores(3, clock, rules);
      std::atomic<bool> enough{false};
      std::function<void(std::uint16_t)> bounce = [&](std::uint16_t at) {
        const auto next = static_cast<std::uint16_t>((at + 1) % 3);
        cores.at(CoreId{next}).post([&bounce, next, alive] { bounce(next); });
      };
      cores.start();
      for (int ball = 0; ball < 10; ++ball) cores.at(CoreId{0}).post([&] { bounce(0); });
      std::thread poster([&] {
        while (!enough.load()) cores.at(CoreId{1}).post([alive] {});
      });
      while (cores.at(CoreId{2}).counters().mails.value() < 100) std::this_thread::yield();
      cores.stop();
      cores.stop();
      enough.store(true);
      poster.join();
    }
    EXPECT_EQ(alive.use_count(), 1);  // mail that nobody ran was destroyed
  }
}

// The socket's event is fetched by the sleeping thread while a borrowed turn takes it away.
TEST_P(ManyCores, UnwatchInBorrowedTurnsWhileEventsArrive) {
  class Guarded final : public Watcher {
   public:
    bool watched = false;
    void on_ready(std::uint32_t) override { EXPECT_TRUE(watched); }
  };
  Cores cores(2, clock, rules);
  Core& first = cores.at(CoreId{0});
  Core& second = cores.at(CoreId{1});
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_NONBLOCK | O_CLOEXEC), 0);
  cores.start();
  for (int round = 0; round < 2'000; ++round) {
    auto watcher = std::make_unique<Guarded>();
    std::promise<void> gone;
    second.post([&] {
      watcher->watched = true;
      second.watch(pipe[0], EPOLLIN, *watcher);
    });
    char byte = 0;
    ASSERT_EQ(::write(pipe[1], &byte, 1), 1);
    first.post([&] {
      second.post([&] {
        second.unwatch(pipe[0], *watcher);
        watcher.reset();
        gone.set_value();
      });
    });
    gone.get_future().wait();
    ASSERT_EQ(::read(pipe[0], &byte, 1), 1);
  }
  cores.stop();
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_P(ManyCores, StartAgainAfterAStop) {
  Cores cores(2, clock, rules);
  for (int round = 0; round < 3; ++round) {
    cores.start();
    std::promise<void> ran;
    cores.at(CoreId{1}).post([&] { ran.set_value(); });
    ran.get_future().wait();
    cores.stop();
  }
}

}  // namespace
}  // namespace roost::core
