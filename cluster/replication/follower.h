// SPDX-License-Identifier: Apache-2.0
// The part of a replica that obeys a leader: fences, takes over its log, acknowledges what is on
// disk, imports a snapshot. R1, R2, R4, Resync
// Thread: one at a time.
// Owner: the shard replica.
#pragma once

#include <cstdint>
#include <optional>

#include "cluster/replication/replica_state.h"

namespace roost::cluster::replication {

class Follower {
 public:
  explicit Follower(ReplicaState& state) : state_(state), heard_ms_(state.now) {}

  // Follows nobody yet; `own`: led this epoch itself, and obeys nobody in it.
  void begin(std::optional<MemberId> own);
  void on_fence(MemberId from, const Fence& fence);
  void on_append(MemberId from, const Append& append);
  void on_begin_import(MemberId from, const BeginImport& begin);
  void on_imported(std::uint64_t import, Imported imported);
  void on_synced();
  // What became due since: an acknowledgement for all that came in this turn.
  void take();

  MemberId leader() const { return leader_; }
  // Its log is the leader's up to here, in this epoch and this process.
  LogIndex matched() const { return matched_; }
  SteadyMs heard_ms() const { return heard_ms_; }

 private:
  bool is_from_leader(MemberId from, Epoch epoch);
  bool is_older(MemberId from, Epoch epoch);
  bool fits(const Append& append) const;
  bool take_over(const LogRecord& record);
  void learn_commit();
  void report();

  ReplicaState& state_;
  MemberId leader_;
  LogIndex matched_ = 0;
  SteadyMs heard_ms_ = 0;
  SteadyMs sent_ms_ = 0;      // of the leader's newest message
  SteadyMs reported_ms_ = 0;  // last Fenced for an Append that didn't fit
  bool is_ack_due_ = false;
  LogIndex acked_synced_ = 0;
  LogIndex commit_ = 0;  // the leader's word; counts as far as the log here is its log, on disk
  std::optional<std::uint64_t> report_after_;  // send Fenced when that operation is on disk
  std::optional<std::uint64_t> ready_after_;   // send ImportReady then
  std::uint64_t fence_number_ = 0;             // the operation that put the epoch on disk
  std::uint64_t import_lineage_ = 0;
};

}  // namespace roost::cluster::replication
