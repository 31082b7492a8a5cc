// SPDX-License-Identifier: Apache-2.0
// A store in memory whose appends are durable when the test says so, one batch at a time. State is
// written at once; all of it outlives whoever uses it, as a disk does.
// Thread: the test's. Owner: the test.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/check.h"
#include "storage/keys.h"
#include "storage/store.h"

namespace roost::gates {

class HeldStore final : public storage::Store {
 public:
  // Batches that aren't durable yet, and the bytes of the first.
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t first_bytes() const { return waiting_.front().batch.record_bytes(); }
  // The first of them is durable now; false: there is none.
  bool sync_one() {
    if (waiting_.empty()) return false;
    Appended one = std::move(waiting_.front());
    waiting_.pop_front();
    one.batch.each([this](std::string_view key, std::string_view value) {
      const auto place = storage::parse_log_key(key);
      const auto parsed = storage::parse_log_value(key, value);
      CHECK(place && parsed);
      std::vector<std::uint8_t> bytes(parsed->record.begin(), parsed->record.end());
      shards_[place->shard.value].log[place->index] = {parsed->epoch, std::move(bytes)};
    });
    one.done({});
    return true;
  }
  // What isn't durable is lost, with whoever waited for it.
  void crash() { waiting_.clear(); }
  std::size_t log_size(ShardId shard) { return shards_[shard.value].log.size(); }
  std::size_t state_size(ShardId shard) { return shards_[shard.value].state.size(); }
  // The state's keys and values.
  using State = std::map<std::string, std::string>;
  const State& state_of(ShardId shard) { return shards_[shard.value].state; }
  // The shard is as it stands in the other store.
  void copy(ShardId shard, HeldStore& from) { shards_[shard.value] = from.shards_[shard.value]; }
  // Nobody is answered any more until it is let go.
  void hold_reads() { reads_held_ = true; }
  void let_reads_go() {
    reads_held_ = false;
    for (auto& job : std::exchange(reads_, {})) job(View(*this));
  }
  // The most that was written in one go.
  std::size_t state_bytes_max() const { return state_bytes_max_; }

  void append(storage::LogBatch batch, bool, Done done) override {
    waiting_.push_back({std::move(batch), std::move(done)});
  }
  bool is_congested() const override { return false; }
  bool is_low_on_space() const override { return false; }
  storage::Position last(ShardId id) const override {
    const auto at = shards_.find(id.value);
    if (at == shards_.end()) return {};
    if (at->second.log.empty()) return {0, at->second.applied};
    return {at->second.log.rbegin()->second.first, at->second.log.rbegin()->first};
  }
  storage::LogIndex applied(ShardId id) const override {
    const auto at = shards_.find(id.value);
    return at == shards_.end() ? 0 : at->second.applied;
  }
  Result<void> replay(ShardId id, storage::LogIndex after,
                      const RecordVisitor& visit) const override {
    if (!replay_fault.empty()) return Unexpected(Error{ErrorKind::io, replay_fault});
    const auto at = shards_.find(id.value);
    if (at == shards_.end()) return {};
    for (const auto& [index, record] : at->second.log) {
      if (index > after) visit(record.first, index, record.second);
    }
    return {};
  }
  void write_state(ShardId id, storage::LogIndex applied, storage::LogIndex trim_to,
                   storage::StateBatch batch, Done done) override {
    CHECK(trim_to <= applied);
    Shard& shard = shards_[id.value];
    state_bytes_max_ = std::max(state_bytes_max_, batch.bytes());
    batch.each([&](storage::StateBatch::Kind kind, std::string_view key, std::string_view value) {
      if (kind == storage::StateBatch::Kind::put) {
        shard.state[std::string(key)] = value;
      } else if (kind == storage::StateBatch::Kind::erase) {
        shard.state.erase(std::string(key));
      } else {
        shard.state.erase(shard.state.lower_bound(std::string(key)), end_of(shard, value));
      }
    });
    shard.applied = applied;
    shard.trim_to = std::max(shard.trim_to, trim_to);
    done({});
  }
  void flush_state(Done done) override {
    for (auto& [id, shard] : shards_) {
      shard.log.erase(shard.log.begin(), shard.log.upper_bound(shard.trim_to));
    }
    done({});
  }
  void read(std::function<void(const storage::StateView&)> job) override {
    if (reads_held_) {
      reads_.push_back(std::move(job));
    } else {
      job(View(*this));
    }
  }
  std::unique_ptr<storage::StateView> view() const override {
    return std::make_unique<View>(*this);
  }
  Result<std::unique_ptr<storage::Snapshot>> snapshot() override {
    return Unexpected(Error{ErrorKind::io, "not in this test"});
  }
  std::uint64_t cached_bytes() const override { return 0; }
  const std::string& uuid() const override { return uuid_; }
  const storage::StoreCounters& counters() const override { return counters_; }

  std::string replay_fault;  // not empty: what replay() ends with

 private:
  struct Appended {
    storage::LogBatch batch;
    Done done;
  };
  struct Shard {
    std::map<storage::LogIndex, std::pair<std::uint64_t, std::vector<std::uint8_t>>> log;
    State state;
    storage::LogIndex applied = 0, trim_to = 0;
  };
  static State::const_iterator end_of(const Shard& shard, std::string_view to) {
    return to.empty() ? shard.state.end() : shard.state.lower_bound(std::string(to));
  }
  class View final : public storage::StateView {
   public:
    explicit View(const HeldStore& store) : store_(store) {}
    Result<std::optional<std::string>> get(ShardId id, std::string_view key) const override {
      const auto shard = store_.shards_.find(id.value);
      if (shard == store_.shards_.end()) return std::optional<std::string>();
      const auto at = shard->second.state.find(std::string(key));
      if (at == shard->second.state.end()) return std::optional<std::string>();
      return std::optional(at->second);
    }
    Result<void> scan(
        ShardId id, std::string_view from, std::string_view to,
        const std::function<bool(std::string_view key, ByteView value)>& visit) const override {
      const auto shard = store_.shards_.find(id.value);
      if (shard == store_.shards_.end()) return {};
      const auto end = end_of(shard->second, to);
      for (auto at = shard->second.state.lower_bound(std::string(from)); at != end; ++at) {
        if (!visit(at->first, as_bytes(at->second))) break;
      }
      return {};
    }

   private:
    const HeldStore& store_;
  };

  std::deque<Appended> waiting_;
  std::map<std::uint16_t, Shard> shards_;
  std::size_t state_bytes_max_ = 0;
  bool reads_held_ = false;
  std::vector<std::function<void(const storage::StateView&)>> reads_;
  std::string uuid_ = "held";
  storage::StoreCounters counters_;
};

}  // namespace roost::gates
