// SPDX-License-Identifier: Apache-2.0
#include "broker/session/stale_queues.h"

#include <algorithm>

#include "broker/session/read_entry.h"
#include "broker/session/session_table.h"
#include "broker/session/state_key.h"

namespace roost::session {

// Of some messages on disk: when each is stale, and whether that is by its age.
struct StaleQueues::Page {
  std::vector<std::pair<std::uint64_t, std::pair<SteadyMs, bool>>> entries;
  std::uint64_t next = 0;
};

namespace {

// When the message is no longer wanted (INT64_MAX: never), and whether by its age.
std::pair<SteadyMs, bool> stale_at(const QueueEntry& entry, std::uint32_t age_max_s) {
  const routing::Message& message = *entry.message;
  const SteadyMs expired_ms = message.expires() ? message.expires_at_ms() : INT64_MAX;
  if (age_max_s == 0 || entry.retain) return {expired_ms, false};
  const SteadyMs old_ms = message.received_ms() + std::int64_t{age_max_s} * 1000 + 1;
  return {std::min(expired_ms, old_ms), old_ms < expired_ms};
}

}  // namespace

bool StaleQueues::is_long(const StoredSession& session) const {
  const SessionLimits& limits = table_.limits();
  return std::uint64_t{session.queued} * 4 >= std::uint64_t{limits.max_queued_messages} * 3 ||
         (limits.max_queued_bytes > 0 &&
          session.queued_bytes >= limits.max_queued_bytes - limits.max_queued_bytes / 4);
}

void StaleQueues::note(const StoredSession& session) {
  if (session.attached || !is_long(session)) return;
  looks_.try_emplace(std::string(session.client_id()), Look{session.generation});
}

void StaleQueues::tick() {
  const SteadyMs now_ms = table_.core().now_ms();
  for (auto at = looks_.begin(); at != looks_.end() && running_ < kAtOnceMax;) {
    auto& [client_id, look] = *at;
    if (look.is_running || look.next_ms > now_ms) {
      ++at;
      continue;
    }
    const StoredSession* session = absent(client_id, look);
    if (session == nullptr || !is_long(*session)) {
      at = looks_.erase(at);
      continue;
    }
    look.is_running = true;
    ++running_;
    look.from = session->oldest;
    look.soonest_ms = INT64_MAX;
    read_page(client_id, look);
    ++at;
  }
}

const StoredSession* StaleQueues::absent(const std::string& client_id, const Look& look) const {
  const StoredSession* session = table_.stored(client_id);
  if (!table_.leads(table_.shard_of(client_id))) return nullptr;
  if (session == nullptr || session->attached || session->generation != look.generation) {
    return nullptr;
  }
  return session;
}

void StaleQueues::read_page(const std::string& client_id, Look& look) {
  const StoredSession& session = *table_.stored(client_id);
  const std::uint64_t number = session.number, from = look.from, to = session.disk_end;
  const std::int64_t offset_ms = table_.offset_of(client_id);
  const std::uint32_t age_max_s = table_.limits().max_queued_age_s;
  table_.read(client_id, [=, this](const StateReader& reader) -> core::Task {
    Page page;
    page.next = to;
    reader.scan(entry_key(number, from), entry_key(number, to),
                [&](std::string_view key, ByteView value) {
                  const auto parsed = parse_state_key(key);
                  if (!parsed) return true;
                  if (page.entries.size() >= kPageMessages) {
                    page.next = parsed->sequence;
                    return false;
                  }
                  const auto stored = read_entry(reader, value, offset_ms);
                  if (!stored || !stored->entry.message) return true;  // its client will count it
                  page.entries.emplace_back(parsed->sequence, stale_at(stored->entry, age_max_s));
                  return true;
                });
    return [this, client_id, page = std::move(page)] { page_read(client_id, page); };
  });
}

void StaleQueues::page_read(const std::string& client_id, const Page& page) {
  Look& look = looks_.at(client_id);
  const StoredSession* session = absent(client_id, look);
  if (session != nullptr) {
    std::vector<std::uint64_t> gone;
    for (const auto& [sequence, stale] : page.entries) judge(*session, look, sequence, stale, gone);
    drop(client_id, look, std::move(gone));
    look.from = page.next;
    if (look.from < session->disk_end) return read_page(client_id, look);
    look_at_fresh(client_id, *session, look);
  }
  finish(client_id, look);
}

void StaleQueues::look_at_fresh(const std::string& client_id, const StoredSession& session,
                                Look& look) {
  std::vector<std::uint64_t> gone;
  for (std::size_t i = 0; i < session.fresh.size(); ++i) {
    const StoredSession::Fresh& fresh = session.fresh[i];
    if (!fresh.entry.message) continue;
    judge(session, look, fresh.sequence, stale_at(fresh.entry, table_.limits().max_queued_age_s),
          gone);
  }
  drop(client_id, look, std::move(gone));
}

void StaleQueues::judge(const StoredSession& session, Look& look, std::uint64_t sequence,
                        std::pair<SteadyMs, bool> stale, std::vector<std::uint64_t>& gone) {
  const auto [at_ms, is_by_age] = stale;
  if (sequence < session.flight_end() || !session.is_unfinished(sequence)) return;
  if (at_ms > table_.core().now_ms()) {
    look.soonest_ms = std::min(look.soonest_ms, at_ms);
    return;
  }
  SessionCounters& counters = table_.counters();
  (is_by_age ? counters.dropped_old : counters.dropped_expired).add();
  ShardState& shard = table_.shard(table_.shard_of(session.client_id()));
  shard.find(session.client_id())->note_drop(is_by_age ? DropCause::too_old : DropCause::expired);
  gone.push_back(sequence);
}

void StaleQueues::drop(const std::string& client_id, const Look& look,
                       std::vector<std::uint64_t> gone) {
  if (gone.empty()) return;
  table_.append(client_id, AckedRecord{client_id, look.generation, std::move(gone), {}});
}

void StaleQueues::finish(const std::string& client_id, Look& look) {
  --running_;
  look.is_running = false;
  if (absent(client_id, look) == nullptr) {
    looks_.erase(client_id);
    return;
  }
  // What came meanwhile may end sooner than what was seen.
  look.next_ms = std::min(look.soonest_ms, table_.core().now_ms() + kAgainMs);
}

}  // namespace roost::session
