// SPDX-License-Identifier: Apache-2.0
#include "storage/batches.h"

#include <cstring>
#include <limits>

#include "broker/base/check.h"
#include "storage/keys.h"

namespace roost::storage {

namespace {

void append_size(std::string& out, std::size_t size) {
  CHECK(size <= std::numeric_limits<std::uint32_t>::max());
  const auto number = static_cast<std::uint32_t>(size);
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::uint32_t read_size(const char* at) {
  std::uint32_t size;
  std::memcpy(&size, at, sizeof size);
  return size;
}

}  // namespace

void LogBatch::add(ShardId shard, std::uint64_t epoch, LogIndex index, ByteView record) {
  CHECK(shard.value < kShardEnd && index > 0);
  static_assert(kKeySize == kLogKeySize);
  const LogKey key = log_key(shard, index);
  encoded_.append(key.data(), key.size());
  append_size(encoded_, log_value_size(epoch, record));
  append_log_value(encoded_, key, epoch, record);
  ++count_;
  record_bytes_ += record.size();
}

void LogBatch::add(LogBatch other) {
  if (empty()) {
    *this = std::move(other);
    return;
  }
  encoded_ += other.encoded_;
  count_ += other.count_;
  record_bytes_ += other.record_bytes_;
}

void LogBatch::change(char kind, ShardId shard, std::string_view value) {
  CHECK(shard.value < kShardEnd);
  const LogKey key = change_key(kind, shard);
  encoded_.append(key.data(), key.size());
  append_size(encoded_, value.size());
  encoded_.append(value);
}

void LogBatch::cut_after(ShardId shard, LogIndex last) {
  change(kCutKind, shard, position_value(0, last));
}

void LogBatch::put_meta(ShardId shard, std::string_view meta) { change(kMetaKind, shard, meta); }

void LogBatch::forget_log(ShardId shard) { change(kForgetKind, shard, {}); }

void LogBatch::put_epochs(ShardId shard, const std::vector<EpochStart>& table) {
  std::string value;
  for (const EpochStart& start : table) value += position_value(start.epoch, start.first);
  change(kEpochKind, shard, value);
}

void LogBatch::put_trimmed(ShardId shard, std::uint64_t epoch, LogIndex trimmed) {
  change(kTrimmedKind, shard, position_value(epoch, trimmed));
}

std::uint32_t LogBatch::size_at(const char* at) { return read_size(at); }
std::uint32_t StateBatch::size_at(const char* at) { return read_size(at); }

void StateBatch::add(Kind kind, std::string_view key, std::string_view value) {
  encoded_.push_back(static_cast<char>(kind));
  append_size(encoded_, key.size());
  append_size(encoded_, value.size());
  encoded_.append(key).append(value);
}

}  // namespace roost::storage
