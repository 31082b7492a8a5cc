// SPDX-License-Identifier: Apache-2.0
// One change of the shard's record on its way: sent, perhaps without an answer, settled. R5
// Thread: one at a time.
// Owner: the leader.
#pragma once

#include <cstdint>
#include <optional>

#include "cluster/replication/replica_state.h"

namespace roost::cluster::replication {

class IsrChange {
 public:
  explicit IsrChange(ReplicaState& state) : state_(state) {}

  bool is_open() const { return open_.has_value(); }
  // Requires: is_open(). May be in force, may come into force as long as this is open.
  const ShardRecord& proposed() const { return open_->proposed; }
  // After one that certainly failed not at once again.
  bool may_send() const { return !open_ && state_.now >= next_ms_; }
  // Requires: may_send().
  void send(ShardRecord proposed);
  // The record that is now in force, where the result says so; the caller shows it to everyone.
  std::optional<SeenRecord> on_txn_result(std::uint64_t id, const TxnResult& result);
  // The answer of the read; 0: none came.
  void on_read(Revision modified);
  // A record of that revision was seen.
  void on_seen(Revision modified);
  void on_tick();

 private:
  enum class Phase { sent, unsure, reading, settling };
  struct Open {
    Phase phase = Phase::sent;
    std::uint64_t id = 0;
    SeenRecord base;
    ShardRecord proposed;
  };
  void transact(const ShardRecord& record);

  ReplicaState& state_;
  std::optional<Open> open_;
  SteadyMs next_ms_ = 0;
};

}  // namespace roost::cluster::replication
