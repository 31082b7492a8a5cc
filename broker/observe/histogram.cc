// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/histogram.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::observe {

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(std::make_unique<Counter[]>(bounds_.size() + 1)) {
  CHECK(std::is_sorted(bounds_.begin(), bounds_.end(), std::less_equal<>()));
}

void Histogram::observe(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].add();
  sum_.store(sum_.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

HistogramValue Histogram::value() const {
  HistogramValue result;
  add_to(result);
  return result;
}

void Histogram::add_to(HistogramValue& sum) const {
  sum.counts.resize(bounds_.size() + 1);
  for (std::size_t i = 0; i <= bounds_.size(); ++i) sum.counts[i] += counts_[i].value();
  sum.sum += sum_.load(std::memory_order_relaxed);
}

std::vector<double> exponential_bounds(double first, double factor, std::size_t count) {
  CHECK(first > 0 && factor > 1);
  std::vector<double> bounds;
  for (double bound = first; bounds.size() < count; bound *= factor) bounds.push_back(bound);
  return bounds;
}

}  // namespace roost::observe
