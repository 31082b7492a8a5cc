// SPDX-License-Identifier: Apache-2.0
// A number that one core writes and anyone reads: no lock, no locked instruction.
// Thread: add/set from the owning core, value from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace roost {

class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(std::uint64_t n = 1) { add(~n + 1); }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace roost
