// SPDX-License-Identifier: Apache-2.0
#include "tests/gates/relay_stage.h"

#include <sys/socket.h>

#include "broker/base/check.h"
#include "broker/mqtt/encode.h"
#include "broker/session/record_codec.h"

namespace roost::gates {

// --- cluster ---

std::uint64_t StageCluster::incarnation() const { return stage_.at(node_).incarnation; }

cluster::ClusterStatus StageCluster::status() const {
  cluster::ClusterStatus status;
  status.self = "node" + std::to_string(node_);
  status.coordinator_reached = !stage_.without_coordinator.contains(node_);
  for (std::size_t node = 0; node < stage_.nodes.size(); ++node) {
    auto& one = status.nodes.emplace_back();
    one.record.name = "node" + std::to_string(node);
    one.record.incarnation = stage_.at(node).incarnation;
    one.is_alive = !stage_.dead.contains(node);
  }
  return status;
}

bool StageCluster::send(PeerId to, std::uint64_t session, std::string chunk) {
  const std::size_t other = (node_ + to.value) % stage_.nodes.size();
  RelayStage::Link& link = stage_.links[{node_, other}];
  if (link.session != session) return false;
  CHECK(chunk.size() <= cluster::kChunkBytesMax);
  link.bytes += chunk.size();
  link.bytes_all += chunk.size();
  link.bytes_most = std::max(link.bytes_most, link.bytes);
  link.chunks.emplace_back(session, std::move(chunk));
  return true;
}

std::size_t StageCluster::waiting_bytes(PeerId to) const {
  const std::size_t other = (node_ + to.value) % stage_.nodes.size();
  return stage_.links[{node_, other}].bytes > stage_.congested_at ? SIZE_MAX : 0;
}

void StageLeaders::set(ShardId shard, PeerId leader, std::uint64_t epoch) {
  leaders_[shard.value] = leader;
  epochs_[shard.value] = epoch;
  if (events_ != nullptr) events_->on_leader(shard, leader, epoch);
}

// --- log ---

void StageLog::append(ShardId shard, session::Record record, session::Door* door) {
  waiting_.push_back({shard, std::move(record), door});
  stage_.at(node_).cores.at(CoreId{core_}).at_turn_end(*this);
}

std::uint64_t StageLog::epoch(ShardId shard) const { return stage_.epochs[shard.value]; }

void StageLog::on_turn_end() {
  if (held_ || waiting_.empty()) return;
  stage_.at(node_).cores.at(CoreId{core_}).post([this] { commit_all(); });
}

void StageLog::let_go() {
  held_ = false;
  stage_.at(node_).cores.at(CoreId{core_}).post([this] { commit_all(); });
}

void StageLog::follow(ShardId shard) {
  session::SessionTable& table = *stage_.at(node_).sessions[core_];
  std::deque<Appended> kept;
  for (Appended& one : std::exchange(waiting_, {})) {
    if (one.shard == shard) {
      table.on_dropped(one.shard, one.record, one.door);
    } else {
      kept.push_back(std::move(one));
    }
  }
  waiting_ = std::move(kept);
}

// What applying appends waits for another turn.
void StageLog::commit_all() {
  if (held_) return;
  for (Appended& one : std::exchange(waiting_, {})) {
    const session::LogIndex index = ++stage_.last[one.shard.value];
    session::SessionTable& table = *stage_.at(node_).sessions[core_];
    std::vector<std::uint8_t> bytes;
    session::encode_record(one.record, table.shard(one.shard).offset_ms(), bytes);
    table.on_committed(one.shard, index, one.record, one.door);
    for (std::size_t node = 0; node < stage_.nodes.size(); ++node) {
      if (node == node_ || stage_.dead.contains(node)) continue;
      session::SessionTable& replica = *stage_.at(node).sessions[core_];
      stage_.at(node).cores.at(CoreId{core_}).post([&replica, shard = one.shard, index, bytes] {
        const auto record = session::decode_record(bytes, replica.shard(shard).offset_ms());
        CHECK(record.has_value());
        replica.on_committed(shard, index, *record, nullptr);
      });
    }
  }
}

// --- nodes ---

RelayStage::Node::Node(RelayStage& stage, std::size_t number)
    : cores(kCores, stage.clock),
      common{{}, authenticator, enhanced, connection_log, stage.clock},
      cluster(stage, number),
      inbox(cores),
      hosts(stage.clock) {
  listener.name = "door";
  if (stage.settings.publishes) {
    routing.feed = std::make_unique<routing::InterestFeed>(routing.shards, routing.volatiles);
  }
  for (std::uint16_t id = 0; id < kCores; ++id) {
    core::Core& core = cores.at(CoreId{id});
    sessions.push_back(std::make_unique<session::SessionTable>(core, cores, routing, tables));
    disks.push_back(std::make_unique<support::MemoryDisk>(remains, core, *sessions.back()));
    logs.push_back(std::make_unique<StageLog>(stage, number, id));
    sessions.back()->use(*logs.back(), *disks.back());
    tables.tables.push_back(sessions.back().get());
    routing.routers.push_back(&sessions.back()->router());
    gates.push_back(std::make_unique<Gates>(common, *sessions.back(), net_counters[id]));
    common.gates.push_back(gates.back().get());
    posts.push_back(std::make_unique<PeerPost>(core, cluster));
    inbox.add(*posts.back());
    leaders.push_back(std::make_unique<StageLeaders>());
    relays.push_back(std::make_unique<Relay>(*gates.back(), *posts.back(), *leaders.back(), hosts,
                                             stage.clock, stage.settings.relay));
    if (!stage.settings.publishes) continue;
    routing::Router& router = sessions.back()->router();
    shard_sides.push_back(std::make_unique<SessionShards>(*sessions.back(), hosts, stage.clock));
    peers.push_back(std::make_unique<PeerGate>(peer_gates, cores, *posts.back(), router,
                                               *shard_sides.back(), certainty));
    peer_gates.gates.push_back(peers.back().get());
    router.use(*peers.back());
  }
}

RelayStage::Node::~Node() {
  for (auto& each : gates) each->close_all();
}

RelayStage::RelayStage(std::size_t count, const StageSettings& its_settings)
    : settings(its_settings) {
  for (std::size_t node = 0; node < count; ++node) {
    nodes.push_back(std::make_unique<Node>(*this, node));
  }
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = a + 1; b < count; ++b) link(a, b);
  }
}

