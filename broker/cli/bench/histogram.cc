// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace roost::cli::bench {
namespace {

// Values under 128 have a bucket each; above, each power of two is cut into 64.
std::size_t bucket_of(std::uint64_t value) {
  if (value < 128) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 7;
  return 64 * std::size_t{shift} + (value >> shift);
}

std::uint64_t highest_in(std::size_t bucket) {
  if (bucket < 128) return bucket;
  const auto shift = bucket / 64 - 1;
  return ((std::uint64_t{bucket % 64 + 65}) << shift) - 1;
}

}  // namespace

void Histogram::add(std::uint64_t value) {
  value = std::min(value, std::uint64_t{1} << 63);
  ++counts_[bucket_of(value)];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::percentile(double percent) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(
      std::max(1.0, std::ceil(percent / 100.0 * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(highest_in(i), max_);
  }
  return max_;
}

}  // namespace roost::cli::bench
