// SPDX-License-Identifier: Apache-2.0
// How long the oldest message of a core has waited, of connected clients and of absent ones. Found
// a slice a second, so that no turn gets long: what has waited longest is known when all have been
// looked at, at the latest; until then what was found so far is shown.
// Thread: core-bound; the getters any. Owner: SessionTable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/counter.h"
#include "broker/base/ids.h"

namespace roost::session {

class SessionTable;
struct StoredSession;

class QueueAge {
 public:
  explicit QueueAge(SessionTable& table) : table_(table) {}

  // Once a second.
  void tick();
  // When it came, on the steady clock; 0: nothing waits. Sent and not acknowledged is waiting too.
  SteadyMs connected_ms() const { return static_cast<SteadyMs>(connected_.shown.value()); }
  SteadyMs absent_ms() const { return static_cast<SteadyMs>(absent_.shown.value()); }

 private:
  static constexpr std::size_t kBuckets = 8192;           // of connected clients, a look
  static constexpr std::size_t kHeadsMax = 256;           // oldest messages read from disk, a look
  static constexpr std::size_t kHeadBytes = 1024 * 1024;  // no more of them after so many

  // The oldest of the look all round that is under way.
  struct Oldest {
    Counter shown;
    SteadyMs found_ms = 0;

    void take(SteadyMs came_ms);
    void end_round();
    void clear();
  };
  // The oldest message of an absent client, on disk.
  struct Head {
    std::uint64_t number = 0, sequence = 0;
  };

  void look_at_connected();
  void look_at_absent();
  void look_at(const StoredSession& session, std::vector<Head>& heads);
  void read(ShardId shard, std::vector<Head> heads);

  SteadyMs now_ms() const;

  SessionTable& table_;
  Oldest connected_, absent_;
  std::size_t bucket_ = 0;   // of connected clients: next
  std::uint16_t shard_ = 0;  // of absent ones: next
  std::size_t skip_ = 0;     // heads of that shard that were read
  bool is_reading_ = false;
};

}  // namespace roost::session
