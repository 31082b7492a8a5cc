// SPDX-License-Identifier: Apache-2.0
// A set of sequences as ranges, for what is finished out of order: few ranges, or none.
// Thread: core-bound (a value).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace roost::session {

class SequenceRanges {
 public:
  bool empty() const { return bounds_.empty(); }
  bool contains(std::uint64_t sequence) const { return position(sequence) % 2 == 1; }

  void add(std::uint64_t sequence) {
    const std::size_t at = position(sequence);
    if (at % 2 == 1) return;  // in a range already
    const bool joins_left = at > 0 && bounds_[at - 1] == sequence;
    const bool joins_right = at < bounds_.size() && bounds_[at] == sequence + 1;
    const auto here = bounds_.begin() + static_cast<std::ptrdiff_t>(at);
    if (joins_left && joins_right) {
      bounds_.erase(here - 1, here + 1);
    } else if (joins_left) {
      ++bounds_[at - 1];
    } else if (joins_right) {
      --bounds_[at];
    } else {
      bounds_.insert(here, {sequence, sequence + 1});
    }
  }

  // Forgets the range that begins at or below `sequence`; returns the first sequence from there on
  // that isn't in the set.
  std::uint64_t pass(std::uint64_t sequence) {
    while (!bounds_.empty() && bounds_[0] <= sequence) {
      sequence = std::max(sequence, bounds_[1]);
      bounds_.erase(bounds_.begin(), bounds_.begin() + 2);
    }
    return sequence;
  }
  // The first sequence at or after `sequence` that isn't in the set.
  std::uint64_t next_outside(std::uint64_t sequence) const {
    const std::size_t at = position(sequence);
    return at % 2 == 1 ? bounds_[at] : sequence;
  }
  // The end of as many sequences outside the set as [begin, end) would hold if it were empty.
  // Requires: nothing below `begin` is in the set.
  std::uint64_t skip(std::uint64_t begin, std::uint64_t end) const {
    for (std::size_t i = 0; i < bounds_.size() && bounds_[i] < end; i += 2) {
      if (bounds_[i] >= begin) end += bounds_[i + 1] - bounds_[i];
    }
    return end;
  }

  // begin, end, begin, end ... rising; ends are exclusive.
  const std::vector<std::uint64_t>& bounds() const { return bounds_; }
  void set_bounds(std::vector<std::uint64_t> bounds) { bounds_ = std::move(bounds); }

 private:
  // How many bounds are at or below `sequence`: odd means inside.
  std::size_t position(std::uint64_t sequence) const {
    return static_cast<std::size_t>(std::upper_bound(bounds_.begin(), bounds_.end(), sequence) -
                                    bounds_.begin());
  }

  std::vector<std::uint64_t> bounds_;
};

}  // namespace roost::session
