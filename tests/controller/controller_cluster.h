// SPDX-License-Identifier: Apache-2.0
// Controllers over a store in memory, and nodes that only report: what replicas would say is made
// up from the records. Transactions can go astray.
// Thread: own thread (tests).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/controller.h"

namespace roost::cluster {

class ControllerCluster {
 public:
  struct Node {
    std::string name, store, zone;
    std::uint64_t incarnation = 1;
    LeaseId lease = kNoLease;
    bool is_up = false;  // registered and reporting
    bool reports = true;
    Brought brings = Brought::nothing;  // start() tells the others
    std::uint64_t brings_epoch = 0;     // likewise
    bool is_draining = false;
    std::map<std::uint16_t, std::uint64_t> epochs;  // when its process began: none it leads
    std::map<std::string, PeerView::Seen> sees;     // connected unless said otherwise
    std::map<std::uint16_t, std::function<void(ShardStatus&)>> edits;
    std::unique_ptr<Controller> controller;
    std::vector<ControllerAlarm> alarms;
  };
  enum class Fate { done, failed, unknown_done, unknown_lost };

  explicit ControllerCluster(std::uint16_t shard_count = 1);

  Node& add(const std::string& name, const std::string& zone = "");
  Node& node(const std::string& name) { return nodes_.at(name); }
  void stop(const std::string& name);   // its keys go: the lease has run out
  void start(const std::string& name);  // as another process
  void expire_controller();             // the key alone
  Controller& controller();             // the one that acts
  std::string controller_name() const;

  void run(std::int64_t ms);
  bool run_until(const std::function<bool()>& is_so, std::int64_t ms = 20000);

  ShardRecord shard(std::uint16_t id = 0) const;
  bool has(std::uint16_t id) const { return keys_.count(names.shard(ShardId{id})) > 0; }
  // As a shard's leader would: what is to come comes in, what is to go goes.
  void let_leaders_work();
  void edit(std::uint16_t id, const std::function<void(ShardRecord&)>& change);
  // The whole store as it was.
  std::map<std::string, KeyValue> backup() const { return keys_; }
  void restore(std::map<std::string, KeyValue> old);

  Fate fate = Fate::done;
  int txns = 0;
  bool leaders_work = true;
  bool shows = true;  // the watch tells of changes
  ControllerSettings settings;
  SteadyMs now = 1000;
  const Keys names{"test"};

 private:
  void report(Node& from);
  void transact(Node& from, const replication::TxnRequest& request);
  bool execute(const Txn& txn, Revision& at);
  void put(const std::string& key, const std::string& value, LeaseId lease);
  void erase(const std::string& key);
  void show(const Watcher::Event& event);
  void drain(Node& from);

  std::map<std::string, Node> nodes_;
  std::map<std::string, KeyValue> keys_;
  std::map<std::uint16_t, std::uint64_t> counters_;  // that the replicas have seen
  Revision revision_ = 0;
  LeaseId leases_ = 0;
  int stores_ = 0;
};

std::vector<std::string> names_of(const Replicas& replicas);

}  // namespace roost::cluster
