// SPDX-License-Identifier: Apache-2.0
// The network between the nodes: loses, delays, duplicates, reorders, and is cut one way or both.
// Thread: one at a time.
// Owner: the Simulation.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "tests/simulation/event_queue.h"
#include "tests/simulation/random.h"

namespace roost::simulation {

using NodeIndex = std::uint32_t;
// Where the coordinator and the clients are.
inline constexpr NodeIndex kCoordinator = 1000;

struct Weather {
  std::int64_t delay_us_min = 100;
  std::int64_t delay_us_max = 1'000;
  std::uint64_t lost_permille = 0;
  std::uint64_t late_permille = 0;  // up to `late_us_max`: overtaken by what is sent after it
  std::int64_t late_us_max = 500'000;
  std::uint64_t doubled_permille = 0;
};

class Network {
 public:
  Network(EventQueue& queue, Random random) : queue_(queue), random_(random) {}

  void set_weather(const Weather& weather) { weather_ = weather; }
  void cut(NodeIndex from, NodeIndex to) { cuts_.insert({from, to}); }
  void mend(NodeIndex from, NodeIndex to) { cuts_.erase({from, to}); }
  void mend_all() { cuts_.clear(); }
  bool is_cut(NodeIndex from, NodeIndex to) const { return cuts_.contains({from, to}); }

  // `deliver` runs never, once or twice. What is under way when a link is cut still arrives.
  void send(NodeIndex from, NodeIndex to, std::function<void()> deliver);
  // How long something takes on its way, none: lost.
  std::optional<std::int64_t> delay_us(NodeIndex from, NodeIndex to);

 private:
  EventQueue& queue_;
  Random random_;
  Weather weather_;
  std::set<std::pair<NodeIndex, NodeIndex>> cuts_;
};

}  // namespace roost::simulation
