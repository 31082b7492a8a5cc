// SPDX-License-Identifier: Apache-2.0
#include "cluster/resync.h"

#include "broker/base/bytes.h"

namespace roost::cluster {

Result<std::unique_ptr<SnapshotSender>> SnapshotSender::begin(storage::ReplicaStore& store,
                                                              ShardId shard, std::uint64_t import) {
  auto snapshot = store.shard_snapshot(shard);
  if (!snapshot) return Unexpected(std::move(snapshot).error());
  return std::unique_ptr<SnapshotSender>(new SnapshotSender(std::move(snapshot).value(), import));
}

Result<std::optional<SnapshotPiece>> SnapshotSender::next() {
  SnapshotPiece piece{import_, number_, {}};
  if (stage_ == Stage::state) {
    auto state = next_state();
    if (!state) return Unexpected(std::move(state).error());
    if (state->values.empty()) {
      stage_ = Stage::log;
    } else {
      piece.what = std::move(state).value();
      ++number_;
      return std::optional(std::move(piece));
    }
  }
  if (stage_ == Stage::log) {
    auto log = next_log();
    if (!log) return Unexpected(std::move(log).error());
    if (log->records.empty()) {
      stage_ = Stage::end;
    } else {
      piece.what = std::move(log).value();
      ++number_;
      return std::optional(std::move(piece));
    }
  }
  if (stage_ == Stage::over) return std::optional<SnapshotPiece>();
  stage_ = Stage::over;
  piece.what = SnapshotPiece::End{snapshot_->epochs(), snapshot_->last(), snapshot_->first_kept(),
                                  snapshot_->applied()};
  return std::optional(std::move(piece));
}

Result<SnapshotPiece::State> SnapshotSender::next_state() {
  SnapshotPiece::State state;
  std::uint64_t bytes = 0;
  const auto scanned = snapshot_->scan_state(next_key_, [&](std::string_view key, ByteView value) {
    state.values.emplace_back(key, as_text(value));
    return (bytes += key.size() + value.size()) < kSnapshotPieceBytes;
  });
  if (!scanned) return Unexpected(scanned.error());
  if (!state.values.empty()) next_key_ = state.values.back().first + '\0';
  return state;
}

Result<SnapshotPiece::Log> SnapshotSender::next_log() {
  SnapshotPiece::Log log;
  std::uint64_t bytes = 0;
  const auto scanned = snapshot_->scan_log(
      next_index_, [&](std::uint64_t epoch, storage::LogIndex index, ByteView record) {
        log.records.push_back({{epoch, index}, std::string(as_text(record))});
        return (bytes += record.size()) < kSnapshotPieceBytes;
      });
  if (!scanned) return Unexpected(scanned.error());
  if (!log.records.empty()) next_index_ = log.records.back().position.index + 1;
  return log;
}

void SnapshotReceiver::take(const SnapshotPiece& piece, const Done& done) {
  if (piece.import != import_ || piece.number != next_number_) {
    return done(error(ErrorKind::invalid_argument,
                      "piece " + std::to_string(piece.number) + " of import " +
                          std::to_string(piece.import) + ", wanted " +
                          std::to_string(next_number_) + " of " + std::to_string(import_)));
  }
  ++next_number_;
  // The store answers on threads of its own.
  Done here = [post = post_, done](Result<void> result) {
    post([done, result = std::move(result)] { done(result); });
  };
  if (const auto* state = std::get_if<SnapshotPiece::State>(&piece.what)) {
    return write(*state, std::move(here));
  }
  if (const auto* log = std::get_if<SnapshotPiece::Log>(&piece.what)) {
    return write(*log, std::move(here));
  }
  const auto& end = std::get<SnapshotPiece::End>(piece.what);
  if (auto sound = check(end); !sound) return done(std::move(sound));
  std::vector<replication::EpochTable::Start> starts;
  for (const storage::EpochStart& start : end.epochs) starts.push_back({start.epoch, start.first});
  imported_ = replication::Imported{replication::EpochTable(std::move(starts)), end.last.index,
                                    end.first_kept, end.applied};
  done({});
}

// The sender's bytes are trusted no further than this: nothing may be missing in the middle.
Result<void> SnapshotReceiver::check(const SnapshotPiece::End& end) const {
  std::vector<replication::EpochTable::Start> starts;
  for (const storage::EpochStart& start : end.epochs) starts.push_back({start.epoch, start.first});
  const bool is_log_whole = first_record_
                                ? *first_record_ == end.first_kept && last_record_ == end.last.index
                                : end.first_kept == end.last.index + 1;
  if (replication::EpochTable::is_sound(starts) && is_log_whole && end.first_kept > 0 &&
      end.applied + 1 >= end.first_kept && end.applied <= end.last.index) {
    return {};
  }
  return error(ErrorKind::invalid_argument, "a snapshot whose log or table is not whole");
}

void SnapshotReceiver::write(const SnapshotPiece::State& state, Done done) {
  storage::StateBatch batch;
  for (const auto& [key, value] : state.values) batch.put(key, as_bytes(value));
  store_.write_state(shard_, 0, 0, std::move(batch), std::move(done));
}

void SnapshotReceiver::write(const SnapshotPiece::Log& log, Done done) {
  storage::LogBatch batch;
  for (const storage::ReplicaStore::LogPiece& one : log.records) {
    const bool is_next = !first_record_ || one.position.index == last_record_ + 1;
    if (!is_next || one.position.index == 0) {
      return done(error(ErrorKind::invalid_argument, "a snapshot's log has a hole"));
    }
    if (!first_record_) first_record_ = one.position.index;
    last_record_ = one.position.index;
    batch.add(shard_, one.position.epoch, one.position.index, as_bytes(one.record));
  }
  store_.append(std::move(batch), true, std::move(done));
}

}  // namespace roost::cluster
