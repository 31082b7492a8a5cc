// SPDX-License-Identifier: Apache-2.0
// Which thread serves a core. Real threads; each wait is for a condition.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <type_traits>

#include "broker/core/cores.h"

namespace roost::core {
namespace {

constexpr HostRules kStay{.send_off_load = 1000};
constexpr HostRules kLeave{.window_ms = 1, .send_off_load = -1, .call_home_load = -1};

class Hosting : public testing::Test {
 protected:
  Hosting() { EXPECT_EQ(::pipe2(pipe_, O_NONBLOCK | O_CLOEXEC), 0); }
  ~Hosting() override {
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }
  void write_byte() const { ASSERT_EQ(::write(pipe_[1], "x", 1), 1); }
  int readable() const { return pipe_[0]; }

  // Runs `work` in a turn of the core and waits for it.
  template <typename Work>
  static auto in_turn_of(Core& core, Work work) {
    std::promise<decltype(work())> done;
    core.post([&] {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        done.set_value();
      } else {
        done.set_value(work());
      }
    });
    return done.get_future().get();
  }
  static std::thread::id thread_of(Core& core) {
    return in_turn_of(core, [] { return std::this_thread::get_id(); });
  }
  // A window of the host ends only after one of its turns.
  static void turn_until(Core& host, const std::function<bool()>& condition) {
    while (!condition()) in_turn_of(host, [] {});
  }

  const SystemClock clock_;

 private:
  int pipe_[2] = {-1, -1};
};

// Reads what is there and counts the times; says which thread it was called on.
class Reader final : public Watcher {
 public:
  explicit Reader(int fd) : fd_(fd) {}
  std::promise<std::thread::id> called;
  std::atomic<int> calls{0};

 private:
  void on_ready(std::uint32_t) override {
    char byte = 0;
    EXPECT_EQ(::read(fd_, &byte, 1), 1);
    if (calls.fetch_add(1) == 0) called.set_value(std::this_thread::get_id());
  }
  const int fd_;
};

class ThreadTimer final : public Timer {
 public:
  std::promise<std::thread::id> fired;

