// SPDX-License-Identifier: Apache-2.0
// Opens the database whatever happened to it: cuts the torn tail, puts damaged files aside and
// takes out of them what can be read. A damaged store opens; it says what is missing. Thread: one
// at a time, at start only. Owner: the store, while it opens.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/directory.h"
#include "storage/wal_check.h"

namespace roost::storage {

struct Recovered {
  std::unique_ptr<Database> database;
  bool was_damaged = false;  // it may not hold all that it ever synced: R7
};

class Recovery {
 public:
  Recovery(DatabaseSetup& setup, Directory& directory, const StoreOptions& options,
           StoreCounters& counters, Log& log);

  // Errors: those of the machine (permissions, a disk that can't be read or written). Never damage.
  Result<Recovered> run();

 private:
  Result<void> finish_replacement();
  Result<void> check_logs();
  rocksdb::Status open();
  // RocksDB's own list of files is gone or wrong: made anew from the files that are there.
  rocksdb::Status repair(const rocksdb::Status& why);
  bool lacks_its_list() const;
  Result<void> put_back_records();
  Result<std::uint64_t> put_back(const WalReport& report);  // how many were missing
  Result<void> replace_damaged_tables();
  Result<void> rebuild(const std::vector<std::string>& damaged);
  void go_on_with_damage();
  // Into damaged/, as a link or a copy; the file stays where it is. Returns the new path.
  std::string keep(const std::string& name);
  void put_aside(const std::string& name);  // keeps it, says so and counts it
  void say(const std::string& line) { log_.write(LogLevel::error, "storage: " + line); }

  DatabaseSetup& setup_;
  Directory& directory_;
  const StoreOptions& options_;
  StoreCounters& counters_;
  Log& log_;
  rocksdb::FileSystem& files_;
  const std::string path_;
  std::vector<WalReport> reports_;
  std::map<std::string, std::string> kept_logs_;  // by name, where they were put
  Recovered recovered_;
  bool repaired_ = false;
};

}  // namespace roost::storage
