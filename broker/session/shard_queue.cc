// SPDX-License-Identifier: Apache-2.0
// The queues of a shard's sessions: what comes in, what has to make room, what is finished.
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/base/hash.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"

namespace roost::session {

void ShardState::deliver(StoredSession& session, const routing::MessagePtr& message, Match& match) {
  const mqtt::Qos qos = std::min(message->qos(), match.qos);
  const bool retain = message->retain() && match.retain_as_published;
  QueueEntry entry{message, match.subscription_id, qos, retain, std::move(match.extra)};
  if (qos == mqtt::Qos::at_most_once) {
    if (leading_) table_.deliver_once(session, std::move(entry));
    return;
  }
  if (!session.attached && keep_last_ != nullptr && keep_last_->matches_any(message->topic())) {
    drop_older(session, *message);
  }
  if (!make_room(session, message->memory_size())) {
    counters().dropped_queue_full.add();
    session.note_drop(DropCause::queue_full);
    if (leading_) table_.stale_queues().note(session);
    return;
  }
  // The newer value of what is being gathered; another message on its topic is none.
  if (message->retain() && session.rare != nullptr && session.rare->gathers_open > 0) {
    session.rare->live_topics.insert(hash64(message->topic()));
  }
  enqueue(session, std::move(entry));
}

void ShardState::enqueue(StoredSession& session, QueueEntry entry) {
  const std::size_t bytes = entry.message->memory_size();
  ++session.queued;
  session.queued_bytes += bytes;
  counters().queued.add();
  counters().queued_bytes.add(bytes);
  session.fresh.push_back({session.next_sequence++, applied_, std::move(entry)});
  mark_dirty(session);
  if (session.live != nullptr) session.live->queued(session.fresh.back());
  if (leading_ && !session.attached) table_.stale_queues().note(session);
}

// Under keep-last an absent client finds the newest message of a topic only.
void ShardState::drop_older(StoredSession& session, const routing::Message& message) {
  auto [at, is_new] = session.make_rare().newest.try_emplace(hash64(message.topic()));
  const std::uint64_t older = std::exchange(at->second, session.next_sequence);
  if (is_new || !session.is_unfinished(older) || older < session.flight_end()) return;
  counters().dropped_superseded.add();
  session.note_drop(DropCause::superseded);
  finish(session, older);
}

// The limits are those of the record that began the epoch. What is in flight stays.
bool ShardState::make_room(StoredSession& session, std::size_t bytes) {
  const auto is_full = [&] {
    const std::uint64_t in_flight =
        session.flight_end() - std::min(session.flight_end(), session.oldest);
    const std::uint64_t waiting =
        session.queued - std::min<std::uint64_t>(session.queued, in_flight);
    return waiting >= limits_.max_queued_messages ||
           (limits_.max_queued_bytes > 0 && session.queued > 0 &&
            session.queued_bytes + bytes > limits_.max_queued_bytes);
  };
  if (!is_full()) return true;
  if (!limits_.drop_oldest) return false;
  while (is_full()) {
    std::uint64_t oldest = std::max(session.oldest, session.flight_end());
    if (session.rare != nullptr) oldest = session.rare->finished.next_outside(oldest);
    if (oldest >= session.next_sequence) return false;
    if (session.live != nullptr) session.live->dropped(oldest);
    counters().dropped_oldest.add();
    session.note_drop(DropCause::oldest_of_full_queue);
    finish(session, oldest);
  }
  return true;
}

// Sizes of what is on disk aren't known here; every replica counts them at the average.
void ShardState::finish(StoredSession& session, std::uint64_t sequence) {
  const std::uint64_t bytes = session.queued_bytes / session.queued;
  session.queued_bytes -= bytes;
  counters().queued.sub();
  counters().queued_bytes.sub(bytes);
  if (StoredSession::Fresh* fresh = session.find_fresh(sequence)) fresh->entry = {};
  if (sequence < session.disk_end || writing_) erasures_.push_back({session.number, sequence});
  session.finish(sequence);
  while (!session.fresh.empty() && !session.fresh.front().entry.message) {
    session.fresh.pop_front();
  }
  mark_dirty(session);
}

// QoS 1 of a share group that the ended session didn't acknowledge goes to another member; QoS 2
// only if it was never sent. [MQTT-4.8.2-5]
void ShardState::hand_on_fresh(const StoredSession& session) {
  std::uint64_t handed_on = 0;
  for (std::size_t i = 0; i < session.fresh.size(); ++i) {
    const StoredSession::Fresh& fresh = session.fresh[i];
    if (!fresh.entry.message || !fresh.entry.is_shared()) continue;
    const bool was_sent = fresh.sequence < session.sent_before;
    if (fresh.entry.qos == mqtt::Qos::exactly_once && was_sent) continue;
    ++handed_on;
    if (!leading_) continue;
    table_.share_return(fresh.entry.extra->share, fresh.entry.message, session.client_id());
  }
  if (leading_) {
    const std::uint64_t received = session.rare == nullptr ? 0 : session.rare->received.size();
    counters().dropped_session_end.add(session.queued - received - handed_on);
  }
}

}  // namespace roost::session
