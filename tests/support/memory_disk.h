// SPDX-License-Identifier: Apache-2.0
// Log and disk of a core's shards in memory, through the real codecs: what was committed is kept
// as bytes, so a test can end the broker and begin another on what is left. Commits come at the end
// of the turn, or when the test says so.
// Thread: core-bound. Owner: Broker.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/core.h"
#include "broker/session/session_table.h"

namespace roost::support {

// What outlives a broker: of all its shards.
struct Remains {
  struct Shard {
    std::vector<std::pair<session::LogIndex, std::vector<std::uint8_t>>> log;
    session::LogIndex last = 0;
    session::LogIndex applied = 0;
    std::map<std::string, std::vector<std::uint8_t>> state;
  };
  std::map<std::uint16_t, Shard> shards;
  std::uint64_t epoch = 0;
  bool keeps_log = false;  // also of what is in the state
};

class MemoryDisk final : public session::ShardLog,
                         public session::ShardDisk,
                         private core::TurnEnd {
 public:
  MemoryDisk(Remains& remains, core::Core& core, session::SessionTable& table)
      : remains_(remains), core_(core), table_(table), epoch_(remains.epoch) {}

  // Nothing is committed any more until it is let go.
  void hold() { held_ = true; }
  void let_go();
  // A record of whoever leads the shard elsewhere, committed; in a turn of the core.
  void bring(ShardId shard, const session::Record& record);
  void set_full(bool full) { full_ = full; }
  // Checkpoints end, never to be done, when the bodies are written and nothing names them yet.
  void write_only_ahead() { only_ahead_ = true; }
  std::size_t appended() const { return appended_; }
  // How many records of each kind were appended, by Record index.
  std::size_t appended(std::size_t kind) const { return kinds_[kind]; }
  // How many values were read while the broker ran, one by one or in scans.
  std::size_t values_read() const { return values_read_; }

  // ShardLog
  void append(ShardId shard, session::Record record, session::Door* door) override;
  std::uint64_t epoch(ShardId) const override { return epoch_; }
  std::uint64_t lineage(ShardId) const override { return 0; }
  bool is_congested() const override { return false; }
  bool is_full() const override { return full_; }

  // ShardDisk
  void write(ShardId shard, session::LogIndex applied, session::StateChanges changes,
             core::Task done) override;
  void read(ShardId shard, Job job) override;

 private:
  struct Appended {
    ShardId shard;
    session::LogIndex index;
    session::Record record;
    session::Door* door;
  };
  void on_turn_end() override;
  void commit_all();
  static void write_down(Remains::Shard& shard, session::StateChanges& changes);

  Remains& remains_;
  core::Core& core_;
  session::SessionTable& table_;
  const std::uint64_t epoch_;
  std::deque<Appended> waiting_;
  bool held_ = false;
  bool full_ = false;
  bool only_ahead_ = false;
  std::size_t appended_ = 0;
  std::size_t values_read_ = 0;
  std::size_t kinds_[std::variant_size_v<session::Record>] = {};
};

// Reads a shard of what is left.
class RemainsReader final : public session::StateReader {
 public:
  explicit RemainsReader(const Remains::Shard& shard) : shard_(shard) {}
  std::size_t values_read() const { return values_read_; }
  std::optional<std::string> get(std::string_view key) const override;
  void scan(std::string_view from, std::string_view to,
            const std::function<bool(std::string_view, ByteView)>& visit) const override;

 private:
  const Remains::Shard& shard_;
  mutable std::size_t values_read_ = 0;
};

}  // namespace roost::support
