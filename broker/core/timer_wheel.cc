// SPDX-License-Identifier: Apache-2.0
#include "broker/core/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "broker/base/check.h"

namespace roost::core {

Timer::~Timer() {
  if (wheel_ != nullptr) wheel_->cancel(*this);
}

TimerWheel::TimerWheel(SteadyMs now_ms)
    : tick_(static_cast<std::uint64_t>(std::max<SteadyMs>(now_ms, 0) / kGrainMs)) {}

TimerWheel::~TimerWheel() {
  const auto drop = [this](Timer*& head) {
    while (head != nullptr) unlink(*head);
  };
  for (auto& level : slots_) {
    for (Timer*& slot : level) drop(slot);
  }
  drop(overdue_);
  drop(firing_);
}

void TimerWheel::arm(Timer& timer, SteadyMs due_ms) {
  if (timer.wheel_ != nullptr) timer.wheel_->cancel(timer);
  timer.due_ms_ = due_ms;
  timer.wheel_ = this;
  place(timer);
}

void TimerWheel::cancel(Timer& timer) {
  if (timer.wheel_ == nullptr) return;
  DCHECK(timer.wheel_ == this);
  unlink(timer);
}

void TimerWheel::run(SteadyMs now_ms) {
  DCHECK(firing_ == nullptr);
  const auto target = std::max(tick_, static_cast<std::uint64_t>(std::max<SteadyMs>(now_ms, 0)) /
                                          static_cast<std::uint64_t>(kGrainMs));
  if (overdue_ != nullptr) {
    firing_ = std::exchange(overdue_, nullptr);
    firing_->link_ = &firing_;
    fire();
  }
  for (Slot slot = first_slot(); slot.level >= 0 && slot.tick <= target; slot = first_slot()) {
    tick_ = slot.tick;
    take(slot);
    fire();
  }
  tick_ = target;
}

SteadyMs TimerWheel::next_run_ms() const {
  if (overdue_ != nullptr) return 0;
  const Slot slot = first_slot();
  if (slot.level < 0) return std::numeric_limits<SteadyMs>::max();
  return static_cast<SteadyMs>(slot.tick) * kGrainMs;
}

// The first tick at whose beginning the due time has passed.
std::uint64_t TimerWheel::due_tick(const Timer& timer) {
  const auto due = static_cast<std::uint64_t>(std::max<SteadyMs>(timer.due_ms_, 0));
  constexpr SteadyMs kLast = std::numeric_limits<SteadyMs>::max() / kGrainMs;
  return std::min((due + kGrainMs - 1) / kGrainMs, static_cast<std::uint64_t>(kLast));
}

TimerWheel::Slot TimerWheel::first_slot() const {
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const int index = std::countr_zero(occupied_[level]);
    const int shift = level * kLevelBits;
    const std::uint64_t above = (tick_ >> shift) & ~static_cast<std::uint64_t>(kSlots - 1);
    return {level, index, (above | static_cast<std::uint64_t>(index)) << shift};
  }
  return {};
}

void TimerWheel::place(Timer& timer) {
  const std::uint64_t tick = due_tick(timer);
  if (tick <= tick_) {
    push(overdue_, timer);
    return;
  }
  const int level = (static_cast<int>(std::bit_width(tick ^ tick_)) - 1) / kLevelBits;
  const auto index = (tick >> (level * kLevelBits)) & (kSlots - 1);
  push(slots_[level][index], timer);
  occupied_[level] |= std::uint64_t{1} << index;
}

void TimerWheel::push(Timer*& head, Timer& timer) {
  timer.next_ = head;
  timer.link_ = &head;
  if (head != nullptr) head->link_ = &timer.next_;
  head = &timer;
}

void TimerWheel::unlink(Timer& timer) {
  DCHECK(timer.link_ != nullptr);
  *timer.link_ = timer.next_;
  if (timer.next_ != nullptr) {
    timer.next_->link_ = timer.link_;
  } else {  // the last of its slot, if it hung on the slot itself
    const auto offset = reinterpret_cast<std::uintptr_t>(timer.link_) -
                        reinterpret_cast<std::uintptr_t>(&slots_[0][0]);
    if (offset < sizeof(slots_)) {
      const auto index = offset / (sizeof(slots_) / (kLevels * kSlots));
      occupied_[index / kSlots] &= ~(std::uint64_t{1} << (index % kSlots));
    }
  }
  timer.next_ = nullptr;
  timer.link_ = nullptr;
  timer.wheel_ = nullptr;
}

// Empties the slot that `tick_` has just reached: into `firing_` what is due, the rest down.
void TimerWheel::take(const Slot& slot) {
  Timer* rest = std::exchange(slots_[slot.level][slot.index], nullptr);
  occupied_[slot.level] &= ~(std::uint64_t{1} << slot.index);
  while (rest != nullptr) {
    Timer& timer = *rest;
    rest = timer.next_;
    if (due_tick(timer) <= tick_) {
      push(firing_, timer);
    } else {
      place(timer);
    }
  }
}

void TimerWheel::fire() {
  while (firing_ != nullptr) {
    Timer& timer = *firing_;
    unlink(timer);
    timer.on_timer();
  }
}

}  // namespace roost::core
