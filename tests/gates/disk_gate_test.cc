// SPDX-License-Identifier: Apache-2.0
// Large records among small ones on their way to the log, and large bodies on theirs to the state.
#include "broker/gates/disk_gate.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "broker/base/hash.h"
#include "broker/gates/content.h"
#include "tests/gates/held_store.h"

namespace roost::gates {
namespace {

using routing::MessagePtr;
using session::RetainedRecord;

constexpr ShardId kShard{3}, kOther{4};
constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kLarge = 3 * kMiB;  // in four parts: each has a head

MessagePtr message(std::string_view topic, std::size_t size, std::uint64_t origin, char fill) {
  const std::string payload(size, fill);
  routing::MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(payload);
  parts.qos = mqtt::Qos::at_least_once;
  parts.retain = true;
  parts.origin = origin;
  return routing::Message::make(parts);
}

// A core with its gate, on what the store holds.
class Node {
  HeldStore& store_;
  ManualClock clock_;
  core::Cores cores_{1, clock_};
  routing::RoutingTable routing_;
  session::SessionTables tables_;

 public:
  Node(HeldStore& store, std::uint64_t epoch) : store_(store) {
    table = std::make_unique<session::SessionTable>(core(), cores_, routing_, tables_);
    tables_.tables.push_back(table.get());
    routing_.routers.push_back(&table->router());
    const auto view = store.view();
    for (std::uint16_t id = 0; id < routing_.shard_count; ++id) {
      const auto started = start_shard(store, *view, *table, ShardId{id}, clock_);
      EXPECT_EQ(started.unreadable, store.replay_fault.empty() ? 0U : 1U);
      EXPECT_EQ(started.first_fault, store.replay_fault);
    }
    gate = std::make_unique<DiskGate>(store, core(), *table, epoch);
    table->use(*gate, *gate);
    session::StartedRecord limits;
    limits.max_queued_messages = 100;
    limits.max_queued_bytes = 1 << 30;
    run([this, limits] { table->lead(limits); });
    while (sync_one()) {
    }
  }

  core::Core& core() { return cores_.at(CoreId{0}); }
  void run(core::Task work) {
    core().post(std::move(work));
    core().run_once(0);
  }
  void append(ShardId shard, session::Record record) {
    run([this, shard, record = std::move(record)]() mutable {
      gate->append(shard, std::move(record), nullptr);
    });
  }
  void keep(ShardId shard, const MessagePtr& what) { append(shard, RetainedRecord{what, {}}); }
  // One batch becomes durable; what follows from it happens.
  bool sync_one() {
    const bool any = store_.sync_one();
    for (int i = 0; i < 3; ++i) core().run_once(0);
    return any;
  }
  void sync_all() {
    while (sync_one()) {
    }
  }
  void checkpoint() {
    bool done = false;
    run([&] { table->checkpoint([&done] { done = true; }); });
    while (!done) core().run_once(0);
    store_.flush_state([](const Result<void>&) {});
  }
  // Of the retained message of that topic, and its first byte; "": there is none.
  std::string kept(ShardId shard, std::string_view topic) {
    const MessagePtr found = table->shard(shard).retained().find(topic);
    if (!found) return "";
    return std::string(1, static_cast<char>(found->payload()[0])) +
           std::to_string(found->payload().size());
  }

