// SPDX-License-Identifier: Apache-2.0
// A replica of a shard on this node's disk: carries out what the pure replica wants of log, state
// and table, hands what it wants of others to the node, and committed records to whoever applies
// them.
// Thread: the shard's core; the store's callbacks come back to it by Post.
// Owner: the cluster node. Requires: Post outlives this, and drops what comes after this is gone.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/ids.h"
#include "cluster/replication/shard_replica.h"
#include "cluster/resync.h"
#include "storage/replica_store.h"

namespace roost::cluster {

// What a replica's host asks of its node. Calls come out of ReplicaHost::turn().
class ReplicaNode {
 public:
  // To the log, in the order of the calls, maybe with what other replicas append in this turn;
  // `done` runs as what is posted does. send_appends() sends off what waits for the turn's end.
  using Appended = std::function<void(const Result<void>&)>;
  virtual void append(ShardId shard, storage::LogBatch batch, Appended done) = 0;
  virtual void send_appends() = 0;
  virtual void send(ShardId shard, replication::MemberId to, replication::Message message) = 0;
  // Answered with ShardReplica::on_txn_result() and on_record_read().
  virtual void transact(ShardId shard, std::uint64_t id, Txn txn) = 0;
  virtual void read_record(ShardId shard, std::uint64_t id) = 0;
  // A SnapshotSender to that member; ends with on_snapshot_ended().
  virtual void send_snapshot(ShardId shard, replication::MemberId to, std::uint64_t import) = 0;
  // Committed and on disk here: in order, each once in this process's life, no-ops left out.
  virtual void apply(ShardId shard, const replication::LogRecord& record) = 0;
  // The shard's state and log are gone (the replica is importing then), or are others now: what was
  // made of them is void.
  virtual void replaced(ShardId shard) = 0;
  virtual void raise(ShardId shard, const replication::RaisedAlarm& alarm) = 0;
  // The disk didn't take an operation: the replica says and does nothing any more, and its process
  // has to end. R7
  virtual void failed(ShardId shard, const Error& why) = 0;
  virtual void status_changed(ShardId shard) = 0;

 protected:
  ~ReplicaNode() = default;
};

class ReplicaHost {
 public:
  using Post = SnapshotReceiver::Post;

  // Reads what the disk has. Errors: corrupt, io (the node can't hold this replica).
  static Result<std::unique_ptr<ReplicaHost>> open(ShardId shard, Replica self, const Keys& keys,
                                                   replication::Settings settings,
                                                   storage::ReplicaStore& store, Post post,
                                                   ReplicaNode& node, SteadyMs now);
  // Of a shard that was forgotten in this process's life (forget()), with what forget() left.
  ReplicaHost(ShardId shard, Replica self, const Keys& keys, replication::Settings settings,
              storage::ReplicaStore& store, Post post, ReplicaNode& node, SteadyMs now,
              replication::StoredReplica stored);
  ReplicaHost(const ReplicaHost&) = delete;
  ReplicaHost& operator=(const ReplicaHost&) = delete;

  // For its inputs; turn() after them.
  replication::ShardReplica& replica() { return replica_; }
  const replication::ShardReplica& replica() const { return replica_; }

  // Does all that the replica wants done.
  void turn(SteadyMs now);
  // The import of that number came whole (SnapshotReceiver::imported()).
  void on_imported(std::uint64_t import, replication::Imported imported);
  // Nothing that was committed waits to be applied.
  bool has_applied_all() const {
    return unapplied_.empty() || unapplied_.front().position.index > replica_.commit();
  }
  // Of the state on disk, when it was read last: by open() or an import.
  replication::LogIndex loaded() const { return loaded_; }
  // After an import: the records up to loaded() that came with it.
  const std::vector<replication::LogRecord>& kept() const { return kept_; }
  void drop_kept() { kept_ = {}; }
  // Another write to the shard's state or log has begun; until as many have ended no import begins.
  void write_began() { ++writes_; }
  void write_ended();
  // Deletes log and state; only that it is empty, and what was promised, stays. Nothing may be
  // asked of this any more but its destruction after `done`, with what a new one begins from.
  // Requires: doesn't lead.
  using Forgotten = std::function<void(Result<replication::StoredReplica>)>;
  void forget(Forgotten done);
  // Writes state that belongs to `applied`, and lets the log be trimmed as far as that, this node
  // and those who lag allow (`keep_from`: the first index that the applier still needs).
  void write_state(replication::LogIndex applied, replication::LogIndex keep_from,
                   storage::StateBatch batch, storage::Store::Done done);
  // What Store::flush_state() trims when it is called now; say on_flushed() with it when it is
  // done.
  replication::LogIndex trim_to() const { return trim_to_; }
  void on_flushed(replication::LogIndex trim_to);

 private:
  void carry_out();
  void forget_now();
  void add(const replication::AppendOp& op);
  void add(const replication::CutOp& op);
  void add(const replication::MetaOp& op);
  void begin_import(std::uint64_t number, const replication::BeginImportOp& op);
  void end_import(std::uint64_t number, const replication::EndImportOp& op);
  void read_imported(std::uint64_t number, const Result<void>& ended);
  void take_imported(const std::vector<replication::LogRecord>& records);
  // What was gathered goes to the disk; `number` is the last of it.
  void submit(std::uint64_t number);
  void synced(std::uint64_t number, const Result<void>& result);
  void fail(const Error& why);
  void read(const replication::LogRead& read);
  void apply();

  const ShardId shard_;
  storage::ReplicaStore& store_;
  const Post post_;
  ReplicaNode& node_;
  replication::ShardReplica replica_;
  replication::Output out_;
  std::deque<replication::LogOp> ops_;  // not begun
  bool is_importing_ = false;           // an operation that others wait for
  storage::LogBatch batch_;
  std::deque<replication::LogRecord> unapplied_;
  std::optional<replication::Imported> imported_;
  replication::LogIndex trim_to_ = 0;
  replication::LogIndex loaded_ = 0;
  std::vector<replication::LogRecord> kept_;
  bool has_failed_ = false;
  std::size_t writes_ = 0;  // under way, beside what `ops_` does
  Forgotten forgotten_;     // being forgotten
};

// Whether a node alone has filled shards of it: no record of a cluster stands beside them. As of
// open(). `has_content` says of such a shard whether more than bookkeeping is in it; empty: it is.
Brought brought(const storage::ReplicaStore& store, std::uint16_t shard_count,
                const std::function<bool(ShardId)>& has_content);
// The highest epoch of its records; 0: none.
std::uint64_t brought_epoch(const storage::ReplicaStore& store, std::uint16_t shard_count);

}  // namespace roost::cluster
