// SPDX-License-Identifier: Apache-2.0
// Where a core's shards meet the node's store: records out as one batch a turn, committed ones
// back in order; state changes and reads. A record over 1 MiB goes in parts, one at a time, so that
// other shards' small ones don't wait behind it; its own shard's do.
// Thread: core-bound.
// Owner: the server's per-core wiring; must outlive the core's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "broker/core/core.h"
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
  bool is_idle() const { return waiting_.empty() && in_flight_ == 0 && held_.empty(); }

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
  // A large record on its way, and what its shard appended meanwhile.
  struct Large {
    Appended record;
    std::vector<std::uint8_t> bytes;
    std::unique_ptr<session::RecordSplitter> splitter;
    std::deque<Appended> behind;
  };
  // A state write that a full disk refused.
  struct Write {
    ShardId shard;
    session::LogIndex applied = 0;
    std::shared_ptr<storage::StateBatch> batch;
    std::shared_ptr<core::Task> done;
  };

  void on_turn_end() override;
  void on_timer() override;
  void add(Appended one);
  void begin_large(Appended one, std::vector<std::uint8_t> bytes);
  void next_part(std::uint16_t shard);
  void submit();
  void submit(storage::LogBatch bytes, std::shared_ptr<Batch> batch, core::Task then);
  void commit(Batch& batch);
  void write_again(Write write);

  storage::Store& store_;
  core::Core& core_;
  session::SessionTable& table_;
  const std::uint64_t epoch_;
  std::vector<session::LogIndex> last_;  // by shard
  std::deque<Appended> waiting_;         // of this turn
  storage::LogBatch bytes_;
  std::shared_ptr<Batch> batch_;  // what is in bytes_
  std::vector<std::uint8_t> scratch_;
  std::size_t in_flight_ = 0;                      // batches
  std::unordered_map<std::uint16_t, Large> held_;  // by shard
  std::vector<Write> refused_;
};

// At start-up, on any thread: the shard from its state and the records behind it.
session::ShardStarted start_shard(const storage::Store& store, const storage::StateView& view,
                                  session::SessionTable& table, ShardId shard, const Clock& clock);

}  // namespace roost::gates
