// SPDX-License-Identifier: Apache-2.0
// The replicas of one core: shard_hosts.h over a ReplicaHost for each shard, snapshots on their way
// in and out, and what the node tells the core of records and peers.
// Thread: core-bound, but for the constructor and the destructor (no core runs then).
// Owner: the cluster node.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/counter.h"
#include "cluster/peer_messages.h"
#include "cluster/replica_host.h"
#include "cluster/replication_codec.h"
#include "cluster/shard_hosts.h"
#include "cluster/snapshot_streams.h"

namespace roost::cluster {

// What a core's replicas ask of their node. Called on any core.
class CoreNode {
 public:
  using RecordRead = std::function<void(std::optional<replication::SeenRecord>)>;

  virtual bool send(PeerId to, std::uint64_t session, Lane lane, std::string chunk) = 0;
  virtual std::size_t waiting_bytes(PeerId to, Lane lane) const = 0;
  // `done` runs on a thread of the coordinator.
  virtual void transact(Txn txn, Coordinator::TxnDone done) = 0;
  virtual void read_record(ShardId shard, RecordRead done) = 0;
  // A thread that may wait for the disk.
  virtual void run_aside(std::function<void()> job) = 0;
  virtual void raise(ShardId shard, std::string_view text) = 0;
  // The disk didn't take what it must; this process can't go on.
  virtual void fail(ShardId shard, std::string_view why) = 0;
  // Of all of that core. `is_urgent`: the controller should know at once.
  virtual void report(std::size_t core, std::vector<ShardStatus> shards, bool is_urgent) = 0;

 protected:
  ~CoreNode() = default;
};

struct CoreHostsSettings {
  std::size_t core = 0;
  std::size_t cores = 1;
  Replica self;
  replication::Settings replication;
  std::int64_t report_ms = 250;
  // A replica that the record doesn't name any more is deleted after so long, and so long not made
  // again: a leader that hasn't heard of it knows by then that it is silent. R5
  std::int64_t drop_ms = 10'000;
};

struct CoreHostsCounters {
  Counter appends_skipped;  // a peer read too slowly: kWaitingBytesMax
  // Of the shards led here, at the last report: the replica that is behind most.
  Counter lag_records, lag_ms;
};

class CoreHosts final : public ShardHosts, private ReplicaNode, private SnapshotHost {
 public:
  using Post = std::function<void(std::function<void()>)>;  // to the core

  CoreHosts(CoreHostsSettings settings, Keys keys, storage::ReplicaStore& store, Post post,
            CoreNode& node, const Clock& clock);

  // Opens what the disk has, and what the records say that were told by then. Once. `events`
  // outlives the core.
  void start(ShardEvents& events);

  // ShardHosts
  void tick(SteadyMs now) override;
  void turn(SteadyMs now) override;
  bool leads(ShardId shard) const override;
  bool can_propose(ShardId shard) const override;
  std::uint64_t lineage(ShardId shard) const override;
  replication::Position propose(ShardId shard, SharedPtr<SharedBlock> owner,
                                ByteView bytes) override;
  void write_state(ShardId shard, replication::LogIndex applied, replication::LogIndex keep_from,
                   storage::StateBatch batch, storage::Store::Done done) override;
  replication::LogIndex loaded(ShardId shard) const override;
  void replay(ShardId shard, const Replay& visit) const override;
  std::optional<SteadyMs> confirmed_ms(ShardId shard) const override;
  void resign(ShardId shard) override;
  void before_flush() override;
  void after_flush(bool is_done) override;

  // --- what the node tells ---
  void on_record(ShardId shard, const replication::SeenRecord& seen);
  void on_peer_up(PeerId peer, std::uint64_t session, replication::MemberId member);
  void on_peer_down(PeerId peer, std::uint64_t session);
  void on_member_gone(replication::MemberId member);
  // Chunks of replicas' messages, of all cores: takes its own.
  void on_messages(PeerId from, std::uint64_t session, const std::vector<ReceivedChunkPtr>& chunks);
  void on_snapshot(PeerId from, std::uint64_t session, const PeerMessage& message);

  const CoreHostsCounters& counters() const { return counters_; }  // any thread
  // So much waits on the replication lane of a peer that doesn't read: records for it are dropped
  // as if they were lost on the way. Its leaders send them again and again.
  static constexpr std::size_t kWaitingBytesMax = std::size_t{32} << 20;

 private:
  static constexpr SteadyMs kQuietMs = 1500;  // without a question for confirmations

