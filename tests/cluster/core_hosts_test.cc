// SPDX-License-Identifier: Apache-2.0
#include "cluster/core_hosts.h"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/replication/log_record.h"
#include "tests/cluster/memory_store.h"
#include "tests/support/eventually.h"

namespace roost::cluster {
namespace {

constexpr std::uint16_t kShards = 5;

struct NoNode final : CoreNode {
  bool send(PeerId, std::uint64_t, Lane, std::string) override { return true; }
  std::size_t waiting_bytes(PeerId, Lane) const override { return waiting; }
  void transact(Txn txn, Coordinator::TxnDone) override { txns.push_back(std::move(txn)); }
  void read_record(ShardId, RecordRead) override {}
  void run_aside(std::function<void()>) override {}
  void raise(ShardId, std::string_view text) override { ADD_FAILURE() << text; }
  void fail(ShardId, std::string_view why) override { ADD_FAILURE() << why; }
  void report(std::size_t, std::vector<ShardStatus>, bool) override {}
  std::vector<Txn> txns;
  std::size_t waiting = 0;  // for each peer
};

struct Told final : ShardEvents {
  void on_hosted(ShardId) override {}
  void on_committed(ShardId shard, const replication::LogRecord&) override {
    committed.insert(shard.value);
  }
  void on_replaced(ShardId) override {}
  void on_leading(ShardId shard, replication::Epoch) override { leading.insert(shard.value); }
  void on_following(ShardId) override {}
  void on_dropped(ShardId) override {}
  std::set<std::uint16_t> leading, committed;
};

// One core that leads all its shards, alone in them. Its turns are the test's.
class OneCore : public ::testing::Test {
 protected:
  OneCore() {
    settings_.self = {"n1", store_.uuid()};
    hosts_ = std::make_unique<CoreHosts>(
        settings_, Keys("test"), store_,
        [this](std::function<void()> job) { post(std::move(job)); }, node_, clock_);
    hosts_->start(told_);
    for (std::uint16_t id = 0; id < kShards; ++id) {
      ShardRecord record;
      record.counter = record.lineage = record.epoch = 1;
      record.leader = settings_.self;
      record.isr = record.replicas = {settings_.self};
      hosts_->on_record(ShardId{id}, {record, 1});
    }
    EXPECT_TRUE(run_until([&] { return told_.leading.size() == kShards; }));
  }

  void post(std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  bool run_until(const std::function<bool()>& is_so) {
    return support::eventually([&] {
      for (const auto& job : take_jobs()) job();
      return is_so();
    });
  }
  std::vector<std::function<void()>> take_jobs() {
    const std::lock_guard lock(mutex_);
    return std::exchange(jobs_, {});
  }
  void propose(std::uint16_t shard) {
    auto* const record = new replication::RecordBuffer(std::vector<std::uint8_t>{1, 2, 3});
    const auto owner = SharedPtr<SharedBlock>::adopt(record);
    hosts_->propose(ShardId{shard}, owner, record->bytes());
  }

  std::mutex mutex_;
  std::vector<std::function<void()>> jobs_;  // guarded by mutex_
  ManualClock clock_;
  NoNode node_;
  Told told_;
  CoreHostsSettings settings_;
  MemoryStore store_{std::make_shared<MemoryReplicaDisk>()};
  std::unique_ptr<CoreHosts> hosts_;
};

TEST_F(OneCore, WhatATurnAppendsIsWrittenAtOnceWhateverTheShards) {
  const std::uint64_t before = store_.counters().syncs.value();
  for (std::uint16_t id = 0; id < kShards; ++id) propose(id);
  hosts_->turn(clock_.steady_ms());
  ASSERT_TRUE(run_until([&] { return told_.committed.size() == kShards; }));
  EXPECT_EQ(store_.counters().syncs.value(), before + 1);
}

// As after a crash in the middle of a hand-over. R5
TEST_F(OneCore, WhoBeginsToLeadDoesntWaitForWhoWasGoneBefore) {
  const Replica dead{"n2", "5d6a"};
  hosts_->on_member_gone(replication::member_id(dead));
  ShardRecord record;
  record.counter = record.lineage = 1;
  record.epoch = 2;
  record.leader = settings_.self;
  record.isr = record.replicas = {settings_.self, dead};
  hosts_->on_record(ShardId{kShards}, {record, 1});
  EXPECT_TRUE(run_until([&] {
    hosts_->tick(clock_.steady_ms());
    return !node_.txns.empty();
  })) << "to leave the ISR, though no time passes";
}

TEST_F(OneCore, WhatAPeerDoesntReadIsSkippedAndCounted) {
  const Replica slow{"n2", "5d6a"};
  hosts_->on_peer_up(PeerId{1}, 1, replication::member_id(slow));
  ShardRecord record;
  record.counter = record.lineage = record.epoch = 2;
  record.leader = settings_.self;
  record.isr = {settings_.self};
  record.replicas = {settings_.self, slow};
  hosts_->on_record(ShardId{kShards}, {record, 1});
  ASSERT_TRUE(run_until([&] { return told_.leading.contains(kShards); }));
  // It answers the Fence, so that what is appended is for it too.
  replication::Fenced fenced;
  fenced.epoch = fenced.lineage = 2;
  MessageChunks chunks;
  ASSERT_TRUE(chunks.add(ShardId{kShards}, fenced));
  std::vector<ReceivedChunkPtr> received;
  for (std::string& chunk : chunks.take()) {
    received.push_back(ReceivedChunkPtr::adopt(new ReceivedChunk(std::move(chunk))));
  }
  hosts_->on_messages(PeerId{1}, 1, received);
  const auto skipped = [&] { return hosts_->counters().appends_skipped.value(); };
  propose(kShards);
  hosts_->turn(clock_.steady_ms());
  EXPECT_EQ(skipped(), 0u);
  node_.waiting = CoreHosts::kWaitingBytesMax + 1;
  propose(kShards);
  hosts_->turn(clock_.steady_ms());
  EXPECT_EQ(skipped(), 1u);
}

TEST_F(OneCore, ATurnThatAppendsNothingWritesNothing) {
  const std::uint64_t before = store_.counters().syncs.value();
  hosts_->tick(clock_.steady_ms());
  hosts_->turn(clock_.steady_ms());
  propose(0);
  hosts_->turn(clock_.steady_ms());
  ASSERT_TRUE(run_until([&] { return told_.committed.size() == 1; }));
  EXPECT_EQ(store_.counters().syncs.value(), before + 1);
}

}  // namespace
}  // namespace roost::cluster
