// SPDX-License-Identifier: Apache-2.0
// Records about a client: it comes, goes, ends; its filters; its acks in both directions.
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"
#include "broker/session/will.h"

namespace roost::session {

namespace {

// Expiry 0xFFFFFFFF: never. [MQTT-3.1.2-23]
ShardMs end_of(ShardMs now_ms, std::uint32_t expiry_s) {
  return expiry_s == mqtt::kNeverExpires ? kNever : now_ms + std::int64_t{expiry_s} * 1000;
}

}  // namespace

// The session if the record is of its present connection; an older one changes nothing.
StoredSession* ShardState::current(std::string_view client_id, const Generation& generation) const {
  StoredSession* session = find(client_id);
  return session != nullptr && session->generation == generation ? session : nullptr;
}

StoredSession& ShardState::begin_session(std::string_view client_id) {
  const auto [at, added] =
      sessions_.insert(std::make_unique<StoredSession>(client_id, next_number_++));
  CHECK(added);
  return **at;
}

void ShardState::apply_one(const AttachedRecord& record) {
  saw_time(record.now_ms);
  StoredSession* session = find(record.client_id);
  if (session != nullptr && record.generation < session->generation) return;
  if (session != nullptr && (record.clean_start || !record.durable || !session->durable ||
                             session->expires_at_ms <= record.now_ms)) {
    end_session(*session);
    session = nullptr;
  }
  const bool present = session != nullptr;
  if (!present && (record.durable || record.will)) {
    session = &begin_session(record.client_id);
    session->durable = record.durable;
    if (record.durable) counters().sessions_durable.add();
  }
  if (session != nullptr) {
    if (session->attached) session->sent_before = session->flight_end();
    session->generation = record.generation;
    session->attached = true;
    session->expiry_s = record.expiry_s;
    session->expires_at_ms = kNever;
    session->receive_maximum = record.receive_maximum;
    if (session->rare != nullptr) {
      session->rare->will.reset();  // an old one that waits: its session goes on [MQTT-3.1.3-9]
      session->rare->newest.clear();
    }
    note_due(*session);
    if (record.will) {
      session->make_rare().will = std::make_unique<StoredWill>(
          StoredWill{record.will->message, record.generation, record.will->delay_s, kNever});
    }
    mark_dirty(*session);
  }
  if (present) steps_of_presence(*session, true);
  Session* live = !leading_ ? nullptr : table_.opening(record.client_id, record.generation);
  if (live == nullptr) return;
  if (session != nullptr) session->live = live;
  live->opened(session, present);
}

void ShardState::apply_one(const DetachedRecord& record) {
  saw_time(record.now_ms);
  StoredSession* session = current(record.client_id, record.generation);
  if (session == nullptr || !session->attached) return;
  // A connection that ended before its CONNACK knows of none.
  session->sent_before =
      std::max(session->sent_before, std::min(record.sent_before, session->next_sequence));
  session->expiry_s = record.expiry_s;
  if (record.will == DetachedRecord::WillFate::discarded && session->rare != nullptr) {
    session->rare->will.reset();  // [MQTT-3.1.2-10]
  }
  detach(*session, record.now_ms);
}

// Requires: sent_before says what was sent.
void ShardState::detach(StoredSession& session, ShardMs now_ms) {
  session.attached = false;
  session.live = nullptr;
  session.offline_since_s = seconds_of(now_ms);
  mark_dirty(session);
  if (session.rare != nullptr) {
    session.rare->gathers_open = 0;
    session.rare->live_topics.clear();
  }
  if (session.rare != nullptr && session.rare->will != nullptr) {
    StoredWill& will = *session.rare->will;
    const std::uint32_t delay_s = std::min(will.delay_s, session.expiry_s);  // [MQTT-3.1.3-9]
    will.due_ms = end_of(now_ms, delay_s);
    if (delay_s == 0) fire_will(session);
  }
  if (session.expiry_s == 0) {
    end_session(session);
    return;
  }
  session.expires_at_ms = end_of(now_ms, session.expiry_s);
  note_due(session);
  steps_of_presence(session, false);
}

void ShardState::apply_one(const EndedRecord& record) {
  StoredSession* session = find(record.client_id);
  if (session == nullptr) return;
  if (record.why == EndedRecord::Why::expired) {
    if (session->attached || session->expires_at_ms == kNever) return;  // it came back meanwhile
    counters().sessions_expired.add();
  }
  end_session(*session);
}

void ShardState::apply_one(const WillFiredRecord& record) {
  StoredSession* session = current(record.client_id, record.generation);
  if (session == nullptr || session->attached || session->will() == nullptr) return;
  fire_will(*session);
  note_due(*session);
}

// Its generation ends with it: the client's next connection has a newer one.
void ShardState::fire_will(StoredSession& session) {
  const std::unique_ptr<StoredWill> will = std::move(session.rare->will);
  mark_dirty(session);
  if (const auto message = published_will(*will->message, time_ms_ - offset_ms_)) {
    if (leading_) counters().wills_sent.add();
    forward(message);
  } else if (leading_) {
    counters().dropped_not_authorized.add();
  }
}

// [MQTT-3.1.2-8]: a will that waits is published when its session ends.
void ShardState::end_session(StoredSession& session) {
  if (session.live != nullptr) std::exchange(session.live, nullptr)->stored_ended();
  if (session.will() != nullptr) fire_will(session);
  const bool departs = leaves_shared(session);
  session.filters.for_each(
      [&](std::string_view filter, const Subscription&) { remove_filter(session, filter); });
  if (session.durable) counters().sessions_durable.sub();
  handing_back_.erase(session.number);
  if (departs) {
    depart(session);  // its queue stays
  } else {
    hand_on_fresh(session);
    counters().queued.sub(session.queued);
    counters().queued_bytes.sub(session.queued_bytes);
    if (session.disk_end > session.oldest || writing_) {
      sweeps_.push_back({session.number, session.oldest, session.next_sequence});
    }
  }
  ended_.emplace_back(session.client_id());
  dirty_.erase(&session);
  due_.set(session, kNever);
  sessions_.erase(sessions_.find(session.client_id()));
}

void ShardState::remove_filter(StoredSession& session, std::string_view text) {
  counters().subscriptions.sub();
  const auto filter = mqtt::TopicFilter::parse(text, UINT32_MAX);
  if (!filter) return;
  if (!filter->is_shared()) {
    index_remove(session, text);
    return;
  }
  counters().shared_subscriptions.sub();
  if (in_cluster()) {
    step_left(session, *filter);
  } else if (leading_) {
    table_.share_leave(session.client_id(), *filter, session.generation);
  }
}

void ShardState::apply_one(const SubscribedRecord& record) {
  StoredSession* session = current(record.client_id, record.generation);
  if (session == nullptr) return;
  std::vector<bool> is_new;
  bool gathers = false;
  for (const SubscribedRecord::Entry& entry : record.entries) {
    const Subscription subscription{entry.options, record.subscription_id};
    const bool added = session->filters.set(entry.filter, subscription);
    is_new.push_back(added);
    if (added) counters().subscriptions.add();
    const auto filter = mqtt::TopicFilter::parse(entry.filter, UINT32_MAX);
    if (!filter) continue;
    if (filter->is_shared()) {
      if (added) counters().shared_subscriptions.add();
      if (in_cluster()) step_joined(*session, entry.filter, entry.options.qos, session->attached);
      continue;
    }
    index_add(*session, entry.filter, subscription);
    gathers |= brings_retained(entry.options, added);
  }
  if (gathers) ++session->make_rare().gathers_open;
  session->filters_dirty = true;
  mark_dirty(*session);
  if (session->live != nullptr) session->live->subscribed(record, is_new);
}

void ShardState::apply_one(const UnsubscribedRecord& record) {
  StoredSession* session = current(record.client_id, record.generation);
  if (session == nullptr) return;
  std::vector<bool> existed;
  for (const std::string& filter : record.filters) {
    existed.push_back(session->filters.erase(filter));
    if (existed.back()) remove_filter(*session, filter);
  }
  session->filters_dirty = true;
  mark_dirty(*session);
  if (session->live != nullptr) session->live->unsubscribed(existed);
}

void ShardState::apply_one(const AckedRecord& record) {
  StoredSession* session = current(record.client_id, record.generation);
  if (session == nullptr) return;
  for (const std::uint64_t sequence : record.finished) {
    if (session->is_unfinished(sequence)) finish(*session, sequence);
  }
  for (const std::uint64_t sequence : record.received) {
    if (!session->is_unfinished(sequence) || session->was_received(sequence)) continue;
    session->make_rare().received.push_back(sequence);
    mark_dirty(*session);
  }
  if (session->live != nullptr) session->live->acks_committed(record);
  if (is_departed(record.client_id)) went_on(*session);
}

// The duplicate check is made here, so that it holds for whoever leads. [MQTT-4.3.3-10]
void ShardState::apply_one(const ReceivedRecord& record) {
  StoredSession* session = current(record.client_id, record.generation);
  if (session == nullptr) return;
  auto& ids = session->make_rare().awaiting_release;
  const auto at = std::lower_bound(ids.begin(), ids.end(), record.packet_id);
  if (at == ids.end() || *at != record.packet_id) {
    ids.insert(at, record.packet_id);
    mark_dirty(*session);
    forward(record.message);
  }
  if (session->live != nullptr) session->live->received_committed();
}

void ShardState::apply_one(const ReleasedRecord& record) {
  StoredSession* session = current(record.client_id, record.generation);
  if (session == nullptr) return;
  auto& ids = session->make_rare().awaiting_release;
  for (const mqtt::PacketId id : record.packet_ids) {
    const auto at = std::lower_bound(ids.begin(), ids.end(), id);
    if (at != ids.end() && *at == id) ids.erase(at);
  }
  mark_dirty(*session);
  if (session->live != nullptr) session->live->release_committed(record);
}

}  // namespace roost::session