  struct Hosted {
    std::unique_ptr<ReplicaHost> host;
    std::shared_ptr<bool> life = std::make_shared<bool>(true);  // later, what comes is dropped
    bool is_told = false;                                       // on_hosted() was
    replication::Epoch leading = 0;    // on_leading() was; 0: isn't any more
    replication::LogIndex synced = 0;  // on_synced() was
    bool is_forgetting = false;        // being deleted
    bool is_dirty = false;             // wants its turn
    bool is_as_opened = true;          // what it holds is what the store was opened with
    std::optional<SteadyMs> unnamed_since;
    replication::LogIndex flushing = 0;  // trim_to() at before_flush()
  };
  struct Peer {
    std::uint64_t session = 0;
    replication::MemberId member;
    MessageChunks chunks;
  };
  // Deleted in this process's life.
  struct Forgotten {
    replication::StoredReplica left;
    SteadyMs at_ms = 0;
  };

  // What this turn's replicas append is one batch, with one answer.
  struct Appending {
    ShardId shard;
    std::weak_ptr<bool> life;
    Appended done;
  };

  // ReplicaNode
  void append(ShardId shard, storage::LogBatch batch, Appended done) override;
  void send_appends() override;
  void send(ShardId shard, replication::MemberId to, replication::Message message) override;
  void transact(ShardId shard, std::uint64_t id, Txn txn) override;
  void read_record(ShardId shard, std::uint64_t id) override;
  void send_snapshot(ShardId shard, replication::MemberId to, std::uint64_t import) override;
  void apply(ShardId shard, const replication::LogRecord& record) override;
  void replaced(ShardId shard) override;
  void raise(ShardId shard, const replication::RaisedAlarm& alarm) override;
  void failed(ShardId shard, const Error& why) override;
  void status_changed(ShardId) override { is_report_urgent_ = true; }

  // SnapshotHost
  bool send_bulk(PeerId to, std::uint64_t session, std::string chunk) override;
  void run_aside(std::function<void()> job) override { node_.run_aside(std::move(job)); }
  bool is_importing(ShardId shard, std::uint64_t import) const override;
  void write_began(ShardId shard) override;
  void write_ended(ShardId shard) override;
  void on_imported(ShardId shard, std::uint64_t import, replication::Imported imported) override;
  void on_progress(ShardId shard, replication::MemberId to, std::uint64_t import) override;
  void on_ended(ShardId shard, replication::MemberId to, std::uint64_t import) override;

  void take_messages(replication::MemberId member, const ReceivedChunkPtr& chunk);
  bool is_own(ShardId shard) const { return shard.value % settings_.cores == settings_.core; }
  bool names_self(const ShardRecord& record) const;
  // Not one that is being deleted.
  Hosted* find(ShardId shard);
  const Hosted* find(ShardId shard) const;
  // Runs what it is given on the core while that lives; the shard then has its turn.
  ReplicaHost::Post poster(ShardId shard, const std::shared_ptr<bool>& life);
  ReplicaHost::Post poster();

  void open(ShardId shard);
  void open_where_named(ShardId shard);
  void tell_hosted(ShardId shard, Hosted& hosted);
  void drop_where_unnamed(ShardId shard, Hosted& hosted);
  void on_forgotten(ShardId shard, const Result<replication::StoredReplica>& left);
  // Tells what has become of its role.
  void follow(ShardId shard, Hosted& hosted);
  void tell_synced(ShardId shard, Hosted& hosted);
  void wake(ShardId shard, Hosted& hosted);
  void turn_all();
  void send_all();
  void report_if_due();
  void note_lag();
  void set_now(SteadyMs now) { now_ = std::max(now_, now); }

  const CoreHostsSettings settings_;
  const Keys keys_;
  storage::ReplicaStore& store_;
  const Post post_;
  CoreNode& node_;
  const Clock& clock_;
  std::shared_ptr<bool> life_ = std::make_shared<bool>(true);
  SnapshotStreams snapshots_;
  ShardEvents* events_ = nullptr;
  std::map<std::uint16_t, Hosted> shards_;
  std::map<std::uint16_t, Forgotten> forgotten_;
  std::map<std::uint16_t, replication::SeenRecord> seen_;
  std::map<PeerId, Peer> peers_;
  std::vector<ShardId> dirty_;
  storage::LogBatch appends_;  // of `appending_`
  std::vector<Appending> appending_;
  std::vector<std::function<void()>> later_;  // in the next turn, not in the call that asks
  SteadyMs now_ = 0;
  SteadyMs reported_ms_ = 0;
  SteadyMs looked_ms_ = 0;         // for replicas that aren't named any more
  mutable SteadyMs asked_ms_ = 0;  // for confirmations
  CoreHostsCounters counters_;
  std::set<replication::MemberId> gone_;  // on_member_gone(), and not up again since
  bool is_report_urgent_ = false;
  bool is_turning_ = false;
};

}  // namespace roost::cluster
