// SPDX-License-Identifier: Apache-2.0
// Who leads which shard and who holds it, as transactions: fail-over (R3), placement, join, leave,
// moving leadership, forcing a leader (R6). Each node has one; it acts while its node holds the
// controller key. Pure: no I/O, no clock, no thread.
// Thread: one at a time.
// Owner: the cluster node.
//
// How a host drives it: on_listing()/on_events() from a watch of Keys::prefix(), on_lease() with
// the lease that also holds the node's own key, on_report() with the reports of all nodes (each
// node sends its NodeReport to the node named in the controller key, every 500 ms and at once when
// a replica's is_status_changed or a peer's Seen says so; its own it also hands to its own
// controller, whether that acts or not), on_tick() every 50 to 200 ms; after each turn take() and
// do what it says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/ids.h"
#include "broker/base/result.h"
#include "cluster/coordinator.h"
#include "cluster/placement.h"
#include "cluster/replication/status.h"
#include "cluster/shard_record.h"

namespace roost::cluster {

struct ControllerSettings {
  std::uint16_t shard_count = kShardCountDefault;  // only for a cluster that has none yet
  std::size_t replicas = kReplicasDefault;
  std::uint32_t min_in_sync = 2;     // or the number of replicas where that is lower
  std::size_t first_nodes = 1;       // a new cluster waits for so many before it makes its shards
  std::int64_t stalled_ms = 3000;    // R3: a leader that hasn't advanced for so long
  std::int64_t alarm_ms = 300'000;   // one that stands is raised again after so long
  std::int64_t report_ms = 2000;     // an older report says nothing any more
  std::int64_t settle_ms = 1500;     // after becoming the controller, before anything is decided
                                     // without the report of a node that may live
  std::int64_t look_ms = 250;        // at all shards, where nothing has changed
  std::int64_t retry_ms = 500;       // after a Txn that didn't get through
  std::int64_t placement_ms = 5000;  // nodes unchanged for so long before shards move
  std::size_t moves_max = 4;         // shards that change their replicas at one time
  std::size_t elections_max = 64;    // Txns under way at one time
  std::size_t leader_moves_max = 2;  // leaders that are moved for balance at one time
};

enum class ControllerAlarm {
  older_record,  // a replica has seen a higher counter of that shard: etcd was restored; nothing
                 // is decided for it
  no_candidate,  // the leader is gone and no live member of the ISR may lead. R6
  unreadable_record,
  data_of_several  // more than one node brings data to a new cluster: none is taken
};

struct ControllerOutput {
  std::vector<replication::TxnRequest> txns;
  // Raised once when it comes, with the shard; again only after it was gone.
  struct Raised {
    ControllerAlarm alarm;
    ShardId shard;
    std::string text;
  };
  std::vector<Raised> alarms;
  void clear();
};

class Controller {
 public:
  // `name`, `incarnation`: of this node. `keys`: of the cluster.
  Controller(std::string name, std::uint64_t incarnation, Keys keys, ControllerSettings settings,
             SteadyMs now);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // --- inputs ---
  void on_tick(SteadyMs now);
  void on_listing(const Listing& all);
  void on_events(const std::vector<Watcher::Event>& events);
  // kNoLease: lost, or not yet granted. With a lease it campaigns whenever the key is free.
  void on_lease(LeaseId lease);
  void on_report(const NodeReport& report, SteadyMs now);
  void on_txn_result(std::uint64_t id, const TxnResult& result);  // one for each of the Output

  // Its node can't do its work: another one becomes the controller now, not when the lease has run
  // out. It doesn't campaign for a while.
  void resign();

  // --- commands; errors: unavailable (not the controller), not_found, invalid_argument,
  // permission_denied (etcd looks restored). Ok means begun: the shard records show how far it is.
  // Its shards move away; it stays empty until it registers again after `undo`. A restart is no
  // leaving.
  Result<void> leave(const std::string& node);
  Result<void> undo_leave(const std::string& node);
  Result<void> move_leader(ShardId shard, const std::string& to);
  // R2: how many have to have everything; 1 to the number of its replicas.
  Result<void> set_min_in_sync(ShardId shard, std::uint32_t count);
  // R6: loses what only others held. The shard gets a new lineage; all others resync in full. Also
  // the way out of an etcd that was restored: what it writes is newer than all that was reported.
  Result<void> force_leader(ShardId shard, const Replica& to);

  // --- outputs ---
  void take(SteadyMs now, ControllerOutput& out);  // adds to `out`

  // --- what is known ---
  bool is_controller() const;
  // Name of the node that holds the key; empty: nobody. Where reports go.
  const std::string& controller_name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace roost::cluster
