// SPDX-License-Identifier: Apache-2.0
// Where spans wait for their export: never more than so many, never more in a second than a
// collector shall get; what isn't taken is counted by why. Nobody waits for room.
// Thread: any thread.
// Owner: the server; outlives the cores.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "broker/base/clock.h"
#include "broker/observe/span.h"

namespace roost::observe {

struct SpanCounters {
  std::atomic<std::uint64_t> exported{0};
  std::atomic<std::uint64_t> over_rate{0};   // not taken
  std::atomic<std::uint64_t> queue_full{0};  // not taken
  std::atomic<std::uint64_t> fan_out{0};     // not made: too many deliveries of one message
  std::atomic<std::uint64_t> unfinished{0};  // not made: too many wait for their ack
  std::atomic<std::uint64_t> refused{0};     // by the collector
  std::atomic<std::uint64_t> at_end{0};      // left when the node stopped
  std::atomic<std::uint64_t> requests{0}, failures{0};
};

class SpanQueue {
 public:
  // `rate_max`: spans a second, a second's worth at once; 0: no bound.
  SpanQueue(std::size_t spans_max, std::uint32_t rate_max)
      : spans_max_(spans_max), rate_max_(rate_max) {}

  void push(Span span, SteadyMs now_ms);
  // Up to so many, in the order in which they came.
  std::vector<Span> take(std::size_t max);
  std::size_t size() const;

  SpanCounters& counters() { return counters_; }
  const SpanCounters& counters() const { return counters_; }

 private:
  const std::size_t spans_max_;
  const std::uint32_t rate_max_;
  SpanCounters counters_;
  mutable std::mutex mutex_;
  std::deque<Span> spans_;       // guarded by mutex_
  SteadyMs window_ = 0;          // guarded by mutex_; which second
  std::uint32_t in_window_ = 0;  // guarded by mutex_
};

}  // namespace roost::observe
