// SPDX-License-Identifier: Apache-2.0
// A message on its way and the confirmations that its publisher's ack waits for (DESIGN section 5).
// Made only when some door confirms later than at once; QoS 0 never has one.
// Thread: bound to the publisher's core; other cores only carry the pointer back.
#pragma once

#include <cstdint>

#include "broker/base/ids.h"

namespace roost::routing {

// The publisher's side.
class PublicationWaiter {
 public:
  // Every door has confirmed. `tag` is what publish() was given.
  virtual void on_confirmed(std::uint64_t tag) = 0;

 protected:
  ~PublicationWaiter() = default;
};

struct Publication {
  PublicationWaiter* waiter = nullptr;  // null: nobody waits any more (its connection is gone)
  std::uint64_t tag = 0;
  std::uint32_t doors = 0;  // confirmations still to come
};

// Where a door on any core sends its confirmation. Empty: nobody waits.
struct ConfirmTo {
  Publication* publication = nullptr;
  CoreId origin;

  explicit operator bool() const { return publication != nullptr; }
};

}  // namespace roost::routing
