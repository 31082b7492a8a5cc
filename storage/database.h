// SPDX-License-Identifier: Apache-2.0
// The RocksDB below the store: its options, its two column families, its way of reporting. The only
// place that says how RocksDB is set up; every limit on its files, threads and memory is here.
// Inside storage only.
// Thread: any thread, as rocksdb::DB is.
// Owner: the store.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/log.h"
#include "broker/base/result.h"
#include "storage/counters.h"
#include "storage/patient_files.h"
#include "storage/store.h"

namespace roost::storage {

// RocksDB's statuses stop in this folder.
Unexpected<Error> as_error(const rocksdb::Status& status, std::string_view doing);

using roost::as_text;
inline std::string_view as_text(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}
inline rocksdb::Slice as_slice(std::string_view text) { return {text.data(), text.size()}; }

// What a database is opened with, and what must outlive it.
class DatabaseSetup {
 public:
  // `log` and `counters` must outlive it.
  DatabaseSetup(const StoreOptions& options, Log& log, StoreCounters& counters);
  ~DatabaseSetup();

  const rocksdb::DBOptions& db_options() const { return db_options_; }
  std::vector<rocksdb::ColumnFamilyDescriptor> families() const;
  rocksdb::ColumnFamilyOptions log_options() const;
  rocksdb::ColumnFamilyOptions state_options() const;
  PatientFiles& files() const { return *files_; }
  // A table met a damaged page in the background: why, empty if none did.
  std::string background_damage() const;
  // Called when a thread of RocksDB's met a full disk; null: nobody is. Must not call RocksDB.
  void when_full(std::function<void()> call) const;
  std::uint64_t cached_bytes() const { return cache_->GetUsage(); }
  // The oldest write-ahead log that the last open() still had a use for.
  std::uint64_t first_log_number() const;
  // Records go behind the last one of their shard without a search. Requires: recovery is over.
  void expect_rising_keys(bool expected) const;

 private:
  class Listener;
  class LogNumbers;
  class RisingKeys;

  std::uint64_t write_buffer_bytes_;
  std::shared_ptr<PatientFiles> files_;
  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::shared_ptr<Listener> listener_;
  std::unique_ptr<LogNumbers> log_numbers_;
  std::shared_ptr<RisingKeys> rising_keys_;
  rocksdb::DBOptions db_options_;
};

class Database {
 public:
  // `setup` must outlive it. Errors: RocksDB's.
  static rocksdb::Status open(const DatabaseSetup& setup, const std::string& path,
                              std::unique_ptr<Database>* database);
  // Writes nothing; what a crash left in the write-ahead log is read into memory.
  static rocksdb::Status open_to_read(const DatabaseSetup& setup, const std::string& path,
                                      std::unique_ptr<Database>* database);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Recovery is over. Tables don't change before this, save by flushes.
  rocksdb::Status start_compactions();

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* log() const { return log_; }
  rocksdb::ColumnFamilyHandle* state() const { return state_; }
  const DatabaseSetup& setup() const { return setup_; }

 private:
  explicit Database(const DatabaseSetup& setup) : setup_(setup) {}
  void take(rocksdb::DB* db, const std::vector<rocksdb::ColumnFamilyHandle*>& handles);

  const DatabaseSetup& setup_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_ = nullptr;  // RocksDB insists on it; empty
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  rocksdb::ColumnFamilyHandle* state_ = nullptr;
};

}  // namespace roost::storage