RelayStage::~RelayStage() = default;

// --- leaders ---

void RelayStage::tell_leader(ShardId shard, std::size_t leader, bool known) {
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    if (dead.contains(node)) continue;
    tell(node, shard, known ? peer(node, leader) : kNoPeer);
  }
}

// Each core sends to all shards.
void RelayStage::tell(std::size_t node, ShardId shard, PeerId leader) {
  const std::uint64_t epoch = epochs[shard.value];
  core(node, shard).post([this, node, shard, leader, epoch] {
    at(node).leaders[shard.value % kCores]->set(shard, leader, epoch);
  });
  for (std::uint16_t id = 0; settings.publishes && id < kCores; ++id) {
    at(node).cores.at(CoreId{id}).post([&gate = *at(node).peers[id], shard, leader, epoch] {
      gate.set_leader(shard, leader, epoch);
    });
  }
}

void RelayStage::lead_unheard(ShardId shard, std::size_t node) {
  const std::uint64_t epoch = epochs[shard.value] + 1;
  const auto old = leads.find(shard.value);
  if (old != leads.end() && !dead.contains(old->second)) {
    const std::size_t before = old->second;
    in_turn(before, shard, [this, before, shard] {
      at(before).logs[shard.value % kCores]->follow(shard);
      sessions(before, shard).follow(shard);
      at(before).leaders[shard.value % kCores]->set(shard, kNoPeer, epochs[shard.value]);
    });
  }
  epochs[shard.value] = epoch;
  leads[shard.value] = node;
  session::StartedRecord limits;
  limits.max_queued_messages = at(node).tables.limits.max_queued_messages;
  core(node, shard).post([this, node, shard, limits] {
    sessions(node, shard).lead(shard, limits);
  });
  settle();
}

void RelayStage::lead(ShardId shard, std::size_t node) {
  lead_unheard(shard, node);
  tell_leader(shard, node, true);
  settle();
}

