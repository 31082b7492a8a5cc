// SPDX-License-Identifier: Apache-2.0
// What this replica's log is: how far it goes, how far it is on disk, which epochs it has, its
// newest records in memory. Every change becomes a LogOp.
// Thread: one at a time.
// Owner: the shard replica.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "cluster/replication/output.h"
#include "cluster/replication/settings.h"

namespace roost::cluster::replication {

class LocalLog {
 public:
  LocalLog(const Settings& settings, StoredReplica stored);

  LogIndex last() const { return last_; }
  Position last_position() const { return {table_.epoch_at(last_), last_}; }
  LogIndex synced() const { return synced_; }
  Position synced_position() const { return {table_.epoch_at(synced_), synced_}; }
  LogIndex first_kept() const { return first_kept_; }
  const EpochTable& table() const { return table_; }
  const Meta& meta() const { return meta_; }
  Position position_at(LogIndex index) const { return {table_.epoch_at(index), index}; }

  // --- in memory ---
  LogIndex memory_from() const { return last_ + 1 - tail_.size(); }
  // nullptr: not in memory.
  const LogRecord* in_memory(LogIndex index) const;
  // Bytes of the records in (from, to], as far as they are in memory.
  std::uint64_t bytes_between(LogIndex from, LogIndex to) const;
  // From memory, at least one record and within the limits. The same vector for the same `first`
  // where that is possible. Requires: memory_from() <= first <= last().
  LogRecords records_from(LogIndex first, std::size_t records_max, std::size_t bytes_max);

  // --- changes; each gives the number of its operation ---
  // Requires: the index after last().
  std::uint64_t append(LogRecord record);
  std::uint64_t cut_after(LogIndex last);
  std::uint64_t write_meta(Meta meta);
  // The log is empty then.
  std::uint64_t begin_import(Meta meta);
  std::uint64_t end_import(Meta meta, EpochTable table, LogIndex last, LogIndex first_kept);
  void on_trimmed(LogIndex first_kept);

  void on_synced(std::uint64_t number);
  bool is_synced(std::uint64_t number) const { return number <= synced_number_; }
  std::uint64_t last_number() const { return last_number_; }
  void take(std::vector<LogOp>& out);

 private:
  struct Kept {
    LogRecord record;
    std::uint64_t bytes_before = 0;  // of all records that were ever kept, up to and with this
  };
  struct Unsynced {
    std::uint64_t number = 0;
    LogIndex last = 0;  // the log is at least so long once it is synced
  };

  void keep(const LogRecord& record);
  void close_append();
  template <typename Op>
  std::uint64_t add(Op op);

  const Settings& settings_;
  Meta meta_;
  EpochTable table_;
  LogIndex last_ = 0, synced_ = 0, first_kept_ = 1;
  std::deque<Kept> tail_;
  std::uint64_t kept_bytes_ = 0;

  std::uint64_t last_number_ = 0, synced_number_ = 0;
  std::deque<Unsynced> unsynced_;
  std::vector<LogOp> ops_;
  std::shared_ptr<std::vector<LogRecord>> appending_;  // grows until the next operation or take()
  LogRecords batch_;                                   // last given out by records_from or take
};

}  // namespace roost::cluster::replication
