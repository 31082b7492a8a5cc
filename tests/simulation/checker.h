// SPDX-License-Identifier: Apache-2.0
// What must always hold, whatever is done to the cluster. It sees what the nodes do from outside
// (writes, cuts, applies, acknowledgements) and knows nothing of how they decide.
// Thread: one at a time.
// Owner: the Simulation.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/ids.h"

namespace roost::simulation {

enum class Property {
  lost_ack,     // an acknowledged record isn't on a later leader, or not on a replica in the end
  two_leaders,  // two leaders commit in one epoch
  position_reused,  // (epoch, index) names two records. R1
  diverged_apply,   // two replicas apply different records at one index
  cut_commit,       // a committed record is cut from a log, or applied state goes back
  stuck_shard,      // after healing a shard doesn't serve, or a replica doesn't catch up
  stale_read,       // a read misses what was acknowledged before it began
};
std::string_view name_of(Property property);

struct Violation {
  Property property;
  std::string what;
};

// A record as the checker sees it: what names it and what it holds.
struct Seen {
  std::uint64_t epoch = 0;
  std::uint64_t content = 0;  // hash, or the client's number
  friend bool operator==(const Seen&, const Seen&) = default;
};

// A replica's log on its disk.
class LogView {
 public:
  virtual std::uint64_t first() const = 0;  // what lies before was trimmed, applied
  virtual std::uint64_t last() const = 0;   // first() - 1: empty
  virtual Seen at(std::uint64_t index) const = 0;

 protected:
  ~LogView() = default;
};

class Checker {
 public:
  using Index = std::uint64_t;

  const std::optional<Violation>& violation() const { return violation_; }

  // A record is written to a log, or sent.
  void on_named(ShardId shard, Index index, Seen record);
  // A leader tells that everything up to `index` is committed. `who`: node and incarnation.
  void on_commit(ShardId shard, std::uint64_t epoch, std::string_view who, Index index);
  void on_apply(ShardId shard, std::string_view who, Index index, Seen record);
  // A replica's log is about to lose everything from `from` on.
  void on_cut(ShardId shard, std::string_view who, Index from, const LogView& log);
  void on_acknowledged(ShardId shard, Index index, Seen record);
  // A leader has taken over, and serves.
  void on_serving(ShardId shard, std::uint64_t epoch, std::string_view who, const LogView& log);
  // A read that began when `acknowledged_before` was the highest acknowledged index.
  void on_read(ShardId shard, std::string_view who, Index acknowledged_before, Index shown);
  // After healing, when all is well: what a replica has applied and holds.
  void on_end(ShardId shard, std::string_view who, Index applied, const LogView& log);
  void on_stuck(ShardId shard, std::string why);

  Index acknowledged(ShardId shard) const;  // the highest
  Index committed(ShardId shard) const;     // as far as anyone has applied
  std::uint64_t acknowledged_count() const { return acknowledged_count_; }

 private:
  struct Shard {
    std::vector<Seen> committed;                                     // [i] is index i + 1
    std::map<std::pair<std::uint64_t, Index>, std::uint64_t> names;  // (epoch, index) -> content
    std::map<std::uint64_t, std::string> leaders;                    // of an epoch, that committed
    std::set<Index> acknowledged;
  };

  void violate(Property property, ShardId shard, std::string what);
  const Seen* committed_at(const Shard& shard, Index index) const;

  std::map<ShardId, Shard> shards_;
  std::optional<Violation> violation_;
  std::uint64_t acknowledged_count_ = 0;
};

}  // namespace roost::simulation
