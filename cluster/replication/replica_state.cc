// SPDX-License-Identifier: Apache-2.0
#include "cluster/replication/replica_state.h"

#include <algorithm>
#include <utility>

namespace roost::cluster::replication {

ReplicaState::ReplicaState(ShardId shard_id, Replica own, std::string record_key,
                           const Settings& limits, const StoredReplica& stored, SteadyMs at)
    : shard(shard_id),
      self(std::move(own)),
      self_id(member_id(self)),
      key(std::move(record_key)),
      settings(limits),
      log(settings, stored),
      commit(std::min(std::max(stored.commit, stored.applied), stored.last)),
      applied(stored.applied),
      now(at) {
  // Not yet confirmed by the coordinator, but the measure of what it shows. R3
  seen.record = log.meta().record;
  if (log.meta().is_importing) role = Role::importing;
}

void ReplicaState::raise(Alarm alarm, std::string text) {
  out.alarms.push_back({alarm, std::move(text)});
}

void ReplicaState::stop(Alarm alarm, std::string text) {
  raise(alarm, std::move(text));
  set_role(Role::stopped);
}

void ReplicaState::set_role(Role to) {
  if (role == to) return;
  role = to;
  out.is_status_changed = true;
}

void ReplicaState::ask_record() {
  if (record_read_ != 0) return;
  record_read_ = next_id();
  out.record_read = record_read_;
  asked_ = seen.record;
  asked_ms_ = now;
}

bool ReplicaState::is_answer(std::uint64_t read) {
  if (read != record_read_) return false;
  record_read_ = 0;
  return true;
}

}  // namespace roost::cluster::replication
