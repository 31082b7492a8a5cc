// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/gates/interest_nodes.h"

namespace roost::gates {
namespace {

// Subscriptions, leaders and links come and go by seed. Whenever some node may say that nothing
// matches in a shard, whoever leads it had nothing there that anybody was told is in force.
struct RandomInterest : InterestNodes {
  struct Subscription {
    std::string topic;
    bool is_acked = false;
  };
  void run(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    for (std::uint16_t shard = 0; shard < kShards; ++shard) elect(ShardId{shard}, below(kNodes));
    for (int step = 0; step < 1'500; ++step) {
      const ShardId shard{static_cast<std::uint16_t>(below(kShards))};
      const std::size_t a = below(kNodes), b = below(kNodes);
      switch (below(24)) {
        case 0:
          elect(shard, a);
          break;
        case 1:
          if (a != b) cluster.cut(a, b);
          break;
        case 2:
        case 3:
          cluster.link(a, b);
          break;
        case 4:
          notice(shard);
          break;
        case 5:
        case 6:
        case 7:
          subscribe(shard, "t" + std::to_string(below(12)));
          break;
        case 8:
        case 9:
          confirm();
          clock.advance_ms(static_cast<SteadyMs>(below(60)));
          break;
        default:
          if (below(2) == 0) {
            cluster.let_through(a, b);
          } else {
            nodes[a]->cores.at(CoreId{static_cast<std::uint16_t>(below(kCores))}).run_once(0);
          }
      }
      check(seed, step);
      if (HasFailure()) return;
    }
  }
  // The old leader doesn't hear of it before notice().
  void elect(ShardId shard, std::size_t node) {
    const auto before = leaders.find(shard.value);
    if (before != leaders.end() && before->second == node) return;
    if (deposed.contains({shard.value, node})) return;
    if (before != leaders.end()) deposed.insert({shard.value, before->second});
    leaders[shard.value] = node;
    std::vector<std::string> filters;
    for (const auto& one : subscriptions[shard.value]) filters.push_back(one->topic);
    lead(node, shard, ++epoch, filters);
  }
  void notice(ShardId shard) {
    for (std::size_t node = 0; node < kNodes; ++node) {
      if (deposed.erase({shard.value, node}) != 0) follow(node, shard);
    }
  }
  // Followers hold to a leader until another one is elected.
  void confirm() {
    for (const auto& [shard, node] : leaders) {
      nodes[node]->hosts.confirmed[shard] = clock.steady_ms();
    }
  }
  void subscribe(ShardId shard, const std::string& topic) {
    const std::size_t at = leaders[shard.value];
    auto one = std::make_shared<Subscription>();
    one->topic = topic;
    subscriptions[shard.value].push_back(one);
    on_core(at, shard, [&] {
      nodes[at]->led[shard.value]->add(topic);
      nodes[at]->sync->when_seen(nodes[at]->cores.of(shard), [one] { one->is_acked = true; });
    });
  }
  void check(std::uint64_t seed, int step) {
    for (std::uint16_t shard = 0; shard < kShards; ++shard) {
      for (const auto& one : subscriptions[shard]) {
        if (!one->is_acked) continue;
        for (std::size_t at = 0; at < kNodes; ++at) {
          relied += (nodes[at]->permissions.uncertain_shards() >> shard & 1U) == 0 ? 1 : 0;
          ASSERT_NE(asks(at, one->topic) & bit(shard), 0u)
              << "node " << at << " doesn't ask shard " << shard << " for " << one->topic
              << ", seed " << seed << ", step " << step;
        }
      }
    }
  }
  std::map<std::uint16_t, std::size_t> leaders;
  std::set<std::pair<std::uint16_t, std::size_t>> deposed;
  std::map<std::uint16_t, std::vector<std::shared_ptr<Subscription>>> subscriptions;
  std::uint64_t epoch = 0;
  std::uint64_t relied = 0;  // how often a node could have said no
};

struct InterestBySeed : RandomInterest, testing::WithParamInterface<int> {};
TEST_P(InterestBySeed, NobodySaysNoMatchBehindASuback) {
  run(static_cast<std::uint64_t>(GetParam()));
  EXPECT_GT(relied, 100u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, InterestBySeed, testing::Range(1, 25));

}  // namespace
}  // namespace roost::gates
