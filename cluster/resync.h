// SPDX-License-Identifier: Apache-2.0
// A shard on its way to a replica that can't be continued from the log: its state, the log from the
// trim point, the whole table of epochs, in pieces under a size, one after another. REPLICATION,
// Resync. The stream that carries them is the node's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/base/ids.h"
#include "broker/base/result.h"
#include "cluster/replication/shard_replica.h"
#include "storage/replica_store.h"

namespace roost::cluster {

struct SnapshotPiece {
  struct State {
    std::vector<std::pair<std::string, std::string>> values;  // key, value
  };
  struct Log {
    std::vector<storage::ReplicaStore::LogPiece> records;
  };
  // The last one.
  struct End {
    std::vector<storage::EpochStart> epochs;
    storage::Position last;
    storage::LogIndex first_kept = 1;
    storage::LogIndex applied = 0;
  };
  std::uint64_t import = 0;
  std::uint64_t number = 0;  // 0, 1, 2...
  std::variant<State, Log, End> what;
};

inline constexpr std::uint64_t kSnapshotPieceBytes = 256 << 10;

// Thread: one at a time; next() waits for the disk, so never on a core.
// Owner: the stream to that replica. Must not outlive the store.
class SnapshotSender {
 public:
  // Errors: those of ReplicaStore::shard_snapshot().
  static Result<std::unique_ptr<SnapshotSender>> begin(storage::ReplicaStore& store, ShardId shard,
                                                       std::uint64_t import);
  // Nothing: the end was said. A piece is over its size by one value or record at most. Errors:
  // corrupt (this replica has damage itself), io; the import is over then.
  Result<std::optional<SnapshotPiece>> next();

 private:
  SnapshotSender(std::unique_ptr<storage::ShardSnapshot> snapshot, std::uint64_t import)
      : snapshot_(std::move(snapshot)), import_(import) {}

  Result<SnapshotPiece::State> next_state();
  Result<SnapshotPiece::Log> next_log();

  enum class Stage { state, log, end, over };

  const std::unique_ptr<storage::ShardSnapshot> snapshot_;
  const std::uint64_t import_;
  std::uint64_t number_ = 0;
  Stage stage_ = Stage::state;
  std::string next_key_;
  storage::LogIndex next_index_ = 0;
};

// Thread: the replica's.
// Owner: the stream. The store's callbacks reach it by `post`.
class SnapshotReceiver {
 public:
  // Runs a function on the replica's thread, unless what it stands for is gone by then.
  using Post = std::function<void(std::function<void()>)>;
  using Done = std::function<void(Result<void>)>;

  SnapshotReceiver(storage::ReplicaStore& store, ShardId shard, std::uint64_t import, Post post)
      : store_(store), shard_(shard), import_(import), post_(std::move(post)) {}

  // done(ok): written, send the next. One at a time. Errors: invalid_argument (another import's, or
  // not the next in order: the stream is broken), or the disk's.
  void take(const SnapshotPiece& piece, const Done& done);
  // After done(ok) of the End: what the replica is told with on_imported().
  const std::optional<replication::Imported>& imported() const { return imported_; }

 private:
  Result<void> check(const SnapshotPiece::End& end) const;
  void write(const SnapshotPiece::State& state, Done done);
  void write(const SnapshotPiece::Log& log, Done done);

  storage::ReplicaStore& store_;
  const ShardId shard_;
  const std::uint64_t import_;
  const Post post_;
  std::uint64_t next_number_ = 0;
  std::optional<storage::LogIndex> first_record_;
  storage::LogIndex last_record_ = 0;
  std::optional<replication::Imported> imported_;
};

}  // namespace roost::cluster
