// SPDX-License-Identifier: Apache-2.0
#include "broker/core/pulse.h"

#include <gtest/gtest.h>

#include <future>

namespace roost::core {
namespace {

// Returns when the core has run all that was posted to it before.
void let_turn(Core& core) {
  std::promise<void> turned;
  core.post([&turned] { turned.set_value(); });
  turned.get_future().wait();
}

class PulseTest : public testing::Test {
 protected:
  explicit PulseTest(HostRules rules = {}) : cores(3, clock, rules) { cores.start(); }
  ~PulseTest() override { cores.stop(); }

  void let_all_turn() {
    for (std::uint16_t id = 0; id < cores.size(); ++id) let_turn(cores.at(CoreId{id}));
  }

  SystemClock clock;
  Cores cores;
  Pulse pulse{cores};
};

class OwnThreads : public PulseTest {
 protected:
  OwnThreads() : PulseTest(HostRules{.hosts = false}) {}
};

TEST_F(PulseTest, BeatsAsLongAsAllCoresTurn) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(pulse.beat());
    let_all_turn();
  }
}

TEST_F(OwnThreads, OneStuckCoreStopsItUntilItTurnsAgain) {
  std::promise<void> stuck, freed;
  cores.at(CoreId{1}).post([&] {
    stuck.set_value();
    freed.get_future().wait();
  });
  stuck.get_future().wait();
  EXPECT_TRUE(pulse.beat()) << "nothing was asked of it before";
  let_turn(cores.at(CoreId{0}));
  let_turn(cores.at(CoreId{2}));
  EXPECT_FALSE(pulse.beat());
  EXPECT_FALSE(pulse.beat());
  freed.set_value();
  let_all_turn();
  EXPECT_TRUE(pulse.beat());
}

TEST_F(PulseTest, WithoutCoresThatRunThereIsNone) {
  EXPECT_TRUE(pulse.beat());
  let_all_turn();
  cores.stop();
  EXPECT_TRUE(pulse.beat()) << "the last mail was run";
  EXPECT_FALSE(pulse.beat());
}

}  // namespace
}  // namespace roost::core