  std::unique_ptr<session::SessionTable> table;
  std::unique_ptr<DiskGate> gate;
};

const std::string kWhole = "L" + std::to_string(kLarge);

TEST(DiskGate, SmallRecordsOfTheSameShardPassALargeOne) {
  HeldStore store;
  Node node(store, 1);
  node.keep(kShard, message("large", kLarge, 1, 'L'));
  node.keep(kShard, message("small", 5, 2, 's'));
  ASSERT_EQ(store.waiting(), 2U);
  EXPECT_TRUE(node.sync_one());  // the first part
  EXPECT_TRUE(node.sync_one());
  EXPECT_EQ(node.kept(kShard, "small"), "s5");
  EXPECT_EQ(node.kept(kShard, "large"), "");
  node.sync_all();
  EXPECT_EQ(node.kept(kShard, "large"), kWhole);
  EXPECT_TRUE(node.gate->is_idle());
}

TEST(DiskGate, PartsOfAllShardsGoOneAtATime) {
  HeldStore store;
  Node node(store, 1);
  node.keep(kShard, message("large", kLarge, 1, 'L'));
  node.keep(kOther, message("large", kLarge, 1, 'L'));
  int parts = 0;
  while (store.waiting() > 0) {
    ASSERT_EQ(store.waiting(), 1U);
    ASSERT_LE(store.first_bytes(), kMiB);
    node.sync_one();
    ++parts;
    EXPECT_EQ(node.kept(kShard, "large"), parts < 6 ? "" : kWhole) << parts;
    EXPECT_EQ(node.kept(kOther, "large"), parts < 8 ? "" : kWhole) << parts;
  }
  EXPECT_EQ(parts, 8);
}

TEST(DiskGate, WhatBelongsBehindALargeRecordStaysThere) {
  HeldStore store;
  Node node(store, 1);
  node.keep(kShard, message("large", kLarge, 1, 'L'));
  node.keep(kShard, message("large", 1, 2, 'n'));  // its topic
  node.keep(kShard, message("other", 1, 1, 'o'));  // its publisher
  node.keep(kShard, message("third", 1, 2, 't'));  // the publisher of one that waits
  node.keep(kShard, message("free", 1, 3, 'f'));
  for (int part = 1; part <= 3; ++part) node.sync_one();
  EXPECT_EQ(node.kept(kShard, "free"), "f1");
  for (const char* topic : {"large", "other", "third"}) EXPECT_EQ(node.kept(kShard, topic), "");
  node.sync_all();
  EXPECT_EQ(node.kept(kShard, "large"), "n1");
  EXPECT_EQ(node.kept(kShard, "other"), "o1");
  EXPECT_EQ(node.kept(kShard, "third"), "t1");
}

TEST(DiskGate, LargeRecordsOfOneShardGoOneAfterTheOther) {
  HeldStore store;
  Node node(store, 1);
  node.keep(kShard, message("large/1", kLarge, 1, 'L'));
  node.keep(kShard, message("large/2", kLarge, 2, 'L'));
  for (int part = 1; part <= 4; ++part) node.sync_one();
  EXPECT_EQ(node.kept(kShard, "large/1"), kWhole);
  EXPECT_EQ(node.kept(kShard, "large/2"), "");
  node.sync_all();
  EXPECT_EQ(node.kept(kShard, "large/2"), kWhole);
}

// A crash after each part: a large record is there as a whole or not at all.
TEST(DiskGate, ACrashBetweenPartsLeavesNothingOfTheRecord) {
  for (int durable = 0; durable <= 5; ++durable) {
    HeldStore store;
    {
      Node node(store, 1);
      node.keep(kShard, message("large", kLarge, 1, 'L'));
      node.keep(kShard, message("small", 5, 2, 's'));
      for (int i = 0; i < durable; ++i) ASSERT_TRUE(node.sync_one());
      store.crash();
    }
    Node again(store, 2);
    EXPECT_EQ(again.kept(kShard, "small"), durable >= 2 ? "s5" : "") << durable;
    EXPECT_EQ(again.kept(kShard, "large"), durable >= 5 ? kWhole : "") << durable;
    again.keep(kShard, message("large", kLarge + 1, 1, 'M'));
    again.sync_all();
    EXPECT_EQ(again.kept(kShard, "large"), "M" + std::to_string(kLarge + 1));
  }
}

// The state is ahead of the first parts, which are still needed.
TEST(DiskGate, ACheckpointBetweenPartsKeepsThemInTheLog) {
  HeldStore store;
  {
    Node node(store, 1);
    node.keep(kShard, message("large", kLarge, 1, 'L'));
    node.keep(kShard, message("small", 5, 2, 's'));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(node.sync_one());
    node.checkpoint();
    EXPECT_EQ(store.applied(kShard), 3U);  // begin of the epoch, part, small
    node.sync_all();
    EXPECT_EQ(node.kept(kShard, "large"), kWhole);
    store.crash();
  }
  Node again(store, 2);
  EXPECT_EQ(again.kept(kShard, "large"), kWhole);
  EXPECT_EQ(again.kept(kShard, "small"), "s5");
  again.checkpoint();
  EXPECT_EQ(store.log_size(kShard), 0U);
}

TEST(DiskGate, WritesLargeBodiesOfTheStateInParts) {
  HeldStore store;
  {
    Node node(store, 1);
    node.keep(kShard, message("large", 5 * kMiB, 1, 'L'));
    for (int i = 0; i < 20; ++i) {
      node.keep(kShard, message("middle/" + std::to_string(i), 200'000, 2, 'm'));
    }
    node.sync_all();
    node.checkpoint();
    EXPECT_LE(store.state_bytes_max(), 2 * kMiB + 1000);
    EXPECT_EQ(store.log_size(kShard), 0U);
  }
  const std::size_t keys = store.state_size(kShard);
  Node again(store, 2);
  EXPECT_EQ(again.kept(kShard, "large"), "L" + std::to_string(5 * kMiB));
  EXPECT_EQ(again.kept(kShard, "middle/19"), "m200000");
  again.keep(kShard, message("large", 0, 1, ' '));
  again.keep(kShard, message("middle/0", 10, 1, 'x'));
  again.sync_all();
  again.checkpoint();
  // Value, references and six parts of the one; references and a part of the other.
  EXPECT_EQ(store.state_size(kShard), keys - 8 - 2);
}

// Node's constructor says what it expects.
TEST(DiskGate, ALogThatCannotBeReadToItsEndIsSaid) {
  HeldStore store;
  store.replay_fault = "the log can't be read: damaged";
  const Node node(store, 1);
}

// In the log, and then in the state.
TEST(Content, IsWhatSomebodyLeftAndNotThatANodeRan) {
  HeldStore store;
  {
    Node once(store, 1);
    EXPECT_GT(store.log_size(kShard), 0u);
    EXPECT_FALSE(has_content(store, kShard));
    once.checkpoint();
  }
  Node node(store, 2);
  node.checkpoint();
  EXPECT_GT(store.state_size(kShard), 0u);
  EXPECT_FALSE(has_content(store, kShard));
  node.keep(kShard, message("a", 10, 7, 'S'));
  node.sync_all();
  EXPECT_TRUE(has_content(store, kShard)) << "in the log";
  node.checkpoint();
  EXPECT_TRUE(has_content(store, kShard)) << "in the state";
  EXPECT_FALSE(has_content(store, kOther));
  node.keep(kShard, message("a", 0, 7, 'S'));
  node.sync_all();
  node.checkpoint();
  EXPECT_FALSE(has_content(store, kShard)) << "nothing is left of it";
  store.replay_fault = "a damaged page";
  EXPECT_TRUE(has_content(store, kShard)) << "nobody knows";
}

}  // namespace
}  // namespace roost::gates
