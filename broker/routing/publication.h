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

// Who waits for a publish. Empty: nobody (QoS 0).
struct Waiting {
  PublicationWaiter* waiter = nullptr;
  std::uint64_t tag = 0;
};

// A message that was committed in its publisher's shard first is known by its place there: targets
// drop what they have seen. REPLICATION "QoS 2 in".
struct Source {
  ShardId shard;
  std::uint64_t index = 0;
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
