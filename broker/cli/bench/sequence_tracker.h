// SPDX-License-Identifier: Apache-2.0
// Accounts for numbered messages of one publisher at one subscriber: what is missing, what came
// twice, what came late. Costs one comparison while everything is in order.
// Thread: own thread.
#pragma once

#include <cstdint>
#include <vector>

namespace roost::cli::bench {

enum class Arrival : std::uint8_t {
  in_order,
  after_gap,  // numbers in between are missing, perhaps only until later
  reordered,  // one of the missing ones, after a later one
  duplicate,
};

class SequenceTracker {
 public:
  struct Gap {
    std::uint64_t first, end;
  };

  // Numbers start at 0.
  Arrival on_arrival(std::uint64_t number);

  // One past the highest number seen.
  std::uint64_t next() const { return next_; }
  // Numbers below next() that have not come.
  std::uint64_t missing() const;
  // The same as ranges, ascending.
  const std::vector<Gap>& gaps() const { return gaps_; }

 private:
  std::uint64_t next_ = 0;
  std::vector<Gap> gaps_;  // ascending, disjoint
};

}  // namespace roost::cli::bench
