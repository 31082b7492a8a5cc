// SPDX-License-Identifier: Apache-2.0
#include "cluster/replication/leader.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::cluster::replication {

// R1, R3: its own fence first, so that it never leads this epoch again after a restart.
Leader::Leader(ReplicaState& state)
    : state_(state),
      epoch_(state.seen.record.epoch),
      counter_(state.seen.record.counter),
      began_ms_(state.now),
      commit_moved_ms_(state.now),
      change_(state) {
  CHECK(record().leader == state_.self && epoch_ > state_.fenced());
  Meta meta = state_.log.meta();
  meta.fenced = epoch_;
  meta.lineage = record().lineage;
  meta.record = record();
  fence_number_ = state_.log.write_meta(std::move(meta));
  refresh_members();
  state_.set_role(Role::fencing);
  state_.out.is_status_changed = true;
}

Progress* Leader::find(MemberId id) {
  for (Progress& member : members_) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

// Those that are in the record, or may be, keep what is known of them.
void Leader::refresh_members() {
  std::vector<Progress> before = std::exchange(members_, {});
  const auto add = [&](const Replica& who) {
    const MemberId id = member_id(who);
    if (who == state_.self || find(id)) return;
    const auto old = std::find_if(before.begin(), before.end(),
                                  [&](const Progress& member) { return member.id == id; });
    if (old != before.end()) {
      members_.push_back(std::move(*old));
      return;
    }
    Progress fresh;
    fresh.who = who;
    fresh.id = id;
    fresh.caught_up_ms = fresh.mark_ms = fresh.steady_ms = fresh.moved_ms = state_.now;
    fresh.mark = state_.log.last();
    fresh.grow_ms = state_.settings.grow_ms;
    members_.push_back(std::move(fresh));
  };
  for (const Replica& who : record().isr) add(who);
  for (const Replica& who : record().replicas) add(who);
  if (change_.is_open()) {
    for (const Replica& who : change_.proposed().isr) add(who);
  }
  count_members();
}

// R5: from the moment of sending a joiner counts, and whoever shall leave still does.
void Leader::count_members() {
  for (Progress& member : members_) {
    const bool was_in_sync = member.is_in_sync, was_counted = member.is_counted;
    member.is_in_sync = contains(record().isr, member.who);
    member.is_counted =
        member.is_in_sync || (change_.is_open() && contains(change_.proposed().isr, member.who));
    if (member.is_in_sync && !was_in_sync) {
      member.joined_ms = state_.now;
      member.is_gone = false;
    }
    if (was_in_sync && !member.is_in_sync) {
      const bool is_flapping =
          !member.is_gone && state_.now - member.joined_ms < 10 * member.grow_ms;
      member.grow_ms = is_flapping ? std::min(2 * member.grow_ms, state_.settings.grow_ms_max)
                                   : state_.settings.grow_ms;
      member.steady_ms = state_.now;
    }
    if (was_counted && !member.is_counted && member.is_left_alone) {
      member.is_left_alone = member.is_fenced = false;  // may be imported now
      member.asked_ms = 0;
    }
  }
}

void Leader::on_ack(MemberId from, const Ack& ack) {
  Progress* member = find(from);
  if (ack.epoch != epoch_ || !member || ack.appended > state_.log.last() ||
      ack.synced > ack.appended || ack.sent_ms > state_.now) {
    return;
  }
  if (ack.appended > member->appended) {
    member->appended = ack.appended;
    member->moved_ms = state_.now;
    member->next = std::max(member->next, ack.appended + 1);
  }
  member->synced = std::max(member->synced, ack.synced);
  member->confirmed_ms = std::max(member->confirmed_ms.value_or(ack.sent_ms), ack.sent_ms);
  if (ack.sent_ms >= member->mark_ms && member->synced >= member->mark) {
    member->caught_up_ms = member->mark_ms;
    member->mark_ms = state_.now;
    member->mark = state_.log.last();
  }
  if (member->awaited_ms) change_isr();  // before the next record puts it behind again
  advance_commit();
}

// R2: the lowest synced index of all that count, this one included; R4: nothing of older epochs
// before the no-op of this one.
void Leader::advance_commit() {
  if (no_op_ == 0 || !may_commit()) return;
  LogIndex all = state_.log.synced();
  for (const Progress& member : members_) {
    if (member.is_counted || member.awaited_ms) all = std::min(all, member.synced);
  }
  if (all < no_op_ || all <= state_.commit) return;
  state_.raise_commit(all);
  commit_moved_ms_ = state_.now;
  state_.is_restarted = false;
  if (state_.role == Role::confirming) state_.set_role(Role::leader);
}

// R1: somebody holds to a newer epoch: this one is over.
void Leader::on_refused(const Refused& refused) {
  if (refused.epoch != epoch_) return;
  if (refused.fenced > epoch_) {
    state_.must_step_down = true;
  } else if (refused.why == Refused::Why::older_counter) {
    state_.ask_record();
  }
}

void Leader::on_synced() {
  if (no_op_ == 0 && state_.log.is_synced(fence_number_)) {
    for (Progress& member : members_) ask(member);
    try_begin_log();
  }
  advance_commit();
}

void Leader::on_record() {
  change_.on_seen(state_.seen.modified);
  refresh_members();
  advance_commit();
}

std::optional<SeenRecord> Leader::on_txn_result(std::uint64_t id, const TxnResult& result) {
  auto seen = change_.on_txn_result(id, result);
  if (!seen) {
    refresh_members();
    advance_commit();
  }
  return seen;
}

void Leader::on_read(Revision modified) { change_.on_read(modified); }

void Leader::on_gone(MemberId member) {
  Progress* gone = find(member);
  if (!gone) return;
  gone->is_gone = true;
  gone->caught_up_ms = state_.now - state_.settings.shrink_ms - 1;
  on_tick();
}

void Leader::on_pause(std::int64_t ms) {
  for (Progress& member : members_) {
    member.caught_up_ms += ms;
    member.mark_ms += ms;
    member.moved_ms += ms;
  }
  commit_moved_ms_ += ms;
}

void Leader::on_tick() {
  if (!state_.log.is_synced(fence_number_)) return;
  for (Progress& member : members_) {
    ask(member);
    resend(member);
  }
  try_begin_log();
  change_.on_tick();
  watch_steadiness();
  change_isr();
}

void Leader::take() {
  if (no_op_ == 0) return;
  for (Progress& member : members_) stream(member);
}

bool Leader::can_propose() const {
  const LogIndex pending = state_.log.last() - state_.commit;
  return state_.role == Role::leader && pending < state_.settings.pending_records_max &&
         state_.log.bytes_between(state_.commit, state_.log.last()) <
             state_.settings.pending_bytes_max;
}

Position Leader::propose(SharedPtr<SharedBlock> owner, ByteView bytes) {
  CHECK(state_.role == Role::leader && !bytes.empty());
  if (state_.commit == state_.log.last()) commit_moved_ms_ = state_.now;
  const Position at{epoch_, state_.log.last() + 1};
  state_.log.append({at, checksum_of(bytes), std::move(owner), bytes});
  return at;
}

LogIndex Leader::wanted_from() const {
  LogIndex from = state_.log.last() + 1;
  for (const Progress& member : members_) {
    if (member.is_fenced && !member.is_left_alone && member.import == Progress::Import::none) {
      from = std::min(from, member.synced + 1);
    }
  }
  return from;
}

std::optional<SteadyMs> Leader::confirmed_ms() const {
  if (state_.role != Role::leader) return std::nullopt;
  SteadyMs oldest = state_.now;
  for (const Progress& member : members_) {
    if (!member.is_counted) continue;
    if (!member.confirmed_ms) return std::nullopt;
    oldest = std::min(oldest, *member.confirmed_ms);
  }
  return oldest;
}

// R3: a leader that doesn't get on is replaced.
Lag Leader::lag() const {
  Lag most;
  const LogIndex last = state_.log.last();
  for (const Progress& member : members_) {
    if (member.synced >= last) continue;
    most.records = std::max(most.records, last - member.synced);
    most.ms = std::max(most.ms, state_.now - member.caught_up_ms);
  }
  return most;
}

std::int64_t Leader::stalled_ms() const {
  if (state_.role != Role::leader) return state_.now - began_ms_;
  return state_.commit < state_.log.last() ? state_.now - commit_moved_ms_ : 0;
}

}  // namespace roost::cluster::replication
