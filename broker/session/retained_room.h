// SPDX-License-Identifier: Apache-2.0
// How many topics of this node's shards keep a message, and which: so that any core can tell
// whether one more may, and that a topic that has one may go on changing it. $SYS isn't counted.
// Thread: keep(), forget() and replace() one at a time a shard; the rest any thread.
// Owner: SessionTables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/base/ids.h"
#include "broker/core/shared_set.h"
#include "broker/routing/retained.h"

namespace roost::session {

class RetainedRoom {
 public:
  // Before anything else; the first call counts.
  void open(std::size_t shards) { topics_.open(shards); }

  // One more topic, or one that is kept already. `max` 0: no limit.
  bool takes(std::uint32_t max, ShardId shard, std::string_view topic) const;
  std::size_t size() const { return topics_.size(); }

  void keep(ShardId shard, std::string_view topic);
  void forget(ShardId shard, std::string_view topic);
  // The shard keeps these and no others.
  void replace(ShardId shard, const routing::RetainedStore& kept);

 private:
  core::SharedSet topics_;
};

}  // namespace roost::session