void RelayStage::lead_all(std::size_t node) {
  for (std::uint16_t shard = 0; shard < kShardCountDefault; ++shard) lead(ShardId{shard}, node);
}

void RelayStage::forget_leader(ShardId shard) {
  tell_leader(shard, 0, false);
  settle();
}

// --- links ---

void RelayStage::link(std::size_t a, std::size_t b) {
  const std::uint64_t session = ++last_session_;
  for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
    links[{from, to}] = {};
    links[{from, to}].session = session;
    at(from).inbox.on_peer_up(
        {peer(from, to), "node" + std::to_string(to), at(to).incarnation, session, 1});
  }
  settle();
  for (const auto& [shard, leader] : leads) {  // a leader says so again to whom it meets
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      if (leader != to) continue;
      const ShardId id{shard};
      tell(from, id, peer(from, to));
    }
  }
  settle();
}

void RelayStage::cut(std::size_t a, std::size_t b) {
  for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
    const std::uint64_t session = std::exchange(links[{from, to}], {}).session;
    if (session == 0 || dead.contains(from)) continue;
    at(from).inbox.on_peer_down(peer(from, to), session);
    for (std::uint16_t shard = 0; shard < kShardCountDefault; ++shard) {
      const ShardId id{shard};
      core(from, id).post([this, from = from, to = to, id] {
        StageLeaders& view = *at(from).leaders[id.value % kCores];
        if (view.leader_of(id) == peer(from, to)) view.set(id, kNoPeer, view.epoch_of(id));
      });
    }
  }
  settle();
}

void RelayStage::kill(std::size_t node) {
  dead.insert(node);
  for (std::size_t other = 0; other < nodes.size(); ++other) {
    if (other != node) cut(node, other);
  }
  for (std::size_t other = 0; other < nodes.size(); ++other) {
    if (other == node || dead.contains(other)) continue;
    at(other).inbox.on_peer_gone(peer(other, node), at(node).incarnation);
  }
  settle();
}

bool RelayStage::deliver() {
  bool any = false;
  for (auto& [way, link] : links) {
    if (held.contains(way) || dead.contains(way.second)) continue;
    while (!link.chunks.empty()) {
      auto [session, chunk] = std::move(link.chunks.front());
      link.chunks.pop_front();
      link.bytes -= chunk.size();
      any = true;
      at(way.second)
          .inbox.on_traffic(peer(way.second, way.first), session, {{std::move(chunk), nullptr}});
    }
  }
  return any;
}

void RelayStage::settle() {
  constexpr int kQuietRounds = 4;
  for (int quiet = 0; quiet < kQuietRounds; ++quiet) {
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      if (dead.contains(node)) continue;
      for (std::uint16_t id = 0; id < kCores; ++id) at(node).cores.at(CoreId{id}).run_once(0);
    }
    if (deliver()) quiet = 0;
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      for (std::uint16_t id = 0; id < kCores; ++id) {
        if (!dead.contains(node) && at(node).cores.at(CoreId{id}).mail_waiting() > 0) quiet = 0;
      }
    }
  }
}

void RelayStage::advance_ms(std::int64_t ms) {
  clock.advance_ms(ms);
  settle();
}

// --- clients ---

void RelayStage::open(support::RawClient& client, std::size_t node) {
  int ends[2];
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  client.open_fd(ends[0]);
  net::DetachedConnection accepted;
  accepted.fd = ends[1];
  accepted.peer.address = "192.0.2.7:51234";
  at(node).cores.at(CoreId{0}).post([this, node, accepted = std::move(accepted)]() mutable {
    at(node).gates[0]->accept(at(node).listener, std::move(accepted));
  });
  settle();
}

void RelayStage::send(support::RawClient& client, const std::vector<mqtt::Packet>& packets,
                      mqtt::ProtocolVersion version) {
  std::vector<std::uint8_t> bytes;
  for (const mqtt::Packet& each : packets) mqtt::encode(each, version, bytes);
  CHECK(client.send_bytes(bytes));
  settle();
}

std::vector<std::string> RelayStage::come(support::RawClient& client, std::size_t node,
                                          const mqtt::Connect& connect) {
  open(client, node);
  send(client, {connect}, connect.version);
  return read_all(client);
}

}  // namespace roost::gates
