// SPDX-License-Identifier: Apache-2.0
// Several nodes' clusters in one process, for what stands on cluster::Cluster: chunks wait between
// two nodes until the test lets them through, links are cut and mended, processes end. Shards and
// the coordinator have no part in it. Every node numbers the others its own way.
// Thread: the test's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/check.h"
#include "cluster/cluster.h"

namespace roost::support {

class MemoryCluster {
 public:
  class Node final : public cluster::Cluster {
   public:
    Node(MemoryCluster& net, std::size_t index, std::uint64_t incarnation)
        : net_(net), index_(index), incarnation_(incarnation) {}

    std::uint64_t incarnation() const override { return incarnation_; }
    std::uint32_t feature_level() const override { return 1; }
    bool send(PeerId to, std::uint64_t session, std::string chunk) override {
      return net_.send(index_, net_.index_of(index_, to), session, std::move(chunk));
    }
    std::size_t waiting_bytes(PeerId to) const override {
      return net_.waiting_bytes(index_, net_.index_of(index_, to));
    }
    void ask(const std::string&, std::string, std::int64_t, Answered done) override {
      done(error(ErrorKind::unavailable, "nobody is asked here"));
    }
    void on_question(Asked) override {}
    cluster::ClusterStatus status() const override { return net_.status(index_); }
    Result<void> remove_node(const std::string&, bool) override { return {}; }
    Result<void> move_leaders(const std::string&) override { return {}; }
    Result<void> force_leader(ShardId, const std::string&) override { return {}; }
    void drain() override {}
    bool is_drained() const override { return false; }

   private:
    friend class MemoryCluster;
    MemoryCluster& net_;
    const std::size_t index_;
    std::uint64_t incarnation_;
    cluster::ClusterEvents* events_ = nullptr;
  };

  explicit MemoryCluster(std::size_t count) : count_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      nodes_.push_back(std::make_unique<Node>(*this, i, ++last_incarnation_));
    }
  }

  Node& node(std::size_t index) { return *nodes_[index]; }
  void listen(std::size_t index, cluster::ClusterEvents& events) {
    nodes_[index]->events_ = &events;
  }
  std::size_t size() const { return count_; }
  // Never kThisNode for another one, and not the same number at every node.
  PeerId id_of(std::size_t at, std::size_t other) const {
    return PeerId{static_cast<std::uint16_t>((other + count_ - at) % count_)};
  }
  std::size_t index_of(std::size_t at, PeerId peer) const { return (at + peer.value) % count_; }

  bool is_linked(std::size_t a, std::size_t b) const { return sessions_.contains(pair(a, b)); }
  void link(std::size_t a, std::size_t b) {
    if (a == b || is_linked(a, b)) return;
    sessions_[pair(a, b)] = ++last_session_;
    tell_up(a, b);
    tell_up(b, a);
  }
  void link_all() {
    for (std::size_t a = 0; a < count_; ++a) {
      for (std::size_t b = 0; b < a; ++b) link(a, b);
    }
  }
  // What is on its way is lost.
  void cut(std::size_t a, std::size_t b) {
    if (!is_linked(a, b)) return;
    const std::uint64_t session = sessions_[pair(a, b)];
    sessions_.erase(pair(a, b));
    queues_[{a, b}].clear();
    queues_[{b, a}].clear();
    nodes_[a]->events_->on_peer_down(id_of(a, b), session);
    nodes_[b]->events_->on_peer_down(id_of(b, a), session);
  }
  // That process is over, and another one takes its place; all its links are cut. Incarnations rise
  // for each name only: one may be given that another node has.
  void restart(std::size_t index, std::optional<std::uint64_t> incarnation = std::nullopt) {
    for (std::size_t other = 0; other < count_; ++other) {
      if (other != index) cut(index, other);
    }
    const std::uint64_t over = nodes_[index]->incarnation_;
    nodes_[index]->incarnation_ = incarnation ? *incarnation : ++last_incarnation_;
    for (std::size_t other = 0; other < count_; ++other) {
      if (other != index) nodes_[other]->events_->on_peer_gone(id_of(other, index), over);
    }
  }

  // The others take it for gone; its process lives.
  void give_up(std::size_t index) {
    for (std::size_t other = 0; other < count_; ++other) {
      if (other != index) cut(index, other);
    }
    for (std::size_t other = 0; other < count_; ++other) {
      if (other == index) continue;
      nodes_[other]->events_->on_peer_gone(id_of(other, index), nodes_[index]->incarnation_);
    }
  }

  // Lets the next chunk from one node to another through. False: there is none.
  bool let_through(std::size_t from, std::size_t to) {
    auto& queue = queues_[{from, to}];
    if (queue.empty()) return false;
    cluster::Chunk chunk;
    chunk.bytes = std::move(queue.front());
    queue.pop_front();
    ++chunks_;
    bytes_ += chunk.bytes.size();
    nodes_[to]->events_->on_traffic(id_of(to, from), sessions_[pair(from, to)], {std::move(chunk)});
    return true;
  }
  bool let_all_through() {
    bool any = false;
    for (std::size_t from = 0; from < count_; ++from) {
      for (std::size_t to = 0; to < count_; ++to) {
        while (let_through(from, to)) any = true;
      }
    }
    return any;
  }
  std::size_t waiting_bytes(std::size_t from, std::size_t to) const {
    const auto at = queues_.find({from, to});
    std::size_t sum = 0;
    if (at == queues_.end()) return sum;
    for (const std::string& chunk : at->second) sum += chunk.size();
    return sum;
  }
  // The chunks that wait, to be looked at.
  const std::deque<std::string>& waiting(std::size_t from, std::size_t to) {
    return queues_[{from, to}];
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  using Pair = std::pair<std::size_t, std::size_t>;
  static Pair pair(std::size_t a, std::size_t b) { return {std::min(a, b), std::max(a, b)}; }

  static std::string name_of(std::size_t index) { return "n" + std::to_string(index); }
  void tell_up(std::size_t at, std::size_t other) {
    cluster::PeerInfo info;
    info.id = id_of(at, other);
    info.name = name_of(other);
    info.incarnation = nodes_[other]->incarnation_;
    info.session = sessions_[pair(at, other)];
    info.feature_level = 1;
    nodes_[at]->events_->on_peer_up(info);
  }
  bool send(std::size_t from, std::size_t to, std::uint64_t session, std::string chunk) {
    CHECK(!chunk.empty() && chunk.size() <= cluster::kChunkBytesMax);
    const auto at = sessions_.find(pair(from, to));
    if (at == sessions_.end() || at->second != session) return false;
    queues_[{from, to}].push_back(std::move(chunk));
    return true;
  }
  cluster::ClusterStatus status(std::size_t at) const {
    cluster::ClusterStatus status;
    status.self = name_of(at);
    for (std::size_t i = 0; i < count_; ++i) {
      cluster::ClusterStatus::Node& node = status.nodes.emplace_back();
      node.record.name = name_of(i);
      node.is_alive = true;
      node.is_linked = i == at || is_linked(at, i);
    }
    return status;
  }

  const std::size_t count_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<Pair, std::uint64_t> sessions_;
  std::map<Pair, std::deque<std::string>> queues_;  // (from, to)
  std::uint64_t last_session_ = 0, last_incarnation_ = 100;
  std::uint64_t chunks_ = 0, bytes_ = 0;
};

}  // namespace roost::support
