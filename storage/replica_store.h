// SPDX-License-Identifier: Apache-2.0
// What a store is for the replicas of a cluster, beside what it is for a node alone: epochs, pieces
// of the log, snapshots of a shard and their import. REPLICATION. Cuts and what a replica remembers
// are written with the log: batches.h.
// Thread: any thread, except where said. Callbacks run on a thread of the store and must not block.
// Owner: the server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.h"

namespace roost::storage {

// What a replica of a shard begins from, as of open(). REPLICATION
struct ReplicaOnDisk {
  Position last;
  LogIndex first_kept = 1;         // last + 1: nothing is kept
  LogIndex applied = 0;            // of the state
  std::vector<EpochStart> epochs;  // of all records that ever were, rising; never trimmed. R4
  std::string meta;                // as put_meta() left it; empty: never
};

// One shard as of one moment, for a replica that can't be continued from the log. REPLICATION,
// Resync. Errors: corrupt (it has damaged pages, so nobody may have it), io.
class ShardSnapshot {
 public:
  virtual ~ShardSnapshot() = default;
  virtual Position last() const = 0;
  virtual LogIndex first_kept() const = 0;
  virtual LogIndex applied() const = 0;
  virtual const std::vector<EpochStart>& epochs() const = 0;
  // In order until `visit` returns false; `from` may be any key, {} the first; any index, 0 too.
  virtual Result<void> scan_state(
      std::string_view from,
      const std::function<bool(std::string_view key, ByteView value)>& visit) const = 0;
  virtual Result<void> scan_log(LogIndex from,
                                const std::function<bool(std::uint64_t epoch, LogIndex index,
                                                         ByteView record)>& visit) const = 0;
};

class ReplicaStore : public Store {
 public:
  // As Store::open().
  static Result<std::unique_ptr<ReplicaStore>> open(StoreOptions options, Log& log);

  virtual ReplicaOnDisk replica(ShardId shard) const = 0;  // as of open()
  // Records from `first` to `last`, none where `first` isn't kept any more, until so many bytes are
  // read (one record at least). Runs `done` on a reader thread.
  struct LogPiece {
    Position position;
    std::string record;
  };
  using LogRead = std::function<void(Result<std::vector<LogPiece>>)>;
  virtual void read_log(ShardId shard, LogIndex first, LogIndex last, std::uint64_t bytes_max,
                        LogRead done) = 0;
  // The calling thread waits for the disk; not on a core. Must not outlive the store.
  virtual Result<std::unique_ptr<ShardSnapshot>> shard_snapshot(ShardId shard) = 0;
  // Forgets the shard's log, epochs and state, but not its meta, which says by then, on disk, that
  // the shard is being imported. Requires: nothing else is under way in that shard.
  virtual void begin_import(ShardId shard, Done done) = 0;
  // What came is whole: state (write_state with applied 0), records (append) behind `trimmed`, and
  // with this the rest, in one write: from now on `meta` says that the shard may be trusted.
  struct Imported {
    std::vector<EpochStart> epochs;
    Position trimmed;  // of the record before the first that came
    LogIndex applied = 0;
    std::string meta;
  };
  virtual void end_import(ShardId shard, Imported imported, Done done) = 0;
};

}  // namespace roost::storage
