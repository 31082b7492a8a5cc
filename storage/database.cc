// SPDX-License-Identifier: Apache-2.0
#include "storage/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/wal_filter.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "broker/base/check.h"
#include "storage/keys.h"

namespace roost::storage {

namespace {

constexpr const char* kLogFamily = "log";
constexpr const char* kStateFamily = "state";

// RocksDB's LOG files ate disks elsewhere, so it gets none: warnings go where ours go.
class Lines final : public rocksdb::Logger {
 public:
  explicit Lines(Log& log) : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), log_(log) {}
  using Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < rocksdb::InfoLogLevel::WARN_LEVEL || level == rocksdb::InfoLogLevel::HEADER_LEVEL) {
      return;
    }
    char text[1024];
    std::vsnprintf(text, sizeof text, format, arguments);
    // A snapshot holds files, and RocksDB holds them once more while it lists them.
    if (std::string_view(text).find("File Deletions") != std::string_view::npos) return;
    std::string line = std::string("storage: RocksDB: ") + text;
    while (!line.empty() && line.back() == '\n') line.pop_back();
    std::replace(line.begin(), line.end(), '\n', ' ');
    log_.write(level == rocksdb::InfoLogLevel::WARN_LEVEL ? LogLevel::warn : LogLevel::error, line);
  }

 private:
  Log& log_;
};

rocksdb::CompressionType compression() {
  const auto known = rocksdb::GetSupportedCompressions();
  const bool lz4 = std::find(known.begin(), known.end(), rocksdb::kLZ4Compression) != known.end();
  return lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

ErrorKind kind_of(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return ErrorKind::resource_exhausted;
  if (status.IsCorruption()) return ErrorKind::corrupt;
  if (status.IsNotFound() || status.IsPathNotFound()) return ErrorKind::not_found;
  if (status.IsInvalidArgument()) return ErrorKind::invalid_argument;
  return ErrorKind::io;
}

}  // namespace

Unexpected<Error> as_error(const rocksdb::Status& status, std::string_view doing) {
  return error(kind_of(status), std::string(doing) + ": " + status.ToString());
}

// Counts what goes into tables; remembers the first damaged page that RocksDB's own threads met.
class DatabaseSetup::Listener final : public rocksdb::EventListener {
 public:
  explicit Listener(StoreCounters& counters) : counters_(counters) {}

  void OnTableFileCreated(const rocksdb::TableFileCreationInfo& info) override {
    const std::lock_guard lock(mutex_);
    counters_.table_bytes.add(info.file_size);
    if (info.reason == rocksdb::TableFileCreationReason::kCompaction) {
      counters_.compaction_bytes.add(info.file_size);
    } else if (info.cf_name == kLogFamily) {
      counters_.log_table_bytes.add(info.file_size);
    } else {
      counters_.state_table_bytes.add(info.file_size);
    }
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    const std::lock_guard lock(mutex_);
    if (status->IsCorruption() && damage_.empty()) damage_ = status->ToString();
    if (status->IsNoSpace() && when_full_) when_full_();
  }
  // Going on after a full disk is space.h's part: it knows of the reserve, and doesn't wait 5 s.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
  void when_full(std::function<void()> call) {
    const std::lock_guard lock(mutex_);
    when_full_ = std::move(call);
  }
  std::string damage() const {
    const std::lock_guard lock(mutex_);
    return damage_;
  }

 private:
  mutable std::mutex mutex_;
  StoreCounters& counters_;  // those of tables are guarded by mutex_
  std::string damage_;       // guarded by mutex_, as the next
  std::function<void()> when_full_;
};

// Changes nothing: is told at recovery which logs a column family still needs.
class DatabaseSetup::LogNumbers final : public rocksdb::WalFilter {
 public:
  const char* Name() const override { return "roost.LogNumbers"; }
  void ColumnFamilyLogNumberMap(const std::map<std::uint32_t, std::uint64_t>& numbers,
                                const std::map<std::string, std::uint32_t>& families) override {
    const auto family = families.find(kLogFamily);
    if (family == families.end()) return;
    const auto number = numbers.find(family->second);
    if (number != numbers.end()) first = number->second;
  }
  WalProcessingOption LogRecordFound(unsigned long long, const std::string&,
                                     const rocksdb::WriteBatch&, rocksdb::WriteBatch*,
                                     bool*) override {
    return WalProcessingOption::kContinueProcessing;
  }

  std::uint64_t first = 0;
};

// RocksDB remembers where the last key of each prefix went. It mixes up such places of keys and of
// the beginnings of deleted ranges, so those must be no keys of records: see LogWriter::add. Older
// logs may have others, so recovery does without.
class DatabaseSetup::RisingKeys final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "roost.RisingKeys"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), kStatePrefixSize};
  }
  bool InDomain(const rocksdb::Slice& key) const override {
    return key.size() == kLogKeySize && expected.load(std::memory_order_relaxed);
  }

  std::atomic<bool> expected{false};
};

