// SPDX-License-Identifier: Apache-2.0
// What the gates of several nodes see of their cluster, in memory: one log a shard that all of them
// share. Who leads, what is committed and what a change of leader cuts off is the test's choice.
// State stands in each node's own HeldStore.
// Thread: the test's. Owner: the test.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "broker/base/check.h"
#include "cluster/shard_hosts.h"
#include "tests/gates/held_store.h"

namespace roost::gates {

class SharedHosts;

// Of all nodes.
struct SharedLog {
  using LogRecord = cluster::replication::LogRecord;
  struct Shard {
    std::vector<LogRecord> records;  // a no-op where an epoch begins
    std::size_t committed = 0;       // how many of them
    SharedHosts* leader = nullptr;
    std::uint64_t epoch = 0;
  };
  std::map<std::uint16_t, Shard> shards;
  Shard& at(ShardId id) { return shards[id.value]; }
  std::size_t uncommitted(ShardId id) { return at(id).records.size() - at(id).committed; }
};

class SharedHosts final : public cluster::ShardHosts {
 public:
  using LogRecord = cluster::replication::LogRecord;
  using Position = cluster::replication::Position;
  using LogIndex = cluster::replication::LogIndex;

  SharedHosts(SharedLog& log, HeldStore& store) : log_(log), store_(store) {}

  // --- the test's; in a turn of the node's core ---
  void use(cluster::ShardEvents& events) { events_ = &events; }
  void host(ShardId id) {
    hosted_[id.value].told = loaded(id);
    events_->on_hosted(id);
  }
  // Tells what is committed and wasn't told here yet.
  void tell(ShardId id) {
    const SharedLog::Shard& shard = log_.at(id);
    Hosted& here = hosted_[id.value];
    for (std::size_t i = 0; i < shard.committed; ++i) {
      const LogRecord& record = shard.records[i];
      if (record.position.index <= here.told) continue;
      here.told = record.position.index;
      if (!record.is_no_op()) events_->on_committed(id, record);
    }
  }
  // Of what isn't committed the first `kept` records are in the next leader's log, the rest never
  // were.
  void stop_leading(ShardId id, std::size_t kept) {
    SharedLog::Shard& shard = log_.at(id);
    shard.records.resize(shard.committed + std::min(kept, log_.uncommitted(id)));
    shard.leader = nullptr;
    events_->on_following(id);
  }
  void lead(ShardId id) {
    SharedLog::Shard& shard = log_.at(id);
    CHECK(shard.leader == nullptr);
    shard.committed = shard.records.size();
    ++shard.epoch;
    shard.records.push_back(cluster::replication::make_record({shard.epoch, next(id)}, {}));
    ++shard.committed;
    tell(id);
    shard.leader = this;
    events_->on_leading(id, shard.epoch);
  }
  // The replica is another's copy now: state as it stands in that one's store.
  void replace(ShardId id, HeldStore& from) {
    store_.copy(id, from);
    hosted_[id.value] = {loaded(id), 0};
    events_->on_replaced(id);
  }
  void drop(ShardId id) { events_->on_dropped(id); }
  void set_full(bool full) { full_ = full; }
  // The log goes up to there where all of it is in the state.
  LogIndex trimmed(ShardId id) const {
    const auto at = hosted_.find(id.value);
    return at == hosted_.end() ? 0 : at->second.trimmed;
  }
  int ticks = 0, turns = 0;

  // --- ShardHosts ---
  void tick(SteadyMs) override { ++ticks; }
  void turn(SteadyMs) override { ++turns; }
  bool leads(ShardId id) const override { return log_.at(id).leader == this; }
  bool can_propose(ShardId) const override { return !full_; }
  std::uint64_t lineage(ShardId) const override { return 1; }
  Position propose(ShardId id, SharedPtr<SharedBlock> owner, ByteView bytes) override {
    CHECK(!bytes.empty() && bytes.size() <= kRecordBytesMax);
    if (!leads(id)) return {};
    SharedLog::Shard& shard = log_.at(id);
    shard.records.push_back({{shard.epoch, next(id)}, 0, std::move(owner), bytes});
    return shard.records.back().position;
  }
  LogIndex loaded(ShardId id) const override { return store_.applied(id); }
  void replay(ShardId id, const Replay& visit) const override {
    for (const LogRecord& record : log_.at(id).records) {
      const LogIndex index = record.position.index;
      if (index > trimmed(id) && index <= loaded(id) && !record.is_no_op()) {
        visit(index, record.bytes);
      }
    }
  }
  void write_state(ShardId id, LogIndex applied, LogIndex keep_from, storage::StateBatch batch,
                   storage::Store::Done done) override {
    CHECK(applied <= hosted_[id.value].told);
    hosted_[id.value].trimmed = keep_from - 1;
    store_.write_state(id, applied, keep_from - 1, std::move(batch), std::move(done));
  }
  std::optional<SteadyMs> confirmed_ms(ShardId) const override { return std::nullopt; }
  void resign(ShardId) override {}
  void before_flush() override {}
  void after_flush(bool) override {}

 private:
  struct Hosted {
    LogIndex told = 0;
    LogIndex trimmed = 0;
  };
  LogIndex next(ShardId id) const {
    const auto& records = log_.at(id).records;
    return records.empty() ? 1 : records.back().position.index + 1;
  }

  SharedLog& log_;
  HeldStore& store_;
  cluster::ShardEvents* events_ = nullptr;
  std::map<std::uint16_t, Hosted> hosted_;
  bool full_ = false;
};

}  // namespace roost::gates
