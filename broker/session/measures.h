// SPDX-License-Identifier: Apache-2.0
// What one core's sessions measure besides what they count (counters.h).
// Thread: written by the core, read by any thread.
#pragma once

#include <array>

#include "broker/base/duration_counts.h"
#include "broker/session/counters.h"

namespace roost::session {

class Measures {
 public:
  // From when a PUBLISH came to this node until it is written to a subscriber's link.
  DurationCounts& deliveries() { return deliveries_; }
  const DurationCounts& deliveries() const { return deliveries_; }
  ClassCounters& class_counters(ClientClass index) { return class_counters_.at(index); }

 private:
  DurationCounts deliveries_;
  std::array<ClassCounters, kClientClassesMax + 1> class_counters_;
};

}  // namespace roost::session
