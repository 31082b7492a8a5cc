// SPDX-License-Identifier: Apache-2.0
// The coordinator in memory, in real time on a thread of its own, for several nodes in one process.
// Thread: any thread.
// Owner: the test; it outlives its connections.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "cluster/memory_coordinator.h"

namespace roost::cluster {

class LiveCoordinator final : private Timeline {
 public:
  class Connection;

  LiveCoordinator();
  ~LiveCoordinator();
  LiveCoordinator(const LiveCoordinator&) = delete;
  LiveCoordinator& operator=(const LiveCoordinator&) = delete;

  std::unique_ptr<Connection> connect(const std::string& client);

  // No quorum: requests are refused, leases stand still.
  void set_away(bool is_away);
  // That client doesn't reach it; nothing of it is lost that had arrived.
  void set_cut(const std::string& client, bool is_cut);
  // As of now; empty: there is no such key.
  std::string value(const std::string& key);
  // As if somebody else had written it.
  void put(const std::string& key, const std::string& value);
  void erase(const std::string& key);
  // A copy of all that is there; and back to it, as an operator does with a backup.
  MemoryKeys backup();
  void restore(const MemoryKeys& backup);

 private:
  friend class Connection;

  Timeline& timeline() { return *this; }
  std::int64_t now_us() const override;
  void at(std::int64_t when_us, std::function<void()> run) override;
  void post(std::function<void()> run) { at(now_us(), std::move(run)); }
  // Runs it on the thread and waits for it; at once on the thread itself.
  void do_now(const std::function<void()>& what);
  void run();
  MemoryTrip trip(const std::string& client);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::int64_t, std::function<void()>> due_;  // guarded by mutex_
  bool is_ending_ = false;                                  // guarded by mutex_
  // Of the thread.
  std::set<std::string> cut_;
  MemoryCoordinator inner_;
  std::thread thread_;
};

// One process' way to it.
class LiveCoordinator::Connection final : public Coordinator {
 public:
  ~Connection() override;
  // The process dies: nothing of it is told to anybody from here on, nor told to it.
  void die();

  void transact(Txn txn, TxnDone done) override;
  void list(std::string prefix, ListDone done) override;
  void grant(std::int64_t ttl_ms, std::function<void()> on_lost, LeaseDone done) override;
  std::unique_ptr<Watch> watch(std::string prefix, Watcher& watcher) override;

 private:
  friend class LiveCoordinator;
  class HeldLease;
  class OpenWatch;
  struct State {
    std::unique_ptr<MemoryConnection> inner;  // null: over
  };

  Connection(LiveCoordinator& owner, std::shared_ptr<State> state)
      : owner_(owner), state_(std::move(state)) {}
  void post(std::function<void(MemoryConnection&)> what);

  LiveCoordinator& owner_;
  const std::shared_ptr<State> state_;  // of the owner's thread
};

}  // namespace roost::cluster
