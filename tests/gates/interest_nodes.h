// SPDX-License-Identifier: Apache-2.0
// Three nodes that tell each other who wants what. Leading, what confirms it, links and the time
// are the test's.
// Thread: the test's.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/gates/interest_sync.h"
#include "tests/support/memory_cluster.h"

namespace roost::gates {

inline constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

struct FakeHosts final : cluster::ShardHosts {
  void tick(SteadyMs) override {}
  void turn(SteadyMs) override {}
  bool leads(ShardId shard) const override { return confirmed.contains(shard.value); }
  bool can_propose(ShardId) const override { return true; }
  std::uint64_t lineage(ShardId) const override { return 0; }
  cluster::replication::LogIndex loaded(ShardId) const override { return 0; }
  void replay(ShardId, const Replay&) const override {}
  void before_flush() override {}
  void after_flush(bool) override {}
  cluster::replication::Position propose(ShardId, SharedPtr<SharedBlock>, ByteView) override {
    return {};
  }
  void write_state(ShardId, cluster::replication::LogIndex, cluster::replication::LogIndex,
                   storage::StateBatch, storage::Store::Done) override {}
  std::optional<SteadyMs> confirmed_ms(ShardId shard) const override {
    const auto at = confirmed.find(shard.value);
    return at == confirmed.end() ? std::nullopt : std::optional(at->second);
  }
  void resign(ShardId) override {}
  std::map<std::uint16_t, SteadyMs> confirmed;
};

struct NoShards final : ShardSide {
  bool leads(ShardId, std::uint64_t) const override { return false; }
  void deliver(ShardId, const routing::MessagePtr&, const routing::Source&, bool, bool, core::Task,
               core::Task) override {}
  void missed() override { ++times_missed; }
  int times_missed = 0;
};

struct NoSessions final : routing::LocalDelivery {
  bool deliver_local(const routing::MessagePtr&, routing::ConfirmTo,
                     const std::optional<routing::Source>&) override {
    return true;
  }
  bool deliver_volatile(const routing::MessagePtr&, routing::ConfirmTo,
                        const std::optional<routing::Source>&) override {
    return true;
  }
  void store_retained(const routing::MessagePtr&, routing::ConfirmTo,
                      const std::optional<routing::Source>&) override {}
};

struct InterestNode {
  static constexpr std::uint16_t kCores = 2;
  static constexpr std::uint16_t kShards = 4;
  InterestNode(support::MemoryCluster& cluster, std::size_t index, const Clock& clock)
      : cores(kCores, clock), permissions(clock, kShards) {
    table.shard_count = kShards;
    table.feed = std::make_unique<routing::InterestFeed>(table.shards, table.volatiles);
    for (std::uint16_t id = 0; id < kCores; ++id) {
      core::Core& core = cores.at(CoreId{id});
      posts.push_back(std::make_unique<PeerPost>(core, cluster.node(index)));
      routers.push_back(std::make_unique<routing::Router>(core, cores, table, sessions));
      table.routers.push_back(routers.back().get());
      peers.push_back(std::make_unique<PeerGate>(gates, cores, *posts.back(), *routers.back(),
                                                 shards, permissions));
      gates.gates.push_back(peers.back().get());
      memory.emplace_back(table.volatiles, id, *table.feed, routing::kVolatiles);
      inbox.add(*posts.back());
    }
    sync = std::make_unique<InterestSync>(cores, *posts[0], table, gates, permissions, clock,
                                          std::vector<cluster::ShardHosts*>(kCores, &hosts));
    cluster.listen(index, inbox);
    cores.at(CoreId{0}).post([this] { sync->start(); });
  }

