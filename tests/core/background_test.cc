// SPDX-License-Identifier: Apache-2.0
// Work that can wait: when it runs, how much of it, in which order.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "broker/core/core.h"
#include "broker/core/cores.h"

namespace roost::core {
namespace {

class Piece final : public Background {
 public:
  explicit Piece(std::function<void()> call) : call_(std::move(call)) {}
  void on_background() override { call_(); }

 private:
  std::function<void()> call_;
};

class CallingTurnEnd final : public TurnEnd {
 public:
  std::function<void()> call = [] {};
  void on_turn_end() override { call(); }
};

class BackgroundStage : public testing::Test {
 protected:
  // Pieces that take `ms` each and write down their letters.
  void add(const std::string& letters, std::int64_t ms, bool first = false) {
    for (const char letter : letters) {
      pieces_.push_back(std::make_unique<Piece>([this, letter, ms] {
        order_ += letter;
        clock_.advance_ms(ms);
      }));
      core_.in_background(*pieces_.back(), first);
    }
  }

  ManualClock clock_;
  Core core_{CoreId{0}, clock_};
  std::string order_;
  std::vector<std::unique_ptr<Piece>> pieces_;
};

TEST_F(BackgroundStage, ATurnDoesAsMuchAsItsBudget) {
  add("abcde", 1);
  core_.run_once(-1);  // without a wait: there is work
  EXPECT_EQ(order_, "ab");
  EXPECT_EQ(core_.background_waiting(), 3U);
  core_.run_once(-1);
  core_.run_once(-1);
  EXPECT_EQ(order_, "abcde");
  EXPECT_EQ(core_.background_waiting(), 0U);
  EXPECT_EQ(core_.counters().background.value(), 5U);
}

TEST_F(BackgroundStage, ALongTurnDoesOnePiece) {
  add("abc", 0);
  core_.post([this] { clock_.advance_ms(5); });
  core_.run_once(-1);
  EXPECT_EQ(order_, "a");
  core_.run_once(-1);
  EXPECT_EQ(order_, "abc");
}

TEST_F(BackgroundStage, AHalfSpentTurnDoesLess) {
  add("abcd", 1);
  core_.post([this] { clock_.advance_ms(1); });
  core_.run_once(-1);
  EXPECT_EQ(order_, "a");
}

TEST_F(BackgroundStage, RunsAfterMailAndTurnEnd) {
  CallingTurnEnd end;
  end.call = [this] { order_ += 'e'; };
  add("b", 0);
  core_.post([this, &end] {
    order_ += 'm';
    core_.at_turn_end(end);
  });
  core_.run_once(-1);
  EXPECT_EQ(order_, "meb");
}

TEST_F(BackgroundStage, TurnEndWorkOfAPieceRunsInTheSameTurn) {
  CallingTurnEnd end;
  end.call = [this] { order_ += 'e'; };
  Piece piece([this, &end] { core_.at_turn_end(end); });
  core_.in_background(piece);
  core_.run_once(-1);
  EXPECT_EQ(order_, "e");
}

TEST_F(BackgroundStage, UrgentPiecesComeFirst) {
  add("xy", 1);
  add("ab", 1, true);
  for (int i = 0; i < 2; ++i) core_.run_once(-1);
  EXPECT_EQ(order_, "abxy");
}

TEST_F(BackgroundStage, OthersGetEveryNinthPiece) {
  add("xy", 0);
  add("abcdefghijklmnopqr", 0, true);
  core_.run_once(-1);
  EXPECT_EQ(order_, "abcdefghxijklmnopyqr");
}

TEST_F(BackgroundStage, APieceMayComeAgain) {
  int runs = 0;
  Piece piece([this, &piece, &runs] {
    if (++runs < 3) core_.in_background(piece);
    clock_.advance_ms(3);
  });
  core_.in_background(piece);
  core_.in_background(piece);  // waits already
  for (int i = 0; i < 3; ++i) core_.run_once(-1);
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(core_.background_waiting(), 0U);
}

TEST_F(BackgroundStage, APieceThatIsGoneIsNotRun) {
  add("abc", 0);
  pieces_.erase(pieces_.begin() + 1);
  core_.run_once(-1);
  EXPECT_EQ(order_, "ac");
}

TEST_F(BackgroundStage, ACoreMayGoBeforeItsPieces) {
  Piece piece([] {});
  {
    Core other(CoreId{1}, clock_);
    other.in_background(piece);
  }
  EXPECT_FALSE(piece.is_listed());
}

// With real threads: pieces that were asked for by mail, which may be run in a borrowed turn or in
// one of the host's, all get done though nothing else happens.
void all_get_done(const HostRules& rules) {
  constexpr int kCores = 3;
  constexpr int kPieces = 200;
  const SystemClock clock;
  Cores cores(kCores, clock, rules);
  std::atomic<int> done{0};
  std::vector<std::unique_ptr<Piece>> pieces;
  for (int i = 0; i < kCores * kPieces; ++i) {
    pieces.push_back(std::make_unique<Piece>([&done] { done.fetch_add(1); }));
  }
  cores.start();
  for (int i = 0; i < kPieces; ++i) {
    for (std::uint16_t at = 0; at < kCores; ++at) {
      Core& core = cores.at(CoreId{at});
      Piece& piece = *pieces[static_cast<std::size_t>(i * kCores + at)];
      const auto ask = [&core, &piece, i] { core.in_background(piece, i % 2 == 0); };
      // Through another core, so that turns are borrowed, or from here.
      if (i % 3 == 0) {
        cores.at(CoreId{static_cast<std::uint16_t>((at + 1) % kCores)}).post([&core, ask] {
          core.post(ask);
        });
      } else {
        core.post_and_run(ask);
      }
    }
    while (done.load() < (i + 1) * kCores) std::this_thread::yield();  // and all sleep again
  }
  cores.stop();
  EXPECT_EQ(done.load(), kCores * kPieces);
}

TEST(BackgroundThreads, AllGetDoneOnOwnThreads) { all_get_done({.hosts = false}); }
TEST(BackgroundThreads, AllGetDoneOnOneThread) { all_get_done({}); }
TEST(BackgroundThreads, AllGetDoneWhileCoresLeaveAndComeBack) {
  all_get_done({.window_ms = 1, .send_off_load = 0.05, .call_home_load = 2, .quiet_windows = 1});
}

}  // namespace
}  // namespace roost::core
