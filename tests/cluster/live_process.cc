// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <utility>

#include "broker/base/check.h"
#include "tests/cluster/live_cluster.h"

namespace roost::cluster {

LiveCluster::Process::Process(LiveCluster& cluster, ClusterSettings settings,
                              std::unique_ptr<storage::ReplicaStore> store)
    : cluster_(cluster), store_(std::move(store)) {
  coordinator_ = cluster_.coordinator.connect(settings.node);
  std::vector<CoreHosts::Post> posts;
  for (std::size_t i = 0; i < kCores; ++i) {
    cores_.push_back(std::make_unique<Core>(*this, i));
    posts.push_back(cores_.back()->poster());
  }
  const std::string address = settings.address;
  const auto open_network = [this, address](const PeerIdentity& self, PeerEvents& peers) {
    return cluster_.network.open(self, address, peers);
  };
  ClusterEvents& events = *this;
  node_ =
      std::make_unique<ClusterNode>(std::move(settings), *coordinator_, *store_, std::move(posts),
                                    open_network, events, cluster_.log, clock_);
  for (std::size_t i = 0; i < kCores; ++i) cores_[i]->start(node_->hosts(i));
  node_->start();
}

LiveCluster::Process::~Process() { end(true); }

// A crash: its lease is not given back. Nothing is flushed either way.
void LiveCluster::Process::end(bool is_crash) {
  if (!node_) return;
  if (is_crash) coordinator_->die();
  node_->stop();
  for (const auto& core : cores_) core->stop();
  node_.reset();
  store_.reset();
}

void LiveCluster::Process::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  told_.push_back(text);
}

void LiveCluster::Process::on_peer_up(const PeerInfo& peer) {
  note("up " + peer.name);
  const std::lock_guard lock(mutex_);
  peers_[peer.name] = peer;
  names_[peer.id] = peer.name;
}

void LiveCluster::Process::on_peer_down(PeerId peer, std::uint64_t) {
  const std::lock_guard lock(mutex_);
  told_.push_back("down " + names_[peer]);
  peers_.erase(names_[peer]);
}

void LiveCluster::Process::on_peer_gone(PeerId peer, std::uint64_t incarnation) {
  const std::lock_guard lock(mutex_);
  told_.push_back("gone " + names_[peer] + "." + std::to_string(incarnation));
}

void LiveCluster::Process::on_traffic(PeerId from, std::uint64_t, Chunks chunks) {
  const std::lock_guard lock(mutex_);
  for (const Chunk& chunk : chunks) traffic_.push_back(names_[from] + ": " + chunk.bytes);
}

Texts LiveCluster::Process::told() const {
  const std::lock_guard lock(mutex_);
  return told_;
}

Texts LiveCluster::Process::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

std::optional<PeerInfo> LiveCluster::Process::peer(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(name);
  return found == peers_.end() ? std::nullopt : std::optional(found->second);
}

bool LiveCluster::Process::leads(std::uint16_t shard) {
  bool leads = false;
  Core& core = core_of(shard);
  core.run([&] {
    const auto found = core.shards.find(shard);
    leads = found != core.shards.end() && found->second.leads;
    CHECK(leads == core.hosts->leads(ShardId{shard}));
  });
  return leads;
}

bool LiveCluster::Process::holds(std::uint16_t shard) {
  bool holds = false;
  Core& core = core_of(shard);
  core.run([&] { holds = core.shards.count(shard) > 0; });
  return holds;
}

bool LiveCluster::Process::is_empty_on_disk(std::uint16_t shard) {
  bool is_empty = true;
  const auto read = store_->view()->scan(ShardId{shard}, "", "", [&](std::string_view, ByteView) {
    is_empty = false;
    return false;
  });
  return read.has_value() && is_empty;
}

int LiveCluster::Process::replaced(std::uint16_t shard) {
  int count = 0;
  Core& core = core_of(shard);
  core.run([&] {
    const auto found = core.shards.find(shard);
    if (found != core.shards.end()) count = found->second.replaced;
  });
  return count;
}

Texts LiveCluster::Process::texts(std::uint16_t shard) {
  Texts texts;
  Core& core = core_of(shard);
  core.run([&] {
    const auto found = core.shards.find(shard);
    if (found == core.shards.end()) return;
    for (const auto& [index, text] : found->second.texts) texts.push_back(text);
  });
  return texts;
}

std::shared_ptr<std::atomic<int>> LiveCluster::Process::propose(std::uint16_t shard,
                                                                const std::string& text) {
  std::shared_ptr<std::atomic<int>> result;
  Core& core = core_of(shard);
  core.run([&] {
    if (!core.hosts->can_propose(ShardId{shard})) return;
    const auto record = replication::make_record({}, as_bytes(text));
    const auto at = core.hosts->propose(ShardId{shard}, record.owner, record.bytes);
    if (at.index == 0) return;
    result = std::make_shared<std::atomic<int>>(0);
    core.shards.at(shard).proposed[at] = result;
  });
  return result;
}

// State on disk, the log trimmed.
void LiveCluster::Process::checkpoint() {
  for (const auto& core : cores_) {
    core->run([&] {
      core->checkpoint();
      core->hosts->before_flush();
    });
  }
  std::promise<bool> flushed;
  store_->flush_state([&](const Result<void>& done) { flushed.set_value(done.has_value()); });
  const bool is_done = flushed.get_future().get();
  CHECK(is_done);
  for (const auto& core : cores_) {
    core->run([&] { core->hosts->after_flush(is_done); });
  }
}

}  // namespace roost::cluster
