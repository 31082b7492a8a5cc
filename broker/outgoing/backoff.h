// SPDX-License-Identifier: Apache-2.0
// How long to wait after a failure: each time twice as long, half of it by chance, so that many who
// lost one service don't come back in step.
// Thread: a value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace roost::outgoing {

class Backoff {
 public:
  // Milliseconds; 0 < min <= max.
  Backoff(std::uint32_t min_ms, std::uint32_t max_ms, std::uint32_t seed)
      : min_ms_(min_ms), max_ms_(max_ms), random_(seed) {}

  std::uint32_t next_ms() {
    whole_ms_ = std::clamp(whole_ms_ > max_ms_ / 2 ? max_ms_ : whole_ms_ * 2, min_ms_, max_ms_);
    return whole_ms_ / 2 + static_cast<std::uint32_t>(random_() % (whole_ms_ - whole_ms_ / 2 + 1));
  }
  void reset() { whole_ms_ = 0; }

 private:
  std::uint32_t min_ms_, max_ms_;
  std::uint32_t whole_ms_ = 0;
  std::minstd_rand random_;
};

}  // namespace roost::outgoing
