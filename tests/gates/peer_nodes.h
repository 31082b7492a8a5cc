// SPDX-License-Identifier: Apache-2.0
// Several nodes of two cores each with their PeerGates, between them a cluster in memory. Shards
// are one log each for the whole cluster, committed when the test says so; who leads, and who has
// heard of it, is the test's.
// Thread: the test's.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "broker/gates/peer_gate.h"
#include "broker/routing/router.h"
#include "tests/support/memory_cluster.h"

namespace roost::gates {

class PeerNodes;

// One shard as all its replicas together see it.
struct ModelShard {
  struct Proposal {
    routing::MessagePtr message;
    routing::Source source;
    bool delivers = false, keeps = false;
    core::Task done, stored;
    std::size_t node = 0;  // that proposed it
  };
  std::size_t leader = 0;
  std::uint64_t epoch = 1;
  std::deque<Proposal> proposals;
  // What was committed, repeats left out: payloads.
  std::vector<std::string> delivered, kept;
  std::map<std::tuple<int, int, std::uint64_t, bool>, std::uint64_t> seen;
};

// A core's shards: proposes where this node leads.
class ModelShards final : public ShardSide {
 public:
  ModelShards(PeerNodes& nodes, std::size_t node) : nodes_(nodes), node_(node) {}
  bool leads(ShardId shard, std::uint64_t epoch) const override;
  void deliver(ShardId shard, const routing::MessagePtr& message, const routing::Source& source,
               bool delivers, bool keeps, core::Task done, core::Task stored) override;
  void missed() override {}

 private:
  PeerNodes& nodes_;
  std::size_t node_;
};

class ModelSessions final : public routing::LocalDelivery {
 public:
  bool deliver_local(const routing::MessagePtr& message, routing::ConfirmTo,
                     const std::optional<routing::Source>&) override {
    once.emplace_back(as_text(message->payload()));
    last = message;
    return true;
  }
  bool deliver_volatile(const routing::MessagePtr& message, routing::ConfirmTo,
                        const std::optional<routing::Source>&) override {
    got.emplace_back(as_text(message->payload()));
    last = message;
    return true;
  }
  void store_retained(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                      const std::optional<routing::Source>&) override {
    kept.emplace_back(as_text(message->payload()));
    router->retained_stored(*message);
    if (confirm) router->confirm(confirm);
  }
  routing::Router* router = nullptr;
  routing::MessagePtr last;
  std::vector<std::string> once, got, kept;
};

class PeerNodes final : public Certainty {
 public:
  static constexpr std::uint16_t kCores = 2;
  static constexpr std::uint16_t kShards = 8;

  struct Node {
    Node(PeerNodes& nodes, std::size_t index, const Clock& clock);
    routing::RoutingTable table;
    core::Cores cores;
    PeerGates gates;
    PeerInbox inbox{cores};
    std::vector<std::unique_ptr<ModelSessions>> sessions;
    std::vector<std::unique_ptr<ModelShards>> shards;
    std::vector<std::unique_ptr<routing::Router>> routers;
    std::vector<std::unique_ptr<PeerPost>> posts;
    std::vector<std::unique_ptr<PeerGate>> peers;
  };

  explicit PeerNodes(std::size_t count = 3);

  // Its filters as bits at every node: durable ones of a shard, or in a node's memory.
  void want(ShardId shard, std::string_view filter);
  void want(std::size_t node, std::string_view filter, std::uint16_t core = 0);

  void link_all() { cluster.link_all(); }
  // Who leads from now on. Some of what was proposed and isn't committed may survive.
  void lead(ShardId shard, std::size_t node, std::size_t surviving = 0);
  // Tells a node, or all, who leads; only what it can have heard.
  void announce(ShardId shard, std::size_t at);
  void announce_all();
  // Commits the next so many proposals of a shard.
  void commit(ShardId shard, std::size_t count = SIZE_MAX);
  void commit_all();
  // All proposals of a shard are on its leader's disk.
  void store(ShardId shard);
  // The process of that node ends; another one begins, without links.
  void restart(std::size_t node, std::optional<std::uint64_t> incarnation = std::nullopt);

  void turn(std::size_t node, std::uint16_t core) {
    nodes[node]->cores.at(CoreId{core}).run_once(0);
  }
  void turn_all();
  // Turns and lets chunks through until nothing happens any more.
  void settle();
  // In a turn of that core.
  template <typename Work>
  void on_core(std::size_t node, std::uint16_t core, Work work) {
    nodes[node]->cores.at(CoreId{core}).post([&] { work(); });
    turn(node, core);
  }

  ManualClock clock;
  support::MemoryCluster cluster;
  std::vector<ModelShard> model{kShards};
  std::vector<std::unique_ptr<Node>> nodes;
  routing::ShardSet unsure_shards = 0;

 private:
  friend struct Node;
  struct Want {
    std::string filter;
    bool is_shard = false;
    std::size_t where = 0;
    std::uint16_t core = 0;
  };
  void put(std::size_t at, const Want& want);
  void apply(ModelShard& shard, const ModelShard::Proposal& proposal);
  void tell(ShardId shard, ModelShard::Proposal proposal, bool is_committed);
  routing::ShardSet uncertain_shards() const override { return unsure_shards; }
  routing::PeerSet uncertain_nodes() const override { return 0; }

  std::vector<Want> wants_;
};

routing::MessagePtr text_message(std::string_view topic, std::string_view payload, mqtt::Qos qos,
                                 std::uint64_t origin = 1, bool retain = false);

}  // namespace roost::gates
