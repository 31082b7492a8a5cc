// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/span_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace roost::observe {

void SpanQueue::push(Span span, SteadyMs now_ms) {
  const std::lock_guard lock(mutex_);
  const SteadyMs window = now_ms / 1000;
  if (window != window_) {
    window_ = window;
    in_window_ = 0;
  }
  if (rate_max_ > 0 && in_window_ >= rate_max_) {
    ++counters_.over_rate;
  } else if (spans_.size() >= spans_max_) {
    ++counters_.queue_full;
  } else {
    ++in_window_;
    spans_.push_back(std::move(span));
  }
}

std::vector<Span> SpanQueue::take(std::size_t max) {
  const std::lock_guard lock(mutex_);
  const auto end = spans_.begin() + static_cast<std::ptrdiff_t>(std::min(max, spans_.size()));
  std::vector<Span> taken(std::make_move_iterator(spans_.begin()), std::make_move_iterator(end));
  spans_.erase(spans_.begin(), end);
  return taken;
}

std::size_t SpanQueue::size() const {
  const std::lock_guard lock(mutex_);
  return spans_.size();
}

}  // namespace roost::observe
