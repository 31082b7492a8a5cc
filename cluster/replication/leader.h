// SPDX-License-Identifier: Apache-2.0
// The part of a replica that leads one epoch: take-over (takeover.cc), streams to the members
// (streams.cc), commit, and who is in sync (isr.cc). Lives as long as the epoch. R2 to R6
// Thread: one at a time.
// Owner: the shard replica.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cluster/replication/isr_change.h"
#include "cluster/replication/replica_state.h"
#include "cluster/replication/status.h"

namespace roost::cluster::replication {

// What the leader knows of one other member.
struct Progress {
  enum class Import { none, asked, sending, ended };

  Replica who;
  MemberId id;
  bool is_in_sync = false;  // of the ISR as last seen
  bool is_counted = false;  // of it, or of an open change: commit waits for it. R5
  bool is_fenced = false;
  bool is_left_alone = false;  // can't be continued and can't be imported now
  SteadyMs asked_ms = 0;       // last Fence or BeginImport; 0: none yet

  LogIndex next = 1;  // to be sent
  LogIndex appended = 0, synced = 0;
  SteadyMs moved_ms = 0;                 // `appended` moved, or was sent anew
  SteadyMs append_ms = 0;                // last Append; 0: none yet
  SteadyMs records_ms = 0;               // last one with records
  LogIndex told_commit = 0;              // with that
  std::uint64_t read = 0;                // LogRead under way
  std::optional<SteadyMs> confirmed_ms;  // of the newest Append that it has seen

  // It had everything that there was at caught_up_ms; when it has `mark` it has all of mark_ms.
  SteadyMs caught_up_ms = 0, mark_ms = 0;
  LogIndex mark = 0;
  SteadyMs steady_ms = 0;              // since when it could come into the ISR
  std::optional<SteadyMs> awaited_ms;  // since when commit waits for it, so that it can
  SteadyMs joined_ms = 0;              // the ISR
  bool is_gone = false;                // since then: leaving for that is no flapping
  std::int64_t grow_ms = 0;

  Import import = Import::none;
  std::uint64_t import_number = 0;
  SteadyMs import_ms = 0;
};

class Leader {
 public:
  // The record names this replica, with an epoch above all that it was fenced with.
  explicit Leader(ReplicaState& state);

  void on_fenced(MemberId from, const Fenced& fenced);
  void on_ack(MemberId from, const Ack& ack);
  void on_refused(const Refused& refused);
  void on_import_ready(MemberId from, const ImportReady& ready);
  void on_snapshot_progress(MemberId to, std::uint64_t import);
  void on_snapshot_ended(MemberId to, std::uint64_t import);
  void on_log_read(std::uint64_t id, const std::vector<LogRecord>& records);
  void on_synced();
  void on_record();  // another one was seen, of this epoch
  std::optional<SeenRecord> on_txn_result(std::uint64_t id, const TxnResult& result);
  void on_read(Revision modified);
  // This process stood still for so long: nobody else was silent.
  void on_pause(std::int64_t ms);
  // Nobody can reach it: it isn't waited for until it has caught up again.
  void on_gone(MemberId member);
  void on_tick();
  void take();

  bool can_propose() const;
  Position propose(SharedPtr<SharedBlock> owner, ByteView bytes);

  Epoch epoch() const { return epoch_; }
  LogIndex wanted_from() const;
  std::optional<SteadyMs> confirmed_ms() const;
  std::int64_t stalled_ms() const;
  Lag lag() const;

 private:
  // leader.cc
  Progress* find(MemberId id);
  const ShardRecord& record() const { return state_.seen.record; }
  void refresh_members();
  void count_members();
  void advance_commit();

  // takeover.cc
  void ask(Progress& member);
  void try_begin_log();
  bool is_broken(const Progress& member, const Fenced& fenced, std::optional<LogIndex> prefix);
  void continue_from(Progress& member, LogIndex prefix);
  void import_or_wait(Progress& member, std::uint64_t number);
  bool is_import_over(Progress& member, const Fenced& fenced);

  // streams.cc
  void stream(Progress& member);
  bool is_idle(const Progress& member) const;
  void send_append(Progress& member, LogRecords records);
  void resend(Progress& member);

  // isr.cc
  bool is_silent(const Progress& member) const;
  bool may_join(const Progress& member) const;
  bool is_ready(const Progress& member, bool is_urgent) const;
  void await(Progress& member);
  void watch_steadiness();
  void change_isr();
  Replicas wanted_isr(Replicas& joined) const;
  bool may_commit() const;

  ReplicaState& state_;
  const Epoch epoch_;
  const std::uint64_t counter_;  // of the record that made it leader
  const SteadyMs began_ms_;
  std::uint64_t fence_number_ = 0;  // operation that put the epoch on disk
  LogIndex no_op_ = 0;              // 0: not appended yet. R4
  SteadyMs commit_moved_ms_ = 0;
  std::vector<Progress> members_;
  IsrChange change_;
};

}  // namespace roost::cluster::replication
