// SPDX-License-Identifier: Apache-2.0
// Large records among several nodes: whole or not at all, wherever the leader changes.
#include "tests/gates/replica_stage.h"

namespace roost::gates {
namespace {

using ReplicaGatesLarge = ReplicaGates;

TEST_F(ReplicaGatesLarge, LargeRecordsComeWhole) {
  for (const std::size_t size : {kMiB - 1, kMiB, kMiB + 1, 3 * kMiB}) {
    const std::string topic = "t/" + std::to_string(size);
    a().append(RetainedRecord{message(topic, std::string(size, 'L'), 0), {}});
    commit();
    EXPECT_EQ(a().kept(topic).size(), size);
    EXPECT_EQ(b().kept(topic).size(), size);
  }
  EXPECT_EQ(b().gate->counters().unreadable.value(), 0U);
  expect_same_state();
}

// After each of its parts, with the parts that weren't committed lost, or not.
TEST_F(ReplicaGatesLarge, ALeaderChangeInTheMiddleOfALargeRecordLeavesAllOfItOrNothing) {
  int round = 0;
  for (const std::size_t size : {kMiB - 1, kMiB, kMiB + 1}) {
    for (std::size_t parts = 0; parts <= 3; ++parts) {
      for (const std::size_t kept : {0, 1}) {
        ReplicaNode& from = round % 2 == 0 ? a() : b();
        ReplicaNode& to = round % 2 == 0 ? b() : a();
        const std::string topic = "t/" + std::to_string(round++);
        from.append(RetainedRecord{message(topic, std::string(size, 'L'), 0), {}});
        from.append(RetainedRecord{message(topic, "behind it", 0), {}});
        for (std::size_t i = 0; i < parts; ++i) commit(1);
        move(from, to, kept);
        EXPECT_EQ(a().kept(topic), b().kept(topic)) << topic;
        const std::string found = a().kept(topic);
        if (parts + kept == 0) {
          EXPECT_EQ(found, "");
        }
        EXPECT_TRUE(found.empty() || found.size() == size || found == "behind it") << found.size();
        // The next leader's go through.
        const std::string again = topic + "/again";
        to.append(RetainedRecord{message(again, std::string(size, 'M'), 0), {}});
        commit();
        EXPECT_EQ(a().kept(again).size(), size);
        EXPECT_EQ(b().kept(again).size(), size);
        EXPECT_TRUE(from.gate->is_idle() && to.gate->is_idle());
      }
    }
  }
  EXPECT_EQ(a().gate->counters().unreadable.value(), 0U);
  EXPECT_EQ(b().gate->counters().unreadable.value(), 0U);
  expect_same_state();
}

// Checkpoints of leader and follower keep in the log what isn't whole; both restart in the middle.
TEST_F(ReplicaGatesLarge, ACheckpointInTheMiddleOfALargeRecordKeepsItsParts) {
  const std::string whole(3 * kMiB, 'L');
  a().append(RetainedRecord{message("large", whole, 0), {}});
  a().append(RetainedRecord{message("small", "s", 0), {}});
  for (int i = 0; i < 4; ++i) commit(1);
  EXPECT_EQ(a().kept("small"), "s");
  for (auto& node : nodes) node->checkpoint();
  const auto applied = stores[1].applied(kShard);
  EXPECT_GT(applied, 0U);
  EXPECT_LT(a().hosts.trimmed(kShard), applied);
  EXPECT_LT(b().hosts.trimmed(kShard), applied);
  nodes[1]->run([&] { nodes[1]->gate->is_idle(); });
  nodes[1] = nullptr;
  nodes[1] = std::make_unique<ReplicaNode>(log, stores[1], 9'000);
  commit();
  EXPECT_EQ(a().kept("large"), whole);
  EXPECT_EQ(b().kept("large"), whole);
  EXPECT_EQ(b().gate->counters().unreadable.value(), 0U);
  expect_same_state();
  EXPECT_EQ(a().hosts.trimmed(kShard), stores[0].applied(kShard));
}

// Nobody goes on with it, so it doesn't hold up the log either.
TEST_F(ReplicaGatesLarge, ARecordThatIsLeftUnfinishedIsOverWithItsEpoch) {
  a().append(RetainedRecord{message("large", std::string(3 * kMiB, 'L'), 0), {}});
  for (int i = 0; i < 2; ++i) commit(1);
  move(a(), b());
  for (auto& node : nodes) node->checkpoint();
  for (int i = 0; i < 2; ++i) {
    EXPECT_GT(stores[i].applied(kShard), 0U);
    EXPECT_EQ(nodes[i]->hosts.trimmed(kShard), stores[i].applied(kShard));
  }
}

}  // namespace
}  // namespace roost::gates
