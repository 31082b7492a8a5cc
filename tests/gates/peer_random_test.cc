// SPDX-License-Identifier: Apache-2.0
// Three nodes under publishers while leaders change, links break and processes end, all by seed.
// What must hold: every publish is confirmed; each shard that it is for has it exactly once, and
// what one publisher sent in its order; sessions in a node's memory too.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/gates/peer_nodes.h"

namespace roost::gates {
namespace {

constexpr std::size_t kNodes = 3;
constexpr int kTopics = 6;
constexpr std::uint64_t kOrigins = 4;  // of each core

struct Run final : routing::PublicationWaiter {
  Run(std::uint64_t seed, bool restarts) : random(seed), seed_(seed), restarts_(restarts) {
    for (int topic = 0; topic < kTopics; ++topic) {
      for (std::uint16_t shard = 0; shard < PeerNodes::kShards; ++shard) {
        if (below(3) == 0) want(topic, ShardId{shard});
      }
      for (std::size_t node = 0; node < kNodes; ++node) {
        if (below(3) == 0) want(topic, node);
      }
    }
    for (std::size_t a = 0; a < kNodes; ++a) {
      for (std::size_t b = 0; b < a; ++b) link(a, b);
    }
    nodes.announce_all();
    nodes.settle();
  }

  void link(std::size_t a, std::size_t b) {
    if (a == b) return;
    nodes.cluster.link(a, b);
    met[a].insert(b);
    met[b].insert(a);
  }
  std::uint64_t below(std::uint64_t limit) { return random() % limit; }
  static std::string name(int topic) { return "t" + std::to_string(topic); }
  void want(int topic, ShardId shard) {
    nodes.want(shard, name(topic));
    shards_of[topic].insert(shard.value);
  }
  void want(int topic, std::size_t node) {
    nodes.want(node, name(topic), static_cast<std::uint16_t>(below(PeerNodes::kCores)));
    nodes_of[topic].insert(node);
  }
  void on_confirmed(std::uint64_t tag) override { ++confirmed[tag]; }

