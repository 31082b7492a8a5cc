// SPDX-License-Identifier: Apache-2.0
#include "storage/read_only.h"

#include <utility>

#include "storage/database.h"
#include "storage/directory.h"
#include "storage/keys.h"
#include "storage/lock.h"
#include "storage/positions.h"
#include "storage/salvage.h"
#include "storage/state_view.h"
#include "storage/wal_check.h"

namespace roost::storage {

namespace {

StoreOptions reading_options(const std::string& path) {
  StoreOptions options;
  options.path = path;
  options.cache_bytes = 8 << 20;
  return options;
}

class DiskReader final : public ReadOnlyStore {
 public:
  DiskReader(const std::string& path, Log& log)
      : path_(path),
        log_(log),
        setup_(reading_options(path), log, counters_),
        damage_([] {}, log, counters_) {}

  Result<void> start() {
    auto ready = check_format();
    if (ready) ready = check_logs();
    if (ready) ready = open();
    if (!ready) return ready;
    for (const DamagedTable& table : find_damaged_tables(*database_, ~0ULL)) {
      counters_.damaged_files.add();
      log_.write(LogLevel::error, "db/" + table.name + " has damaged pages: " + table.why);
    }
    const auto found =
        database_->db().Get(rocksdb::ReadOptions(), database_->log(), uuid_key(), &uuid_);
    if (!found.ok()) uuid_.clear();
    auto positions = read_positions(*database_);
    if (!positions) return Unexpected(std::move(positions).error());
    positions_ = std::move(positions).value();
    return {};
  }

  int format() const override { return format_; }
  bool is_copy() const override { return is_copy_; }
  const std::string& uuid() const override { return uuid_; }
  LogIndex trimmed(ShardId shard) const override { return positions_.trimmed_of(shard); }
  const StoreCounters& counters() const override { return counters_; }
  Position last(ShardId shard) const override { return positions_.last_of(shard); }
  LogIndex applied(ShardId shard) const override { return positions_.applied_of(shard); }
  Result<void> replay(ShardId shard, LogIndex after, const RecordVisitor& visit) const override {
    return replay_log(*database_, positions_, shard, after, visit, counters_, log_);
  }
  std::unique_ptr<StateView> view() const override {
    return std::make_unique<DatabaseView>(*database_, damage_, false);
  }

 private:
  Result<void> check_format() {
    std::string text;
    const auto read = rocksdb::ReadFileToString(&setup_.files(), path_ + "/FORMAT", &text);
    if (read.IsNotFound() || read.IsPathNotFound()) {
      return error(ErrorKind::not_found, path_ + " holds no data of Roost: it has no file FORMAT");
    }
    if (!read.ok()) return as_error(read, path_ + "/FORMAT can't be read");
    const auto version = Directory::check_version(path_, text);
    if (!version && version.error().kind == ErrorKind::invalid_argument) {
      return Unexpected(version.error());
    }
    if (!version) log_.write(LogLevel::error, version.error().message);
    format_ = version ? *version : kFormatVersion;
    is_copy_ = text.size() > 0 && text == Directory::text_of_copy();
    return {};
  }

  Result<void> check_logs() {
    auto reports = check_wals(setup_.files(), path_ + "/db");
    if (!reports) return Unexpected(std::move(reports).error());
    for (const WalReport& report : *reports) {
      if (report.damaged_bytes == 0) continue;
      counters_.damaged_files.add();
      log_.write(LogLevel::error,
                 "db/" + report.name + " is damaged: " + std::to_string(report.damaged_bytes) +
                     " bytes from " + std::to_string(report.damaged_at) + " on can't be read; " +
                     std::to_string(report.records.size()) +
                     " records around them are saved by the next start");
    }
    return {};
  }

  Result<void> open() {
    const rocksdb::Status status = Database::open_to_read(setup_, path_ + "/db", &database_);
    if (status.ok()) return {};
    const bool is_lost = status.IsCorruption() || status.IsNotFound() || status.IsPathNotFound();
    if (!is_lost) return as_error(status, path_ + "/db can't be read");
    return error(ErrorKind::corrupt,
                 path_ + "/db can't be read as it is: " + status.ToString() +
                     "; `roost serve` repairs it as far as that is possible (keep a copy)");
  }

  const std::string path_;
  Log& log_;
  mutable StoreCounters counters_;
  DatabaseSetup setup_;
  mutable DamageReport damage_;
  std::unique_ptr<Database> database_;
  Positions positions_;
  std::string uuid_;
  int format_ = 0;
  bool is_copy_ = false;
};

}  // namespace

Result<std::unique_ptr<ReadOnlyStore>> ReadOnlyStore::open(const std::string& path, Log& log) {
  if (const auto pid = lock_owner(path)) {
    return error(ErrorKind::already_exists, path + " is in use by the process with pid " + *pid);
  }
  auto store = std::make_unique<DiskReader>(path, log);
  if (auto started = store->start(); !started) return Unexpected(std::move(started).error());
  return std::unique_ptr<ReadOnlyStore>(std::move(store));
}

}  // namespace roost::storage
