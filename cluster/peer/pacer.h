// SPDX-License-Identifier: Apache-2.0
// Bounds how many envelopes a node sends, since one costs the same whatever is in it. Where little
// is said all goes at once. Where much is said time is cut in slots, and a lane begins one envelope
// a slot: what it is given meanwhile goes together when the next slot begins. One that much waits
// for goes at once always.
// Thread: any.
// Owner: the network; it outlives the lanes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/rate_switch.h"
#include "cluster/peer/counts.h"
#include "cluster/peer/settings.h"

namespace roost::cluster::peer {

// A lane that waits.
class Paced {
 public:
  virtual void on_slot() = 0;

 protected:
  ~Paced() = default;
};

class Pacer {
 public:
  // `wake`: tick() has something to wait for; must not call back. `waits`: counts who waits.
  Pacer(const Clock& clock, Count& waits, std::function<void()> wake);

  // Something was given to a lane.
  void note_sent() { sent_.fetch_add(1, std::memory_order_relaxed); }
  // Whether a lane may begin an envelope now. `slot`: of its last one. `is_much` waits: it may.
  bool may_begin(SteadyMs& slot, bool is_much);
  // Its on_slot() is called when the next slot begins, once, by tick().
  void wait(std::weak_ptr<Paced> lane);
  // Calls those whose slot has begun. Returns when to come again; the maximum: when woken.
  SteadyMs tick();

 private:
  SteadyMs slot_now() const;

  const Clock& clock_;
  Count& waits_;
  const std::function<void()> wake_;
  std::atomic<std::uint64_t> sent_{0};  // chunks of all lanes, not in much_ yet
  std::mutex mutex_;                    // guards what follows
  RateSwitch much_{kPaceWindowMs, kPaceAbove, kPaceBelow};
  SteadyMs waiting_since_ = 0;                 // the slot in which the first of them began to
  std::vector<std::weak_ptr<Paced>> waiting_;  // until the next one
};

}  // namespace roost::cluster::peer
