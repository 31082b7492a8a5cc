// SPDX-License-Identifier: Apache-2.0
#include "cluster/memory_keys.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace roost::cluster {
namespace {

const std::string& key_of(const Change& change) {
  return std::visit([](const auto& one) -> const std::string& { return one.key; }, change);
}

}  // namespace

Listing MemoryKeys::list(std::string_view prefix) const {
  Listing all;
  all.revision = revision_;
  for (auto at = keys_.lower_bound(prefix); at != keys_.end(); ++at) {
    if (!at->first.starts_with(prefix)) {
      break;
    }
    all.keys.push_back(at->second);
  }
  return all;
}

bool MemoryKeys::holds(const Condition& condition) const {
  const auto found = keys_.find(condition.key);
  if (found == keys_.end()) {
    return condition.revision == 0;
  }
  const bool by_creation = condition.on == Condition::On::created;
  return condition.revision == (by_creation ? found->second.created : found->second.modified);
}

bool MemoryKeys::is_sound(const Txn& txn) const {
  std::set<std::string_view> changed;
  return std::all_of(txn.changes.begin(), txn.changes.end(), [&](const Change& change) {
    const auto* put = std::get_if<PutKey>(&change);
    return changed.insert(key_of(change)).second &&
           (put == nullptr || put->lease == kNoLease || leases_.contains(put->lease));
  });
}

TxnResult MemoryKeys::transact(const Txn& txn, Events& events) {
  if (!is_sound(txn)) {
    return {TxnResult::Outcome::failed, revision_, "a key changed twice, or an unknown lease"};
  }
  const bool all_hold = std::all_of(txn.conditions.begin(), txn.conditions.end(),
                                    [&](const Condition& one) { return holds(one); });
  if (!all_hold) {
    return {TxnResult::Outcome::refused, revision_, ""};
  }
  const auto changes_something = [&](const Change& change) {
    return std::holds_alternative<PutKey>(change) || keys_.contains(key_of(change));
  };
  if (std::any_of(txn.changes.begin(), txn.changes.end(), changes_something)) {
    ++revision_;
  }
  for (const Change& change : txn.changes) {
    apply(change, events);
  }
  return {TxnResult::Outcome::done, revision_, ""};
}

void MemoryKeys::apply(const Change& change, Events& events) {
  if (const auto* put = std::get_if<PutKey>(&change)) {
    KeyValue& value = keys_[put->key];
    value.key = put->key;
    value.value = put->value;
    value.created = value.created == 0 ? revision_ : value.created;
    value.modified = revision_;
    value.lease = put->lease;
    events.push_back({value, false});
    return;
  }
  const std::string& key = std::get<EraseKey>(change).key;
  if (keys_.erase(key) > 0) {
    events.push_back({KeyValue{key, "", 0, revision_, kNoLease}, true});
  }
}

LeaseId MemoryKeys::grant(std::int64_t ttl_us, std::int64_t now_us) {
  leases_[++last_lease_] = {ttl_us, now_us + ttl_us};
  return last_lease_;
}

bool MemoryKeys::renew(LeaseId lease, std::int64_t now_us) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) {
    return false;
  }
  found->second.until_us = now_us + found->second.ttl_us;
  return true;
}

void MemoryKeys::revoke(LeaseId lease, Events& events) {
  if (leases_.erase(lease) == 0) {
    return;
  }
  Txn txn;
  for (const auto& [key, value] : keys_) {
    if (value.lease == lease) {
      txn.changes.emplace_back(EraseKey{key});
    }
  }
  transact(txn, events);
}

std::int64_t MemoryKeys::next_expiry_us() const {
  std::int64_t next = std::numeric_limits<std::int64_t>::max();
  for (const auto& [id, lease] : leases_) {
    next = std::min(next, lease.until_us);
  }
  return next;
}

void MemoryKeys::expire(std::int64_t now_us, Events& events) {
  std::vector<LeaseId> over;
  for (const auto& [id, lease] : leases_) {
    if (lease.until_us <= now_us) {
      over.push_back(id);
    }
  }
  for (const LeaseId id : over) {
    revoke(id, events);
  }
}

void MemoryKeys::renew_all(std::int64_t now_us) {
  for (auto& [id, lease] : leases_) {
    lease.until_us = now_us + lease.ttl_us;
  }
}

void MemoryKeys::skip_leases_of(const MemoryKeys& other) {
  last_lease_ = std::max(last_lease_, other.last_lease_);
}

}  // namespace roost::cluster
