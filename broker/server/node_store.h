// SPDX-License-Identifier: Apache-2.0
// The node's store and the cores' ends of it: opened first, brings the shards back, checkpoints now
// and then, and once more at the end so that the next start has nothing to replay.
// Thread: own threads inside; the interface from the server's thread.
// Owner: Server.
#pragma once

#include <atomic>
#include <condition_variable>
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
#include "storage/store.h"

namespace roost::server {

struct NodeStoreCounters {
  Counter checkpoints, checkpoint_failures;
  Counter checkpoint_ms;            // all together
  Counter last_checkpoint_wall_ms;  // when the last one was done; 0: none yet
  Counter replayed;                 // records at start
  Counter unreadable_records;       // at start
};

class NodeStore {
 public:
  // Errors: those of Store::open.
  static Result<std::unique_ptr<NodeStore>> open(const Config& config, Log& log);
  ~NodeStore();

  // Gives each core its end; before its gates. Requires: called in the order of the cores.
  void join(core::Core& core, session::SessionTable& table);
  // Loads and replays all shards, core by core in parallel. Before the cores run.
  void start_shards(const Clock& clock, std::uint16_t shard_count);
  // The cores run: begins this process's epoch everywhere, then checkpoints now and then.
  void lead();
  // Clients are gone: writes everything that is left. At most `limit_ms`.
  void finish(int limit_ms);

  storage::Store& store() { return *store_; }
  const storage::Store& store() const { return *store_; }
  const NodeStoreCounters& counters() const { return counters_; }

 private:
  struct End {
    core::Core* core;
    session::SessionTable* table;
    std::unique_ptr<gates::DiskGate> gate;
  };

  NodeStore(const Config& config, Log& log, std::unique_ptr<storage::Store> store);
  void start_shards_of(const End& end, const Clock& clock, std::uint16_t shard_count);
  // Runs `work(End&)` in a turn of every core and waits for all.
  template <typename Work>
  bool on_all(Work work, int limit_ms);
  bool checkpoint(int limit_ms);
  void run();  // the checkpoint thread
  bool is_due();

  const Config config_;
  Log& log_;
  std::unique_ptr<storage::Store> store_;
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
