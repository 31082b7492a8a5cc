// SPDX-License-Identifier: Apache-2.0
// A histogram that one core fills and anyone reads. Several (one per core) add up at scrape.
// Thread: observe() from the owning core, the rest from any thread.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "broker/base/counter.h"
#include "broker/observe/metrics.h"

namespace roost::observe {

class Histogram {
 public:
  // `bounds` rise; they are inclusive upper ends.
  explicit Histogram(std::vector<double> bounds);

  void observe(double value);
  const std::vector<double>& bounds() const { return bounds_; }
  HistogramValue value() const;
  // Adds this one's numbers to `sum`, which is empty or has the same bounds.
  void add_to(HistogramValue& sum) const;

 private:
  std::vector<double> bounds_;
  std::unique_ptr<Counter[]> counts_;  // bounds_.size() + 1
  std::atomic<double> sum_{0};
};

// count bounds from first, each factor times the one before.
std::vector<double> exponential_bounds(double first, double factor, std::size_t count);

}  // namespace roost::observe
