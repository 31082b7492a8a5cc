// SPDX-License-Identifier: Apache-2.0
// What the controller knows and has under way. controller.cc keeps it; controller_election.cc,
// controller_placement.cc and controller_commands.cc decide from it.
// Thread: one at a time.
// Owner: the controller.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/controller.h"

namespace roost::cluster {

struct Controller::State {
  struct Shard {
    ShardRecord record;
    Revision modified = 0;
    bool is_readable = true;
    std::uint64_t txn = 0;    // under way; one at a time
    std::uint64_t probe = 0;  // of these, the one that only asks whether the record is in force
    SteadyMs next_ms = 0;     // not before: the last one didn't get through
    SteadyMs elected_ms = 0;
    ShardRecord proposed;                // by that txn
    std::uint64_t counter_reported = 0;  // highest that any replica has ever said
    std::uint64_t epoch_reported = 0, lineage_reported = 0;
    std::optional<SteadyMs> older_since;         // record.counter is below counter_reported
    std::map<ControllerAlarm, SteadyMs> raised;  // and when last
  };
  struct Reported {
    NodeReport report;
    SteadyMs at_ms = 0;
  };

  State(std::string own_name, std::uint64_t own_incarnation, Keys cluster_keys,
        ControllerSettings limits, SteadyMs at)
      : name(std::move(own_name)),
        incarnation(own_incarnation),
        keys(std::move(cluster_keys)),
        settings(limits),
        now(at),
        erased_ms(at - limits.stalled_ms),
        nodes_changed_ms(at) {}

  // --- view, controller.cc ---
  void put(const KeyValue& kv);
  void put_shard(std::uint16_t id, const KeyValue& kv);
  void erase(const std::string& key);
  void note_controller_key();
  bool is_controller() const { return created > 0; }
  std::string own_value() const { return name + " " + std::to_string(incarnation); }
  void raise(std::uint16_t shard, ControllerAlarm alarm, const std::string& text);
  bool must_erase_key() const;
  void campaign();
  // Of this shard, on condition that this is still the controller and nothing else has changed it.
  void transact(std::uint16_t shard, ShardRecord next);
  std::uint64_t send(Txn txn);
  void settle(std::uint16_t id, std::uint64_t txn, const TxnResult& result);
  Condition as_known(std::uint16_t id, const Shard& shard) const {
    return {keys.shard(ShardId{id}), Condition::On::modified, shard.modified};
  }
  Condition as_controller() const { return {keys.controller(), Condition::On::created, created}; }

  // --- liveness, controller_election.cc ---
  const NodeReport* report_of(const std::string& node) const;  // nullptr: none that is fresh
  const ShardStatus* status_of(const Replica& replica, std::uint16_t shard) const;
  bool is_registered(const Replica& replica) const;
  bool is_refused(const std::string& node) const;
  bool is_live(const Replica& replica) const;
  bool sees(const std::string& node, const std::string& peer) const;
  // All registered nodes have reported, or had the time for it.
  bool has_heard() const;
  // The coordinator shows an older record than a replica has seen.
  bool is_older(std::uint16_t id, Shard& shard);

  void elect(std::uint16_t id, Shard& shard);
  bool has_failed(std::uint16_t id, const Shard& shard) const;
  bool is_stalled(std::uint16_t id, const Shard& shard) const;
  const Replica* candidate(std::uint16_t id, const Shard& shard, bool without_leader) const;
  bool is_before(std::uint16_t id, const Replica& a, const Replica& b) const;
  Replicas isr_without_dead(const Shard& shard, const Replica& next) const;

  // --- placement, controller_placement.cc ---
  bool is_calm() const;
  void create_shards();
  Replicas first_replicas(std::uint16_t id, const std::vector<PlacementNode>& placed) const;
  std::uint64_t first_epoch(const std::vector<PlacementNode>& placed) const;
  bool is_data_of_one(const std::vector<PlacementNode>& placed);
  void place_shards();
  bool replan(std::uint16_t id, const std::vector<PlacementNode>& members, ShardRecord& next) const;
  bool may_decide(std::uint16_t id, Shard& shard);
  bool may_take_over(std::uint16_t id, const Shard& shard, const Replica& member) const;
  void hand_over(std::uint16_t id, Shard& shard, const Replica& to);
  bool adopt_new_stores(ShardRecord& next) const;
  std::vector<PlacementNode> members() const;
  void move_leaders();
  const Replica* better_leader(std::uint16_t id, const Shard& shard,
                               const std::vector<PlacementNode>& members) const;
  bool is_draining(const std::string& node) const;
  bool is_serving(std::uint16_t id, const Shard& shard) const;

  // --- controller_commands.cc ---
  Result<Shard*> commanded(ShardId id);

  const std::string name;
  const std::uint64_t incarnation;
  const Keys keys;
  const ControllerSettings settings;
  SteadyMs now = 0;
  ControllerOutput out;
  bool has_news = true;  // since the last look at all shards
  SteadyMs looked_ms = 0;

  std::optional<KeyValue> controller_key;
  std::string controller_name;
  Revision created = 0;  // of the controller key, while it is this node's; 0: it isn't
  SteadyMs elected_ms = 0;
  LeaseId lease = kNoLease;
  std::uint64_t campaign_txn = 0;
  SteadyMs campaign_ms = 0;
  SteadyMs erased_ms = 0;  // the key of a holder that is gone

  std::map<std::string, NodeRecord> nodes;
  SteadyMs nodes_changed_ms = 0;
  std::map<std::uint16_t, Shard> shards;
  std::set<std::string> leaving;
  std::optional<std::uint16_t> shard_count;
  std::uint64_t count_txn = 0;
  SteadyMs count_ms = 0;
  std::map<std::string, Reported> reports;
  std::map<std::uint64_t, std::uint16_t> shard_of_txn;
  std::uint64_t last_id = 0;
};

inline bool contains(const Replicas& list, const Replica& one) {
  for (const Replica& replica : list) {
    if (replica == one) return true;
  }
  return false;
}

inline void erase_from(Replicas& list, const Replica& one) { std::erase(list, one); }

}  // namespace roost::cluster
