// SPDX-License-Identifier: Apache-2.0
// What is handed to the store in one go: records for the log, changes of a shard's state. Both are
// one flat run of bytes, so that a record costs no allocation and no second encoding.
// Thread: one at a time (values).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/ids.h"

namespace roost::storage {

// Position in one shard's log; the first record has index 1.
using LogIndex = std::uint64_t;

// Shard numbers below this; the last one is taken by the store's own keys.
inline constexpr std::uint16_t kShardEnd = 0xFFFF;

// From `first` on a shard's records are of that epoch, until the next one begins. REPLICATION R4
struct EpochStart {
  std::uint64_t epoch = 0;
  LogIndex first = 0;
  friend bool operator==(const EpochStart&, const EpochStart&) = default;
};

// What one core appends in one turn, in order.
class LogBatch {
 public:
  // Requires: shard < kShardEnd, index > 0, record smaller than 4 GB.
  void add(ShardId shard, std::uint64_t epoch, LogIndex index, ByteView record);

  // All of that, behind what is here.
  void add(LogBatch other);

  // --- replicas ---
  // Forgets the shard's records behind `last`, and the epochs that begin there. Requires: `last` is
  // not below what the state holds.
  void cut_after(ShardId shard, LogIndex last);
  // What a replica remembers beside its log; in place of what was there.
  void put_meta(ShardId shard, std::string_view meta);
  // Only between begin_import() and end_import(), which do it.
  void forget_log(ShardId shard);
  void put_epochs(ShardId shard, const std::vector<EpochStart>& table);
  void put_trimmed(ShardId shard, std::uint64_t epoch, LogIndex trimmed);

  bool empty() const { return encoded_.empty(); }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return encoded_.size(); }  // keys and checksums included
  std::size_t record_bytes() const { return record_bytes_; }

  // For the store: visit(key, value) as they stand in the database; of what is no record, the key
  // is one of change_key().
  template <typename Visit>
  void each(Visit&& visit) const;

 private:
  static constexpr std::size_t kKeySize = 10;
  static std::uint32_t size_at(const char* at);
  void change(char kind, ShardId shard, std::string_view value);

  std::string encoded_;  // key, size of the value (4 bytes), value; repeated
  std::size_t count_ = 0;
  std::size_t record_bytes_ = 0;
};

// Changes of one shard's state, in order. Keys are without the shard.
class StateBatch {
 public:
  enum class Kind : char { put, erase, erase_range };

  void put(std::string_view key, ByteView value) { add(Kind::put, key, as_text(value)); }
  void erase(std::string_view key) { add(Kind::erase, key, {}); }
  // [from, to); an empty `to` is the shard's end.
  void erase_range(std::string_view from, std::string_view to) { add(Kind::erase_range, from, to); }
  // Room for so many bytes() in all, if they are known.
  void reserve(std::size_t bytes) { encoded_.reserve(bytes); }
  static constexpr std::size_t kOverhead = 9;  // of a change, beside its key and value
  bool empty() const { return encoded_.empty(); }
  std::size_t bytes() const { return encoded_.size(); }

  // For the store: visit(kind, key or from, value or to).
  template <typename Visit>
  void each(Visit&& visit) const;

 private:
  void add(Kind kind, std::string_view key, std::string_view value);
  static std::uint32_t size_at(const char* at);

  std::string encoded_;  // kind, size of the key, size of the value, key, value; repeated
};

template <typename Visit>
void LogBatch::each(Visit&& visit) const {
  for (const char *at = encoded_.data(), *end = at + encoded_.size(); at < end;) {
    const std::uint32_t size = size_at(at + kKeySize);
    visit(std::string_view(at, kKeySize), std::string_view(at + kKeySize + 4, size));
    at += kKeySize + 4 + size;
  }
}

template <typename Visit>
void StateBatch::each(Visit&& visit) const {
  for (const char *at = encoded_.data(), *end = at + encoded_.size(); at < end;) {
    const std::uint32_t key = size_at(at + 1), value = size_at(at + 5);
    visit(static_cast<Kind>(*at), std::string_view(at + 9, key),
          std::string_view(at + 9 + key, value));
    at += 9 + key + value;
  }
}

}  // namespace roost::storage
