// SPDX-License-Identifier: Apache-2.0
// A cluster on one thread: nodes with disks and clocks, the network between them, the coordinator.
// What can be done to it is done through here, by the random faults and by the scenarios alike.
// Thread: one at a time.
// Owner: the Simulation, or a scenario.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/host.h"
#include "tests/simulation/random.h"
#include "tests/simulation/world.h"

namespace roost::simulation {

struct ClusterSetup {
  std::uint64_t seed = 1;
  std::size_t nodes = 3;
  std::uint16_t shards = 1;
  bool is_traced = false;
};

class Cluster final : Post {
 public:
  Cluster(const ClusterSetup& setup, Answers& answers);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();

  EventQueue& queue() { return queue_; }
  Network& network() { return network_; }
  cluster::MemoryCoordinator& coordinator() { return coordinator_; }
  const cluster::MemoryCoordinator& coordinator() const { return coordinator_; }
  Checker& checker() { return checker_; }
  Trace& trace() { return trace_; }
  Counters& counters() { return counters_; }
  const cluster::Keys& keys() const { return world_.keys; }
  std::size_t size() const { return nodes_.size(); }
  std::uint16_t shards() const { return world_.controller_settings.shard_count; }

  // --- nodes ---
  Host* host(NodeIndex node) { return nodes_[node]->host.get(); }  // null: down
  Disk& disk(NodeIndex node) { return nodes_[node]->disk; }
  bool is_up(NodeIndex node) const { return nodes_[node]->host && !nodes_[node]->is_ending; }
  bool is_paused(NodeIndex node) const { return nodes_[node]->is_paused; }
  void start(NodeIndex node);  // nothing where it runs
  void crash(NodeIndex node, std::string_view why);
  void pause(NodeIndex node);
  void go_on(NodeIndex node);
  // Instead of the network's answer, for one client's requests to the coordinator; none: the
  // network's.
  using Trips =
      std::function<std::optional<cluster::MemoryTrip>(NodeIndex, cluster::MemoryRequest)>;
  void set_trips(Trips trips) { trips_ = std::move(trips); }
  // Told whenever a process has ended by itself or by crash().
  void on_died(std::function<void(NodeIndex)> died) { on_died_ = std::move(died); }

  // --- what is known of shards ---
  std::optional<cluster::ShardRecord> record(ShardId shard) const;  // as the coordinator has it
  std::optional<NodeIndex> leader(ShardId shard);  // that serves, in the highest epoch
  std::optional<NodeIndex> node_of(const cluster::Replica& replica) const;  // with that store
  // Whether the disk of a node may be lost: at most one replica of a shard ever is, until the shard
  // has got over it. More than that no rule survives.
  bool can_lose(NodeIndex node) const;
  // Whether all is well: nothing to do for anybody, everything everywhere. Else why not.
  std::optional<std::string> unsettled(ShardId shard);

 private:
  struct Node {
    Node(EventQueue& queue, Random seed, std::string called);
    std::string name;
    Random random;
    Disk disk;
    NodeClock clock;
    std::uint64_t incarnation = 0;
    std::unique_ptr<Host> host;
    bool is_ending = false;
    bool is_paused = false;
  };

  void send(NodeIndex from, MemberId sender, MemberId to, ShardId shard,
            const replication::Message& message) override;
  void report(NodeIndex from, const std::string& to, const cluster::NodeReport& report) override;
  void send_part(NodeIndex from, MemberId to, ShardId shard, const ImportPart& part,
                 std::function<void(bool)> done) override;
  std::vector<cluster::PeerView> peers_of(NodeIndex node) override;
  void emptied(ShardId shard, const cluster::Replica& replica, const std::string& who,
               const LogView& log) override;
  void died(NodeIndex node) override;

  void tick(NodeIndex node, const std::shared_ptr<Process>& process);
  cluster::MemoryTrip trip(std::string_view client, cluster::MemoryRequest request);
  NodeIndex index_of(std::string_view name) const;
  void run_in(NodeIndex node, std::function<void(Host&)> what);

  EventQueue queue_;
  Random random_;
  Network network_;
  Trace trace_;
  Checker checker_;
  Counters counters_;
  cluster::MemoryCoordinator coordinator_;
  World world_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<MemberId, NodeIndex> members_;
  std::function<void(NodeIndex)> on_died_;
  Trips trips_;
};

}  // namespace roost::simulation
