// SPDX-License-Identifier: Apache-2.0
// How many topics of this node's shards keep a message, and which: so that any core can tell
// whether one more may, and that a topic that has one may go on changing it. $SYS isn't counted.
// Thread: keep() and forget() one at a time a shard; the rest any thread.
// Owner: SessionTables.
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "broker/base/ids.h"
#include "broker/routing/retained.h"

namespace roost::session {

class RetainedRoom {
 public:
  // Before anything else; the first call counts.
  void open(std::size_t shards) {
    if (!shards_) shards_ = std::make_unique<Shard[]>(shards);
  }

  // One more topic, or one that is kept already. `max` 0: no limit.
  bool takes(std::uint32_t max, ShardId shard, std::string_view topic) const;
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

  void keep(ShardId shard, std::string_view topic);
  void forget(ShardId shard, std::string_view topic);
  // The shard keeps these and no others.
  void replace(ShardId shard, const routing::RetainedStore& kept);

 private:
  struct Shard {
    mutable std::mutex mutex;
    boost::unordered_flat_set<std::uint64_t> topics;  // hashes; guarded by mutex
  };

  std::unique_ptr<Shard[]> shards_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace roost::session
