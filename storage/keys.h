// SPDX-License-Identifier: Apache-2.0
// What keys and values look like in the database. Part of the format on disk: a change raises
// kFormatVersion.
//   log:   shard u16, index u64 (big-endian) -> epoch varint, crc32c, record
//   state: shard u16 (big-endian), the caller's key -> the caller's value
//   meta:  shard 0xFFFF in either: the store's own
// Thread: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/base/ids.h"
#include "storage/batches.h"

namespace roost::storage {

inline constexpr int kFormatVersion = 1;

inline constexpr std::size_t kLogKeySize = 10;
using LogKey = std::array<char, kLogKeySize>;

using roost::as_text;
inline std::string_view as_text(const LogKey& key) { return {key.data(), key.size()}; }

LogKey log_key(ShardId shard, LogIndex index);

struct LogPlace {
  ShardId shard;
  LogIndex index = 0;
};
// Nothing: not the key of a record.
std::optional<LogPlace> parse_log_key(std::string_view key);

std::size_t log_value_size(std::uint64_t epoch, ByteView record);
// The checksum covers key, epoch and record, so a record that turns up elsewhere is no record.
void append_log_value(std::string& out, const LogKey& key, std::uint64_t epoch, ByteView record);

struct LogValue {
  std::uint64_t epoch = 0;
  ByteView record;  // into the value
};
// Requires: what append_log_value() made.
std::uint64_t log_value_epoch(std::string_view value);
// Nothing: the value fails its checksum.
std::optional<LogValue> parse_log_value(std::string_view key, std::string_view value);

std::string state_key(ShardId shard, std::string_view key);
// The first key behind the range: `to` in this shard, or what follows the shard.
std::string state_end(ShardId shard, std::string_view to);
inline constexpr std::size_t kStatePrefixSize = 2;

// --- meta ---
std::string uuid_key();                  // in the log
std::string trimmed_key(ShardId shard);  // in the log: what was trimmed, with the last known epoch
std::string applied_key(ShardId shard);  // in the state
// The shard that an applied or trimmed key is for; nothing for other keys.
std::optional<ShardId> parse_meta_key(std::string_view key, char kind);
inline constexpr char kTrimmedKind = 't';
inline constexpr char kAppliedKind = 'a';
inline constexpr char kMetaKind = 'm';
inline constexpr char kEpochKind = 'e';
// Only in batches.
inline constexpr char kCutKind = 'c';
inline constexpr char kForgetKind = 'f';

std::string replica_meta_key(ShardId shard);           // in the log
std::string epoch_key(ShardId shard, LogIndex first);  // in the log: where an epoch begins
std::string epoch_end(ShardId shard);                  // behind all of them
std::optional<ShardId> parse_epoch_key(std::string_view key);

// Of a batch's entry that is no record.
LogKey change_key(char kind, ShardId shard);
struct ChangeKind {
  char kind = 0;
  ShardId shard;
};
ChangeKind parse_change_key(std::string_view key);
bool is_meta_key(std::string_view key);
// Of a key of the caller, in either family; nothing for the store's own.
std::optional<ShardId> shard_of_key(std::string_view key);
std::string meta_prefix();

inline constexpr std::size_t kPositionSize = 16;
std::string position_value(std::uint64_t epoch, LogIndex index);
struct PositionValue {
  std::uint64_t epoch = 0;
  LogIndex index = 0;
};
std::optional<PositionValue> parse_position(std::string_view value);

}  // namespace roost::storage
