// SPDX-License-Identifier: Apache-2.0
#include "cluster/replication/log_record.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/base/hash.h"

namespace roost::cluster::replication {

std::uint32_t checksum_of(ByteView bytes) {
  return static_cast<std::uint32_t>(hash64(as_text(bytes)));
}

LogRecord make_record(Position position, ByteView bytes) {
  auto buffer = SharedPtr<RecordBuffer>::adopt(
      new RecordBuffer(std::vector<std::uint8_t>(bytes.begin(), bytes.end())));
  const ByteView kept = buffer->bytes();
  return {position, checksum_of(kept), SharedPtr<SharedBlock>::share(buffer.get()), kept};
}

bool EpochTable::is_sound(const std::vector<Start>& starts) {
  Start before;
  for (const Start& start : starts) {
    if (start.epoch <= before.epoch || start.first <= before.first) return false;
    before = start;
  }
  return true;
}

void EpochTable::append(Position position) {
  if (starts_.empty() || starts_.back().epoch < position.epoch) {
    CHECK(position.epoch > 0);
    CHECK(starts_.empty() || starts_.back().first < position.index);
    starts_.push_back({position.epoch, position.index});
  }
  CHECK(starts_.back().epoch == position.epoch);
}

void EpochTable::cut_after(LogIndex index) {
  while (!starts_.empty() && starts_.back().first > index) starts_.pop_back();
}

Epoch EpochTable::epoch_at(LogIndex index) const {
  // From the end: nearly all questions are about the newest epoch.
  for (auto start = starts_.rbegin(); start != starts_.rend(); ++start) {
    if (start->first <= index) return start->epoch;
  }
  return 0;
}

namespace {

// The last index of the epoch at `at`.
LogIndex end_of(const std::vector<EpochTable::Start>& starts, std::size_t at, LogIndex last) {
  return at + 1 < starts.size() ? starts[at + 1].first - 1 : last;
}

}  // namespace

// R4. One epoch has one leader, whose log the holders of its records share up to them: so the
// newest epoch that both know decides, and what lies before it is the same.
std::optional<LogIndex> common_prefix(const EpochTable& a, LogIndex last_of_a, const EpochTable& b,
                                      LogIndex last_of_b) {
  std::size_t at_a = a.starts().size(), at_b = b.starts().size();
  while (at_a > 0 && at_b > 0) {
    const EpochTable::Start& newest_a = a.starts()[at_a - 1];
    const EpochTable::Start& newest_b = b.starts()[at_b - 1];
    if (newest_a.epoch > newest_b.epoch) {
      --at_a;
    } else if (newest_a.epoch < newest_b.epoch) {
      --at_b;
    } else if (newest_a.first != newest_b.first) {
      return std::nullopt;
    } else {
      return std::min(end_of(a.starts(), at_a - 1, last_of_a),
                      end_of(b.starts(), at_b - 1, last_of_b));
    }
  }
  return 0;
}

}  // namespace roost::cluster::replication
