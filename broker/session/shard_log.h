// SPDX-License-Identifier: Apache-2.0
// The log of the shards as the session layer needs it: append, and be told when it is committed.
// MemoryShardLog commits at once and keeps nothing; the durable one comes below it (storage/).
// Thread: core-bound: a shard's records are appended and applied on its core.
#pragma once

#include <cstdint>

#include "broker/base/ids.h"
#include "broker/routing/publication.h"
#include "broker/session/record.h"

namespace roost::session {

// Position in one shard's log; the first record has index 1.
using LogIndex = std::uint64_t;

// Told of every committed record, in index order per shard.
class Committed {
 public:
  virtual void on_committed(ShardId shard, LogIndex index, const Record& record) = 0;

 protected:
  ~Committed() = default;
};

class ShardLog {
 public:
  virtual ~ShardLog() = default;
  // Appends and, once committed, calls committed.on_committed(...), then confirms `confirm` by
  // the router if it isn't empty. True: both happened before append returned and the caller
  // confirms by itself.
  virtual bool append(ShardId shard, Record record, routing::ConfirmTo confirm) = 0;
};

// Commits in append; nothing survives the process.
class MemoryShardLog final : public ShardLog {
 public:
  MemoryShardLog(Committed& committed, std::uint16_t shard_count);
  bool append(ShardId shard, Record record, routing::ConfirmTo confirm) override;

 private:
  Committed& committed_;
  std::vector<LogIndex> last_;  // by shard
};

}  // namespace roost::session
