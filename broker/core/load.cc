// SPDX-License-Identifier: Apache-2.0
#include "broker/core/load.h"

#include <chrono>

#include "broker/base/check.h"

namespace roost::core {

std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void LoadMeter::measure(pthread_t thread) {
  CHECK(::pthread_getcpuclockid(thread, &clock_) == 0);
  restart(steady_ns());
}

void LoadMeter::restart(std::int64_t now_ns) {
  since_ns_ = now_ns;
  used_before_ns_ = used_ns();
}

double LoadMeter::load(std::int64_t now_ns) const {
  return static_cast<double>(used_ns() - used_before_ns_) / static_cast<double>(window_ns(now_ns));
}

std::int64_t LoadMeter::used_ns() const {
  timespec used{};
  CHECK(::clock_gettime(clock_, &used) == 0);
  return used.tv_sec * 1'000'000'000 + used.tv_nsec;
}

}  // namespace roost::core
