// SPDX-License-Identifier: Apache-2.0
// In a cluster: what share groups gave a durable session that has ended. Its queue stays, under a
// name that no client can have, until the leader has read it and given each message back to its
// group: one record takes it out of the queue and says it to the group, so no leader loses it or
// does it twice. README.md, "Share groups in a cluster".
#include <algorithm>
#include <string>
#include <utility>

#include "broker/session/read_entry.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"
#include "broker/session/state_key.h"

namespace roost::session {

namespace {

constexpr std::size_t kPageMessages = 64;
constexpr std::size_t kPageBytes = 256 * 1024;

}  // namespace

std::string ShardState::departed_name(std::string_view client_id, std::uint64_t number) {
  std::string name(1, '\0');
  name += std::to_string(number);
  name += '/';
  name += client_id;
  return name;
}

bool ShardState::leaves_shared(const StoredSession& session) const {
  if (!in_cluster() || is_departed(session.client_id()) || session.queued == 0) return false;
  bool shares = false;
  session.filters.for_each([&](std::string_view filter, const Subscription&) {
    shares = shares || filter.starts_with("$share/");
  });
  return shares;
}

// Of an ended session. Its client has what it sent PUBREC for.
void ShardState::depart(StoredSession& session) {
  const auto made = sessions_.insert(std::make_unique<StoredSession>(
      departed_name(session.client_id(), session.number), session.number));
  StoredSession& departed = **made.first;
  departed.generation = session.generation;
  departed.next_sequence = session.next_sequence;
  departed.oldest = session.oldest;
  departed.disk_end = session.disk_end;
  departed.sent_before = session.sent_before;
  departed.queued = session.queued;
  departed.queued_bytes = session.queued_bytes;
  departed.durable = false;
  departed.fresh = std::move(session.fresh);
  if (session.rare != nullptr) {
    departed.make_rare().finished = std::move(session.rare->finished);
    departed.rare->received = std::move(session.rare->received);
  }
  mark_dirty(departed);
  hand_back(departed);
}

void ShardState::hand_back_all() {
  if (!in_cluster()) return;
  std::vector<StoredSession*> departed;
  for (const auto& session : sessions_) {
    if (is_departed(session->client_id())) departed.push_back(session.get());
  }
  std::sort(departed.begin(), departed.end(), [](const StoredSession* a, const StoredSession* b) {
    return a->number < b->number;  // no order of a hash table
  });
  for (StoredSession* session : departed) hand_back(*session);
}

// The leader: the next page, from disk as far as it is there. One at a time.
void ShardState::hand_back(StoredSession& departed) {
  if (!is_forwarding()) return;
  const std::uint64_t from = departed.oldest, to = departed.disk_end;
  if (from >= to) return hand_back(departed, {}, departed.next_sequence);
  table_.read(id_,
              [&table = table_, id = id_, epoch = table_.log().epoch(id_),
               name = std::string(departed.client_id()), number = departed.number, from, to,
               offset_ms = offset_ms_](const StateReader& reader) -> core::Task {
                Page page;
                std::uint64_t next = to;
                std::size_t bytes = 0;
                reader.scan(entry_key(number, from), entry_key(number, to),
                            [&](std::string_view key, ByteView value) {
                              const auto parsed = parse_state_key(key);
                              if (!parsed) return true;
                              if (page.size() >= kPageMessages || bytes >= kPageBytes) {
                                next = parsed->sequence;
                                return false;
                              }
                              auto stored = read_entry(reader, value, offset_ms);
                              if (!stored || !stored->entry.message) return true;
                              bytes += stored->entry.message->memory_size();
                              page.emplace(parsed->sequence, std::move(stored->entry));
                              return true;
                            });
                return [&table, id, epoch, name, next, page = std::move(page)]() mutable {
                  if (!table.leads(id) || table.log().epoch(id) != epoch) return;
                  ShardState& state = table.shard(id);
                  if (StoredSession* session = state.find(name)) {
                    state.hand_back(*session, std::move(page), next);
                  }
                };
              });
}

// What isn't in the page and isn't fresh can't be read any more. QoS 2 that was sent stays with its
// member and ends with it. [MQTT-4.8.2-5]
void ShardState::hand_back(StoredSession& departed, Page page, std::uint64_t to) {
  AckedRecord ended{std::string(departed.client_id()), departed.generation, {}, {}};
  std::uint64_t last = 0, dropped = 0;
  std::size_t given = 0;
  for (std::uint64_t sequence = departed.oldest; sequence < to; ++sequence) {
    if (!departed.is_unfinished(sequence)) continue;
    if (given == kPageMessages) break;  // of what is fresh
    const auto at = page.find(sequence);
    const StoredSession::Fresh* fresh = departed.find_fresh(sequence);
    const QueueEntry* entry = at != page.end()   ? &at->second
                              : fresh != nullptr ? &fresh->entry
                                                 : nullptr;
    last = sequence;
    const bool was_sent = sequence < departed.sent_before;
    if (entry == nullptr || !entry->message || !entry->is_shared() ||
        departed.was_received(sequence) || (entry->qos == mqtt::Qos::exactly_once && was_sent)) {
      ended.finished.push_back(sequence);
      dropped += !departed.was_received(sequence);
      continue;
    }
    ++given;
    ShareStep step;
    step.what = ShareStep::What::given_back;
    step.share = entry->extra->share;
    step.client_id = departed.client_id();
    step.sequence = sequence;
    step.retain = entry->message->retain();
    step.qos = entry->qos;
    table_.append(id_, PublishedRecord{step_message(step, entry->message, 0), std::nullopt},
                  nullptr);
  }
  handing_back_[departed.number] = last;
  counters().dropped_session_end.add(dropped);
  if (!ended.finished.empty()) table_.append(id_, std::move(ended), nullptr);
}

void ShardState::apply_given_back(const ShareStep& step, const routing::MessagePtr& message) {
  StoredSession* departed = find(step.client_id);
  if (departed == nullptr || !is_departed(step.client_id)) return;
  if (!departed->is_unfinished(step.sequence)) return;  // the leader before did it
  const std::string_view behind = std::string_view(step.client_id).substr(1);
  ShareStep back = step;
  back.what = ShareStep::What::returned;
  back.client_id = behind.substr(behind.find('/') + 1);
  back.sequence = 0;
  finish(*departed, step.sequence);
  forward(step_message(back, message, message_ms()));
  went_on(*departed);
}

// Something of it is finished: that was all, or the leader reads on.
void ShardState::went_on(StoredSession& departed) {
  if (departed.queued == 0) return end_session(departed);
  const auto at = handing_back_.find(departed.number);
  if (at == handing_back_.end() || departed.oldest <= at->second) return;
  handing_back_.erase(at);
  hand_back(departed);
}

}  // namespace roost::session
