// SPDX-License-Identifier: Apache-2.0
// Records that bring messages, and those about the shard itself.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "broker/base/check.h"
#include "broker/base/hash.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_start.h"
#include "broker/session/shard_state.h"
#include "broker/session/state_key.h"

namespace roost::session {

ShardState::~ShardState() = default;

StoredSession* ShardState::find(std::string_view client_id) const {
  const auto at = sessions_.find(client_id);
  return at == sessions_.end() ? nullptr : at->get();
}

bool ShardState::stores(std::string_view topic) const {
  return tree_.matches_any(topic, [](const routing::Subscriber& subscriber) {
    return subscriber.options.qos != mqtt::Qos::at_most_once;
  }) || (!groups_.empty() && groups_.matches_any(topic));
}

void ShardState::apply(LogIndex index, const Record& record) {
  CHECK(index > applied_);
  applied_ = index;
  stepped_.clear();
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

// Whoever was attached lost its connection with the process that served it; a clean session of a
// cluster is served by its front.
void ShardState::apply_one(const StartedRecord& record) {
  set_clock(record.now_ms, record.wall_ms);
  saw_time(record.now_ms, record.wall_ms);
  set_limits(record);
  limits_dirty_ = true;
  std::vector<StoredSession*> attached;
  for (const auto& session : sessions_) {
    if (!session->attached || (record.clean_go_on && !session->durable)) continue;
    attached.push_back(session.get());
  }
  std::sort(attached.begin(), attached.end(), [](const StoredSession* a, const StoredSession* b) {
    return a->number < b->number;  // the same order everywhere: wills are numbered by it
  });
  for (StoredSession* session : attached) {
    session->sent_before = session->flight_end();
    detach(*session, record.now_ms);
  }
  epoch_begun_ = true;
  begin_forwarding();
}

void ShardState::apply_one(const TickRecord& record) {
  set_clock(record.now_ms, record.wall_ms);
  saw_time(record.now_ms, record.wall_ms);
}

// A replica that began empty doesn't know how late it is there: as late as its leader says, unless
// that was said long ago.
void ShardState::set_clock(ShardMs now_ms, WallMs wall_ms) {
  if (std::exchange(has_clock_, true)) return;
  const std::int64_t away_ms = away_of(wall_ms, table_.core().wall_ms());
  offset_ms_ = now_ms + (away_ms > kAwayMinMs ? away_ms : 0) - table_.core().now_ms();
}

std::int64_t ShardState::begin_s(SteadyMs steady_ms, WallMs wall_ms) const {
  const std::int64_t begin_ms = wall_ms - now_ms(steady_ms);
  if (std::abs(begin_ms - begin_s_ * 1000) > 1000) begin_s_ = (begin_ms + 500) / 1000;
  return begin_s_;
}

void ShardState::set_limits(StartedRecord limits) {
  limits_ = std::move(limits);
  keep_last_ = std::make_unique<routing::TopicTree>();
  for (const std::string& filter : limits_.keep_last) keep_last_->insert(filter, {this, 0, {}});
}

void ShardState::expire_retained(SteadyMs now_ms, std::size_t budget) {
  const std::size_t gone = retained_.expire(now_ms, budget, [this](std::string_view topic) {
    retained_dirty_.try_emplace(std::string(topic), 0);
    table_.retained_room().forget(id_, topic);
  });
  counters().retained.sub(gone);
  counters().dropped_expired.add(gone);
}

bool ShardState::is_repeat(const std::optional<Source>& source, std::uint64_t StoredSeen::*kind) {
  if (!source) return false;
  const auto is_newer = [&](const auto& one) {
    return one.first.kind == source->kind && one.first.part == source->part &&
           one.first.life > source->life;
  };
  if (source->kind == Source::Kind::shard && std::any_of(seen_.begin(), seen_.end(), is_newer)) {
    return true;
  }
  StoredSeenFrom& seen = seen_of(*source);
  seen.used = applied_;
  seen_dirty_ = true;
  if (source->number <= seen.last.*kind) return true;
  seen.last.*kind = source->number;
  return false;
}

// Of a shard there is one lineage at a time. Nodes come and go: the one that was silent longest
// makes room.
StoredSeenFrom& ShardState::seen_of(const Source& source) {
  const auto at = seen_.find(source);
  if (at != seen_.end()) return at->second;
  const bool is_node = source.kind == Source::Kind::node;
  if (!is_node) {
    const auto older = std::find_if(seen_.begin(), seen_.end(), [&](const auto& one) {
      return one.first.kind == source.kind && one.first.part == source.part;
    });
    if (older != seen_.end()) forget_seen(older->first);
  } else if (nodes_seen_ == kNodesSeenMax) {
    const auto silent =
        std::min_element(seen_.begin(), seen_.end(), [](const auto& a, const auto& b) {
          const auto rank = [](const auto& one) {
            return std::pair(one.first.kind != Source::Kind::node, one.second.used);
          };
          return rank(a) < rank(b);
        });
    forget_seen(silent->first);
  }
  nodes_seen_ += is_node;
  return seen_.try_emplace(source).first->second;
}

void ShardState::forget_seen(const Source& source) {
  seen_gone_.push_back(seen_key(source));
  nodes_seen_ -= source.kind == Source::Kind::node;
  seen_.erase(seen_.find(source));
}

void ShardState::apply_one(const PublishedRecord& record) {
  if (is_repeat(record.source, &StoredSeen::published)) return;
  if (record.message->is_step()) return apply_step(record.message);
  saw_time(record.message->received_ms() + offset_ms_);
  std::size_t sessions = 0;
  table_.stored_matcher().run(tree_, *record.message, [&](StoredSession& session, Match& match) {
    deliver(session, record.message, match);
    ++sessions;
  });
  if (sessions > 1) several_.push_back(applied_);
  if (!groups_.empty()) assign(record.message);
}

void ShardState::apply_one(const AssignedRecord& record) {
  StoredSession* session = find(record.client_id);
  const std::string filter = "$share/" + record.share;
  const auto subscription = session == nullptr ? std::nullopt : session->filters.find(filter);
  if (!subscription) {  // it left meanwhile
    if (leading_) table_.share_return(record.share, record.message, record.client_id);
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
  counters().retained.add(retained_.size() - before);  // wraps for one less: means sub
  if (retained_.size() > before) table_.retained_room().keep(id_, message->topic());
  if (retained_.size() < before) table_.retained_room().forget(id_, message->topic());
}

void ShardState::set_unlogged(const routing::MessagePtr& message) { keep(message); }

void ShardState::apply_one(const ForwardedRecord& record) {
  while (!forwards_.empty() && forwards_.front().index <= record.through) {
    // The leader before confirmed it after all: nobody waits.
    if (forwards_.front().publication != nullptr) {
      routing::Router::forget(*forwards_.front().publication);
    }
    forwards_gone_.emplace_back(forwards_.front().index, forwards_.front().is_apart);
    forwards_.pop_front();
  }
}

}  // namespace roost::session
