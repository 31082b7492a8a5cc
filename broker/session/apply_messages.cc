// SPDX-License-Identifier: Apache-2.0
// Records that bring messages, and those about the shard itself.
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/base/hash.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"

namespace roost::session {

ShardState::~ShardState() = default;

StoredSession* ShardState::find(std::string_view client_id) const {
  const auto at = sessions_.find(client_id);
  return at == sessions_.end() ? nullptr : at->get();
}

bool ShardState::stores(std::string_view topic) const {
  return tree_.matches_any(topic, [](const routing::Subscriber& subscriber) {
    return subscriber.options.qos != mqtt::Qos::at_most_once;
  });
}

void ShardState::apply(LogIndex index, const Record& record) {
  CHECK(index > applied_);
  applied_ = index;
  std::visit([this](const auto& one) { apply_one(one); }, record);
}

void ShardState::saw_time(ShardMs now_ms, WallMs wall_ms) {
  time_ms_ = std::max(time_ms_, now_ms);
  if (wall_ms != 0) wall_ms_ = wall_ms;
}

void ShardState::mark_dirty(StoredSession& session) {
  if (session.is_dirty) return;
  session.is_dirty = true;
  dirty_.insert(&session);
}

// Whoever was attached lost its connection with the process that served it.
void ShardState::apply_one(const StartedRecord& record) {
  saw_time(record.now_ms, record.wall_ms);
  set_limits(record);
  limits_dirty_ = true;
  std::vector<StoredSession*> attached;
  for (const auto& session : sessions_) {
    if (session->attached) attached.push_back(session.get());
  }
  std::sort(attached.begin(), attached.end(), [](const StoredSession* a, const StoredSession* b) {
    return a->number < b->number;  // the same order everywhere: wills are numbered by it
  });
  for (StoredSession* session : attached) {
    session->sent_before = session->flight_end();
    detach(*session, record.now_ms);
  }
}

void ShardState::apply_one(const TickRecord& record) { saw_time(record.now_ms, record.wall_ms); }

void ShardState::set_limits(StartedRecord limits) {
  limits_ = std::move(limits);
  keep_last_ = std::make_unique<routing::TopicTree>();
  for (const std::string& filter : limits_.keep_last) keep_last_->insert(filter, {this, 0, {}});
}

std::size_t ShardState::expire_retained(SteadyMs now_ms, std::size_t budget) {
  return retained_.expire(now_ms, budget, [this](std::string_view topic) {
    retained_dirty_.try_emplace(std::string(topic), 0);
  });
}

bool ShardState::is_repeat(const std::optional<Source>& source, LogIndex StoredSeen::*kind) {
  if (!source) return false;
  LogIndex& last = seen_[source->shard.value].*kind;
  if (source->index <= last) return true;
  last = source->index;
  seen_dirty_ = true;
  return false;
}

void ShardState::apply_one(const PublishedRecord& record) {
  if (is_repeat(record.source, &StoredSeen::published)) return;
  saw_time(record.message->received_ms() + offset_ms_);
  std::size_t sessions = 0;
  table_.stored_matcher().run(tree_, *record.message, [&](StoredSession& session, Match& match) {
    deliver(session, record.message, match);
    ++sessions;
  });
  if (sessions > 1) several_.push_back(applied_);
}

void ShardState::apply_one(const AssignedRecord& record) {
  StoredSession* session = find(record.client_id);
  const std::string filter = "$share/" + record.share;
  const auto subscription = session == nullptr ? std::nullopt : session->filters.find(filter);
  if (!subscription) {  // it left meanwhile
    if (table_.is_leading()) table_.share_return(record.share, record.message, record.client_id);
    return;
  }
  Match match{subscription->options.qos, subscription->options.retain_as_published,
              subscription->id, std::make_unique<EntryExtra>()};
  match.extra->share = record.share;
  deliver(*session, record.message, match);
}

// What came live since the subscription is newer: it isn't followed by an older value.
void ShardState::apply_one(const GatheredRecord& record) {
  StoredSession* session = current(record.client_id, record.generation);
  if (session == nullptr || session->rare == nullptr || session->rare->gathers_open == 0) return;
  StoredSession::Rare& rare = *session->rare;
  for (const GatheredRecord::Entry& entry : record.entries) {
    if (rare.live_topics.contains(hash64(entry.message->topic()))) continue;
    enqueue(*session, QueueEntry{entry.message, entry.subscription_id, entry.qos, true, nullptr});
  }
  if (!record.last) return;
  if (--rare.gathers_open == 0) rare.live_topics.clear();
  if (session->live != nullptr) session->live->gather_committed();
}

void ShardState::apply_one(const RetainedRecord& record) {
  if (is_repeat(record.source, &StoredSeen::retained)) return;
  keep(record.message);
  retained_dirty_.insert_or_assign(std::string(record.message->topic()), applied_);
}

void ShardState::keep(const routing::MessagePtr& message) {
  const std::size_t before = retained_.size();
  if (message->payload().empty()) {
    retained_.clear(message->topic());
  } else {
    retained_.set(message);
  }
  table_.counters().retained.add(retained_.size() - before);  // wraps for one less: means sub
}

void ShardState::set_unlogged(const routing::MessagePtr& message) { keep(message); }

void ShardState::apply_one(const ForwardedRecord& record) {
  while (!forwards_.empty() && forwards_.front().index <= record.through) {
    forwards_gone_.push_back(forwards_.front().index);
    forwards_.pop_front();
  }
}

}  // namespace roost::session
