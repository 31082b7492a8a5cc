// SPDX-License-Identifier: Apache-2.0
// What a SUBACK waits for in a cluster: from then on a publish made on any node finds the filter.
// Declared here, implemented above (gates/interest_sync.h); a node alone has none.
// Thread: any core.
#pragma once

#include "broker/core/core.h"
#include "broker/core/task.h"

namespace roost::session {

class SubscribedGate {
 public:
  // Runs `task` on `core` when every node has learnt of the filters put down there until now, or
  // may not rely on what it knows any more: after 2 s at most. Never before this returns.
  virtual void when_seen(core::Core& core, core::Task task) = 0;

 protected:
  ~SubscribedGate() = default;
};

}  // namespace roost::session
