// SPDX-License-Identifier: Apache-2.0
// The coordinator in memory, on somebody else's time: deterministic, so that a simulator can make
// it lose requests and answers, answer late, execute a transaction long after it was given up, be
// away, forget its history and be restored from an old backup. Thread: one at a time; callbacks run
// inside Timeline's events. Owner: the simulator, or a test. It outlives its connections, and the
// timeline outlives both.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/coordinator.h"
#include "cluster/memory_keys.h"
#include "cluster/memory_service.h"

namespace roost::cluster {

class MemoryConnection;

class MemoryCoordinator {
 public:
  MemoryCoordinator(Timeline& timeline, MemoryTrips trips, MemoryOptions options = {});
  MemoryCoordinator(const MemoryCoordinator&) = delete;
  MemoryCoordinator& operator=(const MemoryCoordinator&) = delete;
  ~MemoryCoordinator();

  // As the process called `client`. A connection that is destroyed is a process that has died: what
  // it sent still arrives, its leases run out.
  std::unique_ptr<MemoryConnection> connect(std::string client);

  // Away: no quorum. Requests that arrive are refused, leases stand still and are renewed after.
  void set_away(bool is_away);
  bool is_away() const;
  const MemoryKeys& keys() const;
  // Watches begin anew, revisions go back, leases made since are gone.
  void restore(const MemoryKeys& backup);
  // Forgets the history: a watch that hasn't been told something yet begins anew.
  void compact();

 private:
  std::shared_ptr<MemoryService> service_;
};

// One process' way to the coordinator.
class MemoryConnection final : public Coordinator {
 public:
  ~MemoryConnection() override;

  void transact(Txn txn, TxnDone done) override;
  void list(std::string prefix, ListDone done) override;
  void grant(std::int64_t ttl_ms, std::function<void()> on_lost, LeaseDone done) override;
  std::unique_ptr<Watch> watch(std::string prefix, Watcher& watcher) override;

  // A process that is stopped (SIGSTOP) is told nothing and sends nothing; all of it when it goes
  // on.
  void pause();
  void go_on();

 private:
  friend class MemoryCoordinator;
  class HeldLease;
  class OpenWatch;

  MemoryConnection(std::shared_ptr<MemoryService> service, std::string client);
  void send(const std::shared_ptr<MemoryCall>& call);

  std::shared_ptr<MemoryService> service_;
  std::shared_ptr<MemoryProcess> process_;
};

}  // namespace roost::cluster
