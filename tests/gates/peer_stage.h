// SPDX-License-Identifier: Apache-2.0
// Publishes on three nodes that are linked and know who leads, and what is confirmed of them.
// Thread: the test's.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/gates/peer_nodes.h"

namespace roost::gates {

using Lines = std::vector<std::string>;
inline constexpr auto kOnce = mqtt::Qos::at_most_once;
inline constexpr auto kAtLeast = mqtt::Qos::at_least_once;

struct PeerGateTest : testing::Test, routing::PublicationWaiter {
  PeerGateTest() {
    nodes.link_all();
    nodes.announce_all();
    nodes.settle();
  }
  void on_confirmed(std::uint64_t which) override { confirmed.push_back(which); }
  routing::Router::Outcome publish(std::size_t node, std::string_view topic,
                                   const std::string& payload, mqtt::Qos qos = kAtLeast,
                                   bool retain = false, std::uint16_t core = 0) {
    routing::Router::Outcome outcome{};
    nodes.on_core(node, core, [&] {
      outcome = nodes.nodes[node]
                    ->routers[core]
                    ->publish(text_message(topic, payload, qos, 1 + node, retain),
                              {this, ++tag, is_early})
                    .outcome;
    });
    return outcome;
  }
  PeerNodes::Node& node(std::size_t index) { return *nodes.nodes[index]; }
  ModelShard& shard(std::uint16_t id) { return nodes.model[id]; }

  PeerNodes nodes;
  std::uint64_t tag = 0;
  bool is_early = false;  // of what is published from then on
  std::vector<std::uint64_t> confirmed;
};

}  // namespace roost::gates
