// SPDX-License-Identifier: Apache-2.0
// A whole cluster in one process: nodes with two cores each, on a network and a coordinator in
// memory, in real time; with real stores or with ones in memory. What is committed is kept as the
// broker keeps it: in memory, written as state now and then. Thread: the test's; its own for cores,
// network and coordinator.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "broker/base/clock.h"
#include "cluster/cluster_node.h"
#include "tests/cluster/live_coordinator.h"
#include "tests/cluster/memory_store.h"
#include "tests/support/eventually.h"
#include "tests/support/memory_network.h"
#include "tests/support/vector_log.h"

namespace roost::cluster {

using Texts = std::vector<std::string>;

class LiveCluster {
 public:
  static constexpr std::size_t kCores = 2;
  enum class Disks { memory, real };
  class Core;
  class Process;

  explicit LiveCluster(Disks disks, std::uint16_t shards = 8);
  ~LiveCluster();

  // Times as short as the machine allows; first_nodes 3.
  ClusterSettings settings(const std::string& node) const;
  Process& start(const std::string& node) { return start(settings(node)); }
  // `folder`: its data directory; empty: named as the node.
  Process& start(const ClusterSettings& settings, const std::string& folder = {});
  std::unique_ptr<Process> make(const ClusterSettings& settings, const std::string& folder);
  void crash(const std::string& node);  // the disk is kept
  void stop(const std::string& node);   // as a server stops
  void lose_disk(const std::string& node);
  // Requires: disks in memory.
  MemoryReplicaDisk& disk(const std::string& node) { return *memory_.at(node); }
  std::string path(const std::string& node) const { return folder_ + "/" + node; }  // real disks
  Process& node(const std::string& name) { return *processes_.at(name); }
  bool has(const std::string& name) const { return processes_.count(name) > 0; }
  const std::map<std::string, std::unique_ptr<Process>>& nodes() const { return processes_; }

  // Proposes it to whoever leads, until it is committed; then it must never be lost.
  bool commit(std::uint16_t shard, const std::string& text);
  // One to each shard.
  bool commit_round(const std::string& text);
  const Texts& committed(std::uint16_t shard) const { return committed_[shard]; }
  // All committed texts in this order, on every node that holds the shard (one at least).
  bool all_have_all();

  bool all_serve();  // every shard has a leader that does
  bool serves(std::uint16_t shard);
  std::string leader(std::uint16_t shard);  // empty: none serves
  std::uint16_t shards() const { return shard_count_; }
  ShardRecord record(std::uint16_t shard);
  std::size_t in_sync(std::uint16_t shard) { return record(shard).isr.size(); }
  bool all_in_sync(std::size_t replicas);

  LiveCoordinator coordinator;
  support::MemoryNetwork network;
  support::VectorLog log;
  const Keys keys{"test"};

 private:
  std::unique_ptr<storage::ReplicaStore> open_store(const std::string& folder);

  const Disks disks_;
  const std::uint16_t shard_count_;
  const std::string folder_;
  std::map<std::string, std::shared_ptr<MemoryReplicaDisk>> memory_;  // by folder
  int last_uuid_ = 0;
  std::map<std::string, std::unique_ptr<Process>> processes_;
  std::vector<Texts> committed_;
};

// A core's thread, and its shards.
class LiveCluster::Core final : public ShardEvents {
 public:
  Core(Process& process, std::size_t index) : process_(process), index_(index) {}
  ~Core() { stop(); }

  CoreHosts::Post poster();
  void start(CoreHosts& hosts);
  void stop();
  // Runs it on the core and waits.
  void run(const std::function<void()>& what);
  void checkpoint();  // on the core

  struct Shard {
    std::map<replication::LogIndex, std::string> texts;
    std::map<replication::LogIndex, std::optional<std::string>> unwritten;
    replication::LogIndex applied = 0;
    bool leads = false;
    int replaced = 0;
    std::map<replication::Position, std::shared_ptr<std::atomic<int>>> proposed;
  };
  // ShardEvents
  void on_hosted(ShardId shard) override;
  void on_committed(ShardId shard, const replication::LogRecord& record) override;
  void on_replaced(ShardId shard) override;
  void on_leading(ShardId shard, replication::Epoch epoch) override;
  void on_following(ShardId shard) override;
  void on_dropped(ShardId shard) override;

  std::map<std::uint16_t, Shard> shards;  // of the core
  CoreHosts* hosts = nullptr;

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> jobs;  // guarded by mutex
    bool is_over = false;                    // guarded by mutex
  };
  void load(ShardId shard);
  void loop();

  Process& process_;
  const std::size_t index_;
  const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
  std::thread thread_;
};

class LiveCluster::Process final : private ClusterEvents {
 public:
  Process(LiveCluster& cluster, ClusterSettings settings,
          std::unique_ptr<storage::ReplicaStore> store);
  ~Process();

  void end(bool is_crash);
  ClusterNode& node() { return *node_; }
  storage::ReplicaStore& store() { return *store_; }
  Core& core_of(std::uint16_t shard) { return *cores_[shard % kCores]; }
  bool leads(std::uint16_t shard);
  bool holds(std::uint16_t shard);
  bool is_empty_on_disk(std::uint16_t shard);
  int replaced(std::uint16_t shard);
  Texts texts(std::uint16_t shard);
  // 0: under way, 1: committed, -1: lost sight of. Null: doesn't lead.
  std::shared_ptr<std::atomic<int>> propose(std::uint16_t shard, const std::string& text);
  void checkpoint();
  bool has_joined() const { return has_joined_; }
  // "up n2", "gone n2.17"...
  Texts told() const;
  Texts traffic() const;
  std::optional<PeerInfo> peer(const std::string& name) const;

 private:
  void on_peer_up(const PeerInfo& peer) override;
  void on_peer_down(PeerId peer, std::uint64_t session) override;
  void on_peer_gone(PeerId peer, std::uint64_t incarnation) override;
  void on_traffic(PeerId from, std::uint64_t session, Chunks chunks) override;
  void on_joined() override { has_joined_ = true; }
  void note(const std::string& text);

  LiveCluster& cluster_;
  const SystemClock clock_;
  std::unique_ptr<storage::ReplicaStore> store_;
  std::unique_ptr<LiveCoordinator::Connection> coordinator_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::unique_ptr<ClusterNode> node_;
  std::atomic<bool> has_joined_{false};
  mutable std::mutex mutex_;
  Texts told_, traffic_;                   // guarded by mutex_
  std::map<std::string, PeerInfo> peers_;  // guarded by mutex_
  std::map<PeerId, std::string> names_;    // guarded by mutex_
};

}  // namespace roost::cluster
