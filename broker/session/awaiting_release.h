// SPDX-License-Identifier: Apache-2.0
// Packet ids of incoming QoS 2 messages between PUBLISH and PUBREL: a second PUBLISH under one of
// them is a repeat, not a message. [MQTT-4.3.3-10] Kept across connections of a durable session.
// Thread: core-bound.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "broker/mqtt/types.h"

namespace roost::session {

class AwaitingRelease {
 public:
  bool contains(mqtt::PacketId id) const {
    return std::binary_search(ids_.begin(), ids_.end(), id);
  }
  // Requires: !contains(id). Ids mostly rise, so this is mostly an append.
  void insert(mqtt::PacketId id) {
    ids_.insert(std::upper_bound(ids_.begin(), ids_.end(), id), id);
  }
  // True if it was there.
  bool release(mqtt::PacketId id) {
    const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
    if (at == ids_.end() || *at != id) return false;
    ids_.erase(at);
    return true;
  }
  std::size_t size() const { return ids_.size(); }
  void clear() { ids_ = {}; }

 private:
  std::vector<mqtt::PacketId> ids_;  // sorted
};

}  // namespace roost::session
