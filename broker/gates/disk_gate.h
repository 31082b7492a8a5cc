// SPDX-License-Identifier: Apache-2.0
// Where a core's shards meet the node's store, on a node alone: records out as one batch a turn,
// committed ones back in order; state changes and reads. Parts of large records and bodies of the
// state go one at a time (record_line.h, state_writer.h).
// Thread: core-bound.
// Owner: the server's per-core wiring; must outlive the core's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "broker/base/duration_counts.h"
#include "broker/core/core.h"
#include "broker/gates/record_line.h"
#include "broker/gates/state_writer.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_log.h"
#include "broker/session/shard_start.h"
#include "storage/store.h"

namespace roost::gates {

class DiskGate final : public session::ShardLog,
                       public session::ShardDisk,
                       private RecordLog,
                       private StateDisk {
 public:
  // `epoch`: this process's.
  DiskGate(storage::Store& store, core::Core& core, session::SessionTable& table,
           std::uint64_t epoch);
  ~DiskGate() override;

  // Nothing is on its way to the log.
  bool is_idle() const { return line_.is_idle() && in_flight_ == 0; }
  // From the turn that appended a record until it is committed; of every record.
  const DurationCounts& commits() const { return commits_; }

  // ShardLog
  void append(ShardId shard, session::Record record, session::Door* door) override {
    line_.append(shard, std::move(record), door);
  }
  std::uint64_t epoch(ShardId) const override { return epoch_; }
  std::uint64_t lineage(ShardId) const override { return 0; }
  bool is_congested() const override { return store_.is_congested(); }
  bool is_full() const override { return store_.is_low_on_space(); }

  // ShardDisk
  void write(ShardId shard, session::LogIndex applied, session::StateChanges changes,
             core::Task done) override;
  void read(ShardId shard, Job job) override { read_shard(store_, core_, shard, std::move(job)); }

 private:
  static constexpr std::size_t kBatchBytes = 512 * 1024;
  static constexpr std::size_t kCommitHereMax = 8;  // records: cheaper than waking the core

  using Batch = std::vector<Appended>;

  void put(Appended one, ByteView bytes) override;
  session::LogIndex put_part(ShardId shard, std::vector<std::uint8_t> part,
                             std::optional<Appended> whole) override;
  void flush() override;
  void submit(storage::LogBatch bytes, std::shared_ptr<Batch> batch, core::Task then);
  void commit(Batch& batch, std::int64_t submitted_ns);
  void write_state(ShardId shard, const StateStand& stand, storage::StateBatch batch,
                   storage::Store::Done done) override;

  storage::Store& store_;
  core::Core& core_;
  session::SessionTable& table_;
  const std::uint64_t epoch_;
  RecordLine line_;
  StateWriter states_;
  std::vector<session::LogIndex> last_;  // by shard
  storage::LogBatch bytes_;
  std::shared_ptr<Batch> batch_;  // what is in bytes_
  std::size_t in_flight_ = 0;     // batches
  DurationCounts commits_;
};

// At start-up, on any thread: the shard from its state and the records behind it.
session::ShardStarted start_shard(const storage::StoreReading& store,
                                  const storage::StateView& view, session::SessionTable& table,
                                  ShardId shard, const Clock& clock);

}  // namespace roost::gates
