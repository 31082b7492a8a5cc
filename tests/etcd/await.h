// SPDX-License-Identifier: Apache-2.0
// The coordinator's answers, waited for; and a watcher that keeps what it was told.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cluster/coordinator.h"
#include "cluster/etcd/etcd_coordinator.h"

namespace roost::cluster {

inline constexpr std::chrono::seconds kPatience{30};

std::unique_ptr<Coordinator> connect(const EtcdOptions& options);

TxnResult transact(Coordinator& coordinator, Txn txn);
Result<Listing> list(Coordinator& coordinator, const std::string& prefix);
Result<std::unique_ptr<Lease>> grant(Coordinator& coordinator, std::int64_t ttl_ms,
                                     std::function<void()> on_lost);

Txn create(const std::string& key, const std::string& value, LeaseId lease = kNoLease);
Txn replace(const std::string& key, const std::string& value, Revision modified);
Txn erase(const std::string& key);

// Puts it until that is certainly done: perhaps more than once, and the first may come last.
void write(Coordinator& coordinator, const std::string& key, const std::string& value);

class Recorder final : public Watcher {
 public:
  struct Told {
    std::vector<Listing> resets;
    std::vector<Event> events;  // since the last reset
    std::vector<Revision> revisions;
    // As the events and the listing before them make it.
    std::string value_of(const std::string& key) const;
    bool has_seen(const std::string& key, const std::string& value) const;
  };

  void on_reset(const Listing& all) override;
  void on_change(const std::vector<Event>& events, Revision revision) override;

  // Whether it came to hold within the patience; it may look at other things as well.
  bool wait_for(const std::function<bool(const Told&)>& holds);
  Told told();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Told told_;
};

}  // namespace roost::cluster
