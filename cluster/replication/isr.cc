// SPDX-License-Identifier: Apache-2.0
// Who counts as in sync: the leader's changes of the ISR. R2, R5, R6
#include <algorithm>
#include <utility>

#include "cluster/replication/leader.h"

namespace roost::cluster::replication {
namespace {

void erase(Replicas& list, const Replica& one) {
  list.erase(std::remove(list.begin(), list.end(), one), list.end());
}

}  // namespace

// It hasn't had everything for as long as a member may lag. R5
bool Leader::is_silent(const Progress& member) const {
  return state_.now - member.caught_up_ms > state_.settings.shrink_ms;
}

// Since when a replica outside would do as a member: half of the patience with those inside, so
// that nobody comes who is about to go. R5, hysteresis
void Leader::watch_steadiness() {
  for (Progress& member : members_) {
    const bool is_lagging = state_.now - member.caught_up_ms > state_.settings.shrink_ms / 2 ||
                            !member.is_fenced || member.import != Progress::Import::none;
    if (is_lagging) member.steady_ms = state_.now;
    await(member);
  }
}

bool Leader::may_join(const Progress& member) const {
  return !member.is_in_sync && contains(record().replicas, member.who) &&
         !contains(record().removing, member.who);
}

// One whose disk is slower than the others' is always a little behind their commit: so commit waits
// for it, as it will when it is a member, until it has what there is. Not for long. R5
void Leader::await(Progress& member) {
  const bool is_wanted = state_.role == Role::leader && !member.is_counted && may_join(member) &&
                         state_.now - member.steady_ms >= member.grow_ms;
  if (!is_wanted) {
    member.awaited_ms.reset();
  } else if (!member.awaited_ms) {
    member.awaited_ms = state_.now;
  } else if (state_.now - *member.awaited_ms > state_.settings.shrink_ms / 2) {
    member.awaited_ms.reset();
    member.steady_ms = state_.now;
    member.grow_ms = std::min(2 * member.grow_ms, state_.settings.grow_ms_max);
  }
}

// R5: all up to the leader's commit and its no-op is on the joiner's disk. Urgent: too few are in
// sync to go on, so that no time is waited out. R6
bool Leader::is_ready(const Progress& member, bool is_urgent) const {
  if (!may_join(member) || !member.is_fenced || member.is_left_alone ||
      member.import != Progress::Import::none || is_silent(member) ||
      member.synced < std::max(state_.commit, no_op_)) {
    return false;
  }
  return is_urgent || state_.now - member.steady_ms >= member.grow_ms;
}

// R2: enough are in sync, whichever way an open change ends.
bool Leader::may_commit() const {
  if (record().isr.size() < record().min_in_sync) return false;
  return !change_.is_open() || change_.proposed().isr.size() >= change_.proposed().min_in_sync;
}

// The ISR as it should be: with those who have caught up, without the silent and those who shall
// leave, never below min_in_sync. R5, R6
Replicas Leader::wanted_isr(Replicas& joined) const {
  const ShardRecord& now = record();
  Replicas wanted = now.isr;
  std::size_t alive = now.isr.size();
  for (const Progress& member : members_) {
    if (member.is_in_sync && is_silent(member)) --alive;
  }
  const bool is_urgent = alive < now.min_in_sync;
  for (const Progress& member : members_) {
    // Before the epoch serves only where it couldn't otherwise: in place of a dead member. R6
    if (state_.role != Role::leader && !is_urgent) continue;
    if (!is_ready(member, is_urgent)) continue;
    wanted.push_back(member.who);
    joined.push_back(member.who);
  }
  for (const Progress& member : members_) {
    if (wanted.size() <= now.min_in_sync) break;
    if (member.is_in_sync && is_silent(member)) erase(wanted, member.who);
  }
  const bool have_all_come = std::all_of(now.adding.begin(), now.adding.end(),
                                         [&](const Replica& who) { return contains(wanted, who); });
  if (state_.role != Role::leader || !have_all_come) return wanted;
  for (const Replica& who : now.removing) {
    if (wanted.size() <= now.min_in_sync) break;
    if (who != state_.self) erase(wanted, who);
  }
  return wanted;
}

// R5: one change at a time.
void Leader::change_isr() {
  if (no_op_ == 0 || !change_.may_send() || state_.is_distrustful || state_.must_step_down) return;
  ShardRecord proposed = record();
  Replicas joined;
  proposed.isr = wanted_isr(joined);
  const bool is_second = record().isr.size() == 1 && proposed.isr.size() > 1;
  for (const Replica& who : joined) {
    // The second replica of a shard that had one: from now on two have to have everything. R2
    if (is_second && contains(proposed.adding, who)) {
      proposed.min_in_sync = std::max(
          proposed.min_in_sync,
          std::min(state_.settings.min_in_sync, static_cast<std::uint32_t>(proposed.isr.size())));
    }
    erase(proposed.adding, who);
  }
  if (proposed.adding.empty() && state_.role == Role::leader) {
    for (const Replica& who : record().removing) {
      if (contains(proposed.isr, who)) continue;
      erase(proposed.removing, who);
      erase(proposed.replicas, who);
    }
  }
  if (proposed == record()) return;
  ++proposed.counter;
  change_.send(std::move(proposed));
  count_members();
}

}  // namespace roost::cluster::replication
