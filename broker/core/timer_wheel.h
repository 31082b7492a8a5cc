// SPDX-License-Identifier: Apache-2.0
// Timers of one core: intrusive, O(1) to arm and to cancel, 16 ms grain, never early.
// Thread: core-bound.
#pragma once

#include <cstdint>

#include "broker/base/clock.h"

namespace roost::core {

class TimerWheel;

// Embed or derive; cancels itself when destroyed. 40 bytes.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer();

  bool armed() const { return wheel_ != nullptr; }
  SteadyMs due_ms() const { return due_ms_; }

 protected:
  // Called at or after due_ms; the timer is unarmed by then and may arm itself again or die.
  virtual void on_timer() = 0;

 private:
  friend class TimerWheel;
  Timer* next_ = nullptr;
  Timer* previous_ = nullptr;
  TimerWheel* wheel_ = nullptr;
  SteadyMs due_ms_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(SteadyMs now_ms);
  ~TimerWheel();  // unarms what is left

  // Arms, or moves if armed. A due time in the past fires at the next run.
  void arm(Timer& timer, SteadyMs due_ms);
  void cancel(Timer& timer);
  // Fires everything due at `now_ms`.
  void run(SteadyMs now_ms);
  // The time at which run should be called next (never later than the first due timer, may be
  // earlier); INT64_MAX without timers.
  SteadyMs next_run_ms() const;

 private:
  static constexpr int kLevels = 6;   // 64 slots each: 16 ms * 64^6 is over 35 years
  static constexpr int kSlots = 64;
  static constexpr SteadyMs kGrainMs = 16;
  void place(Timer& timer);
  void unlink(Timer& timer);

  std::uint64_t tick_ = 0;  // last tick that was run
  std::uint64_t occupied_[kLevels] = {};
  Timer* slots_[kLevels][kSlots] = {};
};

}  // namespace roost::core
