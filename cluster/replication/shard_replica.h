// SPDX-License-Identifier: Apache-2.0
// One node's replica of one shard: follower, leader, or on the way to either. Pure: no I/O, no
// clock, no thread; the same inputs give the same outputs. REPLICATION, rules R1 to R6, Resync.
// Thread: one at a time (the shard's core).
// Owner: its host, for as long as the process lives: leadership ends with the object (R3).
//
// How a host drives it:
//  1. Make it from what the disk holds. Call on_record() with the shard's record from the watch.
//  2. Call the inputs in any order, on_tick() every 20 to 100 ms, and after each turn take() until
//     the Output is empty (take() builds the messages, so propose() many times before it).
//  3. Do all of the Output: `log` in order, and call on_synced(number) when that operation and all
//     before it are on disk; the rest at once and in any order. What must be on disk before a
//     message leaves has been waited for inside. An operation that can't be carried out ends the
//     process; for a disk that gets full call resign() in time.
//  4. Apply records up to apply_to(), never further: serve clients only while role() is leader, up
//     to commit(). Call on_applied() and on_trimmed() as it goes.
//  5. Nothing of this object survives but the log operations and what on_applied() said was
//  flushed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "cluster/coordinator.h"
#include "cluster/replication/message.h"
#include "cluster/replication/output.h"
#include "cluster/replication/settings.h"
#include "cluster/replication/status.h"
#include "cluster/shard_record.h"

namespace roost::cluster::replication {

// The shard's record as the coordinator showed it.
struct SeenRecord {
  ShardRecord record;
  Revision modified = 0;
};

// What came with a snapshot, all of it on disk.
struct Imported {
  EpochTable table;  // up to `last`
  LogIndex last = 0;
  LogIndex first_kept = 1;
  LogIndex applied = 0;  // of the state; records behind it, up to `last`, came as log
};

class ShardReplica {
 public:
  // `self`: this node and the uuid of its store. `key`: of the shard's record (Keys::shard).
  ShardReplica(ShardId shard, Replica self, std::string key, Settings settings,
               const StoredReplica& stored, SteadyMs now);
  ~ShardReplica();
  ShardReplica(const ShardReplica&) = delete;
  ShardReplica& operator=(const ShardReplica&) = delete;

  // --- inputs ---
  // False: nothing came of it that take() could tell.
  bool on_tick(SteadyMs now);
  // `from`: as the stream was opened with. Any bytes that decode are fine.
  void on_message(MemberId from, const Message& message, SteadyMs now);
  // From the watch, its changes and resets alike, in its order; older ones than known are ignored.
  void on_record(const SeenRecord& seen);
  // Of the Output's txns; exactly one for each, however late.
  void on_txn_result(std::uint64_t id, const TxnResult& result);
  // Of the Output's record_read; nullptr: the coordinator wasn't reached, or has no such key.
  void on_record_read(std::uint64_t id, const SeenRecord* seen);
  void on_synced(std::uint64_t number);  // LogOp::number; rises
  void on_log_read(std::uint64_t id, const std::vector<LogRecord>& records);
  void on_applied(LogIndex applied);     // state written; nothing here waits for its flush
  void on_trimmed(LogIndex first_kept);  // the log before it is gone
  // The import of that number is complete here, and on disk (but for the mark).
  void on_imported(std::uint64_t import, Imported imported);
  // No process of that replica can be reached, as the host knows: no patience with it. R5
  void on_gone(MemberId member);
  void on_snapshot_progress(MemberId to, std::uint64_t import);
  void on_snapshot_ended(MemberId to, std::uint64_t import);
  // Gives up leading this epoch: disk full, shutdown, a state that can't go on. The controller
  // elects another one when it hears of it (R3).
  void resign();

  // Whether somebody asks for confirmed_ms() now and then; heartbeats are rarer while nobody does.
  void set_quiet(bool is_quiet);

  // --- the leader's writing ---
  bool can_propose() const;  // leads and serves, and its limits are kept
  // Appends; commit() tells when it counts. The place may be taken by another record if this leader
  // loses its epoch before that. Where only the limits say no it is still taken. Requires: role()
  // is leader, bytes not empty and not changed later.
  Position propose(SharedPtr<SharedBlock> owner, ByteView bytes);

  // --- outputs ---
  void take(SteadyMs now, Output& out);  // adds to `out`

  // --- what is known ---
  Role role() const;
  Epoch epoch() const;  // the highest fenced, on disk or on its way there
  MemberId self() const;
  MemberId leader() const;    // of that epoch; {0}: not known
  LogIndex commit() const;    // R2; never moves back
  LogIndex apply_to() const;  // min(commit, synced and the leader's); never moves back
  Position last() const;      // of the log, synced or not
  LogIndex synced() const;    // on disk, but may still be cut where it isn't committed
  // What the log is needed from for members that are behind; the host may trim up to before it,
  // or further where it must: such members then import.
  LogIndex wanted_from() const;
  // Leading: the last moment at which the whole ISR still held to this epoch, by the clock of this
  // node; what is granted counts from it. nullopt: not leading, or never yet. Interest leases
  std::optional<SteadyMs> confirmed_ms() const;
  Lag lag() const;                   // leading; else nothing
  const SeenRecord& record() const;  // newest seen
  const Meta& meta() const;
  ShardStatus status() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace roost::cluster::replication
