// SPDX-License-Identifier: Apache-2.0
// What the follower's and the leader's part of one replica share.
// Thread: one at a time.
// Owner: the shard replica.
#pragma once

#include <cstdint>
#include <string>

#include "cluster/replication/local_log.h"
#include "cluster/replication/output.h"
#include "cluster/replication/settings.h"
#include "cluster/replication/shard_replica.h"

namespace roost::cluster::replication {

struct ReplicaState {
  ReplicaState(ShardId shard_id, Replica own, std::string record_key, const Settings& limits,
               const StoredReplica& stored, SteadyMs at);

  const ShardId shard;
  const Replica self;
  const MemberId self_id;
  const std::string key;
  const Settings settings;
  LocalLog log;
  Output out;

  SeenRecord seen;              // modified 0: none in this process yet
  bool is_distrustful = false;  // the coordinator is behind what was seen: no R3 to R5
  Role role = Role::follower;
  bool is_quiet = false;        // nobody asks for confirmations
  bool must_step_down = false;  // asked for by the leader's part; done when its input is over
  bool is_restarted = true;
  LogIndex commit = 0;
  LogIndex applied = 0;
  SteadyMs now = 0;

  Epoch fenced() const { return log.meta().fenced; }
  std::uint64_t next_id() { return ++last_id_; }
  void send(MemberId to, Message message) { out.sends.push_back({to, std::move(message)}); }
  void raise(Alarm alarm, std::string text);
  // What must not be was seen: answers nobody from now on.
  void stop(Alarm alarm, std::string text);
  void set_role(Role to);
  // R2: never back.
  void raise_commit(LogIndex to) {
    if (to > commit) commit = to;
  }
  // One linearizable read at a time.
  void ask_record();
  bool is_asking() const { return record_read_ != 0; }
  // True where that is the read under way, which is over then.
  bool is_answer(std::uint64_t read);
  // What was known when the read was begun: only that can't be missing in its answer.
  const ShardRecord& asked() const { return asked_; }
  SteadyMs asked_ms() const { return asked_ms_; }

 private:
  std::uint64_t last_id_ = 0;
  std::uint64_t record_read_ = 0;
  ShardRecord asked_;
  SteadyMs asked_ms_ = 0;
};

inline bool contains(const Replicas& list, const Replica& one) {
  for (const Replica& replica : list) {
    if (replica == one) return true;
  }
  return false;
}

}  // namespace roost::cluster::replication
