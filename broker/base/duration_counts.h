// SPDX-License-Identifier: Apache-2.0
// How often something took how long: a histogram that one thread fills and anyone reads, without a
// lock and in a few instructions. observe/ shows it.
// Thread: add() from the owning thread, the rest from any.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "broker/base/counter.h"

namespace roost {

class DurationCounts {
 public:
  // Upper ends: 16 us, and each twice the one before, up to 16.8 s; the last bucket is what took
  // longer.
  static constexpr std::uint64_t kFirstUs = 16;
  static constexpr std::size_t kBounds = 21;
  static constexpr std::uint64_t bound_us(std::size_t index) { return kFirstUs << index; }

  // `count` of them at once. Below zero (another clock's) counts as nothing.
  void add(std::int64_t ns, std::uint64_t count = 1) {
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)) / 1000;
    const auto bucket = static_cast<std::size_t>(std::bit_width((us == 0 ? 0 : us - 1) / kFirstUs));
    counts_[std::min(bucket, kBounds)].add(count);
    sum_us_.add(us * count);
  }

  std::uint64_t count(std::size_t bucket) const { return counts_[bucket].value(); }
  double sum_s() const { return static_cast<double>(sum_us_.value()) / 1e6; }

 private:
  Counter counts_[kBounds + 1];
  Counter sum_us_;
};

}  // namespace roost
