// SPDX-License-Identifier: Apache-2.0
// Changes of shards' states on their way to the disk: bodies ahead, a MB at a time, then all the
// rest at once with the applied index. What a full disk refused is tried again. Also how the
// session layer reads the store.
// Thread: core-bound.
// Owner: DiskGate or ReplicaGate.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/core.h"
#include "broker/session/shard_log.h"
#include "storage/store.h"

namespace roost::gates {

// Where a shard's state on disk stands, with what was submitted.
struct StateStand {
  session::LogIndex applied = 0;
  session::LogIndex trim_to = 0;  // the log may go up to there
};

class StateDisk {
 public:
  virtual void write_state(ShardId shard, const StateStand& stand, storage::StateBatch batch,
                           storage::Store::Done done) = 0;

 protected:
  ~StateDisk() = default;
};

class StateWriter final : private core::Timer {
 public:
  StateWriter(core::Core& core, StateDisk& disk) : core_(core), disk_(disk) {}

  // The shard's state on disk is that of `applied`, and nobody else's: writes that are under way
  // are void, and done when they come back.
  void begin(ShardId shard, session::LogIndex applied);
  // `done` when reads see it.
  void write(ShardId shard, const StateStand& stand, session::StateChanges changes,
             core::Task done);

 private:
  static constexpr SteadyMs kRetryMs = 500;  // after a full disk

  struct Shard {
    StateStand stand;
    std::uint64_t life = 0;  // rises with begin()
  };
  // Bodies first, then all the rest at once.
  struct Write {
    ShardId shard;
    std::uint64_t life = 0;
    StateStand stand;
    session::StateChanges changes;
    std::shared_ptr<storage::StateBatch> batch;  // submitted, and not written yet
    bool is_last = false;
    core::Task done;
  };
  using WritePtr = std::shared_ptr<Write>;

  void on_timer() override;
  bool is_void(const Write& write) { return shards_[write.shard.value].life != write.life; }
  void write_next(const WritePtr& write);
  void write_again(const WritePtr& write);
  void written(const WritePtr& write, bool is_written);

  core::Core& core_;
  StateDisk& disk_;
  std::unordered_map<std::uint16_t, Shard> shards_;
  std::vector<WritePtr> refused_;
};

// A shard of the store, as the session layer reads it. What can't be read the store says and
// counts.
class ShardReader final : public session::StateReader {
 public:
  ShardReader(const storage::StateView& view, ShardId shard) : view_(view), shard_(shard) {}

  std::optional<std::string> get(std::string_view key) const override;
  void scan(std::string_view from, std::string_view to,
            const std::function<bool(std::string_view, ByteView)>& visit) const override;

 private:
  const storage::StateView& view_;
  const ShardId shard_;
};

// ShardDisk::read() of a store.
void read_shard(storage::Store& store, core::Core& core, ShardId shard,
                session::ShardDisk::Job job);

}  // namespace roost::gates
