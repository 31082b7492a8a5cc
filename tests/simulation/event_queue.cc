// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/event_queue.h"

#include <algorithm>
#include <utility>

namespace roost::simulation {

void EventQueue::at(std::int64_t when_us, std::function<void()> run) {
  heap_.push_back({std::max(when_us, now_us_), order_++, std::move(run)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void EventQueue::step() {
  std::pop_heap(heap_.begin(), heap_.end(), later);
  Event event = std::move(heap_.back());
  heap_.pop_back();
  now_us_ = event.when_us;
  ++steps_;
  event.run();
}

}  // namespace roost::simulation
