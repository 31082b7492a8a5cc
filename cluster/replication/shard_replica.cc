// SPDX-License-Identifier: Apache-2.0
#include "cluster/replication/shard_replica.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "cluster/replication/follower.h"
#include "cluster/replication/leader.h"
#include "cluster/replication/replica_state.h"

namespace roost::cluster::replication {
namespace {

constexpr std::int64_t kDoubtMs = 1000;  // between two looks at a coordinator that isn't trusted

// Every change of the record counts; what shows less than was known has forgotten. R3 to R5
bool is_older(const ShardRecord& record, const ShardRecord& known) {
  if (record.counter != known.counter) return record.counter < known.counter;
  return known.counter > 0 && record != known;
}

}  // namespace

bool Output::empty() const {
  return log.empty() && sends.empty() && reads.empty() && txns.empty() && !record_read &&
         snapshots.empty() && alarms.empty() && !is_status_changed;
}

void Output::clear() {
  log.clear();
  sends.clear();
  reads.clear();
  txns.clear();
  record_read.reset();
  snapshots.clear();
  alarms.clear();
  is_status_changed = false;
}

struct ShardReplica::State {
  State(ShardId shard, Replica self, std::string key, Settings settings,
        const StoredReplica& stored, SteadyMs now)
      : shared(shard, std::move(self), std::move(key), settings, stored, now), follower(shared) {}

  // Between two inputs this process may have stood still, and the others not.
  void advance(SteadyMs now);
  bool is_stopped() const { return shared.role == Role::stopped; }
  // Ends the leadership of this epoch, for good: the next one is a new object. R3
  void step_down();
  // What an input left to be done when it was over.
  void settle();
  void accept(const SeenRecord& seen);
  void distrust(const SeenRecord& seen);
  void begin_to_lead();

  ReplicaState shared;
  Follower follower;
  std::unique_ptr<Leader> leader;
};

void ShardReplica::State::advance(SteadyMs now) {
  const std::int64_t gap = now - shared.now;
  if (gap <= 0) return;
  shared.now = now;
  if (leader && gap > shared.settings.pause_ms) leader->on_pause(gap);
}

void ShardReplica::State::step_down() {
  if (!leader) return;
  const bool is_own = leader->epoch() == shared.fenced();
  leader.reset();
  if (!is_stopped()) shared.set_role(Role::follower);
  // Whoever fenced it with a newer epoch is followed already.
  if (is_own) follower.begin(shared.self_id);
}

void ShardReplica::State::settle() {
  if (std::exchange(shared.must_step_down, false) || is_stopped()) step_down();
}

void ShardReplica::State::distrust(const SeenRecord& seen) {
  if (shared.is_distrustful) return;
  shared.is_distrustful = true;
  shared.raise(Alarm::older_record,
               "the coordinator has change " + std::to_string(seen.record.counter) +
                   " of the shard, seen was " + std::to_string(shared.seen.record.counter));
}

// R3: leads where the record names it with an epoch that is new to it, and not otherwise.
void ShardReplica::State::begin_to_lead() {
  const ShardRecord& record = shared.seen.record;
  if (record.epoch <= shared.fenced() || record.leader != shared.self) return;
  if (!contains(record.isr, shared.self)) return;
  if (shared.role == Role::importing) {
    shared.raise(Alarm::leads_while_importing, "the record names a replica that holds nothing");
    return;
  }
  leader = std::make_unique<Leader>(shared);
  follower.begin(shared.self_id);
}

void ShardReplica::State::accept(const SeenRecord& seen) {
  shared.is_distrustful = false;
  const bool is_same = seen.record == shared.seen.record;
  if (is_same && seen.modified <= shared.seen.modified) return;
  const Revision before = std::exchange(shared.seen.modified, seen.modified);
  shared.seen.record = seen.record;
  if (leader && seen.record.epoch > leader->epoch()) step_down();
  const bool is_named = !leader && !is_stopped();
  if (is_named && (!is_same || before == 0)) begin_to_lead();
  if (!is_same && shared.log.meta().record != seen.record) {
    Meta meta = shared.log.meta();
    meta.record = seen.record;
    shared.log.write_meta(std::move(meta));
  }
  if (!is_same) shared.out.is_status_changed = true;
  if (leader) leader->on_record();
}

ShardReplica::ShardReplica(ShardId shard, Replica self, std::string key, Settings settings,
                           const StoredReplica& stored, SteadyMs now)
    : state_(
          std::make_unique<State>(shard, std::move(self), std::move(key), settings, stored, now)) {}

ShardReplica::~ShardReplica() = default;

bool ShardReplica::on_tick(SteadyMs now) {
  state_->advance(now);
  ReplicaState& shared = state_->shared;
  if (shared.is_distrustful && now - shared.asked_ms() >= kDoubtMs) shared.ask_record();
  if (!state_->leader) return !shared.out.empty();
  state_->leader->on_tick();
  state_->settle();
  return true;
}

void ShardReplica::set_quiet(bool is_quiet) { state_->shared.is_quiet = is_quiet; }

namespace {

struct Dispatch {
  MemberId from;
  Follower& follower;
  Leader* leader;