  routing::RoutingTable table;
  core::Cores cores;
  PeerGates gates;
  Permissions permissions;
  PeerInbox inbox{cores};
  NoShards shards;
  NoSessions sessions;
  FakeHosts hosts;
  std::vector<std::unique_ptr<routing::Router>> routers;
  std::vector<std::unique_ptr<PeerPost>> posts;
  std::vector<std::unique_ptr<PeerGate>> peers;
  std::vector<routing::InterestWriter> memory;  // by core
  std::map<std::uint16_t, std::unique_ptr<routing::InterestWriter>> led;
  std::unique_ptr<InterestSync> sync;
};

struct InterestNodes : testing::Test {
  static constexpr std::size_t kNodes = 3;
  static constexpr std::uint16_t kCores = InterestNode::kCores;
  static constexpr std::uint16_t kShards = InterestNode::kShards;

  InterestNodes() {
    for (std::size_t i = 0; i < kNodes; ++i) {
      nodes.push_back(std::make_unique<InterestNode>(cluster, i, clock));
    }
    cluster.link_all();
    settle();
    for (const auto& node : nodes) node->cores.at(CoreId{0}).post([&] { node->sync->serve(); });
    settle();
  }
  void turn_all() {
    for (const auto& node : nodes) {
      for (std::uint16_t core = 0; core < kCores; ++core) node->cores.at(CoreId{core}).run_once(0);
    }
  }
  void settle() {
    constexpr int kQuietRounds = 4;
    for (int quiet = 0; quiet < kQuietRounds; ++quiet) {
      turn_all();
      if (cluster.let_all_through()) quiet = 0;
    }
  }
  // Time goes on in ticks; leaders hear from their followers unless they are `deaf`.
  void advance_ms(SteadyMs ms) {
    for (; ms > 0; ms -= 20) {
      clock.advance_ms(20);
      for (const auto& node : nodes) {
        if (deaf.contains(node.get())) continue;
        for (auto& [shard, confirmed_ms] : node->hosts.confirmed) confirmed_ms = clock.steady_ms();
      }
      settle();
    }
  }
  template <typename Work>
  void on_core(std::size_t node, ShardId shard, Work work) {
    core::Core& core = nodes[node]->cores.of(shard);
    core.post([&] { work(); });
    core.run_once(0);
  }
  void lead(std::size_t at, ShardId shard, std::uint64_t epoch,
            const std::vector<std::string>& filters) {
    InterestNode& node = *nodes[at];
    on_core(at, shard, [&] {
      node.table.feed->begin(shard, epoch);
      auto& writer = node.led[shard.value];
      writer = std::make_unique<routing::InterestWriter>(
          node.table.shards, shard.value, *node.table.feed,
          static_cast<routing::InterestOwner>(shard.value));
      for (const std::string& filter : filters) writer->add(filter);
      node.table.feed->lead(shard);
      node.hosts.confirmed[shard.value] = clock.steady_ms();
    });
  }
  void follow(std::size_t at, ShardId shard) {
    InterestNode& node = *nodes[at];
    on_core(at, shard, [&] {
      node.led.erase(shard.value);
      node.hosts.confirmed.erase(shard.value);
      node.table.feed->end(shard);
    });
  }
  // What a QoS 1 publish there would have to ask, of the shards.
  std::uint64_t asks(std::size_t at, std::string_view topic) const {
    const InterestNode& node = *nodes[at];
    return node.table.shards.candidates(topic) | node.permissions.uncertain_shards() |
           node.table.feed->unsure_shards();
  }
  std::uint64_t asks_nodes(std::size_t at, std::string_view topic) const {
    const InterestNode& node = *nodes[at];
    return node.table.nodes.candidates(topic) | node.permissions.uncertain_nodes();
  }
  PeerId id(std::size_t at, std::size_t other) const { return cluster.id_of(at, other); }
  // Runs when what node `at` has put down until now is seen.
  void when_seen(std::size_t at, bool& seen) {
    core::Core& core = nodes[at]->cores.at(CoreId{1});
    core.post([&] { nodes[at]->sync->when_seen(core, [&seen] { seen = true; }); });
    core.run_once(0);
  }

  ManualClock clock;
  support::MemoryCluster cluster{kNodes};
  std::vector<std::unique_ptr<InterestNode>> nodes;
  std::set<InterestNode*> deaf;
};

}  // namespace roost::gates
