// SPDX-License-Identifier: Apache-2.0
// How busy a thread is: its CPU time over time gone by. What it waits for in the queue of a full
// machine doesn't count, because another thread would only wait there too.
// Thread: any one thread, which needn't be the measured one.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <ctime>

namespace roost::core {

std::int64_t steady_ns();

class LoadMeter {
 public:
  // Requires: `thread` lives as long as it is measured.
  void measure(pthread_t thread);
  // Begins a new window.
  void restart(std::int64_t now_ns);
  std::int64_t window_ns(std::int64_t now_ns) const { return now_ns - since_ns_; }
  // 0 to 1. Requires: the window is not empty.
  double load(std::int64_t now_ns) const;

 private:
  std::int64_t used_ns() const;

  clockid_t clock_ = CLOCK_THREAD_CPUTIME_ID;
  std::int64_t since_ns_ = 0;
  std::int64_t used_before_ns_ = 0;
};

}  // namespace roost::core
