// SPDX-License-Identifier: Apache-2.0
#include "storage/state_writer.h"

#include <rocksdb/metadata.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <limits>
#include <memory>
#include <thread>
#include <utility>

#include "broker/base/check.h"
#include "storage/keys.h"

namespace roost::storage {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFullRetry = std::chrono::milliseconds(100);

LogIndex at(const std::vector<LogIndex>& list, std::size_t shard) {
  return shard < list.size() ? list[shard] : 0;
}

void set(std::vector<LogIndex>& list, std::size_t shard, LogIndex index) {
  if (shard >= list.size()) list.resize(shard + 1);
  list[shard] = index;
}

void add(rocksdb::WriteBatch& out, rocksdb::ColumnFamilyHandle* family, ShardId shard,
         const StateBatch& batch) {
  batch.each([&](StateBatch::Kind kind, std::string_view key, std::string_view value) {
    rocksdb::Status status;
    if (kind == StateBatch::Kind::put) {
      status = out.Put(family, state_key(shard, key), as_slice(value));
    } else if (kind == StateBatch::Kind::erase) {
      status = out.Delete(family, state_key(shard, key));
    } else {
      status = out.DeleteRange(family, state_key(shard, key), state_end(shard, value));
    }
    CHECK(status.ok());
  });
}

}  // namespace

StateWriter::StateWriter(Database& database, LogWriter& writer, SpaceWatch& space,
                         const StoreOptions& options, StoreCounters& counters, Fatal& fatal,
                         std::vector<LogIndex> trimmed)
    : database_(database),
      writer_(writer),
      space_(space),
      counters_(counters),
      fatal_(fatal),
      log_flush_bytes_(options.write_buffer_bytes / 4),
      log_compact_bytes_(options.write_buffer_bytes / 2),
      trim_to_(trimmed),
      trimmed_(std::move(trimmed)),
      flushing_(1),
      writing_(1) {}

StateWriter::~StateWriter() { ending_.store(true); }

void StateWriter::write(ShardId shard, LogIndex applied, LogIndex trim_to, StateBatch batch,
                        Store::Done done) {
  CHECK(shard.value < kShardEnd && trim_to <= applied);
  writing_.run([this, shard, applied, trim_to, batch = std::move(batch), done = std::move(done)] {
    Result<void> written = write_now(shard, applied, batch);
    if (written) set(trim_to_, shard.value, std::max(trim_to, at(trim_to_, shard.value)));
    done(std::move(written));
  });
}

Result<void> StateWriter::write_now(ShardId shard, LogIndex applied, const StateBatch& batch) {
  rocksdb::WriteBatch out;
  add(out, database_.state(), shard, batch);
  CHECK(out.Put(database_.state(), applied_key(shard), position_value(0, applied)).ok());
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  for (;;) {
    if (fatal_.raised()) return error(ErrorKind::io, "the store has failed");
    const rocksdb::Status status = database_.db().Write(options, &out);
    if (status.ok()) break;
    if (!SpaceWatch::is_full(status)) return failed(status, "the state can't be written");
    // The log goes on to be written, so this must be as well, or replay grows without end.
    if (ending_.load()) return as_error(status, "the state can't be written");
    if (!space_.recover().ok()) std::this_thread::sleep_for(kFullRetry);
  }
  counters_.state_batches.add();
  counters_.state_bytes.add(out.GetDataSize());
  return {};
}

void StateWriter::clear(ShardId shard, Store::Done done) {
  writing_.run([this, shard, done = std::move(done)]() mutable {
    set(trim_to_, shard.value, 0);
    StateBatch all;
    all.erase_range({}, {});
    if (Result<void> written = write_now(shard, 0, all); !written) return done(std::move(written));
    flush_alone(shard, 0, std::move(done));
  });
}

void StateWriter::adopt(ShardId shard, LogIndex applied, LogIndex trimmed, Store::Done done) {
  CHECK(trimmed <= applied);
  writing_.run([this, shard, applied, trimmed, done = std::move(done)]() mutable {
    if (Result<void> written = write_now(shard, applied, {}); !written) {
      return done(std::move(written));
    }
    set(trim_to_, shard.value, trimmed);
    flush_alone(shard, trimmed, std::move(done));
  });
}

void StateWriter::flush_alone(ShardId shard, LogIndex trimmed, Store::Done done) {
  flushing_.run([this, shard, trimmed, done = std::move(done)] {
    const rocksdb::Status status = database_.db().Flush(rocksdb::FlushOptions(), database_.state());
    if (!status.ok()) return done(failed(status, "the state can't be flushed"));
    set(trimmed_, shard.value, trimmed);
    done({});
  });
}

void StateWriter::flush(Store::Done done) {
  writing_.run([this, done = std::move(done)]() mutable {
    // What is written while the flush waits for its turn goes with it; that it counts less is safe.
    flushing_.run([this, done = std::move(done), trim_to = trim_to_,
                   bytes = counters_.untrimmed_bytes.value()] { done(flush_now(trim_to, bytes)); });
  });
}

