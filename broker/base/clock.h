// SPDX-License-Identifier: Apache-2.0
// Time as an input. Product code reads a Clock once per loop turn; tests move a ManualClock.
// Thread: any thread (const calls only).
#pragma once

#include <cstdint>

namespace roost {

// Milliseconds of a clock that never jumps; only differences mean something.
using SteadyMs = std::int64_t;
// Milliseconds since 1970-01-01 UTC; may jump.
using WallMs = std::int64_t;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyMs steady_ms() const = 0;
  virtual WallMs wall_ms() const = 0;
  // The clock of steady_ms(), as finely as it goes.
  virtual std::int64_t steady_ns() const { return steady_ms() * 1'000'000; }
};

class SystemClock final : public Clock {
 public:
  SteadyMs steady_ms() const override;
  WallMs wall_ms() const override;
  std::int64_t steady_ns() const override;
};

class ManualClock final : public Clock {
 public:
  SteadyMs steady_ms() const override { return steady_; }
  WallMs wall_ms() const override { return wall_; }
  void advance_ms(std::int64_t ms) {
    steady_ += ms;
    wall_ += ms;
  }
  void step_wall_ms(std::int64_t ms) { wall_ += ms; }

 private:
  SteadyMs steady_ = 1'000'000;
  WallMs wall_ = 1'700'000'000'000;
};

}  // namespace roost
