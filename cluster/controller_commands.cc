// SPDX-License-Identifier: Apache-2.0
// What an operator asks of the controller.
#include <algorithm>

#include "cluster/controller_state.h"

namespace roost::cluster {
namespace {

Unexpected<Error> no_controller() {
  return error(ErrorKind::unavailable, "this node is not the controller");
}

Unexpected<Error> looks_restored() {
  return error(ErrorKind::permission_denied, "etcd shows an older record than replicas have seen");
}

}  // namespace

Result<Controller::State::Shard*> Controller::State::commanded(ShardId id) {
  if (!is_controller()) return no_controller();
  const auto found = shards.find(id.value);
  if (found == shards.end() || found->second.modified == 0) {
    return error(ErrorKind::not_found, "there is no shard " + std::to_string(id.value));
  }
  if (found->second.txn != 0) {
    return error(ErrorKind::unavailable, "the shard is being changed; try again");
  }
  return &found->second;
}

Result<void> Controller::leave(const std::string& node) {
  State& s = *state_;
  if (!s.is_controller()) return no_controller();
  const auto staying = s.members();
  const bool is_known =
      s.nodes.count(node) > 0 ||
      std::any_of(s.shards.begin(), s.shards.end(), [&](const auto& shard) {
        const Replicas& holders = shard.second.record.replicas;
        return std::any_of(holders.begin(), holders.end(),
                           [&](const Replica& holder) { return holder.name == node; });
      });
  if (!is_known) return error(ErrorKind::not_found, "there is no node " + node);
  const auto count = static_cast<std::size_t>(std::count_if(
      staying.begin(), staying.end(), [&](const PlacementNode& one) { return one.name != node; }));
  for (const auto& [id, shard] : s.shards) {
    if (count < shard.record.min_in_sync) {
      return error(ErrorKind::invalid_argument, "shard " + std::to_string(id) + " needs " +
                                                    std::to_string(shard.record.min_in_sync) +
                                                    " replicas in sync");
    }
  }
  Txn txn;
  txn.conditions.push_back(s.as_controller());
  txn.changes.emplace_back(PutKey{s.keys.leaving(node), "", kNoLease});
  s.send(std::move(txn));
  return {};
}

Result<void> Controller::undo_leave(const std::string& node) {
  State& s = *state_;
  if (!s.is_controller()) return no_controller();
  if (s.leaving.count(node) == 0) return error(ErrorKind::not_found, node + " is not leaving");
  Txn txn;
  txn.conditions.push_back(s.as_controller());
  txn.changes.emplace_back(EraseKey{s.keys.leaving(node)});
  s.send(std::move(txn));
  return {};
}

Result<void> Controller::move_leader(ShardId id, const std::string& to) {
  auto found = state_->commanded(id);
  if (!found) return Unexpected(found.error());
  State::Shard& shard = **found;
  if (state_->is_older(id.value, shard)) return looks_restored();
  for (const Replica& member : shard.record.isr) {
    if (member.name != to || member == shard.record.leader) continue;
    if (!state_->is_live(member)) return error(ErrorKind::unavailable, to + " is not alive");
    state_->hand_over(id.value, shard, Replica(member));
    return {};
  }
  return error(ErrorKind::invalid_argument, to + " leads already or is not in sync");
}

Result<void> Controller::set_min_in_sync(ShardId id, std::uint32_t count) {
  auto found = state_->commanded(id);
  if (!found) return Unexpected(found.error());
  State::Shard& shard = **found;
  if (state_->is_older(id.value, shard)) return looks_restored();
  if (count == 0 || count > shard.record.replicas.size()) {
    return error(ErrorKind::invalid_argument, "1 to the number of its replicas");
  }
  ShardRecord next = shard.record;
  next.min_in_sync = count;
  state_->transact(id.value, std::move(next));
  return {};
}

// R6: newer than all that was ever reported, so that those who refuse an older record follow it.
Result<void> Controller::force_leader(ShardId id, const Replica& to) {
  auto found = state_->commanded(id);
  if (!found) return Unexpected(found.error());
  State::Shard& shard = **found;
  if (!state_->is_live(to)) {
    return error(ErrorKind::invalid_argument, to.name + " is not alive with that store");
  }
  ShardRecord next = shard.record;
  next.counter = std::max(next.counter, shard.counter_reported);
  next.epoch = std::max(next.epoch, shard.epoch_reported) + 1;
  next.lineage = std::max(next.lineage, shard.lineage_reported) + 1;
  next.leader = to;
  next.isr = {to};
  next.adding.clear();
  next.removing.clear();
  if (!contains(next.replicas, to)) next.replicas.push_back(to);
  shard.elected_ms = state_->now;
  state_->transact(id.value, std::move(next));
  return {};
}

}  // namespace roost::cluster
