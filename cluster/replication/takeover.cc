// SPDX-License-Identifier: Apache-2.0
// R4: fence all, find what is common, begin the epoch with a no-op. And whether a member's log can
// be continued, or the member has to import a snapshot (Resync).
#include <algorithm>
#include <string>

#include "cluster/replication/leader.h"

namespace roost::cluster::replication {

// What has had no answer is asked again.
void Leader::ask(Progress& member) {
  const bool is_asking_import = member.import == Progress::Import::asked;
  if (member.import == Progress::Import::sending &&
      state_.now - member.import_ms >= state_.settings.import_ms) {
    on_snapshot_ended(member.id, member.import_number);
  }
  if (member.is_fenced && !is_asking_import) return;
  if (member.asked_ms != 0 && state_.now - member.asked_ms < state_.settings.retry_ms) return;
  member.asked_ms = state_.now;
  if (is_asking_import) {
    state_.send(member.id, BeginImport{epoch_, record().lineage, member.import_number, state_.now});
  } else {
    state_.send(member.id, Fence{epoch_, record().lineage, counter_, state_.now});
  }
}

// R4: all of the ISR are fenced, and no member knows of more than this log has. A member that
// doesn't answer is waited for as long as it may be silent, not for ever: it can't commit anything
// without this replica, which is fenced itself, and it still counts.
void Leader::try_begin_log() {
  if (no_op_ != 0) return;
  const bool is_patience_over = state_.now - began_ms_ >= state_.settings.shrink_ms;
  for (const Progress& member : members_) {
    const bool is_waited_for = !member.is_gone && !is_patience_over;
    if (member.is_counted && !member.is_fenced && is_waited_for) return;
  }
  for (Progress& member : members_) {
    if (!member.is_fenced) continue;
    member.caught_up_ms = member.mark_ms = member.moved_ms = state_.now;
  }
  no_op_ = state_.log.last() + 1;
  state_.log.append(make_record({epoch_, no_op_}, {}));
  state_.set_role(Role::confirming);
}

void Leader::on_fenced(MemberId from, const Fenced& fenced) {
  Progress* member = find(from);
  if (!member || fenced.epoch != epoch_ || !EpochTable::is_sound(fenced.table) ||
      (!fenced.table.empty() && fenced.table.back().first > fenced.last)) {
    return;
  }
  // Overtaken by a later answer: what it says may not be true any more.
  const SteadyMs known_ms = member->confirmed_ms.value_or(0);
  const bool has_less = !fenced.is_importing && fenced.last < member->synced;
  const bool is_overtaken = fenced.sent_ms < known_ms || (fenced.sent_ms == known_ms && has_less);
  if (is_overtaken || fenced.sent_ms > state_.now) return;
  member->confirmed_ms = fenced.sent_ms;
  if (!is_import_over(*member, fenced)) return;
  if (has_less && member->synced > 0) {
    state_.raise(Alarm::acknowledged_is_gone, member->who.name + " had acknowledged " +
                                                  std::to_string(member->synced) +
                                                  ", and ends at " + std::to_string(fenced.last));
    member->synced = fenced.last;
  }
  member->is_fenced = true;
  const bool is_other_lineage = fenced.lineage != record().lineage;
  if (fenced.is_importing || is_other_lineage) {
    import_or_wait(*member, fenced.import_next);
    return;
  }
  const auto prefix =
      common_prefix(state_.log.table(), state_.log.last(), EpochTable(fenced.table), fenced.last);
  if (is_broken(*member, fenced, prefix)) return;
  if (fenced.applied > *prefix || *prefix + 1 < state_.log.first_kept()) {
    import_or_wait(*member, fenced.import_next);
    return;
  }
  if (member->is_in_sync) state_.raise_commit(std::min(fenced.commit, state_.log.synced()));
  continue_from(*member, *prefix);
  try_begin_log();
}

// R4: a member of the ISR that knows of a commit which this log hasn't: something was lost here.
// Nothing is cut for that.
bool Leader::is_broken(const Progress& member, const Fenced& fenced,
                       std::optional<LogIndex> prefix) {
  if (!prefix) {
    state_.raise(Alarm::tables_contradict, member.who.name + " holds another log of one epoch");
    find(member.id)->is_left_alone = true;
    return true;
  }
  if (!member.is_counted || fenced.commit <= *prefix) return false;
  state_.raise(Alarm::commit_beyond_log, member.who.name + " has committed up to " +
                                             std::to_string(fenced.commit) +
                                             ", common with it is " + std::to_string(*prefix));
  state_.must_step_down = true;
  return true;
}

void Leader::continue_from(Progress& member, LogIndex prefix) {
  member.is_left_alone = false;
  member.appended = prefix;
  member.next = prefix + 1;
  member.moved_ms = state_.now;
  member.append_ms = 0;
  member.read = 0;
}

// Resync in full, but never of a member whose copy counts: it has to leave the ISR first.
void Leader::import_or_wait(Progress& member, std::uint64_t number) {
  if (member.is_counted) {
    if (!member.is_left_alone) {
      state_.raise(Alarm::member_needs_import, member.who.name + " can't be continued");
    }
    member.is_left_alone = true;
    return;
  }
  member.import = Progress::Import::asked;
  member.import_number = number;
  member.asked_ms = 0;
  ask(member);
}

// A BeginImport that was sent may still arrive: until the member says that it has that import
// behind it, it is as good as empty.
bool Leader::is_import_over(Progress& member, const Fenced& fenced) {
  if (member.import == Progress::Import::none) return true;
  const bool has_begun = fenced.import_next > member.import_number;
  if (!has_begun || (fenced.is_importing && member.import == Progress::Import::sending)) {
    return false;
  }
  member.import = Progress::Import::none;
  member.synced = 0;
  return true;
}

void Leader::on_import_ready(MemberId from, const ImportReady& ready) {
  Progress* member = find(from);
  if (!member || ready.epoch != epoch_ || member->import != Progress::Import::asked ||
      ready.import != member->import_number) {
    return;
  }
  member->import = Progress::Import::sending;
  member->import_ms = state_.now;
  state_.out.snapshots.push_back({member->id, member->import_number});
}

void Leader::on_snapshot_progress(MemberId to, std::uint64_t import) {
  Progress* member = find(to);
  if (member && member->import_number == import) member->import_ms = state_.now;
}

// Well or not: the member says which.
void Leader::on_snapshot_ended(MemberId to, std::uint64_t import) {
  Progress* member = find(to);
  if (!member || member->import != Progress::Import::sending || member->import_number != import) {
    return;
  }
  member->import = Progress::Import::ended;
  member->is_fenced = false;
  member->asked_ms = 0;
}

}  // namespace roost::cluster::replication
