// SPDX-License-Identifier: Apache-2.0
// One core's replicas: a ReplicaHost for each shard of the core that this node shall hold, and
// between them and the others the replication and bulk lanes. What the core's shards see of the
// cluster.
// Thread: core-bound; what comes from other threads is posted to it.
// Owner: the cluster node (cluster_node.h), one for each core.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/base/clock.h"
#include "broker/base/ids.h"
#include "broker/base/shared.h"
#include "cluster/replication/log_record.h"
#include "storage/store.h"

namespace roost::cluster {

// Told on the core, out of ShardHosts' calls. A shard goes
//   hosted -> (committed | leading | following | replaced)* -> dropped, and perhaps hosted again.
class ShardEvents {
 public:
  // A replica stands here from now on. What its disk holds: state up to ShardHosts::loaded();
  // records behind come by on_committed(). Load it.
  virtual void on_hosted(ShardId shard) = 0;
  // Committed and on disk here: in index order, each once; no-ops are left out, so indices jump.
  virtual void on_committed(ShardId shard, const replication::LogRecord& record) = 0;
  // State and log are another's now (a snapshot came, all of it on disk): forget the shard and load
  // it again, as with on_hosted().
  virtual void on_replaced(ShardId shard) = 0;
  // Leads and serves: may propose. Everything committed by earlier leaders was told before.
  virtual void on_leading(ShardId shard, replication::Epoch epoch) = 0;
  // Leading: this node's disk has the shard's log up to there, whoever else has. Once for each.
  virtual void on_synced(ShardId /*shard*/, replication::LogIndex /*index*/) {}
  // Doesn't lead any more. What was proposed and not told as committed may still be, or not.
  virtual void on_following(ShardId shard) = 0;
  // No replica here any more.
  virtual void on_dropped(ShardId shard) = 0;

 protected:
  ~ShardEvents() = default;
};

class ShardHosts {
 public:
  virtual ~ShardHosts() = default;

  // Every 20 to 100 ms, and at the end of each turn in which something was asked of it.
  virtual void tick(SteadyMs now) = 0;
  virtual void turn(SteadyMs now) = 0;

  virtual bool leads(ShardId shard) const = 0;  // between on_leading and on_following
  virtual bool can_propose(ShardId shard) const = 0;
  // Of its log (ShardRecord::lineage): with an index it names a record of the shard for ever.
  // Requires: leads(shard).
  virtual std::uint64_t lineage(ShardId shard) const = 0;
  // Appends to the shard's log. Requires: leads(shard), bytes not empty, at most
  // kRecordBytesMax. Where !can_propose() it is still taken; callers slow down. {0, 0}: it doesn't
  // lead any more, which is about to be told.
  virtual replication::Position propose(ShardId shard, SharedPtr<SharedBlock> owner,
                                        ByteView bytes) = 0;
  static constexpr std::size_t kRecordBytesMax = 512 * 1024;

  // Of the state on disk, in on_hosted() and on_replaced(). And the records up to there that are
  // still kept, in order, no-ops left out: one that is written in parts may have begun there.
  virtual replication::LogIndex loaded(ShardId shard) const = 0;
  using Replay = std::function<void(replication::LogIndex index, ByteView bytes)>;
  virtual void replay(ShardId shard, const Replay& visit) const = 0;

  // As ReplicaHost::write_state(); `done` on the core. Errors: unavailable: the shard is being
  // replaced or dropped, which is about to be told; those of the store.
  virtual void write_state(ShardId shard, replication::LogIndex applied,
                           replication::LogIndex keep_from, storage::StateBatch batch,
                           storage::Store::Done done) = 0;
  // Leading: the last moment at which the whole ISR held to this epoch. Interest leases
  virtual std::optional<SteadyMs> confirmed_ms(ShardId shard) const = 0;
  // Gives up leading it; another one is elected.
  virtual void resign(ShardId shard) = 0;

  // Store::flush_state() is for all cores: on each of them before it is called, and when it is
  // done.
  virtual void before_flush() = 0;
  virtual void after_flush(bool is_done) = 0;
};

}  // namespace roost::cluster
