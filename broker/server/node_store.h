// SPDX-License-Identifier: Apache-2.0
// The node's store and the cores' ends of it: opened first, brings the shards back, checkpoints now
// and then, and once more at the end so that the next start has nothing to replay.
// Thread: own threads inside; the interface from the server's thread.
// Owner: Server.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/base/counter.h"
#include "broker/base/log.h"
#include "broker/base/result.h"
#include "broker/core/cores.h"
#include "broker/gates/disk_gate.h"
#include "broker/server/config.h"
#include "broker/session/session_table.h"
#include "storage/replica_store.h"

namespace roost::server {

struct NodeStoreCounters {
  Counter checkpoints, checkpoint_failures;
  Counter checkpoint_ms;            // all together
  Counter last_checkpoint_wall_ms;  // when the last one was done; 0: none yet
  Counter replayed;                 // records at start
  Counter unreadable_records;       // at start
};

// What begins an epoch of a shard: the limits of queues that hold in it.
session::StartedRecord started_limits(const MqttConfig& mqtt);

// A core's gate to the store in a cluster (ReplicaGate), as far as the store needs it. Called in
// turns of the core.
struct ReplicaEnd {
  std::function<bool()> is_idle;
  std::function<void()> before_flush;
  std::function<void(bool is_done)> after_flush;
};

class NodeStore {
 public:
  // Errors: those of Store::open.
  static Result<std::unique_ptr<NodeStore>> open(const Config& config, Log& log);
  ~NodeStore();

  // Gives each core its end; before its gates. Requires: called in the order of the cores.
  void join(core::Core& core, session::SessionTable& table);
  // The same in a cluster, where the shards come and are led by way of their replicas.
  void join(core::Core& core, session::SessionTable& table, ReplicaEnd end);
  // Loads and replays all shards, core by core in parallel. Before the cores run.
  void start_shards(const Clock& clock, std::uint16_t shard_count);
  // The cores run: begins this process's epoch everywhere, then checkpoints now and then.
  void lead();
  // In a cluster: checkpoints now and then.
  void keep();
  // Clients are gone: writes everything that is left. At most `limit_ms`.
  void finish(int limit_ms);
  // Nothing is called back from here on. The cores have ended.
  void close();

  storage::ReplicaStore& store() { return *store_; }
  const storage::ReplicaStore& store() const { return *store_; }
  const NodeStoreCounters& counters() const { return counters_; }
  // Of a node alone, by core: null in a cluster.
  const gates::DiskGate* gate(std::size_t core) const { return ends_[core].gate.get(); }

 private:
  struct End {
    core::Core* core;
    session::SessionTable* table;
    std::unique_ptr<gates::DiskGate> gate;  // null: in a cluster
    ReplicaEnd replicas;
    bool is_idle() const { return gate != nullptr ? gate->is_idle() : replicas.is_idle(); }
  };

  NodeStore(const Config& config, Log& log, std::unique_ptr<storage::ReplicaStore> store);
  void start_shards_of(const End& end, const Clock& clock, std::uint16_t shard_count);
  // Runs `work(End&)` in a turn of every core and waits for all.
  template <typename Work>
  bool on_all(Work work, int limit_ms);
  bool checkpoint(int limit_ms);
  bool flush(int limit_ms);
  void run();  // the checkpoint thread
  bool is_due();

  const Config config_;
  Log& log_;
  std::unique_ptr<storage::ReplicaStore> store_;
  std::uint64_t epoch_ = 0;
  std::vector<End> ends_;
  NodeStoreCounters counters_;
  std::mutex fault_lock_;
  std::string first_fault_;  // of a record that couldn't be read
  std::int64_t last_checkpoint_ms_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace roost::server
