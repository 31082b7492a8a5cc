// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/rate_limiter.h"

#include <utility>

namespace roost::observe {

namespace {
constexpr SteadyMs kWindowMs = 1000;
}

void RateLimiter::roll(SteadyMs now_ms) {
  if (started_ && now_ms - window_start_ms_ < kWindowMs) return;
  started_ = true;
  window_start_ms_ = now_ms;
  used_ = 0;
  pending_ += std::exchange(refused_, 0);
}

bool RateLimiter::allow(SteadyMs now_ms) {
  roll(now_ms);
  if (per_second_ == 0 || used_ < per_second_) {
    ++used_;
    return true;
  }
  ++refused_;
  ++total_;
  return false;
}

std::uint64_t RateLimiter::take_suppressed(SteadyMs now_ms) {
  roll(now_ms);
  return std::exchange(pending_, 0);
}

RateBoundLog::RateBoundLog(Log& log, std::string sort, std::uint32_t lines_per_s)
    : log_(log), sort_(std::move(sort)), limiter_(lines_per_s) {}

void RateBoundLog::write(LogLevel level, std::string_view line, SteadyMs now_ms) {
  if (!log_.enabled(level)) return;
  std::uint64_t suppressed = 0;
  bool allowed = false;
  {
    const std::lock_guard lock(mutex_);
    suppressed = limiter_.take_suppressed(now_ms);
    allowed = limiter_.allow(now_ms);
  }
  say_suppressed(suppressed);
  if (allowed) log_.write(level, line);
}

void RateBoundLog::tick(SteadyMs now_ms) {
  std::uint64_t suppressed = 0;
  {
    const std::lock_guard lock(mutex_);
    suppressed = limiter_.take_suppressed(now_ms);
  }
  say_suppressed(suppressed);
}

std::uint64_t RateBoundLog::suppressed_total() const {
  const std::lock_guard lock(mutex_);
  return limiter_.suppressed_total();
}

void RateBoundLog::say_suppressed(std::uint64_t count) {
  if (count == 0) return;
  log_.write(LogLevel::info, std::to_string(count) + " more " + sort_ +
                                 " lines were left out (log.max_connection_lines)");
}

}  // namespace roost::observe
