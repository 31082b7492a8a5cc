// SPDX-License-Identifier: Apache-2.0
// The log of a core's shards and the disk under their state, as the session layer needs them.
// Implemented above it (gates/disk_gate.h); in tests in memory.
// Thread: core-bound: a shard's records are appended and applied on its core.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/ids.h"
#include "broker/core/task.h"
#include "broker/routing/publication.h"
#include "broker/session/body_parts.h"
#include "broker/session/record.h"

namespace roost::session {

// Who waits for something of one core to be committed: several records may stand for one door of a
// publication. Made and freed by SessionTable.
struct Door {
  routing::ConfirmTo confirm;  // empty: nobody
  std::uint32_t left = 0;      // records still to be committed
  core::Task then;             // runs when none is left
  bool is_broken = false;      // one of them was dropped: nobody is told
  // Where somebody wants to know: runs once all its records are on this node's disk, so many are
  // still to come. In a cluster, and for those of this core's shards only.
  core::Task stored;
  std::uint32_t unstored = 0;
};

// Told of every committed record, in index order per shard. That is the order of append() where
// anybody may rely on it (record_order.h).
class Committed {
 public:
  virtual void on_committed(ShardId shard, LogIndex index, const Record& record, Door* door) = 0;
  // Appended here, and nobody will say whether it is committed: its shard is led elsewhere now. If
  // it is, it comes by on_committed() without its door.
  virtual void on_dropped(ShardId shard, const Record& record, Door* door) = 0;

 protected:
  ~Committed() = default;
};

class ShardLog {
 public:
  virtual ~ShardLog() = default;
  // Appends; never commits or drops before it returns. `door` may be null.
  virtual void append(ShardId shard, Record record, Door* door) = 0;
  // In which the shard is led here; later ones are larger. Requires: it is.
  virtual std::uint64_t epoch(ShardId shard) const = 0;
  // Of the shard's log: another one after a forced leader, 0 where a node is alone.
  virtual std::uint64_t lineage(ShardId shard) const = 0;
  // The disk falls behind: publishers should wait.
  virtual bool is_congested() const = 0;
  // No room for new messages: only what frees some should be appended.
  virtual bool is_full() const = 0;
};

// Changes of one shard's state, in order.
struct StateChanges {
  struct Change {
    std::string key;
    std::optional<std::vector<std::uint8_t>> value;  // none: erased
    std::string end;                                 // not empty: [key, end) is erased
  };
  // Written before all else, in parts: nobody reads them until `changes` name them.
  std::deque<BodySplitter> bodies;
  std::vector<Change> changes;
  std::size_t bytes = 0;  // of `changes`

  void put(std::string key, std::vector<std::uint8_t> value) {
    bytes += key.size() + value.size();
    changes.push_back({std::move(key), std::move(value), {}});
  }
  void erase(std::string key) {
    bytes += key.size();
    changes.push_back({std::move(key), std::nullopt, {}});
  }
  void erase_range(std::string from, std::string to) {
    bytes += from.size() + to.size();
    changes.push_back({std::move(from), std::nullopt, std::move(to)});
  }
};

// One shard's state on disk, as of one moment. What can't be read is left out (counted below).
class StateReader {
 public:
  virtual std::optional<std::string> get(std::string_view key) const = 0;
  // In key order for [from, to) until `visit` returns false.
  virtual void scan(std::string_view from, std::string_view to,
                    const std::function<bool(std::string_view, ByteView)>& visit) const = 0;

 protected:
  ~StateReader() = default;
};

class ShardDisk {
 public:
  virtual ~ShardDisk() = default;
  // Writes the changes together with the applied index; `done` runs on this core when reads see
  // them.
  virtual void write(ShardId shard, LogIndex applied, StateChanges changes, core::Task done) = 0;
  // Runs `job` on some other thread; what it returns runs on this core.
  using Job = std::function<core::Task(const StateReader&)>;
  virtual void read(ShardId shard, Job job) = 0;
};

}  // namespace roost::session
