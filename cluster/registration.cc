// SPDX-License-Identifier: Apache-2.0
#include "cluster/registration.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace roost::cluster {
namespace {

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::uint32_t Registration::Seen::number() const {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(number_of(value), UINT32_MAX));
}

Registration::Seen* Registration::seen(const std::string& key) {
  if (key == keys_.node(self_.name)) return &name_;
  if (key == keys_.incarnation(self_.name)) return &incarnation_;
  if (key == keys_.feature_level()) return &level_;
  return nullptr;
}

// A Txn's own answer may have been faster.
void Registration::show(const KeyValue& kv) {
  Seen* at = seen(kv.key);
  if (at == nullptr || kv.modified < at->modified) return;
  *at = {kv.value, kv.modified, kv.lease};
}

void Registration::on_listing(const Listing& all) {
  was_listed_ = true;
  shown_ = all.revision;
  name_ = incarnation_ = level_ = {};
  for (const KeyValue& kv : all.keys) show(kv);
  note_registered();
}

void Registration::on_event(const Watcher::Event& event) {
  shown_ = std::max(shown_, event.now.modified);
  Seen* at = seen(event.now.key);
  if (at == nullptr) return;
  if (!event.is_erased) {
    show(event.now);
  } else if (event.now.modified > at->modified) {
    *at = {};
  }
  note_registered();
}

// Who holds the name: this process with its lease, or not.
void Registration::note_registered() {
  const bool is_held =
      lease_ && !is_let_go_ && name_.lease == lease_->id() && name_.value == encode(self_);
  const LeaseId with = is_held ? lease_->id() : kNoLease;
  if (std::exchange(put_with_, with) != with) on_lease_(with);
}

std::string Registration::find_trouble() const {
  if (!refusal_.empty()) return refusal_;
  if (level_.number() > self_.feature_level) {
    return "the cluster is at feature level " + std::to_string(level_.number()) +
           ", this program has " + std::to_string(self_.feature_level) + ": a newer one is needed";
  }
  if (name_.modified == 0) return {};
  const auto holder = decode_node_record(name_.value);
  // Of this store there is no other process; what is left of an earlier one may be overwritten.
  if (holder && holder->store == self_.store &&
      (self_.incarnation == 0 || holder->incarnation <= self_.incarnation)) {
    return {};
  }
  const std::string who = holder ? holder->address + ", store " + holder->store : "a later version";
  return "the name " + self_.name + " is held by another process (" + who +
         "); waits until its lease ends";
}

// Rises from process to process, also where the clock was set back.
void Registration::choose_incarnation(WallMs wall) {
  std::uint64_t least = number_of(incarnation_.value) + 1;
  if (const auto holder = decode_node_record(name_.value)) {
    least = std::max(least, holder->incarnation + 1);
  }
  self_.incarnation = std::max(static_cast<std::uint64_t>(std::max<WallMs>(wall, 1)), least);
}

void Registration::tick(SteadyMs now, WallMs wall, bool is_able) {
  now_ = now;
  if (!was_listed_) {
    trouble_ = "the coordinator wasn't reached yet";
    return;
  }
  if (!is_able && lease_ && !std::exchange(is_let_go_, true)) {
    lease_->let_run_out();
    note_registered();
  }
  trouble_ = find_trouble();
  if (trouble_.empty() && !is_able) trouble_ = "the disk makes no progress";
  if (!trouble_.empty()) return;
  if (self_.incarnation == 0) choose_incarnation(wall);
  if (number_of(incarnation_.value) > self_.incarnation) {
    trouble_ = "another process has had the name " + self_.name + " since: start this one again";
  } else if (!lease_) {
    ask_for_lease();
  } else if (!is_let_go_ && put_with_ == kNoLease) {
    put();
  }
}

void Registration::ask_for_lease() {
  if (is_asking_ || now_ < next_ms_) return;
  is_asking_ = true;
  const std::uint64_t number = ++lease_number_;
  const auto lost = [this, post = post_, number] { post([this, number] { on_lost(number); }); };
  coordinator_.grant(lease_ms_, lost, [this, post = post_](Result<std::unique_ptr<Lease>> granted) {
    std::shared_ptr<Lease> lease;
    if (granted) lease = std::move(granted).value();
    post([this, lease] {
      is_asking_ = false;
      is_let_go_ = false;
      lease_ = lease;
      if (!lease_) next_ms_ = now_ + kRetryMs;
    });
  });
}

void Registration::on_lost(std::uint64_t number) {
  if (number != lease_number_) return;
  lease_.reset();
  note_registered();
}

// On condition of all that is known: that the name is free, and that the level that is in force
// hasn't been raised. That key is written too, so that it isn't raised by one who doesn't know of
// this registration.
void Registration::put() {
  if (is_putting_ || now_ < next_ms_) return;
  is_putting_ = true;
  Txn txn;
  const auto condition = [&](const std::string& key, const Seen& at) {
    txn.conditions.push_back({key, Condition::On::modified, at.modified});
  };
  condition(keys_.node(self_.name), name_);
  condition(keys_.incarnation(self_.name), incarnation_);
  condition(keys_.feature_level(), level_);
  const std::string incarnation = std::to_string(self_.incarnation);
  txn.changes.emplace_back(PutKey{keys_.node(self_.name), encode(self_), lease_->id()});
  if (incarnation_.value != incarnation) {
    txn.changes.emplace_back(PutKey{keys_.incarnation(self_.name), incarnation, kNoLease});
  }
  txn.changes.emplace_back(
      PutKey{keys_.feature_level(), level_.value.empty() ? "1" : level_.value, kNoLease});
  coordinator_.transact(std::move(txn),
                        [this, post = post_, with = lease_->id()](const TxnResult& result) {
                          post([this, with, result] { on_put(with, result); });
                        });
}

// What isn't done is tried again with what the watch shows by then.
void Registration::on_put(LeaseId with, const TxnResult& result) {
  is_putting_ = false;
  if (result.outcome != TxnResult::Outcome::done) {
    next_ms_ = now_ + kRetryMs;
    return;
  }
  if (result.revision <= shown_) return;  // the watch was faster
  const std::string incarnation = std::to_string(self_.incarnation);
  if (incarnation_.value != incarnation) incarnation_ = {incarnation, result.revision, kNoLease};
  name_ = {encode(self_), result.revision, with};
  level_ = {level_.value.empty() ? "1" : level_.value, result.revision, kNoLease};
  note_registered();
}

void Registration::end() {
  lease_.reset();
  ++lease_number_;
}

}  // namespace roost::cluster
