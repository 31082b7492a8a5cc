// SPDX-License-Identifier: Apache-2.0
#include "tests/gates/peer_nodes.h"

#include <utility>

namespace roost::gates {

using routing::InterestWriter;

bool ModelShards::leads(ShardId shard, std::uint64_t epoch) const {
  const ModelShard& model = nodes_.model[shard.value];
  return model.leader == node_ && model.epoch == epoch;
}

void ModelShards::deliver(ShardId shard, const routing::MessagePtr& message,
                          const routing::Source& source, bool delivers, bool keeps, core::Task done,
                          core::Task stored) {
  nodes_.model[shard.value].proposals.push_back(
      {message, source, delivers, keeps, std::move(done), std::move(stored), node_});
}

PeerNodes::Node::Node(PeerNodes& nodes, std::size_t index, const Clock& clock)
    : cores(kCores, clock) {
  table.shard_count = kShards;
  table.feed = std::make_unique<routing::InterestFeed>(table.shards, table.volatiles);
  for (std::uint16_t id = 0; id < kCores; ++id) {
    core::Core& core = cores.at(CoreId{id});
    sessions.push_back(std::make_unique<ModelSessions>());
    shards.push_back(std::make_unique<ModelShards>(nodes, index));
    routers.push_back(std::make_unique<routing::Router>(core, cores, table, *sessions.back()));
    sessions.back()->router = routers.back().get();
    table.routers.push_back(routers.back().get());
    posts.push_back(std::make_unique<PeerPost>(core, nodes.cluster.node(index)));
    peers.push_back(std::make_unique<PeerGate>(gates, cores, *posts.back(), *routers.back(),
                                               *shards.back(), nodes));
    routers.back()->use(*peers.back());
    gates.gates.push_back(peers.back().get());
    inbox.add(*posts.back());
  }
  nodes.cluster.listen(index, inbox);
}

PeerNodes::PeerNodes(std::size_t count) : cluster(count) {
  for (std::size_t i = 0; i < count; ++i) nodes.push_back(std::make_unique<Node>(*this, i, clock));
  for (std::uint16_t shard = 0; shard < kShards; ++shard) model[shard].leader = shard % count;
}

void PeerNodes::put(std::size_t at, const Want& want) {
  routing::RoutingTable& table = nodes[at]->table;
  if (want.is_shard) {
    InterestWriter(table.shards, static_cast<unsigned>(want.where)).add(want.filter);
  } else if (want.where == at) {
    InterestWriter(table.volatiles, want.core).add(want.filter);
  } else {
    InterestWriter(table.nodes, cluster.id_of(at, want.where).value).add(want.filter);
  }
}

void PeerNodes::want(ShardId shard, std::string_view filter) {
  wants_.push_back({std::string(filter), true, shard.value, 0});
  for (std::size_t at = 0; at < nodes.size(); ++at) put(at, wants_.back());
}

void PeerNodes::want(std::size_t node, std::string_view filter, std::uint16_t core) {
  wants_.push_back({std::string(filter), false, node, core});
  for (std::size_t at = 0; at < nodes.size(); ++at) put(at, wants_.back());
}

void PeerNodes::apply(ModelShard& shard, const ModelShard::Proposal& proposal) {
  const routing::Source& source = proposal.source;
  const auto is_new = [&](bool kept) {
    auto& seen = shard.seen[{static_cast<int>(source.kind), source.part, source.life, kept}];
    return std::exchange(seen, std::max(seen, source.number)) < source.number;
  };
  const std::string text(as_text(proposal.message->payload()));
  if (proposal.keeps && is_new(true)) shard.kept.push_back(text);
  if (proposal.delivers && is_new(false)) shard.delivered.push_back(text);
}

void PeerNodes::lead(ShardId id, std::size_t node, std::size_t surviving) {
  ModelShard& shard = model[id.value];
  for (std::size_t i = 0; i < shard.proposals.size() && i < surviving; ++i) {
    apply(shard, shard.proposals[i]);
  }
  for (auto& proposal : std::exchange(shard.proposals, {})) tell(id, std::move(proposal), false);
  shard.leader = node;
  ++shard.epoch;
}

void PeerNodes::announce(ShardId id, std::size_t at) {
  const ModelShard& shard = model[id.value];
  if (at != shard.leader && !cluster.is_linked(at, shard.leader)) return;
  for (std::uint16_t core = 0; core < kCores; ++core) {
    nodes[at]
        ->cores.at(CoreId{core})
        .post([gate = nodes[at]->peers[core].get(), id, leader = cluster.id_of(at, shard.leader),
               epoch = shard.epoch] { gate->set_leader(id, leader, epoch); });
  }
}

void PeerNodes::announce_all() {
  for (std::uint16_t shard = 0; shard < kShards; ++shard) {
    for (std::size_t at = 0; at < nodes.size(); ++at) announce(ShardId{shard}, at);
  }
}

void PeerNodes::commit(ShardId id, std::size_t count) {
  ModelShard& shard = model[id.value];
  for (; count > 0 && !shard.proposals.empty(); --count) {
    ModelShard::Proposal proposal = std::move(shard.proposals.front());
    shard.proposals.pop_front();
    apply(shard, proposal);
    tell(id, std::move(proposal), true);
  }
}

void PeerNodes::store(ShardId id) {
  for (ModelShard::Proposal& proposal : model[id.value].proposals) {
    if (!proposal.stored) continue;
    nodes[proposal.node]->cores.of(id).post(std::move(proposal.stored));
    proposal.stored = {};
  }
}

// As SessionTable does, on the shard's core.
void PeerNodes::tell(ShardId id, ModelShard::Proposal proposal, bool is_committed) {
  Node& node = *nodes[proposal.node];
  core::Core& core = node.cores.of(id);
  core.post([router = node.routers[core.id().value].get(), is_committed,
             one = std::move(proposal)]() mutable {
    if (one.keeps) router->retained_stored(*one.message, is_committed);
    if (is_committed) one.done();
  });
}

void PeerNodes::commit_all() {
  for (std::uint16_t shard = 0; shard < kShards; ++shard) commit(ShardId{shard});
}

void PeerNodes::restart(std::size_t node, std::optional<std::uint64_t> incarnation) {
  for (std::uint16_t shard = 0; shard < kShards; ++shard) {
    if (model[shard].leader == node) lead(ShardId{shard}, (node + 1) % nodes.size());
  }
  cluster.restart(node, incarnation);
  nodes[node] = std::make_unique<Node>(*this, node, clock);
  for (const Want& want : wants_) put(node, want);
}

void PeerNodes::turn_all() {
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    for (std::uint16_t core = 0; core < kCores; ++core) turn(node, core);
  }
}

void PeerNodes::settle() {
  constexpr int kQuietRounds = 4;
  for (int quiet = 0; quiet < kQuietRounds; ++quiet) {
    turn_all();
    if (cluster.let_all_through()) quiet = 0;
    for (const auto& node : nodes) {
      for (std::uint16_t core = 0; core < kCores; ++core) {
        if (node->cores.at(CoreId{core}).mail_waiting() > 0) quiet = 0;
      }
    }
  }
}

routing::MessagePtr text_message(std::string_view topic, std::string_view payload, mqtt::Qos qos,
                                 std::uint64_t origin, bool retain) {
  routing::MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(payload);
  parts.qos = qos;
  parts.origin = origin;
  parts.retain = retain;
  return routing::Message::make(parts);
}

}  // namespace roost::gates
