// SPDX-License-Identifier: Apache-2.0
// Bounds how many lines of one sort enter the log, so that a reconnecting fleet doesn't drown it;
// what was left out is said in one line, never silently.
// Thread: RateLimiter own thread of its holder; RateBoundLog any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "broker/base/clock.h"
#include "broker/base/log.h"

namespace roost::observe {

// At most `per_second` in each second of the clock that is passed in; 0: no bound.
class RateLimiter {
 public:
  explicit RateLimiter(std::uint32_t per_second) : per_second_(per_second) {}

  bool allow(SteadyMs now_ms);
  // How many were refused in windows that are over; each is reported once.
  std::uint64_t take_suppressed(SteadyMs now_ms);
  std::uint64_t suppressed_total() const { return total_; }

 private:
  void roll(SteadyMs now_ms);

  const std::uint32_t per_second_;
  SteadyMs window_start_ms_ = 0;
  bool started_ = false;
  std::uint32_t used_ = 0;
  std::uint64_t refused_ = 0;  // in this window
  std::uint64_t pending_ = 0;  // in windows before, not yet reported
  std::uint64_t total_ = 0;
};

// Lines of one sort ("connection") on their way to a Log.
class RateBoundLog {
 public:
  RateBoundLog(Log& log, std::string sort, std::uint32_t lines_per_s);

  bool enabled(LogLevel level) const { return log_.enabled(level); }
  void write(LogLevel level, std::string_view line, SteadyMs now_ms);
  // Says what was left out when no further line does; call it about once a second.
  void tick(SteadyMs now_ms);
  std::uint64_t suppressed_total() const;

 private:
  void say_suppressed(std::uint64_t count);

  Log& log_;
  const std::string sort_;
  mutable std::mutex mutex_;
  RateLimiter limiter_;  // guarded by mutex_
};

}  // namespace roost::observe
