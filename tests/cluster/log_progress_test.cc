// SPDX-License-Identifier: Apache-2.0
#include "cluster/log_progress.h"

#include <gtest/gtest.h>

namespace roost::cluster {
namespace {

class Progress : public testing::Test {
 protected:
  // Asked every 50 ms.
  bool is_stuck_after(std::int64_t ms) {
    bool is_stuck = false;
    for (const SteadyMs end = now_ + ms; now_ < end;) {
      is_stuck = progress_.is_stuck(counters_, now_ += 50);
    }
    return is_stuck;
  }

  storage::StoreCounters counters_;
  LogProgress progress_;
  SteadyMs now_ = 100'000;
};

TEST_F(Progress, IsMissedOnlyWhereSomethingWaits) {
  EXPECT_FALSE(is_stuck_after(10'000));  // idle
  counters_.pending_bytes.add(100);
  EXPECT_FALSE(is_stuck_after(1950));
  EXPECT_TRUE(is_stuck_after(50));
  counters_.syncs.add();  // more waits, but it gets on
  EXPECT_FALSE(is_stuck_after(2000));
  EXPECT_TRUE(is_stuck_after(50));
  counters_.pending_bytes.sub(100);
  EXPECT_FALSE(is_stuck_after(50));
}

// A process that was stopped for a while knows nothing of the disk.
TEST_F(Progress, IsNotMissedForTheTimeThatTheProcessStoodStill) {
  counters_.pending_bytes.add(100);
  EXPECT_FALSE(is_stuck_after(1000));
  now_ += 10'000;
  EXPECT_FALSE(is_stuck_after(2000));
  EXPECT_TRUE(is_stuck_after(50));
}

}  // namespace
}  // namespace roost::cluster
