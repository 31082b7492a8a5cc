// SPDX-License-Identifier: Apache-2.0
// The store on a disk: the parts, and in which order they start and end.
// Thread: as Store says.
// Owner: whoever opened it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/directory.h"
#include "storage/fatal.h"
#include "storage/positions.h"
#include "storage/replica_store.h"
#include "storage/space.h"
#include "storage/state_view.h"
#include "storage/state_writer.h"
#include "storage/workers.h"
#include "storage/writer.h"

namespace roost::storage {

class DiskStore final : public ReplicaStore {
 public:
  static Result<std::unique_ptr<ReplicaStore>> open(StoreOptions options, Log& log);
  ~DiskStore() override;

  void append(LogBatch batch, bool essential, Done done) override;
  bool is_congested() const override;
  bool is_low_on_space() const override;
  Position last(ShardId shard) const override;
  LogIndex applied(ShardId shard) const override;
  Result<void> replay(ShardId shard, LogIndex after, const RecordVisitor& visit) const override;
  void write_state(ShardId shard, LogIndex applied, LogIndex trim_to, StateBatch batch,
                   Done done) override;
  void flush_state(Done done) override;
  void read(std::function<void(const StateView&)> job) override;
  std::unique_ptr<StateView> view() const override;
  ReplicaOnDisk replica(ShardId shard) const override;
  void read_log(ShardId shard, LogIndex first, LogIndex last, std::uint64_t bytes_max,
                LogRead done) override;
  Result<std::unique_ptr<ShardSnapshot>> shard_snapshot(ShardId shard) override;
  void begin_import(ShardId shard, Done done) override;
  void end_import(ShardId shard, Imported imported, Done done) override;
  Result<std::unique_ptr<Snapshot>> snapshot() override;
  const std::string& uuid() const override { return uuid_; }
  const StoreCounters& counters() const override { return counters_; }
  std::uint64_t cached_bytes() const override { return setup_.cached_bytes(); }

 private:
  DiskStore(StoreOptions options, Log& log);

  Result<void> start();
  Result<void> read_uuid(bool must_be_new);
  void remember_damage();
  void remember_failure();

  const StoreOptions options_;
  Log& log_;
  mutable StoreCounters counters_;  // replay() counts what it finds damaged
  Fatal fatal_;
  std::string uuid_;
  Positions positions_;
  DatabaseSetup setup_;
  mutable DamageReport damage_;
  // In the order of their start; they end the other way round.
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<SpaceWatch> space_;
  std::unique_ptr<LogWriter> writer_;
  std::unique_ptr<StateWriter> state_;
  std::unique_ptr<Workers> readers_;
};

}  // namespace roost::storage
