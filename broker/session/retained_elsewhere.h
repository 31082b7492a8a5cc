// SPDX-License-Identifier: Apache-2.0
// Retained messages of shards that other nodes lead. Declared here, implemented above
// (gates/gather_gate.h); a node alone has none. REPLICATION "Retained gather".
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "broker/routing/message.h"
#include "broker/routing/peers.h"

namespace roost::session {

// A retained message, and which of the filters asked for (an index) it matches.
struct Kept {
  std::uint32_t filter = 0;
  routing::MessagePtr message;
};

class RetainedElsewhere {
 public:
  // Those of `shards` that match; who leads them is found out, and waited for. `done` runs on this
  // core once, never before this returns. Messages of a shard that nobody leads for long are
  // missing (counted).
  virtual void gather(std::vector<std::string> filters, routing::ShardSet shards,
                      std::function<void(std::vector<Kept>)> done) = 0;

 protected:
  ~RetainedElsewhere() = default;
};

}  // namespace roost::session
