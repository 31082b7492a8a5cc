// SPDX-License-Identifier: Apache-2.0
// What a message costs between nodes besides the network: two nodes of one core each, chunks handed
// over in memory. CPU of both sides together, by message: router, encode, decode, deliver.
// `turn`: messages that are published in one turn.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/gates/peer_gate.h"
#include "tests/support/memory_cluster.h"

namespace roost::gates {
namespace {

constexpr ShardId kShard{0};

struct Shards final : ShardSide {
  bool leads(ShardId, std::uint64_t) const override { return true; }
  void deliver(ShardId, const routing::MessagePtr&, const routing::Source&, bool, bool,
               core::Task done, core::Task) override {
    done();
  }
  void missed() override {}
};

struct Sessions final : routing::LocalDelivery {
  bool deliver_local(const routing::MessagePtr& message, routing::ConfirmTo,
                     const std::optional<routing::Source>&) override {
    bytes += message->payload().size();
    return true;
  }
  bool deliver_volatile(const routing::MessagePtr& message, routing::ConfirmTo to,
                        const std::optional<routing::Source>& source) override {
    return deliver_local(message, to, source);
  }
  void store_retained(const routing::MessagePtr&, routing::ConfirmTo,
                      const std::optional<routing::Source>&) override {}
  std::size_t bytes = 0;
};

struct Sure final : Certainty {
  routing::ShardSet uncertain_shards() const override { return 0; }
  routing::PeerSet uncertain_nodes() const override { return 0; }
};

struct Node {
  Node(support::MemoryCluster& cluster, std::size_t index, const Clock& clock)
      : cores(1, clock),
        post(cores.at(CoreId{0}), cluster.node(index)),
        router(cores.at(CoreId{0}), cores, table, sessions),
        peers(gates, cores, post, router, shards, sure) {
    table.feed = std::make_unique<routing::InterestFeed>(table.shards, table.volatiles);
    table.routers.push_back(&router);
    gates.gates.push_back(&peers);
    router.use(peers);
    inbox.add(post);
    cluster.listen(index, inbox);
  }
  core::Cores cores;
  routing::RoutingTable table;
  PeerGates gates;
  PeerInbox inbox{cores};
  Sure sure;
  Shards shards;
  Sessions sessions;
  PeerPost post;
  routing::Router router;
  PeerGate peers;
};

struct Waiter final : routing::PublicationWaiter {
  void on_confirmed(std::uint64_t) override { ++confirmed; }
  std::uint64_t confirmed = 0;
};

void run(benchmark::State& state, mqtt::Qos qos) {
  ManualClock clock;
  support::MemoryCluster cluster(2);
  Node from(cluster, 0, clock), to(cluster, 1, clock);
  cluster.link_all();
  routing::InterestWriter(from.table.nodes, cluster.id_of(0, 1).value).add("bench/topic");
  routing::InterestWriter(to.table.volatiles, 0).add("bench/topic");
  const auto turn = [](Node& node) { node.cores.at(CoreId{0}).run_once(0); };
  turn(from);
  turn(to);
  const std::string payload(static_cast<std::size_t>(state.range(1)), 'x');
  routing::MessageParts parts;
  parts.topic = "bench/topic";
  parts.payload = as_bytes(payload);
  parts.qos = qos;
  parts.received_ms = clock.steady_ms();
  Waiter waiter;
  for (auto _ : state) {
    from.cores.at(CoreId{0}).post([&] {
      for (std::int64_t i = 0; i < state.range(0); ++i) {
        from.router.publish(routing::Message::make(parts), {&waiter, 1});
      }
    });
    turn(from);
    while (cluster.let_through(0, 1)) turn(to);
    while (cluster.let_through(1, 0)) turn(from);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  const auto expected = static_cast<std::uint64_t>(state.iterations() * state.range(0));
  if (to.sessions.bytes != expected * payload.size()) state.SkipWithError("messages are missing");
}

void peers_qos0(benchmark::State& state) { run(state, mqtt::Qos::at_most_once); }
BENCHMARK(peers_qos0)
    ->ArgNames({"turn", "bytes"})
    ->Args({1, 64})
    ->Args({16, 64})
    ->Args({128, 64})
    ->Args({16, 1024});

void peers_qos1(benchmark::State& state) { run(state, mqtt::Qos::at_least_once); }
BENCHMARK(peers_qos1)
    ->ArgNames({"turn", "bytes"})
    ->Args({1, 64})
    ->Args({16, 64})
    ->Args({128, 64})
    ->Args({16, 1024});

}  // namespace
}  // namespace roost::gates
