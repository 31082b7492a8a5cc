// SPDX-License-Identifier: Apache-2.0
#include "broker/session/record_parts.h"

#include <algorithm>
#include <string>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/packed.h"
#include "broker/session/record_codec.h"

namespace roost::session {
namespace {

constexpr auto kType = static_cast<std::uint8_t>(RecordType::part);
// Type, size and offset (up to five bytes each), length.
constexpr std::size_t kHeadSizeMax = 1 + 5 + 5 + 4;

}  // namespace

bool is_part(ByteView entry) { return !entry.empty() && entry[0] == kType; }

RecordSplitter::RecordSplitter(PiecedBytes record, std::size_t part_max)
    : record_(std::move(record)), size_(record_.size()), payload_max_(part_max - kHeadSizeMax) {
  CHECK(size_ > 0 && size_ <= kRecordSizeMax);
  CHECK(part_max > kHeadSizeMax && part_max <= kRecordPartMax);
}

void RecordSplitter::next(std::vector<std::uint8_t>& out) {
  CHECK(!done());
  const std::size_t part = std::min(payload_max_, size_ - offset_);
  out.reserve(out.size() + kHeadSizeMax + part);
  PackedWriter writer(out, 0);
  writer.byte(kType);
  writer.number(size_);
  writer.number(offset_);
  writer.number(part);
  record_.copy(offset_, part, out);
  offset_ += part;
}

Result<std::optional<std::vector<std::uint8_t>>> RecordJoiner::add(ByteView part) {
  if (!is_part(part)) return refuse("is none");
  PackedReader reader(part.subspan(1), 0);
  const std::uint64_t total = reader.number();
  const std::uint64_t offset = reader.number();
  const ByteView bytes = reader.take(reader.length(kRecordPartMax));
  reader.expect_end();
  if (reader.failed()) return refuse(reader.fault());
  if (bytes.empty() || total > kRecordSizeMax) return refuse("is of no size that can be");
  if (offset > total || bytes.size() > total - offset) return refuse("reaches behind the record");
  if (offset == 0) {
    drop();
    total_ = total;
  }
  if (offset != collected_.size() || total != total_) return refuse("is not the one that is next");
  collected_.insert(collected_.end(), bytes.begin(), bytes.end());
  if (collected_.size() < total_) return std::optional<std::vector<std::uint8_t>>();
  total_ = 0;
  return std::optional(std::exchange(collected_, {}));
}

void RecordJoiner::drop() {
  collected_ = {};
  total_ = 0;
}

Result<std::optional<std::vector<std::uint8_t>>> RecordJoiner::refuse(const char* what) {
  drop();
  return error(ErrorKind::corrupt, std::string("a part of a record ") + what);
}

}  // namespace roost::session
