// SPDX-License-Identifier: Apache-2.0
// Whether a store's log writer gets on: a node whose writer hangs doesn't keep its lease. R3
// Thread: one at a time.
// Owner: the cluster node.
#pragma once

#include <cstdint>

#include "broker/base/clock.h"
#include "storage/counters.h"

namespace roost::cluster {

class LogProgress {
 public:
  static constexpr std::int64_t kStuckMs = 2000;
  static constexpr std::int64_t kPauseMs = 500;  // between two questions: this process stood still

  // Something has waited for so long, and nothing was synced meanwhile. Asked again and again.
  bool is_stuck(const storage::StoreCounters& counters, SteadyMs now) {
    const std::uint64_t syncs = counters.syncs.value();
    const bool has_stood = now - asked_ms_ > kPauseMs;
    if (counters.pending_bytes.value() == 0 || syncs != syncs_ || has_stood) since_ms_ = now;
    syncs_ = syncs;
    asked_ms_ = now;
    return now - since_ms_ >= kStuckMs;
  }

 private:
  std::uint64_t syncs_ = 0;
  SteadyMs since_ms_ = 0, asked_ms_ = 0;
};

}  // namespace roost::cluster
