// SPDX-License-Identifier: Apache-2.0
#include "storage/recovery.h"

#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "storage/keys.h"
#include "storage/salvage.h"

namespace roost::storage {

namespace {

bool exists(rocksdb::FileSystem& files, const std::string& path) {
  return files.FileExists(path, {}, nullptr).ok();
}

void remove_tree(rocksdb::FileSystem& files, const std::string& path) {
  std::vector<std::string> names;
  if (!files.GetChildren(path, {}, &names, nullptr).ok()) return;
  for (const std::string& name : names) {
    if (name == "." || name == "..") continue;
    const std::string child = path + "/" + name;
    bool is_folder = false;
    files.IsDirectory(child, {}, &is_folder, nullptr).PermitUncheckedError();
    if (is_folder) {
      remove_tree(files, child);
    } else {
      files.DeleteFile(child, {}, nullptr).PermitUncheckedError();
    }
  }
  files.DeleteDir(path, {}, nullptr).PermitUncheckedError();
}

bool is_damage(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsNotFound() || status.IsPathNotFound();
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace

Recovery::Recovery(DatabaseSetup& setup, Directory& directory, const StoreOptions& options,
                   StoreCounters& counters, Log& log)
    : setup_(setup),
      directory_(directory),
      options_(options),
      counters_(counters),
      log_(log),
      files_(setup.files()),
      path_(directory.database()) {}

Result<Recovered> Recovery::run() {
  auto done = finish_replacement();
  if (done) done = check_logs();
  if (!done) return Unexpected(std::move(done).error());
  const rocksdb::Status status = open();
  if (!status.ok()) return as_error(status, options_.path + " can't be opened");
  done = put_back_records();
  if (done) done = replace_damaged_tables();
  if (!done) return Unexpected(std::move(done).error());
  return std::move(recovered_);
}

// rebuild() was cut short: it ends with two renames, before which the old database is whole.
Result<void> Recovery::finish_replacement() {
  const std::string fresh = path_ + ".new", old = path_ + ".old";
  if (!exists(files_, path_) && exists(files_, fresh)) {
    const auto renamed = files_.RenameFile(fresh, path_, {}, nullptr);
    if (!renamed.ok()) return as_error(renamed, fresh + " can't be renamed");
  }
  auto made = files_.CreateDirIfMissing(path_, {}, nullptr);
  if (made.ok()) made = sync_folder(files_, directory_.path());
  if (!made.ok()) return as_error(made, path_ + " can't be made");
  remove_tree(files_, fresh);
  remove_tree(files_, old);
  return {};
}

Result<void> Recovery::check_logs() {
  auto reports = check_wals(files_, path_);
  if (!reports) return Unexpected(std::move(reports).error());
  reports_ = std::move(reports).value();
  for (const WalReport& report : reports_) {
    if (report.tail_bytes > 0) {
      counters_.tail_bytes_cut.add(report.tail_bytes);
      log_.write(LogLevel::info, "storage: " + report.name + ": " +
                                     std::to_string(report.tail_bytes) +
                                     " bytes of a write that never ended are cut");
    }
    // Before RocksDB deletes it; whether it matters is known afterwards.
    if (report.damaged_bytes > 0) kept_logs_.emplace(report.name, keep(report.name));
  }
  return {};
}

rocksdb::Status Recovery::open() {
  rocksdb::Status status;
  if (lacks_its_list()) {
    status = rocksdb::Status::Corruption("CURRENT is missing");
  } else {
    status = Database::open(setup_, path_, &recovered_.database);
  }
  if (status.IsNoSpace() && ::unlink(directory_.reserve().c_str()) == 0) {
    say(directory_.path() + " is full: the reserve file is given up to open the store");
    counters_.full_stops.add();
    status = Database::open(setup_, path_, &recovered_.database);
  }
  if (is_damage(status)) status = repair(status);
  if (!is_damage(status)) return status;
  // Nothing helps: all of it is kept for people to look at, and the store begins anew.
  std::string aside = directory_.damaged() + "/db";
  for (int i = 1; exists(files_, aside); ++i)
    aside = directory_.damaged() + "/db." + std::to_string(i);
  say(path_ + " can't be repaired (" + status.ToString() + "); it is kept as " + aside +
      " and the store starts EMPTY");
  counters_.damaged_files.add();
  status = files_.CreateDirIfMissing(directory_.damaged(), {}, nullptr);
  if (status.ok()) status = files_.RenameFile(path_, aside, {}, nullptr);
  if (status.ok()) status = files_.CreateDirIfMissing(path_, {}, nullptr);
  if (status.ok()) status = sync_folder(files_, directory_.path());
  if (status.ok()) status = Database::open(setup_, path_, &recovered_.database);
  return status;
}

// RocksDB would take such a folder for a new one and delete what is in it.
bool Recovery::lacks_its_list() const {
  if (exists(files_, path_ + "/CURRENT")) return false;
  std::vector<std::string> names;
  files_.GetChildren(path_, {}, &names, nullptr).PermitUncheckedError();
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.ends_with(".sst") || name.ends_with(".log");
  });
}

rocksdb::Status Recovery::repair(const rocksdb::Status& why) {
  say(path_ + " can't be opened (" + why.ToString() + "): its list of files is made anew");
  recovered_.was_damaged = true;
  repaired_ = true;
  std::vector<std::string> names;
  files_.GetChildren(path_, {}, &names, nullptr).PermitUncheckedError();
  for (const std::string& name : names) {
    if (name == "CURRENT" || name.starts_with("MANIFEST")) put_aside(name);
  }
  rocksdb::Status status =
      rocksdb::RepairDB(path_, setup_.db_options(), setup_.families(), setup_.log_options());
  if (!status.ok()) return status;
  const std::string lost = path_ + "/lost";
  names.clear();
  files_.GetChildren(lost, {}, &names, nullptr).PermitUncheckedError();
  for (const std::string& name : names) {
    if (name.ends_with(".sst")) put_aside("lost/" + name);  // logs are there because they were read
  }
  remove_tree(files_, lost);
  return Database::open(setup_, path_, &recovered_.database);
}

std::string Recovery::keep(const std::string& name) {
  files_.CreateDirIfMissing(directory_.damaged(), {}, nullptr).PermitUncheckedError();
  const std::string base = directory_.damaged() + "/" + name.substr(name.rfind('/') + 1);
  std::string kept = base;
  for (int i = 1; exists(files_, kept); ++i) kept = base + "." + std::to_string(i);
  rocksdb::Status status = files_.LinkFile(path_ + "/" + name, kept, {}, nullptr);
  if (!status.ok()) {
    std::string bytes;
    status = rocksdb::ReadFileToString(&files_, path_ + "/" + name, &bytes);
    if (status.ok()) status = rocksdb::WriteStringToFile(&files_, bytes, kept, false);
  }
  if (!status.ok()) say(name + " can't be kept: " + status.ToString());
  return kept;
}

void Recovery::put_aside(const std::string& name) {
  const std::string kept = keep(name);
  counters_.damaged_files.add();
  say(name + " is damaged; kept as " + kept);
}

Result<void> Recovery::put_back_records() {
  for (const WalReport& report : reports_) {
    if (report.damaged_bytes == 0) continue;
    const std::string& kept = kept_logs_[report.name];
    if (!repaired_ && report.number < setup_.first_log_number()) {
      // RocksDB had no more use for it: all that was in it stands in tables.
      files_.DeleteFile(kept, {}, nullptr).PermitUncheckedError();
      continue;
    }
    counters_.damaged_files.add();
    recovered_.was_damaged = true;
    const auto count = put_back(report);
    if (!count) return Unexpected(count.error());
    counters_.salvaged_records.add(count.value());
    say(report.name + " is damaged, kept as " + kept + ": " + std::to_string(report.damaged_bytes) +
        " bytes from " + std::to_string(report.damaged_at) + " on can't be read; " +
        std::to_string(count.value()) + " records around them are saved");
  }
  return {};
}

Result<std::uint64_t> Recovery::put_back(const WalReport& report) {
  rocksdb::DB& db = recovered_.database->db();
  rocksdb::ColumnFamilyHandle* const family = recovered_.database->log();
  rocksdb::WriteBatch batch;
  std::uint64_t count = 0;
  for (const auto& [key, value] : report.records) {
    const LogPlace place = *parse_log_key(key);
    std::string present;
    auto read = db.Get(rocksdb::ReadOptions(), family, trimmed_key(place.shard), &present);
    const auto trimmed = read.ok() ? parse_position(present) : std::nullopt;
    if (trimmed && place.index <= trimmed->index) continue;
    read = db.Get(rocksdb::ReadOptions(), family, key, &present);
    if (!read.IsNotFound() || !batch.Put(family, key, value).ok()) continue;
    ++count;
  }
  if (count == 0) return count;
  rocksdb::WriteOptions options;
  options.sync = options_.sync;
  const rocksdb::Status status = db.Write(options, &batch);
  if (!status.ok()) return as_error(status, "salvaged records can't be written");
  return count;
}

Result<void> Recovery::replace_damaged_tables() {
  const std::uint64_t bytes_max = directory_.is_suspect() ? ~0ULL : options_.verify_bytes_max;
  std::vector<std::string> names;
  for (const DamagedTable& table : find_damaged_tables(*recovered_.database, bytes_max)) {
    say(table.name + " has damaged pages: " + table.why);
    put_aside(table.name);
    names.push_back(table.name);
  }
  if (names.empty()) {
    const rocksdb::Status started = recovered_.database->start_compactions();
    if (!started.ok()) return as_error(started, "compactions can't be started");
    return directory_.set_suspect(false);
  }
  recovered_.was_damaged = true;
  std::uint64_t needed = 0, free = 0;
  std::vector<rocksdb::LiveFileMetaData> tables;
  recovered_.database->db().GetLiveFilesMetaData(&tables);
  for (const auto& table : tables) needed += table.size;
  const auto looked = files_.GetFreeSpace(directory_.path(), {}, &free, nullptr);
  if (looked.ok() && free < needed + needed / 4) {
    say(join(names) + " can't be replaced: there is no room for " + std::to_string(needed >> 20) +
        " MB; damaged pages are passed over");
    go_on_with_damage();
    return {};
  }
  if (auto built = rebuild(names); !built) return built;
  return directory_.set_suspect(false);
}

// A compaction that meets the page would stop all writing.
void Recovery::go_on_with_damage() {
  rocksdb::DB& db = recovered_.database->db();
  for (rocksdb::ColumnFamilyHandle* family :
       {recovered_.database->log(), recovered_.database->state()}) {
    db.SetOptions(family, {{"level0_slowdown_writes_trigger", "100000"},
                           {"level0_stop_writes_trigger", "100000"}})
        .PermitUncheckedError();
  }
}

Result<void> Recovery::rebuild(const std::vector<std::string>& damaged) {
  const std::string fresh = path_ + ".new", old = path_ + ".old";
  std::unique_ptr<Database> target;
  rocksdb::Status status = Database::open(setup_, fresh, &target);
  std::vector<std::string> missing;
  if (status.ok()) status = copy_readable(*recovered_.database, *target, &missing);
  target.reset();
  recovered_.database.reset();
  if (status.ok()) status = sync_folder(files_, directory_.path());
  if (status.ok()) status = files_.RenameFile(path_, old, {}, nullptr);
  if (status.ok()) status = files_.RenameFile(fresh, path_, {}, nullptr);
  if (status.ok()) status = sync_folder(files_, directory_.path());
  if (status.ok()) status = Database::open(setup_, path_, &recovered_.database);
  if (status.ok()) status = recovered_.database->start_compactions();
  if (!status.ok()) return as_error(status, options_.path + " can't be built anew");
  remove_tree(files_, old);
  for (const std::string& place : missing) {
    say("of " + join(damaged) + " is missing: " + place);
  }
  return {};
}

}  // namespace roost::storage
