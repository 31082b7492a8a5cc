// SPDX-License-Identifier: Apache-2.0
// The time of a simulated cluster: what is due runs in the order of its time, and what is due at
// the same time in the order in which it was asked for.
// Thread: one at a time.
// Owner: the Simulation.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cluster/memory_coordinator.h"

namespace roost::simulation {

class EventQueue final : public cluster::Timeline {
 public:
  std::int64_t now_us() const override { return now_us_; }
  void at(std::int64_t when_us, std::function<void()> run) override;
  void after(std::int64_t delay_us, std::function<void()> run) {
    at(now_us_ + delay_us, std::move(run));
  }

  bool is_empty() const { return heap_.empty(); }
  std::int64_t next_us() const { return heap_.front().when_us; }  // Requires: !is_empty().
  void step();                                                    // Requires: !is_empty().
  std::uint64_t steps() const { return steps_; }

 private:
  struct Event {
    std::int64_t when_us;
    std::uint64_t order;
    std::function<void()> run;
  };
  static bool later(const Event& a, const Event& b) {
    return a.when_us != b.when_us ? a.when_us > b.when_us : a.order > b.order;
  }

  std::int64_t now_us_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<Event> heap_;
};

}  // namespace roost::simulation
