// SPDX-License-Identifier: Apache-2.0
// Which records of one shard must be committed in the order in which they were appended: those of
// one client (its session, and what it published), of one topic, and what comes from one source, as
// repeats are told by its number. All others may pass each other: nobody has been promised
// anything about the one that is still on its way.
// Thread: any thread (values).
#pragma once

#include <cstdint>
#include <unordered_set>

#include "broker/session/record.h"

namespace roost::session {

class RecordOrder {
 public:
  void add(const Record& record);
  // `record` must stay behind one of those that were added.
  bool binds(const Record& record) const;

 private:
  std::unordered_set<std::uint64_t> keys_;
};

}  // namespace roost::session
