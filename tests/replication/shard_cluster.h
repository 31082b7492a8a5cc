// SPDX-License-Identifier: Apache-2.0
// One shard on a few nodes, by hand: a disk each, a network whose messages can be held back, a
// coordinator whose transactions can go astray. After every turn it checks that no two replicas
// have another record committed at one place. The seeded torture is in tests/simulation.
// Thread: own thread (tests).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cluster/replication/shard_replica.h"

namespace roost::cluster::replication {

// What a crash leaves: the operations that were carried out, in order.
struct TestDisk {
  StoredReplica stored;
  std::vector<LogRecord> records;  // from first_kept on

  void carry_out(const LogOp& op);
  StoredReplica restored() const;
};

struct TestNode {
  std::string name;
  Replica who;
  TestDisk disk;
  std::unique_ptr<ShardReplica> replica;  // null: not running
  Output out;
  std::vector<LogOp> unsynced;  // handed out, not on disk; lost in a crash
  bool syncs = true;            // at once
  bool sees_coordinator = true;
  std::vector<Alarm> alarms;
};

class ShardCluster {
 public:
  struct Flying {
    MemberId from, to;
    Message message;
  };
  // What becomes of a transaction.
  enum class Fate { done, failed, unknown_done, unknown_lost, held };

  explicit ShardCluster(const std::vector<std::string>& names);

  TestNode& node(const std::string& name);
  ShardReplica& at(const std::string& name) { return *node(name).replica; }
  MemberId id(const std::string& name) { return member_id(node(name).who); }
  Replicas replicas(const std::vector<std::string>& names);

  // The first record, or the next one as a controller writes it: epoch + 1.
  void elect(const std::string& leader, const std::vector<std::string>& isr);
  void change(const std::function<void(ShardRecord&)>& edit);
  const ShardRecord& record() const { return record_.record; }
  Revision revision() const { return record_.modified; }
  // Puts an older state back, as a restored backup does.
  void restore(const SeenRecord& old);
  const SeenRecord& seen() const { return record_; }

  void run(std::int64_t ms);
  void settle();  // without time: until nothing moves any more
  bool run_until(const std::function<bool()>& is_so, std::int64_t ms = 10000);
  // Proposes on the leader and settles.
  Position write(const std::string& leader, const std::string& text = "x");
  // All have the same log, applied to its end.
  bool are_same(const std::vector<std::string>& names);

  void crash(const std::string& name);
  void start(const std::string& name);
  void lose_disk(const std::string& name);  // another store: another replica
  void cut(const std::string& a, const std::string& b);
  void isolate(const std::string& name);
  void heal();
  // Keeps back what matches, until release() or for ever; sees every message otherwise.
  std::function<bool(const Flying&)> holds;
  std::vector<Flying> held;
  void release();
  void deliver(const Flying& flying);

  Fate fate = Fate::done;
  void land();  // the held transactions, now
  int txns = 0;
  std::int64_t snapshots = 0;
  bool sends_snapshots = true;
  SteadyMs now = 1000;

 private:
  void turn(TestNode& node);
  void send(const Flying& flying);
  void transact(TestNode& node, const TxnRequest& request);
  bool execute(const Txn& txn, Revision& at);
  void show_record();
  void send_snapshot(TestNode& node, const SnapshotRequest& request);
  void check_committed(const TestNode& node);

  std::map<std::string, TestNode> nodes_;
  std::map<MemberId, std::string> names_;
  std::deque<Flying> flying_;
  std::set<std::pair<std::string, std::string>> cuts_;
  SeenRecord record_;
  std::vector<Txn> late_;
  std::map<std::pair<std::uint64_t, LogIndex>, Position> committed_;  // of each lineage
  std::map<Position, std::uint32_t> named_;                           // R1
  int stores_ = 0;
  bool is_moving_ = false;
};

}  // namespace roost::cluster::replication
