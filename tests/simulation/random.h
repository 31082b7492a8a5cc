// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same everywhere: splitmix64, no distribution of the library's.
// Thread: one at a time.
// Owner: whoever draws.
#pragma once

#include <cstdint>

namespace roost::simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }
  // In [0, limit). Requires: limit > 0.
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  bool permille(std::uint64_t n) { return below(1000) < n; }
  // Another stream that goes on alone: what one part draws doesn't shift what another does.
  Random branch() { return Random(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace roost::simulation
