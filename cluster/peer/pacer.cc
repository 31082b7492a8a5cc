// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/pacer.h"

#include <limits>
#include <utility>

#include "cluster/peer/settings.h"

namespace roost::cluster::peer {

Pacer::Pacer(const Clock& clock, Count& waits, std::function<void()> wake)
    : clock_(clock), waits_(waits), wake_(std::move(wake)) {}

SteadyMs Pacer::slot_now() const { return clock_.steady_ms() / kSlotMs; }

bool Pacer::may_begin(SteadyMs& slot, bool is_much) {
  std::lock_guard lock(mutex_);
  const SteadyMs now = slot_now();
  const std::uint64_t sent = sent_.exchange(0, std::memory_order_relaxed);
  const bool is_paced = much_.count(clock_.steady_ms(), sent);
  if (is_paced && !is_much && slot == now) return false;
  slot = now;
  return true;
}

void Pacer::wait(std::weak_ptr<Paced> lane) {
  waits_.add();
  bool is_first = false;
  {
    std::lock_guard lock(mutex_);
    is_first = waiting_.empty();
    if (is_first) waiting_since_ = slot_now();
    waiting_.push_back(std::move(lane));
  }
  if (is_first) wake_();
}

SteadyMs Pacer::tick() {
  std::vector<std::weak_ptr<Paced>> due;
  {
    std::lock_guard lock(mutex_);
    if (waiting_.empty()) return std::numeric_limits<SteadyMs>::max();
    if (slot_now() <= waiting_since_) return (waiting_since_ + 1) * kSlotMs;
    due.swap(waiting_);
  }
  for (const auto& weak : due) {
    if (const auto lane = weak.lock()) lane->on_slot();
  }
  std::lock_guard lock(mutex_);
  return waiting_.empty() ? std::numeric_limits<SteadyMs>::max() : (waiting_since_ + 1) * kSlotMs;
}

}  // namespace roost::cluster::peer
