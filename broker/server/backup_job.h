// SPDX-License-Identifier: Apache-2.0
// The backup that a node is writing, or wrote last: one at a time, on a thread of its own, while
// the node goes on.
// Thread: begin() and stop() from one thread at a time; state() from any.
// Owner: AdminApi.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/base/result.h"
#include "broker/observe/metrics.h"
#include "broker/server/config.h"
#include "storage/store.h"

namespace roost::server {

struct BackupState {
  enum class Phase { none, running, done, failed };

  Phase phase = Phase::none;
  std::uint64_t number = 0;  // of this process's backups, from 1
  std::string directory;
  std::string error;  // why it failed
  WallMs began_ms = 0;
  std::uint64_t took_ms = 0;  // until now, where it runs
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // so far
  std::uint64_t bytes_wanted = 0;
};

class BackupJob {
 public:
  // All must outlive it.
  BackupJob(const Config& config, const Clock& clock, storage::Store& store, Log& log);
  ~BackupJob();  // stop()

  // Takes the snapshot, so that all that was acknowledged before is in it; copying goes on when it
  // returns. Its number. Errors: unavailable (one is running, or the node stops),
  // those of admin::check_backup_place and Store::snapshot.
  Result<std::uint64_t> begin(const std::string& directory);
  BackupState state() const;
  // Ends the one that runs; nothing is left of it. No more are begun.
  void stop();

  void add_metrics(observe::Metrics& metrics) const;

 private:
  void run(const std::string& directory, std::unique_ptr<storage::Snapshot> snapshot);

  const Config& config_;
  const Clock& clock_;
  storage::Store& store_;
  Log& log_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> done_{0}, failed_{0}, last_wall_ms_{0}, last_took_ms_{0};

  mutable std::mutex mutex_;
  BackupState state_;  // guarded by mutex_, as the next
  SteadyMs began_steady_ms_ = 0;
  std::mutex begin_mutex_;  // guards thread_
  std::thread thread_;
};

}  // namespace roost::server
