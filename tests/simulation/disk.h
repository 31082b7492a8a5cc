// SPDX-License-Identifier: Apache-2.0
// One node's disk as replication sees it: what is written is on disk only once it is synced; one
// sync carries what all shards wrote meanwhile. A crash keeps of what wasn't synced a prefix that
// may end between two records. Syncs may be slow, hang or fail; all may be lost or damaged.
// Thread: one at a time.
// Owner: the Node; it outlives its processes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/replication/output.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/event_queue.h"
#include "tests/simulation/random.h"

namespace roost::simulation {

namespace replication = cluster::replication;
using replication::LogIndex;

// Everything that a snapshot brings.
struct ImportWrite {
  replication::EpochTable table;
  std::vector<replication::LogRecord> log;
  LogIndex first_kept = 1;
  LogIndex applied = 0;
  LogIndex last() const { return first_kept + log.size() - 1; }
};

struct ShardOnDisk final : LogView {
  replication::Meta meta;
  replication::EpochTable table;
  std::deque<replication::LogRecord> log;
  LogIndex first_kept = 1;
  LogIndex applied = 0;  // of the state that was flushed

  std::uint64_t first() const override { return first_kept; }
  std::uint64_t last() const override { return first_kept + log.size() - 1; }
  Seen at(std::uint64_t index) const override;
  const replication::LogRecord& record(LogIndex index) const { return log[index - first_kept]; }

  void append(const replication::LogRecord& record);
  void trim(LogIndex new_first);
};

// The client's number, 0: a no-op.
std::uint64_t content_of(const replication::LogRecord& record);
Seen seen_of(const replication::LogRecord& record);

class Disk {
 public:
  using What = std::variant<replication::AppendOp, replication::CutOp, replication::MetaOp,
                            replication::BeginImportOp, replication::EndImportOp, ImportWrite>;
  struct Process {  // who is told; nobody after a crash
    std::function<void(ShardId shard, std::uint64_t number)> on_synced;
    std::function<void(ShardId shard, std::uint64_t number)> on_imported;
    std::function<void()> on_failed;  // a sync failed: the process has to end
  };

  Disk(EventQueue& queue, Random random, std::string name);

  // --- what a process does ---
  const std::string& uuid() const { return uuid_; }
  void open(Process process) { process_ = std::move(process); }
  std::vector<ShardId> shards() const;
  replication::StoredReplica load(ShardId shard);
  void submit(ShardId shard, std::uint64_t number, What what);
  // Of the state, which has no log of its own. Durable at once.
  void flush_state(ShardId shard, LogIndex applied);
  void trim(ShardId shard, LogIndex first_kept);
  // As it is when nothing crashes.
  const ShardOnDisk& now(ShardId shard) { return shards_[shard].now; }
  const ShardOnDisk& synced(ShardId shard) { return shards_[shard].synced; }
  // Since when a sync is under way without an end; none: none is.
  std::optional<std::int64_t> busy_since_us() const { return busy_since_us_; }

  // --- faults ---
  void crash();
  void lose();                 // all of it: an empty disk, another uuid
  void damage();               // some of it, found at the next start: another uuid
  void forget(bool is_sound);  // after a failed sync: all is kept, another uuid (R7)
  void set_delay(std::int64_t min_us, std::int64_t max_us);
  void hang() { is_hanging_ = true; }
  void go_on();
  // The next sync fails, if that may be then.
  void fail_next_sync(std::function<bool()> may) { fails_next_ = std::move(may); }
  bool is_broken() const { return is_broken_; }  // a sync failed: none will succeed any more

 private:
  struct Write {
    ShardId shard;
    std::uint64_t number;
    What what;
  };
  struct Shard {
    ShardOnDisk synced;
    ShardOnDisk now;
  };

  static void carry_out(const What& what, ShardOnDisk& disk);
  void begin_sync();
  void end_sync();
  void spoil(ShardOnDisk& disk);
  void tear(ShardId shard, std::vector<const Write*> writes);
  std::string make_uuid();

  EventQueue& queue_;
  Random random_;
  std::string name_;
  std::uint64_t uuids_made_ = 0;
  std::string uuid_;
  Process process_;
  std::map<ShardId, Shard> shards_;
  std::deque<Write> writes_;      // not synced
  std::size_t syncing_ = 0;       // so many of them are being synced
  std::uint64_t generation_ = 0;  // syncs of an earlier one have no effect
  std::optional<std::int64_t> busy_since_us_;
  std::int64_t delay_us_min_ = 100;
  std::int64_t delay_us_max_ = 1'000;
  bool is_hanging_ = false;
  bool is_due_ = false;  // it would be synced by now, if it didn't hang
  std::function<bool()> fails_next_;
  bool is_broken_ = false;
};

}  // namespace roost::simulation
