// SPDX-License-Identifier: Apache-2.0
// Group commit: one thread takes all that was submitted meanwhile, writes it as one batch with one
// fsync, then calls back in order. Also writes the log's trims, so that nothing but this thread
// ever writes to the write-ahead log, and a batch that is followed by another is known to be
// durable. Thread: any thread; callbacks run on the writer's. Owner: the store.
#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/base/rate_switch.h"
#include "storage/database.h"
#include "storage/fatal.h"
#include "storage/space.h"
#include "storage/store.h"

namespace roost::storage {

// The log of `shard` is given up from `from` up to `to`, both included.
struct Trim {
  ShardId shard;
  LogIndex from = 0;
  LogIndex to = 0;
};

class LogWriter {
 public:
  // `last`, `epochs`: of each shard as of now, by shard number. All must outlive it.
  LogWriter(Database& database, SpaceWatch& space, const StoreOptions& options,
            StoreCounters& counters, Fatal& fatal, std::vector<Position> last,
            std::vector<std::vector<EpochStart>> epochs);
  ~LogWriter();  // writes what was submitted, then ends
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  void append(LogBatch batch, bool essential, Store::Done done);
  // `bytes`: how much of untrimmed_bytes goes with them.
  void trim(std::vector<Trim> trims, std::uint64_t bytes, Store::Done done);
  bool is_congested() const { return counters_.pending_bytes.value() > pending_bytes_max_; }

 private:
  struct Item {
    LogBatch batch;
    std::vector<Trim> trims;
    std::uint64_t trimmed_bytes = 0;
    bool essential = true;
    Store::Done done;
    std::size_t bytes() const { return batch.bytes() + trims.size() * sizeof(Trim); }
  };
  using Items = std::vector<Item>;

  using Clock = std::chrono::steady_clock;

  void submit(Item item);
  void run();
  // What one write takes, as much as there is under batch_bytes_max; empty: the end.
  Items take();
  // Stays awake for a moment where the next batch is likely to come at once.
  void linger();
  void pace(std::unique_lock<std::mutex>& lock);
  void write(Items& items);
  void add(const Item& item);
  void add_trim(const Trim& trim);
  // What is no record: its kind, and what it carries.
  void add_change(std::string_view key, std::string_view value);
  void cut(ShardId shard, LogIndex last);
  void forget(ShardId shard);
  void put_epochs(ShardId shard, std::string_view value);
  // The shard's log ends there once the batch is durable.
  void ends_at(ShardId shard, Position position);
  // For a change that must be undone where the batch isn't written.
  std::vector<EpochStart>& changed_epochs(ShardId shard);
  void undo_epochs();
  rocksdb::Status write_batch();
  // Answers with resource_exhausted what is not essential, and leaves the rest.
  void refuse_inessential(Items& items);
  // The same with what waits: publishers hear at once, what is essential waits in its order.
  void refuse_waiting();
  // Waits until RocksDB takes writes again. False: the store ends.
  bool wait_for_space();
  void answer(Items& items, const Result<void>& result);
  void count(const Items& items, std::uint64_t ns);

  Database& database_;
  SpaceWatch& space_;
  StoreCounters& counters_;
  Fatal& fatal_;
  const std::uint64_t pending_bytes_max_, batch_bytes_max_;
  const bool sync_, is_paced_;

  std::mutex mutex_;
  std::condition_variable submitted_;
  Items waiting_;  // guarded by mutex_, as the next
  std::uint64_t submitted_count_ = 0;
  bool ending_ = false;  // guarded by mutex_
  std::atomic<bool> has_waiting_{false};

  // The writer's thread only.
  Items taken_;                 // swapped out whole
  std::size_t next_taken_ = 0;  // those before it are written
  rocksdb::WriteBatch batch_;
  std::vector<Position> last_;
  std::vector<std::vector<EpochStart>> epochs_;  // with batch_, by shard
  std::vector<std::pair<ShardId, std::vector<EpochStart>>> epochs_before_;
  std::vector<std::pair<ShardId, Position>>
      written_;  // by batch_: becomes last_ when it is durable
  std::uint64_t trimmed_in_batch_ = 0;
  Clock::time_point answered_at_;
  // Where batches are paced.
  std::int64_t slot_ = 0;          // of the last one
  std::uint64_t paced_count_ = 0;  // of submitted_count_: counted
  RateSwitch much_;
  bool is_asked_at_once_ = false;  // little came right after the last answer: so will the next
  std::thread thread_;
};

}  // namespace roost::storage
