// SPDX-License-Identifier: Apache-2.0
// A cluster that shows what it is told to, and notes what it is asked.
// Thread: any one at a time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cluster/cluster.h"

namespace roost::server {

class FakeCluster final : public cluster::Cluster {
 public:
  std::uint64_t incarnation() const override { return 1; }
  std::uint32_t feature_level() const override { return shown.feature_level; }
  bool send(PeerId, std::uint64_t, std::string) override { return false; }
  std::size_t waiting_bytes(PeerId) const override { return 0; }
  void ask(const std::string& node, std::string question, std::int64_t, Answered done) override {
    const auto at = said.find(node);
    if (at == said.end()) return;  // never answers
    done(at->second(question));
  }
  void on_question(Asked hear) override { heard = std::move(hear); }
  cluster::ClusterStatus status() const override { return shown; }
  Result<void> remove_node(const std::string& name, bool undo) override {
    return note((undo ? "undo remove " : "remove ") + name);
  }
  Result<void> move_leaders(const std::string& from) override {
    return note("move leaders " + from);
  }
  Result<void> force_leader(ShardId shard, const std::string& to) override {
    return note("force " + std::to_string(shard.value) + " " + to);
  }
  void drain() override { asked.emplace_back("drain"); }
  bool is_drained() const override { return false; }

  void add_node(const std::string& name, bool is_alive = true) {
    cluster::ClusterStatus::Node node;
    node.record = {name, name + ".example:7883", 7, "uuid-" + name, "0.1.0", "zone-" + name};
    node.is_alive = node.is_linked = is_alive;
    shown.nodes.push_back(std::move(node));
  }
  // Led by the first of those in sync, which hold it; all of it is well.
  cluster::ClusterStatus::Shard& add_shard(const std::vector<std::string>& in_sync) {
    cluster::ClusterStatus::Shard shard;
    shard.id = ShardId{static_cast<std::uint16_t>(shown.shards.size())};
    for (const std::string& name : in_sync) shard.record.isr.push_back({name, "uuid-" + name});
    shard.record.replicas = shard.record.isr;
    if (!in_sync.empty()) shard.record.leader = shard.record.isr.front();
    shard.record.epoch = 5;
    shard.record.min_in_sync = 2;
    return shown.shards.emplace_back(std::move(shard));
  }

  cluster::ClusterStatus shown;
  // What a node says to a question.
  std::map<std::string, std::function<Result<std::string>(const std::string&)>> said;
  Asked heard;
  std::vector<std::string> asked;
  Result<void> answers;

 private:
  Result<void> note(std::string what) {
    asked.push_back(std::move(what));
    return answers;
  }
};

}  // namespace roost::server
