// SPDX-License-Identifier: Apache-2.0
#include "storage/positions.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "storage/keys.h"

namespace roost::storage {

namespace {

template <typename T>
T& at(std::vector<T>& list, ShardId shard) {
  if (shard.value >= list.size()) list.resize(shard.value + 1);
  return list[shard.value];
}

// The later of two, where an unknown epoch doesn't hide a known one.
void advance(Position& position, Position seen) {
  position.epoch = std::max(position.epoch, seen.epoch);
  position.index = std::max(position.index, seen.index);
}

Result<void> read_meta(Database& database, rocksdb::ColumnFamilyHandle* family, char kind,
                       Positions& positions, std::vector<LogIndex>& indexes) {
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db().NewIterator(rocksdb::ReadOptions(), family));
  for (it->Seek(meta_prefix()); it->Valid(); it->Next()) {
    const auto shard = parse_meta_key(as_text(it->key()), kind);
    const auto value = parse_position(as_text(it->value()));
    if (!shard || !value) continue;
    at(indexes, *shard) = value->index;
    advance(at(positions.last, *shard), {value->epoch, value->index});
  }
  if (!it->status().ok()) return as_error(it->status(), "the positions can't be read");
  return {};
}

// The last record of each shard, from one shard to the next.
Result<void> read_log_ends(Database& database, Positions& positions) {
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db().NewIterator(rocksdb::ReadOptions(), database.log()));
  for (std::uint32_t next = 0; next < kShardEnd;) {
    it->Seek(as_slice(as_text(log_key(ShardId{static_cast<std::uint16_t>(next)}, 0))));
    if (!it->Valid()) break;
    const auto found = parse_log_key(as_text(it->key()));
    if (!found) break;
    const ShardId shard = found->shard;
    it->SeekForPrev(as_slice(as_text(log_key(shard, std::numeric_limits<LogIndex>::max()))));
    // A damaged record is none: what stands before it is the last.
    for (; it->Valid(); it->Prev()) {
      const auto place = parse_log_key(as_text(it->key()));
      if (!place || place->shard != shard) break;
      const auto value = parse_log_value(as_text(it->key()), as_text(it->value()));
      if (!value) continue;
      advance(at(positions.last, shard), {value->epoch, place->index});
      break;
    }
    if (!it->status().ok()) break;
    next = shard.value + 1U;
  }
  if (!it->status().ok()) return as_error(it->status(), "the ends of the log can't be read");
  return {};
}

Result<void> read_replicas(Database& database, Positions& positions) {
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db().NewIterator(rocksdb::ReadOptions(), database.log()));
  for (it->Seek(meta_prefix()); it->Valid(); it->Next()) {
    const std::string_view key = as_text(it->key());
    if (const auto shard = parse_meta_key(key, kMetaKind)) {
      at(positions.metas, *shard) = as_text(it->value());
    } else if (const auto of = parse_epoch_key(key)) {
      const auto start = parse_position(as_text(it->value()));
      if (start) at(positions.epochs, *of).push_back({start->epoch, start->index});
    }
  }
  if (!it->status().ok()) return as_error(it->status(), "the epochs can't be read");
  return {};
}

// Once, where a shard has records and no table.
Result<void> find_epochs(Database& database, Positions& positions, ShardId shard) {
  const LogKey end = log_key(ShardId{static_cast<std::uint16_t>(shard.value + 1)}, 0);
  const rocksdb::Slice bound = as_slice(as_text(end));
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &bound;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it(database.db().NewIterator(options, database.log()));
  std::vector<EpochStart>& table = at(positions.epochs, shard);
  for (it->Seek(as_slice(as_text(log_key(shard, 0)))); it->Valid(); it->Next()) {
    const auto place = parse_log_key(as_text(it->key()));
    const auto value = parse_log_value(as_text(it->key()), as_text(it->value()));
    if (!place || !value) continue;
    if (table.empty() || table.back().epoch < value->epoch) {
      table.push_back({value->epoch, place->index});
    }
  }
  if (!it->status().ok()) return as_error(it->status(), "the log can't be read");
  const Position last = positions.last_of(shard);
  if (table.empty()) table.push_back({last.epoch, last.index});
  positions.found_epochs.push_back(shard);
  return {};
}

void report_gap(ShardId shard, LogIndex from, LogIndex to, StoreCounters& counters, Log& log) {
  counters.damaged_records.add(to + 1 - from);
  log.write(LogLevel::error, "storage: shard " + std::to_string(shard.value) +
                                 ": the records from index " + std::to_string(from) + " to " +
                                 std::to_string(to) + " are missing or damaged");
}

}  // namespace

Result<Positions> read_positions(Database& database) {
  Positions positions;
  auto read = read_meta(database, database.log(), kTrimmedKind, positions, positions.trimmed);
  if (read) {
    read = read_meta(database, database.state(), kAppliedKind, positions, positions.applied);
  }
  if (read) read = read_log_ends(database, positions);
  if (read) read = read_replicas(database, positions);
  for (std::size_t i = 0; read && i < positions.last.size(); ++i) {
    const ShardId shard{static_cast<std::uint16_t>(i)};
    Position& last = positions.last[i];
    if (last.index > 0 && positions.epochs_of(shard).empty()) {
      read = find_epochs(database, positions, shard);
    }
    // What was trimmed may tell of an epoch whose records were cut off since.
    const std::vector<EpochStart>& table = positions.epochs_of(shard);
    if (!table.empty() && table.back().first <= last.index) last.epoch = table.back().epoch;
  }
  if (!read) return Unexpected(std::move(read).error());
  return positions;
}

std::uint64_t epoch_at(const std::vector<EpochStart>& table, LogIndex index) {
  for (auto it = table.rbegin(); it != table.rend(); ++it) {
    if (it->first <= index) return it->epoch;
  }
  return 0;
}

Result<void> replay_log(Database& database, const Positions& positions, ShardId shard,
                        LogIndex after, const StoreReading::RecordVisitor& visit,
                        StoreCounters& counters, Log& log) {
  const LogKey end = log_key(ShardId{static_cast<std::uint16_t>(shard.value + 1)}, 0);
  const rocksdb::Slice bound = as_slice(as_text(end));
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &bound;
  options.fill_cache = false;
  options.readahead_size = 1 << 20;
  const std::unique_ptr<rocksdb::Iterator> it(database.db().NewIterator(options, database.log()));
  LogIndex expected = std::max(after, positions.trimmed_of(shard)) + 1;
  // What was before is in the state.
  const LogIndex applied = positions.applied_of(shard);
  const auto missing = [&](LogIndex from, LogIndex to) {
    from = std::max(from, applied + 1);
    if (from <= to) report_gap(shard, from, to, counters, log);
  };
  for (it->Seek(as_slice(as_text(log_key(shard, after + 1)))); it->Valid(); it->Next()) {
    const auto place = parse_log_key(as_text(it->key()));
    const auto value = parse_log_value(as_text(it->key()), as_text(it->value()));
    if (!place || !value) continue;  // the next one shows the gap
    if (place->index > expected) missing(expected, place->index - 1);
    expected = place->index + 1;
    visit(value->epoch, place->index, value->record);
  }
  if (!it->status().ok()) return as_error(it->status(), "the log can't be read");
  const LogIndex last = positions.last_of(shard).index;
  if (last >= expected) missing(expected, last);
  return {};
}

}  // namespace roost::storage
