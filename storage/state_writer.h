// SPDX-License-Identifier: Apache-2.0
// The state's way to the disk: one thread writes it (without a write-ahead log), another makes it
// durable and then has the log trimmed. Snapshots are taken by the second thread as well, so that
// no trim falls between a copy of the state and the copy of the log that belongs to it.
// Thread: any thread; callbacks run on one of the two.
// Owner: the store.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/fatal.h"
#include "storage/space.h"
#include "storage/store.h"
#include "storage/workers.h"
#include "storage/writer.h"

namespace roost::storage {

class StateWriter {
 public:
  // `trimmed`: of each shard as of now, by shard number. All must outlive it.
  StateWriter(Database& database, LogWriter& writer, SpaceWatch& space, const StoreOptions& options,
              StoreCounters& counters, Fatal& fatal, std::vector<LogIndex> trimmed);
  ~StateWriter();  // writes what was submitted, then ends

  void write(ShardId shard, LogIndex applied, LogIndex trim_to, StateBatch batch, Store::Done done);
  void flush(Store::Done done);
  // The shard's state is gone, durably, and its trims begin anew.
  void clear(ShardId shard, Store::Done done);
  // All that was written before is durable and belongs to `applied`; of the log, what is up to
  // `trimmed` never was here.
  void adopt(ShardId shard, LogIndex applied, LogIndex trimmed, Store::Done done);
  // The database's files as of one moment, their names without a folder. Blocks. Requires:
  // deletions of files are off.
  Result<std::vector<SnapshotFile>> list_files();

 private:
  Result<void> write_now(ShardId shard, LogIndex applied, const StateBatch& batch);
  void flush_alone(ShardId shard, LogIndex trimmed, Store::Done done);
  Result<void> flush_now(const std::vector<LogIndex>& trim_to, std::uint64_t log_bytes);
  Result<void> trim(const std::vector<LogIndex>& trim_to, std::uint64_t log_bytes);
  Result<void> flush_log_if_due();
  // Tables of the log are full of what was trimmed: RocksDB alone would keep them for long.
  void compact_log_if_due();
  // The disk or worse: what a flush that failed means.
  Unexpected<Error> failed(const rocksdb::Status& status, std::string_view doing);

  Database& database_;
  LogWriter& writer_;
  SpaceWatch& space_;
  StoreCounters& counters_;
  Fatal& fatal_;
  const std::uint64_t log_flush_bytes_;    // of write-ahead log: the log's memtable is flushed
  const std::uint64_t log_compact_bytes_;  // of new tables: they are rewritten without the trimmed
  std::atomic<bool> ending_{false};

  std::vector<LogIndex> trim_to_;  // the writing thread's
  std::vector<LogIndex> trimmed_;  // the flushing thread's, as the next
  std::uint64_t wal_bytes_at_log_flush_ = 0;
  std::uint64_t log_bytes_after_compaction_ = 0;

  Workers flushing_;  // ends after writing_, which hands on to it
  Workers writing_;
};

}  // namespace roost::storage
