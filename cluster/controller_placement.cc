// SPDX-License-Identifier: Apache-2.0
// Placement: the first shards, who shall hold what, who leads by preference; a few at a time.
#include <algorithm>

#include "cluster/controller_state.h"

namespace roost::cluster {

using replication::Role;

namespace {

bool is_moving(const ShardRecord& record) {
  return !record.adding.empty() || !record.removing.empty();
}

}  // namespace

bool Controller::State::is_draining(const std::string& node) const {
  const NodeReport* report = report_of(node);
  return leaving.count(node) > 0 || (report && report->is_draining);
}

bool Controller::State::is_serving(std::uint16_t id, const Shard& shard) const {
  const ShardStatus* status = status_of(shard.record.leader, id);
  return status && status->role == Role::leader && status->epoch == shard.record.epoch;
}

// Who may hold shards: the registered and those who do, without those who leave for good.
std::vector<PlacementNode> Controller::State::members() const {
  std::vector<PlacementNode> all;
  for (const auto& [node, record] : nodes) {
    if (leaving.count(node) == 0) all.push_back({node, record.zone});
  }
  return all;
}

// Every node that holds something, and isn't leaving, is there, and has been for a while: a restart
// moves nothing.
bool Controller::State::is_calm() const {
  if (now - nodes_changed_ms < settings.placement_ms) return false;
  for (const auto& [id, shard] : shards) {
    for (const Replica& replica : shard.record.replicas) {
      const bool shall_go =
          leaving.count(replica.name) > 0 || contains(shard.record.removing, replica);
      if (!shall_go && nodes.count(replica.name) == 0) return false;
    }
  }
  return true;
}

// All of them empty; or the one that has something, which the others get when they join. Of those
// that have only bookkeeping the first does as well as any, but it can't be two: their logs differ.
Replicas Controller::State::first_replicas(std::uint16_t id,
                                           const std::vector<PlacementNode>& placed) const {
  for (const Brought level : {Brought::content, Brought::bookkeeping}) {
    for (const PlacementNode& node : placed) {
      const NodeRecord& record = nodes.at(node.name);
      if (record.brings == level) return {{node.name, record.store}};
    }
  }
  Replicas first;
  for (const std::string& node : place(ShardId{id}, placed, settings.replicas)) {
    first.push_back({node, nodes.at(node).store});
  }
  return first;
}

// R1: behind all that anybody's records have, or the leader would append an older one to its own.
std::uint64_t Controller::State::first_epoch(const std::vector<PlacementNode>& placed) const {
  std::uint64_t highest = 0;
  for (const PlacementNode& node : placed) {
    highest = std::max(highest, nodes.at(node.name).brings_epoch);
  }
  return highest + 1;
}

bool Controller::State::is_data_of_one(const std::vector<PlacementNode>& placed) {
  std::string names;
  int count = 0;
  for (const PlacementNode& node : placed) {
    if (nodes.at(node.name).brings != Brought::content) continue;
    names += (count++ == 0 ? "" : ", ") + node.name;
  }
  if (count <= 1) {
    shards[0].raised.erase(ControllerAlarm::data_of_several);
    return true;
  }
  raise(0, ControllerAlarm::data_of_several,
        names +
            " bring data from before this cluster: start it with one of them, and the others "
            "with empty data directories");
  return false;
}

void Controller::State::create_shards() {
  bool has_none = true;
  for (auto& [id, shard] : shards) {
    if (shard.modified != 0) has_none = false;
    // A replica remembers a shard that the coordinator doesn't know: it was restored.
    if (shard.modified == 0 && is_older(id, shard)) return;
  }
  const auto placed = members();
  // Also in the middle: what is made while the others are away would begin with fewer copies.
  if (placed.size() < std::max<std::size_t>(settings.first_nodes, 1)) return;
  if (!is_data_of_one(placed)) return;
  if (!shard_count) {
    if (!has_none || count_txn != 0 || now < count_ms) return;
    Txn txn;
    txn.conditions.push_back(as_controller());
    txn.conditions.push_back({keys.shard_count(), Condition::On::modified, 0});
    txn.changes.emplace_back(
        PutKey{keys.shard_count(), std::to_string(settings.shard_count), kNoLease});
    count_txn = send(std::move(txn));
    return;
  }
  for (std::uint16_t id = 0; id < *shard_count; ++id) {
    Shard& shard = shards[id];
    if (shard.modified != 0 || shard.txn != 0 || now < shard.next_ms) continue;
    if (shard_of_txn.size() >= settings.elections_max) return;
    ShardRecord record;
    record.lineage = 1;
    record.epoch = first_epoch(placed);
    record.isr = record.replicas = first_replicas(id, placed);
    record.leader = record.isr.front();
    record.min_in_sync =
        std::min(settings.min_in_sync, static_cast<std::uint32_t>(record.isr.size()));
    transact(id, std::move(record));
  }
}

// R7: a node that has come back with another store is another replica in the same seat.
bool Controller::State::adopt_new_stores(ShardRecord& next) const {
  bool is_changed = false;
  const Replicas before = next.replicas;
  for (const Replica& old : before) {
    const auto node = nodes.find(old.name);
    if (node == nodes.end() || node->second.store == old.store || leaving.count(old.name) > 0 ||
        contains(next.removing, old)) {
      continue;
    }
    const Replica fresh{old.name, node->second.store};
    if (!contains(next.replicas, fresh)) {
      next.replicas.push_back(fresh);
      next.adding.push_back(fresh);
    }
    erase_from(next.adding, old);
    if (contains(next.isr, old)) {
      next.removing.push_back(old);
    } else {
      erase_from(next.replicas, old);
    }
    is_changed = true;
  }
  return is_changed;
}

// Who shall hold the shard: comes first, and what is too much leaves when it has come. One that
// isn't in sync is no loss and goes at once.
bool Controller::State::replan(std::uint16_t id, const std::vector<PlacementNode>& members,
                               ShardRecord& next) const {
  const ShardRecord before = next;
  Replicas target;
  for (const std::string& node : place(ShardId{id}, members, settings.replicas)) {
    target.push_back({node, nodes.at(node).store});
  }
  for (const Replica& wanted : target) {
    erase_from(next.removing, wanted);
    if (contains(next.replicas, wanted)) continue;
    next.replicas.push_back(wanted);
    next.adding.push_back(wanted);
  }
  for (const Replica& holder : before.replicas) {
    if (contains(target, holder)) continue;
    erase_from(next.adding, holder);
    if (!contains(next.isr, holder)) {
      erase_from(next.replicas, holder);
      erase_from(next.removing, holder);
    } else if (!contains(next.removing, holder)) {
      next.removing.push_back(holder);
    }
  }
  return next != before;
}

// Join, leave, lost disks: moves_max shards at a time.
void Controller::State::place_shards() {
  const auto able = members();
  if (able.empty()) return;
  const bool may_replan = is_calm();
  std::size_t moving = 0;
  for (const auto& [id, shard] : shards) moving += is_moving(shard.record) ? 1 : 0;
  for (auto& [id, shard] : shards) {
    if (!may_decide(id, shard)) continue;
    const bool was_moving = is_moving(shard.record);
    if (!was_moving && moving >= settings.moves_max) continue;
    ShardRecord next = shard.record;
    const bool is_other = adopt_new_stores(next) || (may_replan && replan(id, able, next));
    if (!is_other) continue;
    if (!was_moving && is_moving(next)) ++moving;
    transact(id, std::move(next));
  }
}

bool Controller::State::may_decide(std::uint16_t id, Shard& shard) {
  return shard.is_readable && shard.modified != 0 && shard.txn == 0 && now >= shard.next_ms &&
         !is_older(id, shard);
}

// In sync, alive, told so by itself, and not about to go.
bool Controller::State::may_take_over(std::uint16_t id, const Shard& shard,
                                      const Replica& member) const {
  const ShardStatus* status = status_of(member, id);
  return member != shard.record.leader && is_live(member) && status &&
         status->role == Role::follower && status->epoch == shard.record.epoch &&
         !is_draining(member.name) && !contains(shard.record.removing, member);
}

// Away from who is about to go: to anyone. Else to the first by placement, when all is well.
const Replica* Controller::State::better_leader(std::uint16_t id, const Shard& shard,
                                                const std::vector<PlacementNode>& members) const {
  const ShardRecord& record = shard.record;
  const bool has_to_go =
      is_draining(record.leader.name) || contains(record.removing, record.leader);
  const bool is_well =
      is_calm() && !is_moving(record) && record.isr.size() == record.replicas.size();
  if (!has_to_go && !is_well) return nullptr;
  for (const std::string& node : place(ShardId{id}, members, settings.replicas)) {
    if (!has_to_go && node == record.leader.name) return nullptr;  // it is the first that may
    for (const Replica& member : record.isr) {
      if (member.name == node && may_take_over(id, shard, member)) return &member;
    }
  }
  if (!has_to_go) return nullptr;
  const auto any = std::find_if(record.isr.begin(), record.isr.end(), [&](const Replica& member) {
    return may_take_over(id, shard, member);
  });
  return any == record.isr.end() ? nullptr : &*any;
}

// A hand-over is an election of a member that is in sync; the old leader is alive and stays in the
// ISR. R3
void Controller::State::move_leaders() {
  const auto able = members();
  std::size_t moving = 0;
  for (const auto& [id, shard] : shards) {
    moving += shard.modified != 0 && !is_serving(id, shard) ? 1 : 0;
  }
  for (auto& [id, shard] : shards) {
    if (moving >= settings.leader_moves_max) return;
    if (!may_decide(id, shard) || !is_serving(id, shard)) continue;
    const Replica* next = better_leader(id, shard, able);
    if (!next) continue;
    ++moving;
    hand_over(id, shard, *next);
  }
}

void Controller::State::hand_over(std::uint16_t id, Shard& shard, const Replica& to) {
  ShardRecord record = shard.record;
  ++record.epoch;
  record.leader = to;
  shard.elected_ms = now;
  transact(id, std::move(record));
}

}  // namespace roost::cluster
