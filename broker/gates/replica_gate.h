// SPDX-License-Identifier: Apache-2.0
// Where a core's shards meet the cluster: records of shards led here are proposed to their
// replicas and applied when they are committed; those of other leaders are decoded and applied as
// they come. The same for state and reads as disk_gate.h, whose place this takes on a node of a
// cluster. A shard whose state is being loaded, off the core, keeps what comes meanwhile.
// Thread: core-bound.
// Owner: the server's per-core wiring; must outlive the core's thread and the cluster's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/counter.h"
#include "broker/base/duration_counts.h"
#include "broker/base/log.h"
#include "broker/core/core.h"
#include "broker/gates/record_line.h"
#include "broker/gates/state_writer.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_log.h"
#include "cluster/shard_hosts.h"
#include "storage/store.h"

namespace roost::gates {

struct ReplicaGateCounters {
  Counter applied;     // records, whoever led
  Counter dropped;     // proposed here, and the shard is led elsewhere now
  Counter loads;       // shards that were read from the disk
  Counter unreadable;  // committed records that can't be read: left out
};

class ReplicaGate final : public session::ShardLog,
                          public session::ShardDisk,
                          public cluster::ShardEvents,
                          private RecordLog,
                          private StateDisk,
                          private core::TurnEnd,
                          private core::Timer {
 public:
  // `limits`: of queues, for every epoch that begins here.
  ReplicaGate(storage::Store& store, core::Core& core, session::SessionTable& table,
              const session::StartedRecord& limits, const Clock& clock, Log& log);
  ~ReplicaGate() override;
  // Before the core runs; `hosts` outlives this, or its use of it.
  void use(cluster::ShardHosts& hosts) { hosts_ = &hosts; }
  // A committed record that this version doesn't know: its state can't be gone on with. `end` ends
  // the process.
  void when_unknown(std::function<void(const std::string& why)> end) {
    on_unknown_ = std::move(end);
  }
  // In a turn of the core: the hosts are told what time it is from now on.
  void start();

  // Nothing is on its way to the log.
  bool is_idle() const;
  // That a shard's state is being read.
  bool is_loading() const;
  const ReplicaGateCounters& counters() const { return counters_; }
  // From when a record was proposed here until it is committed; of every one.
  const DurationCounts& commits() const { return commits_; }

  // ShardLog
  void append(ShardId shard, session::Record record, session::Door* door) override;
  std::uint64_t epoch(ShardId shard) const override { return shards_[shard.value].epoch; }
  std::uint64_t lineage(ShardId shard) const override { return hosts_->lineage(shard); }
  bool is_congested() const override;
  bool is_full() const override { return store_.is_low_on_space(); }

  // ShardDisk
  void write(ShardId shard, session::LogIndex applied, session::StateChanges changes,
             core::Task done) override;
  void read(ShardId shard, Job job) override { read_shard(store_, core_, shard, std::move(job)); }

  // cluster::ShardEvents
  void on_hosted(ShardId shard) override { load(shard); }
  void on_committed(ShardId shard, const cluster::replication::LogRecord& record) override;
  void on_replaced(ShardId shard) override;
  void on_leading(ShardId shard, cluster::replication::Epoch epoch) override;
  void on_synced(ShardId shard, cluster::replication::LogIndex index) override;
  void on_following(ShardId shard) override;
  void on_dropped(ShardId shard) override;

 private:
  using LogRecord = cluster::replication::LogRecord;
  using Position = cluster::replication::Position;

  static constexpr SteadyMs kTickMs = 100;
  static constexpr std::size_t kTurnBytes = 512 * 1024;  // proposed out of one buffer

  // On its way to be committed.
  struct Proposed {
    Position position;
    bool is_part = false;
    std::optional<Appended> record;  // none: a part that isn't the last
    std::int64_t at_ns = 0;
  };
  // What came while the shard was loaded, and how it was led then.
  struct Event {
    enum class Kind : std::uint8_t { committed, leading, following };
    Kind kind = Kind::committed;
    LogRecord record;
    std::uint64_t epoch = 0;
  };
  struct Shard {
    std::uint64_t load = 0;  // its number; 0: none is under way
    bool is_led = false;     // and loaded
    std::uint64_t epoch = 0;
    std::deque<Event> events;
    std::deque<Proposed> proposed;
    std::size_t stored = 0;  // so many of them are on this node's disk
    // Of a large record, whoever leads: one that is proposed here may be finished elsewhere. Ends
    // with the epoch, as no later leader goes on with it.
    session::RecordJoiner joiner;
    session::LogIndex joining_from = 0;  // its first part; 0: none
  };
  // Waits in turn_bytes_ to be proposed.
  struct Waiting {
    Appended record;
    std::size_t begin = 0, end = 0;
  };

  void on_turn_end() override;
  void on_timer() override;
  void put(Appended one, ByteView bytes) override;
  session::LogIndex put_part(ShardId shard, std::vector<std::uint8_t> part,
                             std::optional<Appended> whole) override;
  void flush() override;
  void write_state(ShardId shard, const StateStand& stand, storage::StateBatch batch,
                   storage::Store::Done done) override;

  void load(ShardId shard);
  void loaded(ShardId shard, std::uint64_t load, std::unique_ptr<session::ShardState> state);
  std::int64_t turn_ns();
  void lead(ShardId shard, std::uint64_t epoch);
  void follow(ShardId shard);
  void forget(ShardId shard);
  void drop(Appended& one);
  void apply(ShardId shard, const LogRecord& record);
  bool take_proposed(ShardId shard, const LogRecord& record);
  using Joined = Result<std::optional<std::vector<std::uint8_t>>>;
  static Joined join(Shard& shard, session::LogIndex index, ByteView part);
  static void end_joining(Shard& shard);
  void apply_bytes(ShardId shard, session::LogIndex index, ByteView bytes);
  void note_unreadable(ShardId shard, const Error& fault);

  storage::Store& store_;
  core::Core& core_;
  session::SessionTable& table_;
  const session::StartedRecord limits_;
  const Clock& clock_;
  Log& log_;
  cluster::ShardHosts* hosts_ = nullptr;
  RecordLine line_;
  StateWriter states_;
  std::vector<Shard> shards_;
  std::vector<std::uint8_t> turn_bytes_;
  std::vector<Waiting> waiting_;
  std::vector<Appended> leaderless_;  // appended where the shard isn't led any more
  std::uint64_t last_load_ = 0;
  std::function<void(const std::string& why)> on_unknown_;
  bool has_proposed_ = false;  // since the hosts' last turn
  ReplicaGateCounters counters_;
  DurationCounts commits_;
  std::uint64_t turn_ = 0;  // of turn_ns_
  std::int64_t turn_ns_ = 0;
};

}  // namespace roost::gates