DatabaseSetup::DatabaseSetup(const StoreOptions& options, Log& log, StoreCounters& counters)
    : write_buffer_bytes_(options.write_buffer_bytes),
      files_(std::make_shared<PatientFiles>(options.file_system ? options.file_system
                                                                : rocksdb::FileSystem::Default())),
      env_(rocksdb::NewCompositeEnv(files_)),
      cache_(rocksdb::NewLRUCache(options.cache_bytes)),
      listener_(std::make_shared<Listener>(counters)),
      log_numbers_(std::make_unique<LogNumbers>()),
      rising_keys_(std::make_shared<RisingKeys>()) {
  rocksdb::DBOptions& db = db_options_;
  db.env = env_.get();
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  db.info_log = std::make_shared<Lines>(log);
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.listeners = {listener_};
  db.wal_filter = log_numbers_.get();
  db.max_bgerror_resume_count = 0;
  db.max_open_files = options.max_open_files;
  db.max_background_jobs = 2;
  db.max_subcompactions = 1;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  // What was acknowledged before or after a damaged page is still there; where sequences jump is
  // for us to say (wal_check.h).
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  db.recycle_log_file_num = 0;
  db.avoid_flush_during_shutdown = true;   // the state is flushed when we say so
  db.avoid_flush_during_recovery = false;  // what recovery read from a page cache gets synced
  db.max_total_wal_size = 4 * options.write_buffer_bytes;
  // Preallocation makes a small node's volume look full.
  db.allow_fallocate = false;
  db.manifest_preallocation_size = 64 * 1024;
  db.max_manifest_file_size = 16 << 20;
  // An fdatasync of the log waits for whatever tables have in the page cache (ext4 commits its
  // journal in order): little of it, then.
  db.bytes_per_sync = 512 << 10;
  db.strict_bytes_per_sync = true;
  db.allow_concurrent_memtable_write = false;  // one writer a column family
}

DatabaseSetup::~DatabaseSetup() = default;

std::string DatabaseSetup::background_damage() const { return listener_->damage(); }
void DatabaseSetup::when_full(std::function<void()> call) const {
  listener_->when_full(std::move(call));
}
std::uint64_t DatabaseSetup::first_log_number() const { return log_numbers_->first; }
void DatabaseSetup::expect_rising_keys(bool expected) const { rising_keys_->expected = expected; }

rocksdb::ColumnFamilyOptions DatabaseSetup::log_options() const {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = write_buffer_bytes_;
  family.max_write_buffer_number = 4;
  family.compression = compression();
  family.disable_auto_compactions = true;  // until recovery has looked at the tables
  family.memtable_insert_with_hint_prefix_extractor = rising_keys_;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache_;
  table.block_size = 16 * 1024;
  table.cache_index_and_filter_blocks = true;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

rocksdb::ColumnFamilyOptions DatabaseSetup::state_options() const {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = write_buffer_bytes_;
  family.max_write_buffer_number = 4;
  family.compression = compression();
  family.disable_auto_compactions = true;  // until recovery has looked at the tables
  family.level_compaction_dynamic_level_bytes = true;
  family.optimize_filters_for_hits = true;
  // Far apart: a stop here would stop the log as well.
  family.level0_slowdown_writes_trigger = 40;
  family.level0_stop_writes_trigger = 80;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache_;
  table.block_size = 8 * 1024;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

std::vector<rocksdb::ColumnFamilyDescriptor> DatabaseSetup::families() const {
  rocksdb::ColumnFamilyOptions unused;
  unused.write_buffer_size = 64 * 1024;
  return {{rocksdb::kDefaultColumnFamilyName, unused},
          {kLogFamily, log_options()},
          {kStateFamily, state_options()}};
}

rocksdb::Status Database::open(const DatabaseSetup& setup, const std::string& path,
                               std::unique_ptr<Database>* database) {
  std::unique_ptr<Database> opened(new Database(setup));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  setup.expect_rising_keys(false);
  rocksdb::Status status =
      rocksdb::DB::Open(setup.db_options(), path, setup.families(), &handles, &db);
  if (!status.ok()) return status;
  opened->take(db, handles);
  *database = std::move(opened);
  return status;
}

rocksdb::Status Database::open_to_read(const DatabaseSetup& setup, const std::string& path,
                                       std::unique_ptr<Database>* database) {
  std::unique_ptr<Database> opened(new Database(setup));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  rocksdb::Status status =
      rocksdb::DB::OpenForReadOnly(setup.db_options(), path, setup.families(), &handles, &db);
  if (!status.ok()) return status;
  opened->take(db, handles);
  *database = std::move(opened);
  return status;
}

void Database::take(rocksdb::DB* db, const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  CHECK(handles.size() == 3);
  db_.reset(db);
  default_ = handles[0];
  log_ = handles[1];
  state_ = handles[2];
}

rocksdb::Status Database::start_compactions() {
  setup_.expect_rising_keys(true);
  return db_->EnableAutoCompaction({log_, state_});
}

Database::~Database() {
  if (!db_) return;
  for (rocksdb::ColumnFamilyHandle* family : {state_, log_, default_}) {
    db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
}

}  // namespace roost::storage
