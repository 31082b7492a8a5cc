// SPDX-License-Identifier: Apache-2.0
// Snapshots on their way: so many pieces at a time, and an end for whatever goes wrong.
#include "cluster/snapshot_streams.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <mutex>

#include "broker/base/check.h"
#include "cluster/peer_network.h"
#include "tests/cluster/memory_store.h"
#include "tests/support/eventually.h"

namespace roost::cluster {
namespace {

constexpr ShardId kShard{3};
constexpr PeerId kOther{1};
constexpr std::uint64_t kSession = 7;

// One end, with what it says to the other.
class End final : public SnapshotHost {
 public:
  End() : store_(disk_), streams_(store_, poster(), *this) {}

  // State of about so many pieces of several values, and a record.
  void fill(int pieces) {
    const std::lock_guard lock(disk_->mutex);
    MemoryReplica& at = disk_->shards[kShard.value];
    for (int i = 0; i < 3 * pieces; ++i) {
      at.state["key" + std::to_string(1000 + i)] = std::string(100'000, 'v');
    }
    at.log[5] = {2, "record"};
    at.trimmed = {2, 4};
    at.epochs = {{2, 1}};
    at.applied = 4;
  }
  // Runs what was posted until it is so.
  bool run_until(const std::function<bool()>& is_so) {
    return support::eventually([&] {
      run();
      return is_so();
    });
  }
  void run() {
    std::deque<std::function<void()>> jobs;
    {
      const std::lock_guard lock(mutex_);
      jobs.swap(jobs_);
    }
    for (const auto& job : jobs) job();
  }
  template <typename Kind>
  std::size_t said() const {
    return static_cast<std::size_t>(
        std::count_if(sent.begin(), sent.end(),
                      [](const PeerMessage& one) { return std::holds_alternative<Kind>(one); }));
  }

  // SnapshotHost
  bool send_bulk(PeerId, std::uint64_t session, std::string chunk) override {
    if (session != kSession) return false;
    auto message = decode_peer_message(as_bytes(chunk));
    CHECK(message.has_value() && chunk.size() <= kChunkBytesMax);
    sent.push_back(std::move(message).value());
    return true;
  }
  void run_aside(std::function<void()> job) override { job(); }
  bool is_importing(ShardId, std::uint64_t import) const override { return import == importing; }
  void write_began(ShardId) override { ++writes; }
  void write_ended(ShardId) override { --writes; }
  void on_imported(ShardId, std::uint64_t, replication::Imported what) override { imported = what; }
  void on_progress(ShardId, replication::MemberId, std::uint64_t) override { ++progress; }
  void on_ended(ShardId, replication::MemberId, std::uint64_t import) override {
    ended.push_back(import);
  }

  std::deque<PeerMessage> sent;
  std::uint64_t importing = 0;
  int writes = 0, progress = 0;
  std::optional<replication::Imported> imported;
  std::vector<std::uint64_t> ended;
  SnapshotStreams& streams() { return streams_; }
  MemoryReplicaDisk& disk() { return *disk_; }

 private:
  SnapshotStreams::Post poster() {
    return [this](std::function<void()> job) {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    };
  }

  std::mutex mutex_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_
  std::shared_ptr<MemoryReplicaDisk> disk_ = std::make_shared<MemoryReplicaDisk>();
  MemoryStore store_;
  SnapshotStreams streams_;
};

class Streams : public testing::Test {
 protected:
  void begin(std::uint64_t import) {
    from_.streams().begin(kShard, replication::MemberId{9}, kOther, kSession, import);
  }
  // Hands over what one said to the other.
  static void pass(End& from, End& to) {
    for (const PeerMessage& one : std::exchange(from.sent, {})) {
      to.streams().on_message(kOther, kSession, one);
    }
  }

  End from_, to_;
};

TEST_F(Streams, CarryAShardWhole) {
  from_.fill(10);
  to_.importing = 2;
  begin(2);
  ASSERT_TRUE(support::eventually([&] {
    from_.run();
    pass(from_, to_);
    to_.run();
    pass(to_, from_);
    return !from_.ended.empty();
  }));
  EXPECT_EQ(from_.ended, std::vector<std::uint64_t>{2});
  EXPECT_GT(from_.progress, 5);
  ASSERT_TRUE(to_.imported.has_value());
  EXPECT_EQ(to_.imported->applied, 4U);
  EXPECT_EQ(to_.imported->last, 5U);
  EXPECT_EQ(to_.writes, 0);
  EXPECT_EQ(to_.disk().shards[kShard.value].state, from_.disk().shards[kShard.value].state);
  EXPECT_EQ(to_.disk().shards[kShard.value].log[5].bytes, "record");
}

TEST_F(Streams, OnlySoManyPiecesAreUnderWay) {
  from_.fill(10);
  begin(2);
  ASSERT_TRUE(from_.run_until([&] { return from_.sent.size() == SnapshotStreams::kWindow; }));
  from_.run();
  EXPECT_EQ(from_.sent.size(), SnapshotStreams::kWindow);
  from_.streams().on_message(kOther, kSession, PeerMessage(SnapshotTaken{kShard, 2, 1, false}));
  from_.run();
  EXPECT_EQ(from_.sent.size(), SnapshotStreams::kWindow + 1);
  // More than was sent can't be on its disk.
  from_.streams().on_message(kOther, kSession, PeerMessage(SnapshotTaken{kShard, 2, 100, true}));
  EXPECT_TRUE(from_.ended.empty());
}

TEST_F(Streams, OnlySoManySnapshotsAreUnderWay) {
  from_.fill(1);
  for (std::uint16_t i = 0; i <= SnapshotStreams::kOutgoingMax; ++i) {
    from_.streams().begin(ShardId{i}, replication::MemberId{9}, kOther, kSession, 2);
  }
  from_.streams().tick();
  EXPECT_EQ(from_.progress, 1);  // of the one that waits
  from_.streams().drop(ShardId{0});
  EXPECT_EQ(from_.ended.size(), 1U);
  from_.streams().tick();
  EXPECT_EQ(from_.progress, 1);
}

TEST_F(Streams, WhatIsNotWantedIsRefused) {
  from_.fill(3);
  to_.importing = 3;
  begin(2);
  from_.run();
  pass(from_, to_);
  EXPECT_GT(to_.said<SnapshotEnded>(), 0U);
  pass(to_, from_);
  EXPECT_EQ(from_.ended, std::vector<std::uint64_t>{2});
}

TEST_F(Streams, APieceThatIsMissingEndsIt) {
  from_.fill(3);
  to_.importing = 2;
  begin(2);
  from_.run();
  from_.sent.erase(from_.sent.begin() + 1);
  pass(from_, to_);
  EXPECT_GT(to_.said<SnapshotEnded>(), 0U);
  EXPECT_FALSE(to_.imported.has_value());
}

TEST_F(Streams, EndWithTheSession) {
  from_.fill(3);
  to_.importing = 2;
  begin(2);
  from_.run();
  from_.streams().on_peer_down(kOther);
  EXPECT_EQ(from_.ended, std::vector<std::uint64_t>{2});
  pass(from_, to_);
  to_.streams().on_peer_down(kOther);
  ASSERT_TRUE(to_.run_until([&] { return to_.writes == 0; }));
  EXPECT_FALSE(to_.imported.has_value());
}

TEST_F(Streams, ANewerOneEndsTheOlder) {
  from_.fill(3);
  begin(2);
  begin(3);
  EXPECT_EQ(from_.ended, std::vector<std::uint64_t>{2});
}

}  // namespace
}  // namespace roost::cluster
