// SPDX-License-Identifier: Apache-2.0
// A large encoded record as several log entries of at most 1 MiB (less in a cluster), so that it
// doesn't hold up small ones; those may stand between its parts. The last part is the record's
// place in the order. A part: the byte RecordType::part, size of the whole, offset of this part,
// its bytes. Thread: core-bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/result.h"
#include "broker/session/pieced_bytes.h"

namespace roost::session {

// Bytes of one log entry, the head of a part included.
inline constexpr std::size_t kRecordPartMax = std::size_t{1} << 20;
// What a joiner takes: any PUBLISH that MQTT can carry, and as much around it.
inline constexpr std::size_t kRecordSizeMax = std::size_t{512} << 20;

inline bool needs_parts(const PiecedBytes& record, std::size_t part_max = kRecordPartMax) {
  return !record.pieces.empty() || record.bytes.size() > part_max;
}
bool is_part(ByteView entry);

// Cuts an encoded record; its pieces stay where they are meanwhile.
// Requires: not empty, up to kRecordSizeMax; parts of some bytes more than their heads, up to
// kRecordPartMax.
class RecordSplitter {
 public:
  explicit RecordSplitter(PiecedBytes record, std::size_t part_max = kRecordPartMax);
  bool done() const { return offset_ == size_; }
  // Appends the next part to `out`. Requires: !done().
  void next(std::vector<std::uint8_t>& out);

 private:
  PiecedBytes record_;
  std::size_t size_;
  std::size_t payload_max_;  // of a part
  std::size_t offset_ = 0;
};

// Puts the parts of one shard's log together again. Memory grows with what has come, not with what
// a part says of the whole.
class RecordJoiner {
 public:
  // The whole record with its last part; nothing before. A part that starts a record drops one
  // that is unfinished: its leader ended before the last part. Errors: corrupt: no sound part, or
  // not the one that comes next; what was collected is dropped, and so is the rest of that record.
  Result<std::optional<std::vector<std::uint8_t>>> add(ByteView part);

  // Parts were taken whose record isn't whole.
  bool unfinished() const { return !collected_.empty(); }
  std::size_t collected() const { return collected_.size(); }  // bytes
  void drop();

 private:
  Result<std::optional<std::vector<std::uint8_t>>> refuse(const char* what);

  std::vector<std::uint8_t> collected_;
  std::uint64_t total_ = 0;
};

}  // namespace roost::session
