// SPDX-License-Identifier: Apache-2.0
#include "broker/session/queue_age.h"

#include <algorithm>
#include <utility>

#include "broker/session/read_entry.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/state_key.h"

namespace roost::session {

// An older one is shown at once, a younger one when the round is over.
void QueueAge::Oldest::take(SteadyMs came_ms) {
  if (came_ms == 0) return;
  if (found_ms == 0 || came_ms < found_ms) found_ms = came_ms;
  const auto before = static_cast<SteadyMs>(shown.value());
  if (before == 0 || found_ms < before) shown.set(static_cast<std::uint64_t>(found_ms));
}

void QueueAge::Oldest::end_round() {
  shown.set(static_cast<std::uint64_t>(found_ms));
  found_ms = 0;
}

void QueueAge::Oldest::clear() {
  shown.set(0);
  found_ms = 0;
}

SteadyMs QueueAge::now_ms() const { return table_.core().now_ms(); }

void QueueAge::tick() {
  const SessionCounters& counters = table_.counters();
  if (counters.queued.value() == 0 && counters.in_flight.value() == 0) {
    connected_.clear();
    absent_.clear();
    return;
  }
  look_at_connected();
  if (!is_reading_) look_at_absent();
}

void QueueAge::look_at_connected() {
  const auto& live = table_.all_live();
  const std::size_t end = std::min(bucket_ + kBuckets, live.bucket_count());
  for (; bucket_ < end; ++bucket_) {
    for (auto at = live.begin(bucket_); at != live.end(bucket_); ++at) {
      if (at->second->is_connected()) connected_.take(at->second->oldest_ms());
    }
  }
  if (bucket_ < live.bucket_count()) return;
  bucket_ = 0;
  connected_.end_round();
}

// One shard with sessions, or as many of its heads as are read at once.
void QueueAge::look_at_absent() {
  const std::uint16_t count = table_.router().shard_count();
  for (std::uint16_t looks = 0; looks < count; ++looks) {
    if (shard_ >= count) {
      shard_ = 0;
      absent_.end_round();
    }
    const ShardId id{shard_};
    if (!table_.leads(id) || table_.shard(id).session_count() == 0) {
      ++shard_;
      continue;
    }
    std::vector<Head> heads;
    table_.shard(id).for_each([&](const StoredSession& session) { look_at(session, heads); });
    if (skip_ >= heads.size()) {
      skip_ = 0;
      ++shard_;
      return;
    }
    const auto from = heads.begin() + static_cast<std::ptrdiff_t>(skip_);
    const auto to =
        from + static_cast<std::ptrdiff_t>(std::min<std::size_t>(kHeadsMax, heads.size() - skip_));
    return read(id, std::vector<Head>(from, to));
  }
}

void QueueAge::look_at(const StoredSession& session, std::vector<Head>& heads) {
  if (session.attached || session.queued == 0) return;
  if (session.oldest < session.disk_end) {
    heads.push_back({session.number, session.oldest});
    return;
  }
  for (std::size_t i = 0; i < session.fresh.size(); ++i) {
    if (!session.fresh[i].entry.message) continue;
    return absent_.take(session.fresh[i].entry.message->received_ms());
  }
}

void QueueAge::read(ShardId shard, std::vector<Head> heads) {
  is_reading_ = true;
  const std::int64_t offset_ms = table_.shard(shard).offset_ms();
  table_.read(shard,
              [this, offset_ms, heads = std::move(heads)](const StateReader& reader) -> core::Task {
                SteadyMs oldest_ms = 0;
                std::size_t done = 0, bytes = 0;
                for (; done < heads.size() && bytes < kHeadBytes; ++done) {
                  const Head& head = heads[done];
                  const auto value = reader.get(entry_key(head.number, head.sequence));
                  if (!value) continue;  // acknowledged meanwhile
                  const auto stored = read_entry(reader, as_bytes(*value), offset_ms);
                  if (!stored || !stored->entry.message) continue;
                  bytes += stored->entry.message->memory_size();
                  const SteadyMs came_ms = stored->entry.message->received_ms();
                  if (oldest_ms == 0 || came_ms < oldest_ms) oldest_ms = came_ms;
                }
                return [this, oldest_ms, done] {
                  is_reading_ = false;
                  skip_ += done;
                  absent_.take(oldest_ms);
                };
              });
}

}  // namespace roost::session
