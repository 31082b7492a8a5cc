// SPDX-License-Identifier: Apache-2.0
// Timers of one core: intrusive, O(1) to arm and to cancel, 16 ms grain, never early.
// Up to one grain late; timers of one grain fire in no particular order.
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
  Timer** link_ = nullptr;  // what points to this timer: the one before it or the list's head
  TimerWheel* wheel_ = nullptr;
  SteadyMs due_ms_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(SteadyMs now_ms);
  ~TimerWheel();  // unarms what is left
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms, or moves if armed. A due time in the past fires at the next run.
  void arm(Timer& timer, SteadyMs due_ms);
  void cancel(Timer& timer);
  // Fires everything due at `now_ms`. A timer armed meanwhile waits for the next run if it is
  // overdue already, so that this one ends.
  void run(SteadyMs now_ms);
  // The time at which run should be called next (never later than the first due timer, may be
  // earlier); INT64_MAX without timers.
  SteadyMs next_run_ms() const;

 private:
  static constexpr int kLevelBits = 6;  // 64 slots a level, one bit of `occupied_` each
  static constexpr int kSlots = 1 << kLevelBits;
  static constexpr int kLevels = 10;  // 16 ms * 64^10 is more than a SteadyMs holds
  static constexpr SteadyMs kGrainMs = 16;
  struct Slot {
    int level = -1;  // -1: none is occupied
    int index = 0;
    std::uint64_t tick = 0;  // at which its timers fire or move down a level
  };
  static std::uint64_t due_tick(const Timer& timer);
  Slot first_slot() const;
  void place(Timer& timer);
  static void push(Timer*& head, Timer& timer);
  void unlink(Timer& timer);
  void take(const Slot& slot);
  void fire();

  // A timer sits at the level of the highest bit in which its tick differs from `tick_`, so the
  // first occupied slot of the lowest occupied level is always the next one.
  std::uint64_t tick_ = 0;  // last tick that was run
  std::uint64_t occupied_[kLevels] = {};
  Timer* slots_[kLevels][kSlots] = {};
  Timer* overdue_ = nullptr;  // due when they were armed: for the next run
  Timer* firing_ = nullptr;
};

}  // namespace roost::core
