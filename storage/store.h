// SPDX-License-Identifier: Apache-2.0
// One node's disk: the log of all shards and their state, in one RocksDB. The log is the only
// write-ahead log: append() is durable when its callback says so (one write batch and one fsync for
// all that was submitted meanwhile); state is written without RocksDB's WAL, together with the
// applied index, made durable by flush_state(), and re-applied from the log after a crash.
// Records, keys and values are opaque here. DESIGN section 7.
// Thread: any thread, except where said. Callbacks run on a thread of the store and must not block.
// Owner: the server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/ids.h"
#include "broker/base/log.h"
#include "broker/base/result.h"
#include "storage/batches.h"
#include "storage/counters.h"

namespace rocksdb {
class FileSystem;
}

namespace roost::storage {

// The process ends with this (EX_IOERR) when a write or an fsync failed: what the disk holds is no
// longer known. A supervisor starts it again, and opening finds out.
inline constexpr int kFatalExitCode = 74;

struct StoreOptions {
  std::string path;                             // the data directory; made if missing
  std::uint64_t cache_bytes = 64 << 20;         // block cache, index and filter blocks included
  std::uint64_t write_buffer_bytes = 64 << 20;  // of the log; the state has as much
  int max_open_files = 256;
  // Kept free for acks, releases and deletes: half in a file of ours that is given up when the disk
  // is full, half by refusing what is not essential. 0: neither.
  std::uint64_t reserve_bytes = 64 << 20;
  std::uint64_t pending_bytes_max = 64 << 20;  // appended and not written: above, is_congested()
  std::uint64_t batch_bytes_max = 2 << 20;     // one write and fsync takes no further batches above
  std::uint64_t verify_bytes_max = 1
                                   << 30;  // of tables, newest first, whose checksums open() reads
  int reader_threads = 2;
  std::shared_ptr<rocksdb::FileSystem> file_system;  // tests; null: the machine's
  // Under load one fsync in 8 ms, with all that is appended meanwhile: where others wait for theirs
  // as well, and each costs the machine more than it brings.
  bool is_paced = false;
  bool sync = true;  // false only where a test proves that it would be seen
  // Called once, when the store can't keep its promise any more; all appends fail from then on.
  // Null: says so on stderr and ends the process with kFatalExitCode.
  std::function<void(std::string_view why)> on_fatal;
};

// A consistent view of the state. Errors: corrupt (said and counted), io.
class StateView {
 public:
  virtual ~StateView() = default;
  virtual Result<std::optional<std::string>> get(ShardId shard, std::string_view key) const = 0;
  // Calls visit(key without shard, value) in key order for [from, to) until it returns false; an
  // empty `to` is the shard's end. What lies on a damaged page is skipped, said and counted; the
  // rest is visited.
  virtual Result<void> scan(
      ShardId shard, std::string_view from, std::string_view to,
      const std::function<bool(std::string_view key, ByteView value)>& visit) const = 0;
};

// The place of a record in its shard's log. REPLICATION R1: it names one record for ever.
struct Position {
  std::uint64_t epoch = 0;
  LogIndex index = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

// What can be read of a store, also of one that only reads (read_only.h).
class StoreReading {
 public:
  using RecordVisitor = std::function<void(std::uint64_t epoch, LogIndex index, ByteView record)>;

  virtual ~StoreReading() = default;
  // Of the last record of the shard, {0,0} if it never had one (trimmed ones count).
  virtual Position last(ShardId shard) const = 0;     // as of open()
  virtual LogIndex applied(ShardId shard) const = 0;  // of the state as of open()
  // Before anything was appended: visits the shard's records after `after` that weren't trimmed, in
  // index order. A gap (a damaged page) behind applied() is said and counted by the store; the
  // visitor sees the jump in `index`.
  virtual Result<void> replay(ShardId shard, LogIndex after, const RecordVisitor& visit) const = 0;
  // The calling thread reads, past the cache; for start-up and tools, never on a core. Must not
  // outlive the store.
  virtual std::unique_ptr<StateView> view() const = 0;
};

// One file of a snapshot: the first `bytes` of the file at `path`, or `content` where there is no
// path.
struct SnapshotFile {
  std::string name;  // "FORMAT", "db/000012.sst"
  std::string path;
  std::uint64_t bytes = 0;
  std::string content;
};

// The files of a running store as of one moment. They stay as they are as long as it lives, so that
// they can be copied at leisure; the copy opens as a store with a new uuid.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual const std::vector<SnapshotFile>& files() const = 0;
};

class Store : public StoreReading {
 public:
  using Done = std::function<void(Result<void>)>;

  // Locks the directory, checks the format, recovers. Errors: already_exists (another process; the
  // message names its pid), invalid_argument (a newer format: both versions named), io.
  // A torn log tail is cut; a damaged file is put aside, said and counted, and the store opens.
  // `log` must outlive the store.
  static Result<std::unique_ptr<Store>> open(StoreOptions options, Log& log);
  ~Store() override = default;  // what was submitted is written first, the state not flushed

  // --- log ---
  // Submits; done(ok) when the records are fsynced, in submission order. A batch is never split:
  // keep it under a MB. done(resource_exhausted): the disk is full, nothing of this batch is in the
  // log. Any other failed write or fsync ends the process.
  // `essential`: acks, releases, deletes: may use the reserve.
  virtual void append(LogBatch batch, bool essential, Done done) = 0;
  virtual bool is_congested() const = 0;     // more than pending_bytes_max waits
  virtual bool is_low_on_space() const = 0;  // only essential batches are taken now

  // --- state ---
  // Written (not yet durable) atomically with `applied`; in submission order, on a thread of its
  // own so that it never waits in front of the log. Requires: records up to `applied` are appended.
  // `trim_to`: the log up to there is not needed any more once this is durable; below `applied`
  // where an earlier record is part of something that isn't applied yet.
  virtual void write_state(ShardId shard, LogIndex applied, LogIndex trim_to, StateBatch batch,
                           Done done) = 0;
  // Everything written before is durable when done(ok); the log of each shard is trimmed up to its
  // durable `trim_to` before that. Errors: resource_exhausted (nothing lost, try again).
  virtual void flush_state(Done done) = 0;
  // Runs on a reader thread.
  virtual void read(std::function<void(const StateView&)> job) = 0;

  // Log records that were acknowledged before the call are in it. Needs no room of its own, but
  // what RocksDB would delete stays while the snapshot lives. Blocks for a moment; not on a core.
  // Must not outlive the store. Errors: io.
  virtual Result<std::unique_ptr<Snapshot>> snapshot() = 0;

  virtual const std::string& uuid() const = 0;  // made when the directory was, or was damaged (R7)
  virtual const StoreCounters& counters() const = 0;
  // Pages of tables, indexes and filters in memory; at most cache_bytes while nobody reads.
  virtual std::uint64_t cached_bytes() const = 0;
};

}  // namespace roost::storage
