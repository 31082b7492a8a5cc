// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/cluster.h"

#include <algorithm>
#include <set>
#include <utility>

namespace roost::simulation {

using cluster::Replica;
using cluster::ShardRecord;

namespace {

constexpr std::int64_t kTickUs = 50'000;
constexpr std::int64_t kBrokenUs = 300'000;  // until a stream is seen to be broken

}  // namespace

Cluster::Node::Node(EventQueue& queue, Random seed, std::string called)
    : name(std::move(called)), random(seed), disk(queue, random.branch(), name) {
  clock.zero_ms = random.between(0, 1'000'000'000);
  clock.pace_ppm = 1'000'000 + random.between(-500, 500);
}

Cluster::Cluster(const ClusterSetup& setup, Answers& answers)
    : random_(setup.seed),
      network_(queue_, random_.branch()),
      trace_(queue_, setup.is_traced),
      coordinator_(queue_,
                   [this](std::string_view client, cluster::MemoryRequest request) {
                     return trip(client, request);
                   }),
      world_{queue_, network_, coordinator_,         checker_, trace_, counters_,
             *this,  answers,  cluster::Keys("sim"), {},       {}} {
  world_.controller_settings.shard_count = setup.shards;
  world_.controller_settings.first_nodes = setup.nodes;
  for (std::size_t i = 0; i < setup.nodes; ++i) {
    nodes_.push_back(std::make_unique<Node>(queue_, random_.branch(), "n" + std::to_string(i + 1)));
  }
}

Cluster::~Cluster() = default;

void Cluster::start(NodeIndex index) {
  Node& node = *nodes_[index];
  if (node.host) {
    return;
  }
  ++node.incarnation;
  node.is_paused = false;
  members_[replication::member_id({node.name, node.disk.uuid()})] = index;
  trace_.say(node.name, [&] {
    return "starts as ." + std::to_string(node.incarnation) + " with " + node.disk.uuid();
  });
  node.host = std::make_unique<Host>(world_, index, node.name, node.incarnation, node.disk,
                                     node.clock, node.random.branch());
  tick(index, node.host->process());
}

void Cluster::tick(NodeIndex index, const std::shared_ptr<Process>& process) {
  queue_.after(random_.between(kTickUs / 2, kTickUs * 3 / 2), [this, index, process] {
    if (process->is_dead) {
      return;
    }
    if (!process->is_paused) {
      nodes_[index]->host->tick();
    }
    tick(index, process);
  });
}

void Cluster::crash(NodeIndex index, std::string_view why) {
  if (is_up(index)) {
    nodes_[index]->host->die(why);
  }
}

void Cluster::died(NodeIndex index) {
  nodes_[index]->is_ending = true;
  // Not at once: its functions are still on the stack.
  queue_.after(0, [this, index] {
    nodes_[index]->host.reset();
    nodes_[index]->is_ending = false;
    nodes_[index]->is_paused = false;
    if (on_died_) {
      on_died_(index);
    }
  });
}

void Cluster::pause(NodeIndex index) {
  if (is_up(index) && !nodes_[index]->is_paused) {
    trace_.say(nodes_[index]->name, [] { return "is paused"; });
    nodes_[index]->is_paused = true;
    nodes_[index]->host->pause();
  }
}

void Cluster::go_on(NodeIndex index) {
  if (is_up(index) && nodes_[index]->is_paused) {
    trace_.say(nodes_[index]->name, [] { return "goes on"; });
    nodes_[index]->is_paused = false;
    nodes_[index]->host->go_on();
  }
}

void Cluster::run_in(NodeIndex index, std::function<void(Host&)> what) {
  if (!is_up(index)) {
    return;
  }
  Host* host = nodes_[index]->host.get();
  host->process()->run([host, what = std::move(what)] { what(*host); });
}

void Cluster::send(NodeIndex from, MemberId sender, MemberId to, ShardId shard,
                   const replication::Message& message) {
  const auto found = members_.find(to);
  if (found == members_.end()) {
    return;
  }
  network_.send(from, found->second, [this, index = found->second, sender, to, shard, message] {
    run_in(index, [=](Host& host) { host.receive(sender, to, shard, message); });
  });
}

void Cluster::report(NodeIndex from, const std::string& to, const cluster::NodeReport& report) {
  const NodeIndex index = index_of(to);
  network_.send(from, index, [this, index, report] {
    run_in(index, [report](Host& host) { host.receive_report(report); });
  });
}

void Cluster::send_part(NodeIndex from, MemberId to, ShardId shard, const ImportPart& part,
                        std::function<void(bool)> done) {
  const auto found = members_.find(to);
  const auto there =
      found == members_.end() ? std::nullopt : network_.delay_us(from, found->second);
  if (!there) {
    queue_.after(kBrokenUs, [done = std::move(done)] { done(false); });
    return;
  }
  queue_.after(
      *there, [this, from, index = found->second, to, shard, part, done = std::move(done)] {
        Host* host = is_up(index) && !is_paused(index) ? nodes_[index]->host.get() : nullptr;
        const bool is_wanted = host != nullptr && host->receive_part(to, shard, part);
        const auto back = network_.delay_us(index, from);
        queue_.after(back.value_or(kBrokenUs), [=] { done(is_wanted && back.has_value()); });
      });
}

std::vector<cluster::PeerView> Cluster::peers_of(NodeIndex from) {
  using PeerSeen = cluster::PeerView::Seen;
  std::vector<cluster::PeerView> all;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (i == from) {
      continue;
    }
    const Node& node = *nodes_[i];
    const bool is_reached = !network_.is_cut(from, i) && !network_.is_cut(i, from);
    PeerSeen seen = PeerSeen::silent;
    if (is_reached && !is_up(i)) {
      seen = PeerSeen::refused;
    } else if (is_reached && !node.is_paused) {
      seen = PeerSeen::connected;
    }
    all.push_back({node.name, node.incarnation, seen});
  }
  return all;
}

void Cluster::emptied(ShardId shard, const Replica& replica, const std::string& who,
                      const LogView& log) {
  const auto shown = record(shard);
  if (shown && std::find(shown->isr.begin(), shown->isr.end(), replica) != shown->isr.end()) {
    checker_.on_cut(shard, who, log.first(), log);
  }
}

NodeIndex Cluster::index_of(std::string_view name) const {
  return static_cast<NodeIndex>(std::stoul(std::string(name.substr(1))) - 1);
}

cluster::MemoryTrip Cluster::trip(std::string_view client, cluster::MemoryRequest request) {
  const NodeIndex index = index_of(client);
  if (trips_) {
    if (const auto trip = trips_(index, request)) {
      return *trip;
    }
  }
  return {network_.delay_us(index, kCoordinator), network_.delay_us(kCoordinator, index)};
}

std::optional<ShardRecord> Cluster::record(ShardId shard) const {
  const std::string key = world_.keys.shard(shard);
  for (const cluster::KeyValue& one : coordinator_.keys().list(key).keys) {
    if (one.key == key) {
      auto decoded = cluster::decode_shard_record(one.value);
      return decoded ? std::optional(*decoded) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<NodeIndex> Cluster::leader(ShardId shard) {
  std::optional<NodeIndex> best;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (is_up(i) && nodes_[i]->host->leads(shard) &&
        (!best || host(*best)->replica(shard)->epoch() < host(i)->replica(shard)->epoch())) {
      best = i;
    }
  }
  return best;
}

std::optional<NodeIndex> Cluster::node_of(const Replica& replica) const {
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->name == replica.name && nodes_[i]->disk.uuid() == replica.store) {
      return i;
    }
  }
  return std::nullopt;
}

bool Cluster::can_lose(NodeIndex node) const {
  for (std::uint16_t id = 0; id < shards(); ++id) {
    const auto shown = record(ShardId{id});
    if (!shown) {
      return false;
    }
    const auto is_whole = [&](const Replica& one) {
      const auto holder = node_of(one);
      return holder && !nodes_[*holder]->disk.is_broken();
    };
    // Also those outside the ISR: a transaction that takes one in may be on its way.
    std::set<Replica> all(shown->isr.begin(), shown->isr.end());
    all.insert(shown->replicas.begin(), shown->replicas.end());
    const Replica self{nodes_[node]->name, nodes_[node]->disk.uuid()};
    const bool has_copies = shown->isr.size() >= 2 || shown->min_in_sync >= 2;  // R6
    if (all.contains(self) && !(has_copies && std::all_of(all.begin(), all.end(), is_whole))) {
      return false;
    }
  }
  return true;
}

std::optional<std::string> Cluster::unsettled(ShardId shard) {
  const auto shown = record(shard);
  if (!shown) {
    return "it has no record";
  }
  const auto leading = leader(shard);
  if (!leading) {
    return "nobody leads: " + encode(*shown);
  }
  const std::set<Replica> in_sync(shown->isr.begin(), shown->isr.end());
  const std::set<Replica> wanted(shown->replicas.begin(), shown->replicas.end());
  const std::size_t count = std::min(nodes_.size(), world_.controller_settings.replicas);
  if (in_sync != wanted || wanted.size() != count || !shown->adding.empty() ||
      !shown->removing.empty()) {
    return "not all are in sync: " + encode(*shown);
  }
  const LogIndex commit = host(*leading)->replica(shard)->commit();
  for (const Replica& one : wanted) {
    const auto node = node_of(one);
    if (!node || !is_up(*node) || host(*node)->applied(shard) < checker_.acknowledged(shard) ||
        host(*node)->applied(shard) < std::min(commit, checker_.committed(shard))) {
      return one.name + " has not applied all: " + encode(*shown);
    }
  }
  return std::nullopt;
}

}  // namespace roost::simulation
