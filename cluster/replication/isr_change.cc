// SPDX-License-Identifier: Apache-2.0
#include "cluster/replication/isr_change.h"

#include <utility>

#include "broker/base/check.h"

namespace roost::cluster::replication {

void IsrChange::send(ShardRecord proposed) {
  CHECK(may_send());
  open_ = Open{Phase::sent, 0, state_.seen, std::move(proposed)};
  transact(open_->proposed);
}

void IsrChange::transact(const ShardRecord& record) {
  open_->id = state_.next_id();
  Txn txn;
  txn.conditions.push_back({state_.key, Condition::On::modified, open_->base.modified});
  txn.changes.emplace_back(PutKey{state_.key, encode(record), kNoLease});
  state_.out.txns.push_back({open_->id, std::move(txn)});
}

// R5: only what is certainly done, or certainly never will be, closes it.
std::optional<SeenRecord> IsrChange::on_txn_result(std::uint64_t id, const TxnResult& result) {
  if (!open_ || open_->id != id) return std::nullopt;
  const bool is_settling = open_->phase == Phase::settling;
  next_ms_ = state_.now + state_.settings.retry_ms;
  switch (result.outcome) {
    case TxnResult::Outcome::done:
      return SeenRecord{is_settling ? open_->base.record : open_->proposed, result.revision};
    case TxnResult::Outcome::failed:
      if (is_settling) {
        open_->phase = Phase::unsure;  // this one wasn't executed; the one before it may be
      } else {
        open_.reset();
      }
      return std::nullopt;
    case TxnResult::Outcome::refused:
    case TxnResult::Outcome::unknown:
      // Refused: somebody else's record is in force, or, when settling, what was to be settled.
      open_->phase = Phase::unsure;
      if (result.outcome == TxnResult::Outcome::refused) next_ms_ = state_.now;
      on_tick();
      return std::nullopt;
  }
  return std::nullopt;
}

// R5: the old revision still stands, so the Txn may yet land; whichever of it and this unchanged
// record comes first makes the other fail.
void IsrChange::on_read(Revision modified) {
  if (!open_ || open_->phase != Phase::reading) return;
  if (modified == open_->base.modified) {
    open_->phase = Phase::settling;
    transact(open_->base.record);
  } else {
    open_->phase = Phase::unsure;
    next_ms_ = state_.now + state_.settings.retry_ms;
  }
}

void IsrChange::on_seen(Revision modified) {
  if (open_ && modified > open_->base.modified) open_.reset();
}

void IsrChange::on_tick() {
  if (!open_ || open_->phase != Phase::unsure || state_.now < next_ms_) return;
  open_->phase = Phase::reading;
  state_.ask_record();
}

}  // namespace roost::cluster::replication