  void publish() {
    const std::size_t node = below(kNodes);
    if (met[node].size() < kNodes - 1) return;  // it lets no clients in before it has joined
    const auto core = static_cast<std::uint16_t>(below(PeerNodes::kCores));
    const std::uint64_t origin = 1 + node * 100 + core * 10 + below(kOrigins);
    const int topic = static_cast<int>(below(kTopics));
    const bool retain = below(5) == 0;
    std::string text = std::to_string(origin) + ":" + std::to_string(++sequences[origin]) + " " +
                       name(topic) + " ";
    if (below(12) == 0) text.resize(Outbound::kWholeBytesMax + below(900'000), '.');
    nodes.on_core(node, core, [&] {
      const auto outcome =
          nodes.nodes[node]
              ->routers[core]
              ->publish(text_message(name(topic), text, mqtt::Qos::at_least_once, origin, retain),
                        {this, sent.size()})
              .outcome;
      sent.push_back({text, topic, node, lives[node], retain});
      if (outcome != routing::Router::Outcome::pending) ++confirmed[sent.size() - 1];
    });
  }

  void step() {
    const std::size_t a = below(kNodes), b = below(kNodes);
    const ShardId shard{static_cast<std::uint16_t>(below(PeerNodes::kShards))};
    switch (below(100)) {
      case 0:
        nodes.cluster.cut(a, b == a ? (a + 1) % kNodes : b);
        return;
      case 1:
      case 2:
        link(a, b);
        return;
      case 3:
        nodes.lead(shard, a, below(4));
        return;
      case 4:
      case 5:
      case 6:
        nodes.announce(shard, a);
        return;
      case 7:
        if (!restarts_ || below(20) != 0) return;
        ++lives[a];
        met[a].clear();
        nodes.restart(a);
        return;
      default:
        break;
    }
    switch (below(4)) {
      case 0:
        return publish();
      case 1:
        return nodes.commit(shard, below(3));
      case 2:
        return nodes.turn(a, static_cast<std::uint16_t>(below(PeerNodes::kCores)));
      default:
        nodes.cluster.let_through(a, b);
    }
  }

  void finish() {
    nodes.link_all();
    nodes.settle();
    for (int i = 0; i < 200; ++i) {
      if (i < 3) nodes.announce_all();
      nodes.settle();
      nodes.commit_all();
    }
    nodes.settle();
  }

  struct Sent {
    std::string text;
    int topic = 0;
    std::size_t node = 0;
    int life = 0;  // of its node
    bool retain = false;
  };

  // Each text once, those of one publisher in their order (`of_topic`: and for one topic, where
  // late ones may come in between). Returns how often each came.
  std::map<std::string, int> expect_order(const std::vector<std::string>& got,
                                          const std::string& where, bool of_topic = false) const {
    std::map<std::string, int> counts;
    std::map<std::string, int> last;
    for (const std::string& text : got) {
      EXPECT_EQ(++counts[text], 1)
          << text.substr(0, 12) << " twice at " << where << " seed " << seed_;
      const std::size_t colon = text.find(':');
      const int sequence = std::stoi(text.substr(colon + 1));
      const std::string topic = of_topic ? text.substr(text.find(' '), 4) : std::string();
      int& before = last[text.substr(0, colon) + topic];
      EXPECT_LT(before, sequence) << text.substr(0, 12) << " late at " << where << " seed "
                                  << seed_;
      before = sequence;
    }
    return counts;
  }

  void check() {
    std::vector<std::map<std::string, int>> delivered, kept, got;
    for (const ModelShard& shard : nodes.model) {
      const std::string where = "shard " + std::to_string(delivered.size());
      delivered.push_back(expect_order(shard.delivered, where));
      kept.push_back(expect_order(shard.kept, where));
    }
    for (std::size_t node = 0; node < kNodes; ++node) {
      for (const auto& sessions : nodes.nodes[node]->sessions) {
        // A process that others haven't heard of yet is late for what they publish.
        expect_order(sessions->got, "node " + std::to_string(node), lives[node] > 0);
        got.resize(node + 1);
        for (const std::string& text : sessions->got) ++got[node][text];
      }
    }
    for (std::size_t tag = 0; tag < sent.size(); ++tag) {
      const Sent& one = sent[tag];
      if (lives[one.node] != one.life) continue;  // its node ended: no promise beyond "once"
      const std::string what = one.text.substr(0, 12) + " seed " + std::to_string(seed_);
      EXPECT_EQ(confirmed[tag], 1) << what;
      for (const int shard : shards_of[one.topic]) EXPECT_EQ(delivered[shard][one.text], 1) << what;
      const ShardId home = shard_of(name(one.topic), PeerNodes::kShards);
      if (one.retain) {
        EXPECT_EQ(kept[home.value][one.text], 1) << what;
      }
      for (const std::size_t node : nodes_of[one.topic]) {
        if (lives[node] == 0) {
          EXPECT_EQ(got[node][one.text], 1) << what << " node " << node;
        }
      }
    }
    for (std::size_t node = 0; node < kNodes; ++node) {
      for (const auto& gate : nodes.nodes[node]->peers) EXPECT_EQ(gate->kept(), 0u) << seed_;
    }
  }

  PeerNodes nodes{kNodes};
  std::mt19937_64 random;
  const std::uint64_t seed_;
  const bool restarts_;
  std::map<int, std::set<int>> shards_of;
  std::map<int, std::set<std::size_t>> nodes_of;
  std::map<std::uint64_t, int> sequences;
  std::vector<Sent> sent;
  std::map<std::size_t, int> confirmed;  // by tag
  std::array<int, kNodes> lives{};
  std::array<std::set<std::size_t>, kNodes> met;  // since each began
};

void run(std::uint64_t seed, bool restarts) {
  Run one(seed, restarts);
  for (int step = 0; step < 3'000; ++step) one.step();
  one.finish();
  one.check();
}

TEST(PeerGates, BringEveryPublishExactlyOnceInOrderThroughChangesOfLeadersAndBrokenLinks) {
  for (std::uint64_t seed = 1; seed <= 12 && !testing::Test::HasFailure(); ++seed) {
    run(seed, false);
  }
}

TEST(PeerGates, BringEveryPublishOfLivingNodesThroughRestartsOfOthers) {
  for (std::uint64_t seed = 101; seed <= 112 && !testing::Test::HasFailure(); ++seed) {
    run(seed, true);
  }
}

}  // namespace
}  // namespace roost::gates