Result<void> StateWriter::flush_now(const std::vector<LogIndex>& trim_to, std::uint64_t log_bytes) {
  if (fatal_.raised()) return error(ErrorKind::io, "the store has failed");
  const auto start = Clock::now();
  const rocksdb::Status status = database_.db().Flush(rocksdb::FlushOptions(), database_.state());
  // What is flushed lets the log be trimmed, which is what gives room.
  if (SpaceWatch::is_full(status)) space_.recover().PermitUncheckedError();
  if (!status.ok()) return failed(status, "the state can't be flushed");
  counters_.state_flushes.add();
  counters_.state_flush_ns.add(static_cast<std::uint64_t>((Clock::now() - start).count()));
  // Before the log's own memtable is flushed: what is deleted there is never written to a table.
  if (auto trimmed = trim(trim_to, log_bytes); !trimmed) return trimmed;
  return flush_log_if_due();
}

Result<void> StateWriter::trim(const std::vector<LogIndex>& trim_to, std::uint64_t log_bytes) {
  std::vector<Trim> trims;
  for (std::size_t i = 0; i < trim_to.size(); ++i) {
    const LogIndex done = at(trimmed_, i);
    if (trim_to[i] <= done) continue;
    trims.push_back({ShardId{static_cast<std::uint16_t>(i)}, done + 1, trim_to[i]});
  }
  if (trims.empty()) return {};
  auto answer = std::make_shared<std::promise<Result<void>>>();
  auto answered = answer->get_future();
  writer_.trim(std::move(trims), log_bytes,
               [answer](Result<void> result) { answer->set_value(std::move(result)); });
  Result<void> result = answered.get();
  if (!result) return result;
  for (std::size_t i = 0; i < trim_to.size(); ++i) {
    if (trim_to[i] > at(trimmed_, i)) set(trimmed_, i, trim_to[i]);
  }
  return {};
}

Result<void> StateWriter::flush_log_if_due() {
  const std::uint64_t written = counters_.wal_bytes.value();
  const bool due = written - wal_bytes_at_log_flush_ >= log_flush_bytes_;
  if (!due && !space_.low()) return {};
  const rocksdb::Status status = database_.db().Flush(rocksdb::FlushOptions(), database_.log());
  if (SpaceWatch::is_full(status)) {
    // The state is durable and the log is whole: nobody has to hear of it.
    space_.recover().PermitUncheckedError();
    return {};
  }
  if (!status.ok()) return failed(status, "the log can't be flushed");
  wal_bytes_at_log_flush_ = written;
  compact_log_if_due();
  return {};
}

void StateWriter::compact_log_if_due() {
  std::uint64_t bytes = 0;
  const std::string& property = rocksdb::DB::Properties::kLiveSstFilesSize;
  if (!database_.db().GetIntProperty(database_.log(), property, &bytes)) return;
  // Twice what was left the last time, so that the work stays in proportion to what is written.
  const std::uint64_t due = 2 * log_bytes_after_compaction_ + log_compact_bytes_;
  if (bytes < (space_.low() ? due / 4 : due)) return;
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  const rocksdb::Status status =
      database_.db().CompactRange(options, database_.log(), nullptr, nullptr);
  if (SpaceWatch::is_full(status)) space_.go_on().PermitUncheckedError();
  if (!status.ok()) return;
  database_.db().GetIntProperty(database_.log(), property, &log_bytes_after_compaction_);
}

Unexpected<Error> StateWriter::failed(const rocksdb::Status& status, std::string_view doing) {
  if (!SpaceWatch::is_full(status)) {
    fatal_.raise(std::string(doing) + ": " + status.ToString());
  }
  return as_error(status, doing);
}

Result<std::vector<SnapshotFile>> StateWriter::list_files() {
  std::promise<rocksdb::Status> answer;
  std::vector<rocksdb::LiveFileStorageInfo> found;
  flushing_.run([&] {
    rocksdb::LiveFilesStorageInfoOptions options;
    // No flush: the write-ahead log holds all that the state's tables don't.
    options.wal_size_for_flush = std::numeric_limits<std::uint64_t>::max();
    answer.set_value(database_.db().GetLiveFilesStorageInfo(options, &found));
  });
  const rocksdb::Status status = answer.get_future().get();
  if (!status.ok()) return as_error(status, "the database's files can't be listed");
  std::vector<SnapshotFile> files;
  for (const rocksdb::LiveFileStorageInfo& file : found) {
    if (file.replacement_contents.empty()) {
      const std::string path = file.directory + "/" + file.relative_filename;
      files.push_back({file.relative_filename, path, file.size, {}});
    } else {
      const std::string& content = file.replacement_contents;
      files.push_back({file.relative_filename, {}, content.size(), content});
    }
  }
  return files;
}

}  // namespace roost::storage
