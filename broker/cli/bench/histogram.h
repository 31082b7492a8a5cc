// SPDX-License-Identifier: Apache-2.0
// Counts of latencies in buckets under 1.6 % wide, from 0 to 2^63: fixed memory, no allocation
// per value.
// Thread: own thread; merge() after the owner has ended.
#pragma once

#include <cstdint>
#include <vector>

namespace roost::cli::bench {

class Histogram {
 public:
  Histogram() : counts_(kBuckets) {}

  void add(std::uint64_t value);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  // The smallest value that `percent` of all values don't exceed, within a bucket's width.
  // 0 when there are none.
  std::uint64_t percentile(double percent) const;

 private:
  static constexpr std::size_t kBuckets = 64 * 59;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace roost::cli::bench
