// SPDX-License-Identifier: Apache-2.0
#include "cluster/replication/follower.h"

#include <algorithm>
#include <string>
#include <utility>

#include "broker/base/check.h"

namespace roost::cluster::replication {
namespace {

constexpr std::int64_t kReportMs = 20;  // between two answers to what doesn't fit

// Records that follow each other, of epochs up to the leader's, as they were when they were made.
bool is_sound(const Append& append) {
  Position before = append.previous;
  if (before.epoch > append.epoch) return false;
  if (!append.records) return true;
  for (const LogRecord& record : *append.records) {
    const Position at = record.position;
    if (at.index != before.index + 1 || at.epoch < before.epoch || at.epoch > append.epoch ||
        at.epoch == 0 || checksum_of(record.bytes) != record.checksum) {
      return false;
    }
    before = at;
  }
  return true;
}

}  // namespace

void Follower::begin(std::optional<MemberId> own) {
  leader_ = own.value_or(MemberId{});
  matched_ = 0;
  acked_synced_ = 0;
  sent_ms_ = 0;
  is_ack_due_ = false;
  commit_ = 0;
  heard_ms_ = state_.now;
}

// R1: whoever comes with an older epoch is told that there is a newer one.
bool Follower::is_older(MemberId from, Epoch epoch) {
  if (epoch >= state_.fenced()) return false;
  state_.send(from, Refused{Refused::Why::older_epoch, epoch, state_.fenced()});
  return true;
}

// R1: an epoch has one leader; the first that was heard of is it.
bool Follower::is_from_leader(MemberId from, Epoch epoch) {
  if (epoch != state_.fenced()) return false;
  if (leader_.value == 0) leader_ = from;
  if (leader_ != from) return false;
  heard_ms_ = state_.now;
  return true;
}

// R1, R4: the epoch is on disk before the answer leaves.
void Follower::on_fence(MemberId from, const Fence& fence) {
  if (is_older(from, fence.epoch)) return;
  const ShardRecord& known = state_.seen.record;
  // A leader of an epoch that is new here was made by a record that is newer than all of before;
  // else the coordinator was restored, and elects again what was already.
  const bool is_restored = fence.epoch > known.epoch && fence.counter <= known.counter;
  if (state_.is_distrustful || is_restored) {
    if (is_restored) state_.ask_record();
    state_.send(from, Refused{Refused::Why::older_counter, fence.epoch, state_.fenced()});
    return;
  }
  if (fence.epoch > state_.fenced()) {
    begin(from);
    if (state_.role != Role::importing) state_.set_role(Role::follower);
    Meta meta = state_.log.meta();
    meta.fenced = fence.epoch;
    const bool has_nothing = state_.log.last() == 0 && state_.applied == 0 && !meta.is_importing;
    if (has_nothing) meta.lineage = fence.lineage;
    fence_number_ = state_.log.write_meta(std::move(meta));
    state_.out.is_status_changed = true;
  }
  if (!is_from_leader(from, fence.epoch)) return;
  sent_ms_ = std::max(sent_ms_, fence.sent_ms);
  report_after_ = std::max(report_after_.value_or(0), fence_number_);
  on_synced();
}

bool Follower::fits(const Append& append) const {
  return append.previous.index <= state_.log.last() &&
         state_.log.position_at(append.previous.index) == append.previous;
}

// R2: what is taken over is acknowledged when it is on disk; commit is the leader's word.
void Follower::on_append(MemberId from, const Append& append) {
  if (is_older(from, append.epoch)) return;
  if (!is_from_leader(from, append.epoch) || !state_.log.is_synced(fence_number_)) return;
  if (!is_sound(append)) return;
  sent_ms_ = std::max(sent_ms_, append.sent_ms);
  if (state_.role == Role::importing || !fits(append)) {
    if (state_.now - reported_ms_ < kReportMs) return;
    reported_ms_ = state_.now;
    report();
    return;
  }
  state_.is_restarted = false;
  matched_ = std::max(matched_, append.previous.index);
  if (append.records) {
    for (const LogRecord& record : *append.records) {
      if (!take_over(record)) return;
    }
  }
  commit_ = std::max(commit_, append.commit);
  learn_commit();
  // What isn't on disk yet is acknowledged when it is, and by the next heartbeat's answer.
  if (!append.records || state_.log.synced() >= matched_) is_ack_due_ = true;
}

// R4: from the first record on that differs the log is the leader's. R1: two records of one
// (epoch, index) are the end of trust.
bool Follower::take_over(const LogRecord& record) {
  LocalLog& log = state_.log;
  const LogIndex index = record.position.index;
  if (index <= log.last()) {
    if (log.position_at(index) == record.position) {
      const LogRecord* held = log.in_memory(index);
      if (held && held->checksum != record.checksum) {
        state_.stop(Alarm::checksum_differs, "two records at " + std::to_string(index));
        return false;
      }
      matched_ = std::max(matched_, index);
      return true;
    }
    if (index <= state_.commit || index <= state_.applied) {
      state_.stop(Alarm::cut_below_commit, "leader's log differs at " + std::to_string(index) +
                                               ", committed up to " +
                                               std::to_string(state_.commit));
      return false;
    }
    log.cut_after(index - 1);
  }
  log.append(record);
  matched_ = index;
  return true;
}

// Resync: obeyed once, and never by one whose copy counts.
void Follower::on_begin_import(MemberId from, const BeginImport& begin) {
  if (is_older(from, begin.epoch)) return;
  if (!is_from_leader(from, begin.epoch) || !state_.log.is_synced(fence_number_)) return;
  sent_ms_ = std::max(sent_ms_, begin.sent_ms);
  const Meta& known = state_.log.meta();
  if (begin.import == known.import && known.is_importing) {
    if (import_lineage_ == 0) {
      report();  // begun by an earlier process of this node: over
    } else if (!ready_after_) {
      state_.send(leader_, ImportReady{state_.fenced(), known.import});
    }
    return;
  }
  if (begin.import != known.import + 1) {
    report();  // asked for on old news: what is true now
    return;
  }
  if (contains(state_.seen.record.isr, state_.self) && state_.seen.record.epoch >= begin.epoch) {
    state_.ask_record();  // the leader should know better; perhaps it does
    return;
  }
  Meta meta = known;
  meta.is_importing = true;
  meta.import = begin.import;
  meta.lineage = 0;
  import_lineage_ = begin.lineage;
  matched_ = acked_synced_ = 0;
  state_.commit = state_.applied = 0;
  is_ack_due_ = false;
  state_.set_role(Role::importing);
  ready_after_ = state_.log.begin_import(std::move(meta));
}

void Follower::on_imported(std::uint64_t import, Imported imported) {
  Meta meta = state_.log.meta();
  if (!meta.is_importing || meta.import != import || import_lineage_ == 0) return;
  CHECK(EpochTable::is_sound(imported.table.starts()) && imported.applied <= imported.last);
  meta.is_importing = false;
  meta.lineage = std::exchange(import_lineage_, 0);
  report_after_ = state_.log.end_import(std::move(meta), std::move(imported.table), imported.last,
                                        imported.first_kept);
  ready_after_.reset();
  state_.applied = imported.applied;
  state_.raise_commit(imported.applied);
  state_.set_role(Role::follower);
}

// R2. What isn't on disk here isn't applied here, whoever has committed it.
void Follower::learn_commit() {
  state_.raise_commit(std::min({commit_, matched_, state_.log.synced()}));
}

void Follower::on_synced() {
  if (ready_after_ && state_.log.is_synced(*ready_after_)) {
    ready_after_.reset();
    if (leader_.value != 0) {
      state_.send(leader_, ImportReady{state_.fenced(), state_.log.meta().import});
    }
  }
  if (report_after_ && state_.log.is_synced(*report_after_)) {
    report_after_.reset();
    report();
  }
  learn_commit();
  if (std::min(matched_, state_.log.synced()) > acked_synced_) is_ack_due_ = true;
}

// R4
void Follower::report() {
  if (leader_.value == 0) return;
  const LocalLog& log = state_.log;
  Fenced fenced;
  fenced.epoch = state_.fenced();
  fenced.lineage = log.meta().lineage;
  fenced.table = log.table().starts();
  fenced.last = log.last();
  fenced.first_kept = log.first_kept();
  fenced.commit = state_.commit;
  fenced.applied = state_.applied;
  fenced.is_importing = log.meta().is_importing;
  fenced.import_next = log.meta().import + 1;
  fenced.sent_ms = sent_ms_;
  state_.send(leader_, std::move(fenced));
}

void Follower::take() {
  if (!is_ack_due_) return;
  is_ack_due_ = false;
  acked_synced_ = std::min(matched_, state_.log.synced());
  state_.send(leader_, Ack{state_.fenced(), matched_, acked_synced_, sent_ms_});
}

}  // namespace roost::cluster::replication
