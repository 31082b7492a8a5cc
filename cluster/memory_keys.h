// SPDX-License-Identifier: Apache-2.0
// The store inside memory_coordinator.h: keys, one revision, leases, as etcd has them. A value:
// a copy is a backup.
// Thread: one at a time.
// Owner: the MemoryCoordinator; whoever keeps a backup.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/coordinator.h"

namespace roost::cluster {

class MemoryKeys {
 public:
  using Events = std::vector<Watcher::Event>;

  Revision revision() const { return revision_; }
  Listing list(std::string_view prefix) const;

  // Appends what changed to `events`. Outcome `failed` where etcd returns an error: a key changed
  // twice, a lease that isn't there.
  TxnResult transact(const Txn& txn, Events& events);

  LeaseId grant(std::int64_t ttl_us, std::int64_t now_us);
  bool renew(LeaseId lease, std::int64_t now_us);  // false: it isn't there
  void revoke(LeaseId lease, Events& events);
  // When the next lease runs out; the largest number: none.
  std::int64_t next_expiry_us() const;
  void expire(std::int64_t now_us, Events& events);
  // As etcd after a restore or with a new leader: those that are there get their whole time again.
  void renew_all(std::int64_t now_us);
  // No lease has the id of one of `other`'s: ids are random in etcd.
  void skip_leases_of(const MemoryKeys& other);

 private:
  struct LeaseState {
    std::int64_t ttl_us = 0;
    std::int64_t until_us = 0;
  };

  bool holds(const Condition& condition) const;
  bool is_sound(const Txn& txn) const;
  void apply(const Change& change, Events& events);

  std::map<std::string, KeyValue, std::less<>> keys_;
  std::map<LeaseId, LeaseState> leases_;
  Revision revision_ = 1;
  LeaseId last_lease_ = 0;
};

}  // namespace roost::cluster
