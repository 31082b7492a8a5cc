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
  bool is_early = false;  // other nodes: enough that each shard's leader has it on its own disk
};

// Where a message came from, and its number among all that came from there: rises, so that targets
// drop what they have seen. From a shard's log, where it was committed first, or from a core of the
// node that its publisher is connected to. REPLICATION "QoS 2 in".
struct Source {
  enum class Kind : std::uint8_t { shard, node };
  Kind kind = Kind::shard;
  std::uint16_t part = 0;    // the shard; the core
  std::uint64_t life = 0;    // the shard's lineage, 0 alone; the node's incarnation, unique
  std::uint64_t number = 0;  // index in the log; count of what the core sent

  static Source of_shard(ShardId shard, std::uint64_t lineage, std::uint64_t index) {
    return {Kind::shard, shard.value, lineage, index};
  }
  static Source of_node(std::uint64_t incarnation, CoreId core, std::uint64_t number) {
    return {Kind::node, core.value, incarnation, number};
  }
  friend bool operator==(const Source&, const Source&) = default;
};

struct Publication {
  PublicationWaiter* waiter = nullptr;  // null: nobody waits any more (its connection is gone)
  std::uint64_t tag = 0;
  std::uint32_t doors = 0;  // confirmations still to come
  bool is_early = false;    // Waiting::is_early
};

// Where a door on any core sends its confirmation. Empty: nobody waits.
struct ConfirmTo {
  Publication* publication = nullptr;
  CoreId origin;

  explicit operator bool() const { return publication != nullptr; }
};

}  // namespace roost::routing
