// SPDX-License-Identifier: Apache-2.0
// A store of replicas in memory: the seam at which tests run under TSan, for RocksDB isn't
// instrumented. Answers on a thread of its own, in order. Power cuts, damage and full disks are the
// real store's tests.
// Thread: any thread.
// Owner: the test; the disk outlives the store, and is what a restart finds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "storage/replica_store.h"

namespace roost::cluster {

struct MemoryReplica {
  struct Record {
    std::uint64_t epoch = 0;
    std::string bytes;
  };
  std::map<storage::LogIndex, Record> log;
  storage::Position trimmed;
  std::vector<storage::EpochStart> epochs;
  std::string meta;
  std::map<std::string, std::string> state;
  storage::LogIndex applied = 0, trim_to = 0;

  storage::Position last() const;
  storage::ReplicaOnDisk on_disk() const;
};

struct MemoryReplicaDisk {
  // Writes nothing until it is let go on; reads too wait behind what wants to be written.
  void set_hung(bool hangs);
  void wait_while_hung();

  std::string uuid;
  std::atomic<bool> is_low_on_space{false};
  std::mutex mutex;
  std::map<std::uint16_t, MemoryReplica> shards;  // guarded by mutex
  std::condition_variable went_on;
  bool is_hung = false;  // guarded by mutex
};

class MemoryStore final : public storage::ReplicaStore {
 public:
  explicit MemoryStore(std::shared_ptr<MemoryReplicaDisk> disk);
  ~MemoryStore() override;

  storage::Position last(ShardId shard) const override { return replica(shard).last; }
  storage::LogIndex applied(ShardId shard) const override { return replica(shard).applied; }
  Result<void> replay(ShardId shard, storage::LogIndex after,
                      const RecordVisitor& visit) const override;
  std::unique_ptr<storage::StateView> view() const override;
  void append(storage::LogBatch batch, bool essential, Done done) override;
  bool is_congested() const override { return false; }
  bool is_low_on_space() const override { return disk_->is_low_on_space; }
  void write_state(ShardId shard, storage::LogIndex applied, storage::LogIndex trim_to,
                   storage::StateBatch batch, Done done) override;
  void flush_state(Done done) override;
  void read(std::function<void(const storage::StateView&)> job) override;
  Result<std::unique_ptr<storage::Snapshot>> snapshot() override;
  const std::string& uuid() const override { return disk_->uuid; }
  const storage::StoreCounters& counters() const override { return counters_; }
  std::uint64_t cached_bytes() const override { return 0; }
  storage::ReplicaOnDisk replica(ShardId shard) const override;
  void read_log(ShardId shard, storage::LogIndex first, storage::LogIndex last,
                std::uint64_t bytes_max, LogRead done) override;
  Result<std::unique_ptr<storage::ShardSnapshot>> shard_snapshot(ShardId shard) override;
  void begin_import(ShardId shard, Done done) override;
  void end_import(ShardId shard, Imported imported, Done done) override;

 private:
  void later(std::function<void()> job);
  // Changes the shard on the thread, then answers.
  void change(ShardId shard, std::function<void(MemoryReplica&)> how, Done done);
  void run();

  const std::shared_ptr<MemoryReplicaDisk> disk_;
  std::map<std::uint16_t, storage::ReplicaOnDisk> opened_;
  storage::StoreCounters counters_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_
  bool is_over_ = false;                    // guarded by mutex_
  std::thread thread_;
};

}  // namespace roost::cluster