  void operator()(const Fence& m) const { follower.on_fence(from, m); }
  void operator()(const Append& m) const { follower.on_append(from, m); }
  void operator()(const BeginImport& m) const { follower.on_begin_import(from, m); }
  void operator()(const Fenced& m) const {
    if (leader) leader->on_fenced(from, m);
  }
  void operator()(const Ack& m) const {
    if (leader) leader->on_ack(from, m);
  }
  void operator()(const Refused& m) const {
    if (leader) leader->on_refused(m);
  }
  void operator()(const ImportReady& m) const {
    if (leader) leader->on_import_ready(from, m);
  }
};

}  // namespace

void ShardReplica::on_message(MemberId from, const Message& message, SteadyMs now) {
  State& s = *state_;
  if (s.is_stopped() || from == s.shared.self_id) return;
  s.advance(now);
  std::visit(Dispatch{from, s.follower, s.leader.get()}, message);
  // R1: fenced by a newer leader.
  if (s.leader && s.shared.fenced() > s.leader->epoch()) s.step_down();
  s.settle();
}

void ShardReplica::on_record(const SeenRecord& seen) {
  if (is_older(seen.record, state_->shared.seen.record)) {
    // Late news, or a coordinator that was restored: only a read that is begun now can tell.
    state_->shared.ask_record();
    return;
  }
  state_->accept(seen);
  state_->settle();
}

void ShardReplica::on_record_read(std::uint64_t id, const SeenRecord* seen) {
  ReplicaState& shared = state_->shared;
  if (!shared.is_answer(id)) return;
  if (seen && is_older(seen->record, shared.asked())) {
    state_->distrust(*seen);
  } else if (seen && !is_older(seen->record, shared.seen.record)) {
    state_->accept(*seen);
  }
  if (state_->leader) state_->leader->on_read(seen ? seen->modified : 0);
  state_->settle();
}

void ShardReplica::on_txn_result(std::uint64_t id, const TxnResult& result) {
  if (!state_->leader) return;
  if (const auto seen = state_->leader->on_txn_result(id, result)) state_->accept(*seen);
  state_->settle();
}

void ShardReplica::on_synced(std::uint64_t number) {
  state_->shared.log.on_synced(number);
  if (state_->is_stopped()) return;
  state_->follower.on_synced();
  if (state_->leader) state_->leader->on_synced();
  state_->settle();
}

void ShardReplica::on_log_read(std::uint64_t id, const std::vector<LogRecord>& records) {
  if (state_->leader) state_->leader->on_log_read(id, records);
}

void ShardReplica::on_applied(LogIndex applied) {
  if (role() == Role::importing) return;  // of what is being deleted
  CHECK(applied <= apply_to());
  state_->shared.applied = std::max(state_->shared.applied, applied);
}

void ShardReplica::on_trimmed(LogIndex first_kept) {
  CHECK(first_kept <= state_->shared.applied + 1);
  state_->shared.log.on_trimmed(first_kept);
}

void ShardReplica::on_imported(std::uint64_t import, Imported imported) {
  if (state_->is_stopped()) return;
  state_->follower.on_imported(import, std::move(imported));
}

void ShardReplica::on_snapshot_progress(MemberId to, std::uint64_t import) {
  if (state_->leader) state_->leader->on_snapshot_progress(to, import);
}

void ShardReplica::on_snapshot_ended(MemberId to, std::uint64_t import) {
  if (state_->leader) state_->leader->on_snapshot_ended(to, import);
}

void ShardReplica::on_gone(MemberId member) {
  if (state_->leader) state_->leader->on_gone(member);
}

void ShardReplica::resign() { state_->step_down(); }

bool ShardReplica::can_propose() const { return state_->leader && state_->leader->can_propose(); }

Position ShardReplica::propose(SharedPtr<SharedBlock> owner, ByteView bytes) {
  CHECK(state_->leader);
  return state_->leader->propose(std::move(owner), bytes);
}

void ShardReplica::take(SteadyMs now, Output& out) {
  state_->advance(now);
  ReplicaState& shared = state_->shared;
  if (!state_->is_stopped()) {
    state_->follower.take();
    if (state_->leader) state_->leader->take();
  }
  shared.log.take(shared.out.log);
  const auto move_to = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  move_to(shared.out.log, out.log);
  move_to(shared.out.sends, out.sends);
  move_to(shared.out.reads, out.reads);
  move_to(shared.out.txns, out.txns);
  move_to(shared.out.snapshots, out.snapshots);
  move_to(shared.out.alarms, out.alarms);
  if (shared.out.record_read) out.record_read = shared.out.record_read;
  out.is_status_changed |= shared.out.is_status_changed;
  shared.out.clear();
}

Role ShardReplica::role() const { return state_->shared.role; }
Epoch ShardReplica::epoch() const { return state_->shared.fenced(); }
MemberId ShardReplica::self() const { return state_->shared.self_id; }
MemberId ShardReplica::leader() const {
  return state_->leader ? state_->shared.self_id : state_->follower.leader();
}
LogIndex ShardReplica::commit() const { return state_->shared.commit; }
LogIndex ShardReplica::apply_to() const {
  return std::min(state_->shared.commit, state_->shared.log.synced());
}
Position ShardReplica::last() const { return state_->shared.log.last_position(); }
LogIndex ShardReplica::synced() const { return state_->shared.log.synced(); }

LogIndex ShardReplica::wanted_from() const {
  return state_->leader ? state_->leader->wanted_from() : state_->shared.log.last() + 1;
}

std::optional<SteadyMs> ShardReplica::confirmed_ms() const {
  return state_->leader ? state_->leader->confirmed_ms() : std::nullopt;
}

Lag ShardReplica::lag() const { return state_->leader ? state_->leader->lag() : Lag(); }

const SeenRecord& ShardReplica::record() const { return state_->shared.seen; }
const Meta& ShardReplica::meta() const { return state_->shared.log.meta(); }

ShardStatus ShardReplica::status() const {
  const ReplicaState& shared = state_->shared;
  ShardStatus status;
  status.shard = shared.shard;
  status.role = shared.role;
  status.epoch = shared.fenced();
  status.last = shared.log.synced_position();
  status.commit = shared.commit;
  status.counter = shared.seen.record.counter;
  status.lineage = shared.log.meta().lineage;
  status.is_restarted = shared.is_restarted;
  status.stalled_ms =
      state_->leader ? state_->leader->stalled_ms() : shared.now - state_->follower.heard_ms();
  return status;
}

}  // namespace roost::cluster::replication
