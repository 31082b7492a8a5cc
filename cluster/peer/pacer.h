// SPDX-License-Identifier: Apache-2.0
// Bounds how many envelopes a node sends, since one costs the same whatever is in it. Time is cut
// in slots; the first few envelopes of a slot go at once, whosever they are, and so does one that
// much waits for; beyond that, and in a slot after one in which more were asked for, a lane begins
// one a slot, and what it is given meanwhile goes together when the next slot begins. So nothing
// waits where little is said.
// Thread: any.
// Owner: the network; it outlives the lanes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "broker/base/clock.h"
#include "cluster/peer/counts.h"

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

  // Whether a lane may begin an envelope now, which then counts. `slot`: of its last one. `is_much`
  // waits: it may.
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
  std::mutex mutex_;                           // guards what follows
  SteadyMs slot_ = 0;                          // of `begun_`
  int begun_ = 0, asked_ = 0;                  // envelopes of all lanes
  bool is_busy_ = false;                       // more were asked for in the slot before
  SteadyMs waiting_since_ = 0;                 // the slot in which the first of them began to
  std::vector<std::weak_ptr<Paced>> waiting_;  // until the next one
};

}  // namespace roost::cluster::peer
