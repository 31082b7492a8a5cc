// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/stage.h"

#include <algorithm>

namespace roost::simulation {

void Stage::run_for(std::int64_t span_us) {
  run_until([] { return false; }, span_us);
}

bool Stage::run_until(const std::function<bool()>& is_true, std::int64_t span_us) {
  const std::int64_t until_us = cluster.queue().now_us() + span_us;
  cluster.queue().at(until_us, [] {});
  while (!is_true()) {
    if (cluster.queue().next_us() > until_us || cluster.checker().violation()) {
      return false;
    }
    cluster.queue().step();
  }
  return true;
}

NodeIndex Stage::start() {
  for (NodeIndex i = 0; i < cluster.size(); ++i) {
    cluster.start(i);
  }
  EXPECT_TRUE(run_until([&] { return is_settled(); }));
  return cluster.leader(kShard).value_or(0);
}

bool Stage::append(std::int64_t span_us) {
  const std::int64_t until_us = cluster.queue().now_us() + span_us;
  while (cluster.queue().now_us() < until_us) {
    const auto leading = cluster.leader(kShard);
    if (!leading) {
      run_for(50 * kMs);
      continue;
    }
    const std::uint64_t request = clients.append_at(*leading, kShard);
    if (run_until([&] { return clients.was_acknowledged(request); }, kSecond)) {
      return true;
    }
  }
  return false;
}

NodeIndex Stage::controller() {
  for (NodeIndex i = 0; i < cluster.size(); ++i) {
    if (cluster.is_up(i) && cluster.host(i)->controller().is_controller()) {
      return i;
    }
  }
  ADD_FAILURE() << "nobody is the controller";
  return 0;
}

NodeIndex Stage::lead_elsewhere() {
  const NodeIndex deciding = controller();
  const NodeIndex to = other_than(deciding);
  if (cluster.leader(kShard) == deciding) {
    EXPECT_TRUE(run_until([&] {
      const std::string name = "n" + std::to_string(to + 1);
      return cluster.host(deciding)->controller().move_leader(kShard, name).has_value();
    }));
    cluster.host(deciding)->turn_controller();
    EXPECT_TRUE(run_until([&] { return cluster.leader(kShard) == to; }));
  }
  return cluster.leader(kShard).value_or(to);
}

NodeIndex Stage::other_than(NodeIndex a, NodeIndex b) const {
  NodeIndex node = 0;
  while (node == a || node == b) {
    ++node;
  }
  return node;
}

void Stage::isolate(NodeIndex node, bool from_coordinator) {
  for (NodeIndex i = 0; i < cluster.size(); ++i) {
    if (i != node) {
      cluster.network().cut(node, i);
      cluster.network().cut(i, node);
    }
  }
  if (from_coordinator) {
    cluster.network().cut(node, kCoordinator);
    cluster.network().cut(kCoordinator, node);
  }
}

bool Stage::is_in_sync(NodeIndex node) {
  const auto record = cluster.record(kShard);
  return record && std::any_of(record->isr.begin(), record->isr.end(),
                               [&](const auto& one) { return cluster.node_of(one) == node; });
}

}  // namespace roost::simulation
