// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/simulation.h"

#include <utility>

#include "tests/simulation/clients.h"
#include "tests/simulation/cluster.h"
#include "tests/simulation/faults.h"

namespace roost::simulation {
namespace {

constexpr std::int64_t kHealedUs = 120'000'000;     // so long a cluster may take to be well again
constexpr std::int64_t kClientsGoOnUs = 3'000'000;  // after healing
constexpr std::int64_t kLookUs = 500'000;           // between two looks whether it is
constexpr std::uint64_t kSwarmPercent = 65;         // of the steps, before it is healed

class Simulation {
 public:
  explicit Simulation(const RunSetup& setup)
      : setup_(setup),
        random_(setup.seed * 0x2545f4914f6cdd1dULL),
        cluster_(cluster_setup(), clients_),
        faults_(cluster_, random_.branch()) {
    clients_.connect(cluster_, random_.branch());
  }

  RunReport run() {
    for (NodeIndex i = 0; i < cluster_.size(); ++i) {
      cluster_.start(i);
    }
    faults_.start();
    clients_.start(1 + random_.below(4), random_.between(20, 500) * 1000);
    const std::uint64_t swarm = setup_.steps * kSwarmPercent / 100;
    while (!cluster_.checker().violation() && cluster_.queue().steps() < swarm) {
      cluster_.queue().step();
    }
    faults_.heal();
    run_until(cluster_.queue().now_us() + kClientsGoOnUs);
    clients_.stop();  // else a follower is always a little behind
    settle();
    return report();
  }

 private:
  ClusterSetup cluster_setup() {
    ClusterSetup cluster;
    cluster.seed = random_.next();
    cluster.nodes = random_.one_in(3) ? 3 + random_.below(3) : 3;
    cluster.shards = static_cast<std::uint16_t>(1 + random_.below(3));
    cluster.is_traced = setup_.is_traced;
    return cluster;
  }

  // Runs until all is well, or for too long.
  void settle() {
    const std::int64_t until_us = cluster_.queue().now_us() + kHealedUs;
    while (!cluster_.checker().violation()) {
      run_until(cluster_.queue().now_us() + kLookUs);
      std::optional<std::string> unsettled;
      ShardId shard;
      for (shard.value = 0; shard.value < cluster_.shards(); ++shard.value) {
        unsettled = cluster_.unsettled(shard);
        if (!unsettled && !probed(shard)) {
          unsettled = "it leads, and acknowledges nothing";
        }
        if (unsettled) {
          break;
        }
      }
      if (!unsettled && cluster_.queue().steps() >= setup_.steps) {
        check_replicas();
        return;
      }
      if (unsettled && cluster_.queue().now_us() >= until_us) {
        cluster_.checker().on_stuck(shard, "120 s after healing " + *unsettled + nodes());
      }
    }
  }

  // Who is registered, for the report.
  std::string nodes() const {
    std::string text = "\nregistered:";
    for (const auto& key : cluster_.coordinator().keys().list(cluster_.keys().nodes()).keys) {
      const auto node = cluster::decode_node_record(key.value);
      text += " " + (node ? node->name + "." + std::to_string(node->incarnation) + " " + node->store
                          : "?");
    }
    return text;
  }

  void check_replicas() {
    for (ShardId shard; shard.value < cluster_.shards(); ++shard.value) {
      const auto record = cluster_.record(shard);
      if (!record) {
        continue;
      }
      for (const cluster::Replica& one : record->replicas) {
        const NodeIndex node = *cluster_.node_of(one);
        cluster_.checker().on_end(shard, one.name, cluster_.host(node)->applied(shard),
                                  cluster_.disk(node).now(shard));
      }
    }
  }

  // Whether an append that began after healing was acknowledged.
  bool probed(ShardId shard) {
    auto& [request, is_well] = probes_[shard];
    is_well |= request != 0 && clients_.was_acknowledged(request);
    if (!is_well) {
      request = clients_.append_at(*cluster_.leader(shard), shard);
    }
    return is_well;
  }

  void run_until(std::int64_t until_us) {
    while (!cluster_.checker().violation() && cluster_.queue().next_us() <= until_us) {
      cluster_.queue().step();
    }
    // An empty span is a step too.
    cluster_.queue().at(until_us, [] {});
    while (!cluster_.checker().violation() && cluster_.queue().now_us() < until_us) {
      cluster_.queue().step();
    }
  }

  RunReport report() {
    RunReport done;
    done.violation = cluster_.checker().violation();
    done.about = std::to_string(cluster_.size()) + " nodes, " + std::to_string(cluster_.shards()) +
                 " shards, faults: " + faults_.describe();
    done.steps = cluster_.queue().steps();
    done.counters = cluster_.counters();
    done.counters.add("steps", done.steps);
    done.counters.add("simulated_s",
                      static_cast<std::uint64_t>(cluster_.queue().now_us()) / 1000000);
    done.trace = cluster_.trace().lines();
    return done;
  }

  struct Probe {
    std::uint64_t request = 0;
    bool is_well = false;
  };

  RunSetup setup_;
  Random random_;
  Clients clients_;
  Cluster cluster_;
  Faults faults_;
  std::map<ShardId, Probe> probes_;
};

}  // namespace

RunReport run_seed(const RunSetup& setup) { return Simulation(setup).run(); }

}  // namespace roost::simulation
