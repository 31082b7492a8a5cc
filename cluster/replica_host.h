// SPDX-License-Identifier: Apache-2.0
// A replica of a shard on this node's disk: carries out what the pure replica wants of log, state
// and table, hands what it wants of others to the node, and committed records to whoever applies
// them.
// Thread: the shard's core; the store's callbacks come back to it by Post.
// Owner: the cluster node. Requires: Post drops what comes after this is gone.
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
  virtual void send(ShardId shard, replication::MemberId to, replication::Message message) = 0;
  // Answered with ShardReplica::on_txn_result() and on_record_read().
  virtual void transact(ShardId shard, std::uint64_t id, Txn txn) = 0;
  virtual void read_record(ShardId shard, std::uint64_t id) = 0;
  // A SnapshotSender to that member; ends with on_snapshot_ended().
  virtual void send_snapshot(ShardId shard, replication::MemberId to, std::uint64_t import) = 0;
  // Committed and on disk here: in order, each once in this process's life, no-ops left out.
  virtual void apply(ShardId shard, const replication::LogRecord& record) = 0;
  // The shard's state and log are gone, or are others now: what was made of them is void.
  virtual void replaced(ShardId shard) = 0;
  virtual void raise(ShardId shard, const replication::RaisedAlarm& alarm) = 0;
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
  ReplicaHost(const ReplicaHost&) = delete;
  ReplicaHost& operator=(const ReplicaHost&) = delete;

  // For its inputs; turn() after them.
  replication::ShardReplica& replica() { return replica_; }
  const replication::ShardReplica& replica() const { return replica_; }

  // Does all that the replica wants done.
  void turn(SteadyMs now);
  // The import of that number came whole (SnapshotReceiver::imported()).
  void on_imported(std::uint64_t import, replication::Imported imported);
  // Writes state that belongs to `applied`, and lets the log be trimmed as far as that, this node
  // and those who lag allow (`keep_from`: the first index that the applier still needs).
  void write_state(replication::LogIndex applied, replication::LogIndex keep_from,
                   storage::StateBatch batch, storage::Store::Done done);
  // What Store::flush_state() trims when it is called now; say on_flushed() with it when it is
  // done.
  replication::LogIndex trim_to() const { return trim_to_; }
  void on_flushed(replication::LogIndex trim_to);

 private:
  ReplicaHost(ShardId shard, Replica self, const Keys& keys, replication::Settings settings,
              storage::ReplicaStore& store, Post post, ReplicaNode& node, SteadyMs now,
              replication::StoredReplica stored);

  void carry_out();
  void add(const replication::AppendOp& op);
  void add(const replication::CutOp& op);
  void add(const replication::MetaOp& op);
  void begin_import(std::uint64_t number, const replication::BeginImportOp& op);
  void end_import(std::uint64_t number, const replication::EndImportOp& op);
  // What was gathered goes to the disk; `number` is the last of it.
  void submit(std::uint64_t number);
  void synced(std::uint64_t number, const Result<void>& result);
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
};

}  // namespace roost::cluster