 private:
  void on_timer() override { fired.set_value(std::this_thread::get_id()); }
};

TEST_F(Hosting, OneThreadServesMailSocketsAndTimersOfAllCores) {
  Cores cores(3, clock_, kStay);
  Core& guest = cores.at(CoreId{2});
  Reader reader(readable());
  ThreadTimer timer;
  cores.start();
  const std::thread::id host = thread_of(cores.at(CoreId{0}));
  EXPECT_EQ(thread_of(cores.at(CoreId{1})), host);
  EXPECT_EQ(thread_of(guest), host);
  in_turn_of(guest, [&] {
    guest.timers().arm(timer, guest.now_ms() + 1);
    guest.watch(readable(), EPOLLIN, reader);
  });
  write_byte();
  EXPECT_EQ(reader.called.get_future().get(), host);
  EXPECT_EQ(timer.fired.get_future().get(), host);
  EXPECT_GT(guest.counters().hosted_turns.value(), 0U);
  in_turn_of(guest, [&] { guest.unwatch(readable(), reader); });
  cores.stop();
}

TEST_F(Hosting, EveryCoreHasItsThreadWhereNoneIsHost) {
  Cores cores(2, clock_, {.hosts = false});
  cores.start();
  EXPECT_NE(thread_of(cores.at(CoreId{0})), thread_of(cores.at(CoreId{1})));
  cores.stop();
}

TEST_F(Hosting, AGuestThatIsSentOffTakesItsSocketsAndTimersAlong) {
  Cores cores(2, clock_, kLeave);
  Core& host = cores.at(CoreId{0});
  Core& guest = cores.at(CoreId{1});
  Reader reader(readable());
  ThreadTimer timer;
  cores.start();
  in_turn_of(guest, [&] {
    guest.timers().arm(timer, guest.now_ms() + 50);
    guest.watch(readable(), EPOLLIN, reader);
  });
  turn_until(host, [&] { return host.counters().sent_off.value() > 0; });
  const std::thread::id own = thread_of(guest);
  EXPECT_NE(own, thread_of(host));
  write_byte();
  EXPECT_EQ(reader.called.get_future().get(), own);
  EXPECT_EQ(timer.fired.get_future().get(), own);
  in_turn_of(guest, [&] { guest.unwatch(readable(), reader); });
  cores.stop();
}

// Half of them at a time; and all are back when there is nothing left to do.
TEST_F(Hosting, LoadSendsGuestsOffAndSilenceCallsThemHome) {
  Cores cores(4, clock_,
              {.window_ms = 5, .send_off_load = 0.02, .call_home_load = 0.6, .quiet_windows = 2});
  Core& host = cores.at(CoreId{0});
  cores.start();
  const auto work = [&] {
    volatile unsigned sum = 0;
    for (unsigned i = 0; i < 200'000; ++i) sum = sum + i;
  };
  while (host.counters().sent_off.value() < 3) in_turn_of(host, work);
  const std::thread::id own = thread_of(host);
  for (std::uint16_t i = 1; i < 4; ++i) EXPECT_NE(thread_of(cores.at(CoreId{i})), own);
  // The host's own clock ticks while guests are away: nobody has to wake it.
  while (host.counters().called_home.value() < 3) std::this_thread::yield();
  const auto is_home = [&](std::uint16_t core) { return thread_of(cores.at(CoreId{core})) == own; };
  for (std::uint16_t i = 1; i < 4; ++i) {
    while (!is_home(i)) std::this_thread::yield();
  }
  cores.stop();
}

// A socket that every core watches would otherwise make work for one thread in each epoll set.
TEST_F(Hosting, AGuestLeavesExclusiveSocketsToItsHost) {
  Cores cores(2, clock_, kStay);
  Core& host = cores.at(CoreId{0});
  Core& guest = cores.at(CoreId{1});
  Reader by_host(readable()), by_guest(readable());
  ASSERT_TRUE(guest.watch(readable(), EPOLLIN, by_guest, true));  // before it is a guest, too
  cores.start();
  write_byte();
  in_turn_of(guest, [] {});
  in_turn_of(guest, [&] {
    guest.unwatch(readable(), by_guest);
    EXPECT_TRUE(guest.watch(readable(), EPOLLIN, by_guest, true));
  });
  in_turn_of(guest, [] {});
  in_turn_of(guest, [] {});  // each began with a look at the guest's sockets
  EXPECT_EQ(by_guest.calls.load(), 0);
  ASSERT_TRUE(in_turn_of(host, [&] { return host.watch(readable(), EPOLLIN, by_host, true); }));
  by_host.called.get_future().wait();
  EXPECT_EQ(by_guest.calls.load(), 0);
  in_turn_of(guest, [&] { guest.unwatch(readable(), by_guest); });
  in_turn_of(host, [&] { host.unwatch(readable(), by_host); });
  cores.stop();
}

TEST_F(Hosting, AGuestThatIsSentOffWatchesExclusiveSocketsItself) {
  Cores cores(2, clock_, kLeave);
  Core& host = cores.at(CoreId{0});
  Core& guest = cores.at(CoreId{1});
  Reader reader(readable());
  cores.start();
  EXPECT_TRUE(in_turn_of(guest, [&] { return guest.watch(readable(), EPOLLIN, reader, true); }));
  write_byte();  // while it is a guest nobody looks, for the host doesn't watch it here
  turn_until(host, [&] { return host.counters().sent_off.value() > 0; });
  EXPECT_EQ(reader.called.get_future().get(), thread_of(guest));
  in_turn_of(guest, [&] { guest.unwatch(readable(), reader); });
  cores.stop();
}

TEST_F(Hosting, GuestsServeThemselvesWhenTheHostStops) {
  Cores cores(2, clock_, kStay);
  cores.start();
  const std::thread::id host = thread_of(cores.at(CoreId{1}));
  cores.at(CoreId{0}).stop();
  EXPECT_NE(thread_of(cores.at(CoreId{1})), host);
  cores.stop();
  cores.start();
  EXPECT_EQ(thread_of(cores.at(CoreId{0})), thread_of(cores.at(CoreId{1})));
  cores.stop();
}

}  // namespace
}  // namespace roost::core
