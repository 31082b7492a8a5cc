// SPDX-License-Identifier: Apache-2.0
#include "storage/shard_snapshot.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "storage/keys.h"
#include "storage/positions.h"

namespace roost::storage {

namespace {

class DatabaseShard final : public ShardSnapshot {
 public:
  DatabaseShard(Database& database, ShardId shard, DamageReport& damage)
      : database_(database),
        shard_(shard),
        snapshot_(database.db().GetSnapshot()),
        reader_(database, shard, snapshot_, damage) {}
  ~DatabaseShard() override { database_.db().ReleaseSnapshot(snapshot_); }

  Result<void> start() {
    auto trimmed = reader_.position(database_.log(), trimmed_key(shard_));
    auto applied = reader_.position(database_.state(), applied_key(shard_));
    auto epochs = reader_.epochs();
    if (!trimmed) return Unexpected(std::move(trimmed).error());
    if (!applied) return Unexpected(std::move(applied).error());
    if (!epochs) return Unexpected(std::move(epochs).error());
    first_kept_ = trimmed->index + 1;
    applied_ = applied->index;
    epochs_ = std::move(epochs).value();
    return find_last(trimmed->index);
  }

  Position last() const override { return last_; }
  LogIndex first_kept() const override { return first_kept_; }
  LogIndex applied() const override { return applied_; }
  const std::vector<EpochStart>& epochs() const override { return epochs_; }
  Result<void> scan_state(
      std::string_view from,
      const std::function<bool(std::string_view, ByteView)>& visit) const override {
    return reader_.state(from, visit);
  }
  Result<void> scan_log(
      LogIndex from,
      const std::function<bool(std::uint64_t, LogIndex, ByteView)>& visit) const override {
    return reader_.log(std::max(from, first_kept_), visit);
  }

 private:
  Result<void> find_last(LogIndex trimmed) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    const std::unique_ptr<rocksdb::Iterator> it(
        database_.db().NewIterator(options, database_.log()));
    it->SeekForPrev(as_slice(as_text(log_key(shard_, std::numeric_limits<LogIndex>::max()))));
    if (!it->status().ok()) return as_error(it->status(), "the end of the log can't be read");
    LogIndex last = trimmed;
    if (it->Valid()) {
      const auto place = parse_log_key(as_text(it->key()));
      if (place && place->shard == shard_) last = std::max(last, place->index);
    }
    last_ = {epoch_at(epochs_, last), last};
    return {};
  }

  Database& database_;
  const ShardId shard_;
  const rocksdb::Snapshot* snapshot_;
  const ShardReader reader_;
  Position last_;
  LogIndex first_kept_ = 1;
  LogIndex applied_ = 0;
  std::vector<EpochStart> epochs_;
};

}  // namespace

rocksdb::ReadOptions ShardReader::options() const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  options.fill_cache = false;
  return options;
}

Unexpected<Error> ShardReader::failed(const rocksdb::Status& status) const {
  if (status.IsCorruption()) damage_.met(status.ToString());
  return as_error(status, "shard " + std::to_string(shard_.value) + " can't be read");
}

Result<void> ShardReader::state(
    std::string_view from, const std::function<bool(std::string_view, ByteView)>& visit) const {
  const std::string end = state_end(shard_, {});
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions read = options();
  read.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db().NewIterator(read, database_.state()));
  for (it->Seek(state_key(shard_, from)); it->Valid(); it->Next()) {
    if (!visit(as_text(it->key()).substr(kStatePrefixSize), as_bytes(as_text(it->value())))) {
      return {};
    }
  }
  if (!it->status().ok()) return failed(it->status());
  return {};
}

Result<void> ShardReader::log(
    LogIndex from, const std::function<bool(std::uint64_t, LogIndex, ByteView)>& visit) const {
  const LogKey end = log_key(ShardId{static_cast<std::uint16_t>(shard_.value + 1)}, 0);
  const rocksdb::Slice bound = as_slice(as_text(end));
  rocksdb::ReadOptions read = options();
  read.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db().NewIterator(read, database_.log()));
  LogIndex expected = 0;
  for (it->Seek(as_slice(as_text(log_key(shard_, from)))); it->Valid(); it->Next()) {
    const auto place = parse_log_key(as_text(it->key()));
    const auto value = parse_log_value(as_text(it->key()), as_text(it->value()));
    if (!place || !value || (expected != 0 && place->index != expected)) {
      return failed(rocksdb::Status::Corruption(
          "record " + std::to_string(expected != 0 ? expected : from) + " is missing or damaged"));
    }
    expected = place->index + 1;
    if (!visit(value->epoch, place->index, value->record)) return {};
  }
  if (!it->status().ok()) return failed(it->status());
  return {};
}

Result<Position> ShardReader::position(rocksdb::ColumnFamilyHandle* family,
                                       const std::string& key) const {
  std::string value;
  const rocksdb::Status status = database_.db().Get(options(), family, key, &value);
  if (status.IsNotFound()) return Position{};
  if (!status.ok()) return failed(status);
  const auto parsed = parse_position(value);
  if (!parsed) return failed(rocksdb::Status::Corruption("a position is garbled"));
  return Position{parsed->epoch, parsed->index};
}

Result<std::vector<EpochStart>> ShardReader::epochs() const {
  const std::string end = epoch_end(shard_);
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions read = options();
  read.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db().NewIterator(read, database_.log()));
  std::vector<EpochStart> table;
  for (it->Seek(epoch_key(shard_, 0)); it->Valid(); it->Next()) {
    const auto start = parse_position(as_text(it->value()));
    if (!start) return failed(rocksdb::Status::Corruption("an epoch's start is garbled"));
    table.push_back({start->epoch, start->index});
  }
  if (!it->status().ok()) return failed(it->status());
  return table;
}

Result<std::unique_ptr<ShardSnapshot>> snapshot_of(Database& database, ShardId shard,
                                                   DamageReport& damage) {
  auto snapshot = std::make_unique<DatabaseShard>(database, shard, damage);
  if (auto started = snapshot->start(); !started) return Unexpected(std::move(started).error());
  return std::unique_ptr<ShardSnapshot>(std::move(snapshot));
}

}  // namespace roost::storage
