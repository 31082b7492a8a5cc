// SPDX-License-Identifier: Apache-2.0
// On while much happens: above one rate it goes on, and below a lower one off again, so that what
// it changes doesn't change it back. Counted in windows of time.
// Thread: one at a time.
#pragma once

#include <cstdint>

#include "broker/base/clock.h"

namespace roost {

class RateSwitch {
 public:
  // Events in a window of `window_ms`: with more than `on_above` it goes on, at once; after a whole
  // one with less than `off_below` off. Requires: window_ms > 0.
  constexpr RateSwitch(SteadyMs window_ms, std::uint64_t on_above, std::uint64_t off_below)
      : window_ms_(window_ms), on_above_(on_above), off_below_(off_below) {}

  // So many events happen at `now_ms`. Returns is_on().
  constexpr bool count(SteadyMs now_ms, std::uint64_t events = 1) {
    const SteadyMs window = now_ms / window_ms_;
    if (window != window_) {
      const bool was_quiet = window != window_ + 1 || count_ < off_below_;
      if (was_quiet) is_on_ = false;
      window_ = window;
      count_ = 0;
    }
    count_ += events;
    if (count_ > on_above_) is_on_ = true;
    return is_on_;
  }
  constexpr bool is_on() const { return is_on_; }

 private:
  const SteadyMs window_ms_;
  const std::uint64_t on_above_, off_below_;
  SteadyMs window_ = 0;
  std::uint64_t count_ = 0;
  bool is_on_ = false;
};

}  // namespace roost
