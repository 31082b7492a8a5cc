// SPDX-License-Identifier: Apache-2.0
#include "broker/server/backup_job.h"

#include <utility>

#include "broker/admin/backup.h"
#include "broker/server/time_text.h"
#include "broker/server/version.h"

namespace roost::server {

namespace {

admin::BackupPlan plan_of(const Config& config, const std::string& directory, WallMs now_ms) {
  return {directory, config.data_dir, version(), time_text(now_ms), config.shards};
}

}  // namespace

BackupJob::BackupJob(const Config& config, const Clock& clock, storage::Store& store, Log& log)
    : config_(config), clock_(clock), store_(store), log_(log) {}

BackupJob::~BackupJob() { stop(); }

Result<std::uint64_t> BackupJob::begin(const std::string& directory) {
  const std::lock_guard one(begin_mutex_);
  if (stopping_.load()) return error(ErrorKind::unavailable, "the node is stopping");
  const BackupState before = state();
  if (before.phase == BackupState::Phase::running) {
    return error(ErrorKind::unavailable, "a backup to " + before.directory +
                                             " is being written; try again when it is done");
  }
  const WallMs now_ms = clock_.wall_ms();
  if (auto fits = admin::check_backup_place(plan_of(config_, directory, now_ms)); !fits) {
    return Unexpected(fits.error());
  }
  auto snapshot = store_.snapshot();
  if (!snapshot) return Unexpected(std::move(snapshot).error());
  if (thread_.joinable()) thread_.join();
  {
    const std::lock_guard lock(mutex_);
    state_ = {};
    state_.phase = BackupState::Phase::running;
    state_.number = before.number + 1;
    state_.directory = directory;
    state_.began_ms = now_ms;
    for (const storage::SnapshotFile& file : (*snapshot)->files()) {
      state_.bytes_wanted += file.path.empty() ? 0 : file.bytes;
    }
    began_steady_ms_ = clock_.steady_ms();
  }
  thread_ = std::thread([this, directory, files = std::move(*snapshot)]() mutable {
    run(directory, std::move(files));
  });
  return before.number + 1;
}

void BackupJob::run(const std::string& directory, std::unique_ptr<storage::Snapshot> snapshot) {
  // While the snapshot is held, and on the same disk by the copy, room goes that messages need.
  const bool was_low = store_.is_low_on_space();
  bool is_low = false;
  const auto progress = [&](std::uint64_t bytes) {
    is_low = !was_low && store_.is_low_on_space();
    const std::lock_guard lock(mutex_);
    state_.bytes += bytes;
    return !is_low && !stopping_.load();
  };
  const auto plan = plan_of(config_, directory, state().began_ms);
  const auto manifest = admin::write_backup(plan, *snapshot, progress);
  snapshot.reset();
  const std::lock_guard lock(mutex_);
  state_.took_ms = static_cast<std::uint64_t>(clock_.steady_ms() - began_steady_ms_);
  if (!manifest) {
    state_.phase = BackupState::Phase::failed;
    state_.error = is_low ? "given up, for the disk of " + config_.data_dir +
                                " has no room left; choose another disk for the backup"
                          : manifest.error().message;
    ++failed_;
    log_.write(LogLevel::error, "backup to " + directory + " failed: " + state_.error);
    return;
  }
  state_.phase = BackupState::Phase::done;
  state_.files = manifest->files.size();
  state_.bytes = state_.bytes_wanted = manifest->bytes();
  ++done_;
  last_wall_ms_ = static_cast<std::uint64_t>(state_.began_ms);
  last_took_ms_ = state_.took_ms;
  log_.write(LogLevel::info, "backup to " + directory + ": " + std::to_string(state_.files) +
                                 " files, " + std::to_string(state_.bytes) + " bytes in " +
                                 std::to_string(state_.took_ms) + " ms");
}

BackupState BackupJob::state() const {
  const std::lock_guard lock(mutex_);
  BackupState state = state_;
  if (state.phase == BackupState::Phase::running) {
    state.took_ms = static_cast<std::uint64_t>(clock_.steady_ms() - began_steady_ms_);
  }
  return state;
}

void BackupJob::stop() {
  stopping_ = true;
  const std::lock_guard one(begin_mutex_);
  if (thread_.joinable()) thread_.join();
}

void BackupJob::add_metrics(observe::Metrics& metrics) const {
  const auto add = [&](const std::atomic<std::uint64_t>& number, const char* result) {
    metrics.add_counter("roost_backups_total", "Backups, by how they ended.",
                        [&number] { return static_cast<double>(number.load()); },
                        {{"result", result}});
  };
  add(done_, "done");
  add(failed_, "failed");
  metrics.add_gauge("roost_last_backup_timestamp_seconds",
                    "When the last good backup of this process was begun; 0: none.",
                    [this] { return static_cast<double>(last_wall_ms_.load()) / 1e3; });
  metrics.add_gauge("roost_last_backup_seconds", "How long it took.",
                    [this] { return static_cast<double>(last_took_ms_.load()) / 1e3; });
}

}  // namespace roost::server
