// SPDX-License-Identifier: Apache-2.0
#include "storage/keys.h"

#include <cstring>

#include "storage/crc32c.h"

namespace roost::storage {

namespace {

constexpr ShardId kMeta{kShardEnd};

template <typename Number>
void put_big(char* out, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) {
    out[i] = static_cast<char>(number >> (8 * (sizeof number - 1 - i)));
  }
}

template <typename Number>
Number get_big(const char* at) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) {
    number = static_cast<Number>(number << 8 | static_cast<unsigned char>(at[i]));
  }
  return number;
}

std::size_t put_varint(char* out, std::uint64_t number) {
  std::size_t size = 0;
  for (; number >= 0x80; number >>= 7) out[size++] = static_cast<char>(number | 0x80);
  out[size++] = static_cast<char>(number);
  return size;
}

// Bytes taken; 0: not a varint.
std::size_t get_varint(std::string_view text, std::uint64_t* number) {
  *number = 0;
  for (std::size_t i = 0; i < text.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    *number |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) return i + 1;
  }
  return 0;
}

constexpr std::size_t kVarintMax = 10;
constexpr std::size_t kChecksumSize = 4;

std::uint32_t checksum(std::string_view key, std::string_view epoch, std::string_view record) {
  return crc32c(record, crc32c(epoch, crc32c(key)));
}

std::string meta_key(char kind, ShardId shard) {
  std::string key(meta_prefix());
  key.push_back(kind);
  char number[2];
  put_big(number, shard.value);
  return key.append(number, sizeof number);
}

}  // namespace

LogKey log_key(ShardId shard, LogIndex index) {
  LogKey key;
  put_big(key.data(), shard.value);
  put_big(key.data() + 2, index);
  return key;
}

std::optional<LogPlace> parse_log_key(std::string_view key) {
  if (key.size() != kLogKeySize || is_meta_key(key)) return std::nullopt;
  return LogPlace{ShardId{get_big<std::uint16_t>(key.data())},
                  get_big<std::uint64_t>(key.data() + 2)};
}

std::size_t log_value_size(std::uint64_t epoch, ByteView record) {
  char varint[kVarintMax];
  return put_varint(varint, epoch) + kChecksumSize + record.size();
}

void append_log_value(std::string& out, const LogKey& key, std::uint64_t epoch, ByteView record) {
  char head[kVarintMax + kChecksumSize];
  const std::size_t size = put_varint(head, epoch);
  const std::string_view text = as_text(record);
  const std::uint32_t sum = checksum(as_text(key), {head, size}, text);
  std::memcpy(head + size, &sum, kChecksumSize);
  out.append(head, size + kChecksumSize).append(text);
}

std::uint64_t log_value_epoch(std::string_view value) {
  std::uint64_t epoch;
  get_varint(value, &epoch);
  return epoch;
}

std::optional<LogValue> parse_log_value(std::string_view key, std::string_view value) {
  LogValue parsed;
  const std::size_t size = get_varint(value, &parsed.epoch);
  if (size == 0 || value.size() < size + kChecksumSize) return std::nullopt;
  std::uint32_t sum;
  std::memcpy(&sum, value.data() + size, kChecksumSize);
  const std::string_view record = value.substr(size + kChecksumSize);
  if (sum != checksum(key, value.substr(0, size), record)) return std::nullopt;
  parsed.record = as_bytes(record);
  return parsed;
}

std::string state_key(ShardId shard, std::string_view key) {
  char number[kStatePrefixSize];
  put_big(number, shard.value);
  return std::string(number, sizeof number).append(key);
}

std::string state_end(ShardId shard, std::string_view to) {
  if (!to.empty()) return state_key(shard, to);
  return state_key(ShardId{static_cast<std::uint16_t>(shard.value + 1)}, {});
}

std::string meta_prefix() { return state_key(kMeta, {}); }
bool is_meta_key(std::string_view key) {
  return key.size() >= kStatePrefixSize && get_big<std::uint16_t>(key.data()) == kMeta.value;
}

std::optional<ShardId> shard_of_key(std::string_view key) {
  if (key.size() < kStatePrefixSize || is_meta_key(key)) return std::nullopt;
  return ShardId{get_big<std::uint16_t>(key.data())};
}

std::string uuid_key() { return state_key(kMeta, "uuid"); }
std::string trimmed_key(ShardId shard) { return meta_key(kTrimmedKind, shard); }
std::string replica_meta_key(ShardId shard) { return meta_key(kMetaKind, shard); }

std::string epoch_key(ShardId shard, LogIndex first) {
  char number[8];
  put_big(number, first);
  return meta_key(kEpochKind, shard).append(number, sizeof number);
}

std::string epoch_end(ShardId shard) {
  return meta_key(kEpochKind, ShardId{static_cast<std::uint16_t>(shard.value + 1)});
}

std::optional<ShardId> parse_epoch_key(std::string_view key) {
  if (key.size() != kStatePrefixSize + 3 + 8) return std::nullopt;
  return parse_meta_key(key.substr(0, kStatePrefixSize + 3), kEpochKind);
}

LogKey change_key(char kind, ShardId shard) {
  LogKey key{};
  put_big(key.data(), kMeta.value);
  key[kStatePrefixSize] = kind;
  put_big(key.data() + kStatePrefixSize + 1, shard.value);
  return key;
}

ChangeKind parse_change_key(std::string_view key) {
  return {key[kStatePrefixSize],
          ShardId{get_big<std::uint16_t>(key.data() + kStatePrefixSize + 1)}};
}

std::string applied_key(ShardId shard) { return meta_key(kAppliedKind, shard); }

std::optional<ShardId> parse_meta_key(std::string_view key, char kind) {
  if (key.size() != kStatePrefixSize + 3 || !is_meta_key(key) || key[kStatePrefixSize] != kind) {
    return std::nullopt;
  }
  return ShardId{get_big<std::uint16_t>(key.data() + kStatePrefixSize + 1)};
}

std::string position_value(std::uint64_t epoch, LogIndex index) {
  char value[kPositionSize];
  put_big(value, epoch);
  put_big(value + 8, index);
  return {value, sizeof value};
}

std::optional<PositionValue> parse_position(std::string_view value) {
  if (value.size() != kPositionSize) return std::nullopt;
  return PositionValue{get_big<std::uint64_t>(value.data()),
                       get_big<std::uint64_t>(value.data() + 8)};
}

}  // namespace roost::storage
