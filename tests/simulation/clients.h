// SPDX-License-Identifier: Apache-2.0
// Clients that append and read, each at whom it believes to lead; whoever gets no answer asks
// another node.
// Thread: one at a time.
// Owner: the Simulation, or a scenario.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "tests/simulation/cluster.h"

namespace roost::simulation {

class Clients final : public Answers {
 public:
  void connect(Cluster& cluster, Random random) {
    cluster_ = &cluster;
    random_ = random;
  }
  // `count` clients, each waiting up to `pause_us_max` between two requests.
  void start(std::size_t count, std::int64_t pause_us_max);
  void stop() { is_running_ = false; }

  // One append to that node now, past the network; the answer: was_acknowledged(). Returns its id.
  std::uint64_t append_at(NodeIndex node, ShardId shard);
  bool was_acknowledged(std::uint64_t request) const { return acknowledged_.contains(request); }

  void on_appended(std::uint64_t request, bool is_acknowledged) override;
  void on_read(std::uint64_t request) override;

 private:
  struct Client {
    std::map<ShardId, NodeIndex> leaders;  // as it believes
    std::uint64_t waits_for = 0;           // 0: for nothing
    ShardId shard;
  };

  void go_on(std::size_t client);
  void ask(std::size_t client);
  void answered(std::uint64_t request, bool is_well);
  void look_elsewhere(Client& client);

  Cluster* cluster_ = nullptr;
  Random random_{0};
  bool is_running_ = false;
  std::int64_t pause_us_max_ = 0;
  std::uint64_t requests_ = 0;
  std::vector<Client> clients_;
  std::map<std::uint64_t, std::size_t> waiting_;  // request -> client
  std::set<std::uint64_t> acknowledged_;          // of append_at()
  std::set<std::uint64_t> watched_;
};

}  // namespace roost::simulation
