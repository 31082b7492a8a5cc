// SPDX-License-Identifier: Apache-2.0
// The heap of due sessions beside a plain list, random changes by seed.
#include "broker/session/due_sessions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "broker/session/stored_session.h"

namespace roost::session {
namespace {

struct Plain {
  StoredSession session;
  ShardMs due_ms = kNever;
};

ShardMs earliest(const std::vector<std::unique_ptr<Plain>>& all) {
  ShardMs ms = kNever;
  for (const auto& one : all) ms = std::min(ms, one->due_ms);
  return ms;
}

TEST(DueSessions, NamesTheEarliestThroughAllChanges) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::unique_ptr<Plain>> all;
    for (std::uint64_t number = 0; number < 50; ++number) {
      all.emplace_back(new Plain{StoredSession("x", number)});
    }
    DueSessions due;
    for (int step = 0; step < 2'000; ++step) {
      Plain& one = *all[random() % all.size()];
      one.due_ms = random() % 4 == 0 ? kNever : static_cast<ShardMs>(random() % 100);
      due.set(one.session, one.due_ms);
      const ShardMs next_ms = earliest(all);
      ASSERT_EQ(due.next_ms(), next_ms) << "seed " << seed << ", step " << step;
      if (next_ms == kNever) continue;
      ASSERT_EQ(all[due.next().number]->due_ms, next_ms);
    }
  }
}

TEST(DueSessions, OneThatComesAndGoesStandsOnce) {
  StoredSession lamp("lamp", 1), other("other", 2);
  DueSessions due;
  due.set(other, 5);
  for (ShardMs ms = 1; ms <= 1'000; ++ms) {
    due.set(lamp, kNever);
    due.set(lamp, ms);
  }
  EXPECT_EQ(due.size(), 2U);
  EXPECT_EQ(due.next_ms(), 5);
  due.set(other, kNever);
  due.set(lamp, kNever);
  EXPECT_EQ(due.next_ms(), kNever);
}

}  // namespace
}  // namespace roost::session
