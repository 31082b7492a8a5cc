// SPDX-License-Identifier: Apache-2.0
// A small simulated cluster for a script: three nodes, one shard, no faults but the script's.
// Thread: one at a time.
// Owner: a test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>

#include "tests/simulation/clients.h"
#include "tests/simulation/cluster.h"

namespace roost::simulation {

inline constexpr std::int64_t kMs = 1'000;
inline constexpr std::int64_t kSecond = 1'000'000;
inline constexpr ShardId kShard{0};

class Stage : public testing::Test {
 protected:
  Stage() { clients.connect(cluster, Random(7)); }

  // Checks the properties to the end; whatever fails comes with its trace.
  void TearDown() override {
    if (const auto& violation = cluster.checker().violation()) {
      ADD_FAILURE() << name_of(violation->property) << ": " << violation->what;
    }
    if (HasFailure()) {
      for (const Trace::Line& line : cluster.trace().lines()) {
        std::puts(line.text.c_str());
      }
    }
  }

  void run_for(std::int64_t span_us);
  // Whether it came true in time.
  bool run_until(const std::function<bool()>& is_true, std::int64_t span_us = 60 * kSecond);
  // All nodes started, all in sync, one leads: which.
  NodeIndex start();
  NodeIndex controller();
  // Makes a node lead that isn't the controller, and says which.
  NodeIndex lead_elsewhere();
  bool is_settled() { return !cluster.unsettled(kShard); }
  // One append at the leader, whoever that is by then; whether it was acknowledged in time.
  bool append(std::int64_t span_us = 20 * kSecond);
  NodeIndex other_than(NodeIndex a, NodeIndex b = 99) const;
  void isolate(NodeIndex node, bool from_coordinator);
  bool is_in_sync(NodeIndex node);

  Clients clients;
  Cluster cluster{{.seed = 7, .nodes = 3, .shards = 1, .is_traced = true}, clients};
};

}  // namespace roost::simulation
