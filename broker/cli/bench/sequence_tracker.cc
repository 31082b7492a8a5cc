// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/sequence_tracker.h"

#include <algorithm>

namespace roost::cli::bench {

Arrival SequenceTracker::on_arrival(std::uint64_t number) {
  if (number == next_) {
    ++next_;
    return Arrival::in_order;
  }
  if (number > next_) {
    gaps_.push_back({next_, number});
    next_ = number + 1;
    return Arrival::after_gap;
  }
  const auto gap = std::find_if(gaps_.begin(), gaps_.end(),
                                [&](const Gap& g) { return number >= g.first && number < g.end; });
  if (gap == gaps_.end()) return Arrival::duplicate;
  const Gap before{gap->first, number};
  const Gap after{number + 1, gap->end};
  if (before.first < before.end && after.first < after.end) {
    *gap = after;
    gaps_.insert(gap, before);
  } else if (before.first < before.end) {
    *gap = before;
  } else if (after.first < after.end) {
    *gap = after;
  } else {
    gaps_.erase(gap);
  }
  return Arrival::reordered;
}

std::uint64_t SequenceTracker::missing() const {
  std::uint64_t sum = 0;
  for (const Gap& gap : gaps_) sum += gap.end - gap.first;
  return sum;
}

}  // namespace roost::cli::bench
