// SPDX-License-Identifier: Apache-2.0
// One record of a shard's log, its place, and the table of which epoch begins where.
// Thread: immutable (values); the bytes behind a record are shared and never change.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/shared.h"

namespace roost::cluster::replication {

// The first record of a shard has index 1; 0 is "before the first".
using LogIndex = std::uint64_t;
using Epoch = std::uint64_t;

// (epoch, index) names one record for ever. R1
struct Position {
  Epoch epoch = 0;
  LogIndex index = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

// The buffer that records lie in: one for a whole received message, or one for one record.
class RecordBuffer final : public SharedBlock {
 public:
  explicit RecordBuffer(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  ByteView bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

// Cheap to copy: the bytes are not. An empty record is the no-op that a leader begins with (R4);
// what is proposed is never empty.
struct LogRecord {
  Position position;
  std::uint32_t checksum = 0;    // checksum_of(bytes)
  SharedPtr<SharedBlock> owner;  // keeps `bytes`
  ByteView bytes;

  bool is_no_op() const { return bytes.empty(); }
};

std::uint32_t checksum_of(ByteView bytes);
// Copies the bytes into a buffer of their own.
LogRecord make_record(Position position, ByteView bytes);

// Shared between the followers that are sent the same, and between them and the log.
using LogRecords = std::shared_ptr<const std::vector<LogRecord>>;

// Which epoch's records begin at which index; rises in both. Never trimmed. R4
class EpochTable {
 public:
  struct Start {
    Epoch epoch = 0;
    LogIndex first = 0;
    friend auto operator<=>(const Start&, const Start&) = default;
  };

  EpochTable() = default;
  // Requires: rises in both. For what comes from a message or a disk, ask is_sound() first.
  explicit EpochTable(std::vector<Start> starts) : starts_(std::move(starts)) {}
  static bool is_sound(const std::vector<Start>& starts);

  // A record was appended: begins a new epoch where it is of a higher one than the last.
  // Requires: behind everything that is there.
  void append(Position position);
  // Forgets epochs that begin behind `index`.
  void cut_after(LogIndex index);
  // Of the record at `index`, which must be in the log or trimmed; 0 before the first.
  Epoch epoch_at(LogIndex index) const;
  const std::vector<Start>& starts() const { return starts_; }

 private:
  std::vector<Start> starts_;
};

// The last index up to which two logs of one lineage are the same; 0: nothing. R4
// nullopt: one epoch begins at two places, which no two logs of one lineage can show. R1
std::optional<LogIndex> common_prefix(const EpochTable& a, LogIndex last_of_a, const EpochTable& b,
                                      LogIndex last_of_b);

}  // namespace roost::cluster::replication
