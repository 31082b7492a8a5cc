// SPDX-License-Identifier: Apache-2.0
// Where a core's shards meet the node's store: records out as one batch a turn, committed ones
// back in order; state changes and reads. A record over 1 MiB goes in parts, one on its way at a
// time, and small records pass it, those of its own shard too unless they belong behind it
// (session/record_order.h). Bodies of the state go ahead in parts likewise.
// Thread: core-bound.
// Owner: the server's per-core wiring; must outlive the core's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "broker/core/core.h"
#include "broker/session/record_order.h"
#include "broker/session/record_parts.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_log.h"
#include "broker/session/shard_start.h"
#include "storage/store.h"

namespace roost::gates {

class DiskGate final : public session::ShardLog,
                       public session::ShardDisk,
                       private core::TurnEnd,
                       private core::Timer {
 public:
  // `epoch`: this process's.
  DiskGate(storage::Store& store, core::Core& core, session::SessionTable& table,
           std::uint64_t epoch);
  ~DiskGate() override;

  // Nothing is on its way to the log.
  bool is_idle() const { return waiting_.empty() && in_flight_ == 0 && large_.empty(); }

  // ShardLog
  void append(ShardId shard, session::Record record, session::Door* door) override;
  std::uint64_t epoch() const override { return epoch_; }
  bool is_congested() const override { return store_.is_congested(); }
  bool is_full() const override { return store_.is_low_on_space(); }

  // ShardDisk
  void write(ShardId shard, session::LogIndex applied, session::StateChanges changes,
             core::Task done) override;
  void read(ShardId shard, Job job) override;

 private:
  static constexpr SteadyMs kRetryMs = 500;  // after a full disk
  static constexpr std::size_t kBatchBytes = 512 * 1024;
  static constexpr std::size_t kCommitHereMax = 8;  // records: cheaper than waking the core

  struct Appended {
    ShardId shard;
    session::LogIndex index = 0;
    session::Record record;
    session::Door* door = nullptr;
  };
  using Batch = std::vector<Appended>;
  // A shard's large record on its way, and what has to stay behind it.
  struct Large {
    Appended record;
    std::unique_ptr<session::RecordSplitter> splitter;
    session::LogIndex first = 0;  // of its parts; 0: none was submitted yet
    session::RecordOrder order;
    std::deque<Appended> behind;
  };
  // Where a shard's state on disk stands, with what was submitted.
  struct Stand {
    session::LogIndex applied = 0;
    session::LogIndex trim_to = 0;
  };
  // State changes on their way: bodies first, then all the rest at once.
  struct Write {
    ShardId shard;
    Stand stand;
    session::StateChanges changes;
    std::shared_ptr<storage::StateBatch> batch;  // submitted, and not written yet
    bool is_last = false;
    core::Task done;
  };
  using WritePtr = std::shared_ptr<Write>;

  void on_turn_end() override;
  void on_timer() override;
  void add(Appended one);
  void begin_large(Appended one);
  void next_part();
  void end_large(ShardId shard);
  void submit();
  void submit(storage::LogBatch bytes, std::shared_ptr<Batch> batch, core::Task then);
  void commit(Batch& batch);
  void write_next(const WritePtr& write);
  void write_again(const WritePtr& write);
  void written(const WritePtr& write);

  storage::Store& store_;
  core::Core& core_;
  session::SessionTable& table_;
  const std::uint64_t epoch_;
  std::vector<session::LogIndex> last_;  // by shard
  std::deque<Appended> waiting_;         // of this turn
  storage::LogBatch bytes_;
  std::shared_ptr<Batch> batch_;  // what is in bytes_
  session::PiecedBytes scratch_;
  std::size_t in_flight_ = 0;                       // batches
  std::unordered_map<std::uint16_t, Large> large_;  // by shard
  std::deque<std::uint16_t> turns_;                 // shards whose next part is to go
  bool is_part_in_flight_ = false;
  std::vector<Stand> stands_;  // by shard
  std::vector<WritePtr> refused_;
};

// At start-up, on any thread: the shard from its state and the records behind it.
session::ShardStarted start_shard(const storage::StoreReading& store,
                                  const storage::StateView& view, session::SessionTable& table,
                                  ShardId shard, const Clock& clock);

}  // namespace roost::gates
