// SPDX-License-Identifier: Apache-2.0
#include "broker/session/queue_view.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "broker/session/read_entry.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"
#include "broker/session/state_codec.h"
#include "broker/session/state_key.h"

namespace roost::session {
namespace {

constexpr std::size_t kPurgedARecord = 1000;

using Done = std::function<void(Result<QueuePage>)>;

Unexpected<Error> nobody(std::string_view client_id) {
  return error(ErrorKind::not_found,
               std::string(client_id) + " has no session that outlives its connection");
}

// A page that is filled from disk first, and then with what isn't there yet.
struct Look {
  std::string client_id;
  std::uint64_t number = 0, from = 0;
  std::size_t count = 0, bytes = 0;
  QueuePage page;

  bool is_full() const { return page.messages.size() >= count || bytes >= QueuePage::kBytesMax; }
  void add(std::uint64_t sequence, const QueueEntry& entry) {
    bytes += entry.message->memory_size();
    page.messages.push_back({sequence, entry.message, entry.qos, entry.retain, false,
                             entry.is_shared() ? entry.extra->share : std::string()});
    from = sequence + 1;
  }
};

const StoredSession* durable(const SessionTable& table, std::string_view client_id) {
  const StoredSession* session =
      table.leads(table.shard_of(client_id)) ? table.stored(client_id) : nullptr;
  return session != nullptr && session->durable ? session : nullptr;
}

using LookPtr = std::shared_ptr<Look>;

void read_on(SessionTable& table, const LookPtr& look, const Done& done);

void finish(SessionTable& table, const LookPtr& of, const Done& done) {
  Look& look = *of;
  const StoredSession* session = durable(table, look.client_id);
  if (session == nullptr || session->number != look.number) return done(nobody(look.client_id));
  // A checkpoint has ended meanwhile: what was fresh is on disk.
  if (!look.is_full() && look.from < session->disk_end) return read_on(table, of, done);
  for (std::size_t i = 0; i < session->fresh.size() && !look.is_full(); ++i) {
    const StoredSession::Fresh& fresh = session->fresh[i];
    if (fresh.sequence >= look.from && fresh.entry.message) look.add(fresh.sequence, fresh.entry);
  }
  QueuePage& page = look.page;
  const std::uint64_t flight_end = session->flight_end();
  std::erase_if(page.messages,
                [&](const auto& one) { return !session->is_unfinished(one.sequence); });
  for (QueuedMessage& one : page.messages) one.is_in_flight = one.sequence < flight_end;
  page.is_connected = session->live != nullptr;
  page.total = session->queued;
  page.end = session->next_sequence;
  if (look.is_full() && look.from < session->next_sequence) page.next = look.from;
  done(std::move(page));
}

// What is on disk now, from look.from on.
void read_on(SessionTable& table, const LookPtr& look, const Done& done) {
  const std::uint64_t disk_end = durable(table, look->client_id)->disk_end;
  const std::int64_t offset_ms = table.offset_of(look->client_id);
  table.read(look->client_id,
             [&table, look, disk_end, offset_ms, done](const StateReader& reader) -> core::Task {
               reader.scan(entry_key(look->number, look->from), entry_key(look->number, disk_end),
                           [&](std::string_view key, ByteView value) {
                             if (look->is_full()) return false;
                             const auto parsed = parse_state_key(key);
                             auto stored =
                                 parsed ? read_entry(reader, value, offset_ms) : std::nullopt;
                             if (stored) look->add(parsed->sequence, stored->entry);
                             return true;
                           });
               if (!look->is_full()) look->from = std::max(look->from, disk_end);
               return [&table, look, done] { finish(table, look, done); };
             });
}

}  // namespace

void look_at_queue(SessionTable& table, std::string_view client_id, std::uint64_t from,
                   std::size_t count, const Done& done) {
  const StoredSession* session = durable(table, client_id);
  if (session == nullptr) return done(nobody(client_id));
  auto look = std::make_shared<Look>();
  look->client_id = client_id;
  look->number = session->number;
  look->from = std::max(from, session->oldest);
  look->count = std::clamp<std::size_t>(count, 1, QueuePage::kMessagesMax);
  finish(table, look, done);
}

void purge_queue(SessionTable& table, std::string_view client_id, std::uint64_t from,
                 std::uint64_t to, std::function<void(Result<std::uint64_t>)> done) {
  const StoredSession* session = durable(table, client_id);
  if (session == nullptr) return done(nobody(client_id));
  // Also while its CONNECT is on its way to the log: behind that, what is said here would be void.
  if (table.live(client_id) != nullptr || session->attached) {
    return done(error(ErrorKind::already_exists, std::string(client_id) + " is connected"));
  }
  const ShardId shard = table.shard_of(client_id);
  auto count = std::make_shared<std::uint64_t>(0);
  Door* const door = table.open_door([count, done] { done(*count); });
  AckedRecord record;
  const auto append = [&] {
    if (record.finished.empty()) return;
    record.client_id = client_id;
    record.generation = session->generation;
    *count += record.finished.size();
    ++door->left;
    table.append(shard, std::exchange(record, {}), door);
  };
  const std::uint64_t end = std::min(to, session->next_sequence);
  for (std::uint64_t at = std::max(from, session->flight_end()); at < end; ++at) {
    if (session->is_unfinished(at)) record.finished.push_back(at);
    if (record.finished.size() >= kPurgedARecord) append();
  }
  append();
  table.counters().dropped_purged.add(*count);
  table.close_door(door);
}

void remove_session(SessionTable& table, std::string_view client_id,
                    std::function<void(Result<void>)> done) {
  Session* const live = table.live(client_id);
  const StoredSession* const session = durable(table, client_id);
  if (session == nullptr && live == nullptr) return done(nobody(client_id));
  if (live != nullptr) live->kick(mqtt::ReasonCode::administrative_action, "session removed");
  if (session == nullptr) return done({});
  Door* const door = table.open_door([done = std::move(done)] { done({}); });
  ++door->left;
  ShardState& shard = table.shard(table.shard_of(client_id));
  shard.say_time(shard.now_ms(table.core().now_ms()));  // of its will
  table.append(table.shard_of(client_id),
               EndedRecord{std::string(client_id), EndedRecord::Why::removed}, door);
  table.close_door(door);
}

}  // namespace roost::session
