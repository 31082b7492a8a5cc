// SPDX-License-Identifier: Apache-2.0
// SessionTable's side of a publish: match, merge overlapping filters, hand to sessions.
#include <algorithm>
#include <bit>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/session_table.h"

namespace roost::session {

bool SessionTable::deliver_local(const routing::MessagePtr& message, routing::ConfirmTo confirm) {
  if (volatile_tree_.size() > 0) deliver_to(volatile_tree_, message);
  if (group_tree_.size() > 0) {
    std::vector<routing::ShareGroup*> matched;
    group_tree_.match(message->topic(), [&](const routing::Subscriber& subscriber) {
      matched.push_back(static_cast<routing::ShareGroup*>(subscriber.owner));
    });
    for (routing::ShareGroup* group : matched) group_deliver(*group, message, {}, kTriesMax);
  }
  bool done = true;
  std::uint64_t slots = shard_interest_.candidates(message->topic());
  for (; slots != 0; slots &= slots - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
    for (std::size_t id = slot; id < shards_.size(); id += 64) {
      if (shards_[id] == nullptr || !shards_[id]->wants(message->topic())) continue;
      const ShardId shard{static_cast<std::uint16_t>(id)};
      if (!log_->append(shard, PublishedRecord{message}, confirm)) done = false;
    }
  }
  return done;
}

bool SessionTable::store_retained(const routing::MessagePtr& message, routing::ConfirmTo confirm) {
  if (message->expires() && !armed()) {
    core_.timers().arm(*this, core_.now_ms() + kRetainedExpiryMs);
  }
  return log_->append(shard_of(message->topic()), RetainedRecord{message}, confirm);
}

// Expired ones are never sent anyway; this gives their memory back.
void SessionTable::on_timer() {
  for (const auto& shard : shards_) {
    if (shard == nullptr) continue;
    const std::size_t gone = shard->retained().expire(core_.now_ms(), kRetainedExpiryBudget);
    counters_.retained.sub(gone);
    counters_.dropped_expired.add(gone);
  }
  core_.timers().arm(*this, core_.now_ms() + kRetainedExpiryMs);
}

void SessionTable::deliver_to(const routing::TopicTree& tree, const routing::MessagePtr& message) {
  ++match_serial_;
  const std::size_t first = targets_.size();
  tree.match(message->topic(),
             [&](const routing::Subscriber& subscriber) { collect(subscriber, *message); });
  for (std::size_t i = first; i < targets_.size(); ++i) {
    targets_[i].session->deliver(message, targets_[i].match);
  }
  targets_.resize(first);
}

void SessionTable::collect(const routing::Subscriber& subscriber, const routing::Message& message) {
  auto* session = static_cast<Session*>(subscriber.owner);
  const mqtt::SubscriptionOptions options = subscriber.options;
  if (options.no_local && message.origin() == session->origin()) return;  // [MQTT-3.8.3-3]
  if (session->match_serial != match_serial_) {
    session->match_serial = match_serial_;
    session->match_index = static_cast<std::uint32_t>(targets_.size());
    targets_.push_back(
        {session, {options.qos, options.retain_as_published, subscriber.subscription_id, nullptr}});
    return;
  }
  // Overlapping filters: one copy, the highest QoS, all identifiers. [MQTT-3.3.4-2] [MQTT-3.3.4-4]
  Session::Match& match = targets_[session->match_index].match;
  match.qos = std::max(match.qos, options.qos);
  match.retain_as_published |= options.retain_as_published;
  if (subscriber.subscription_id == 0) return;
  if (match.subscription_id == 0 && match.extra == nullptr) {
    match.subscription_id = subscriber.subscription_id;
    return;
  }
  if (match.extra == nullptr) {
    match.extra = std::make_unique<EntryExtra>();
    match.extra->subscription_ids.push_back(match.subscription_id);
  }
  match.extra->subscription_ids.push_back(subscriber.subscription_id);
}

std::vector<SessionTable::Wanted> SessionTable::wanted_here(
    const std::vector<std::string_view>& filters) const {
  std::vector<Wanted> wanted;
  for (std::uint32_t i = 0; i < filters.size(); ++i) {
    const bool wildcard = filters[i].find_first_of("+#") != std::string_view::npos;
    if (wildcard || &cores_.of(shard_of(filters[i])) == &core_) {
      wanted.push_back({i, std::string(filters[i])});
    }
  }
  return wanted;
}

std::vector<Kept> SessionTable::find_retained(const std::vector<Wanted>& wanted) const {
  std::vector<Kept> kept;
  std::vector<routing::MessagePtr> found;
  for (const Wanted& one : wanted) {
    found.clear();
    for (const auto& shard : shards_) {
      if (shard != nullptr) shard->retained().match(one.text, core_.now_ms(), found);
    }
    for (routing::MessagePtr& message : found) kept.push_back({one.filter, std::move(message)});
  }
  return kept;
}

void SessionTable::gather_retained(const std::vector<std::string_view>& filters, Gathered done) {
  struct Gather {
    std::vector<Kept> kept;
    Gathered done;
    std::size_t waiting = 1;  // for ourselves
  };
  auto gather = std::make_shared<Gather>();
  gather->done = std::move(done);
  const auto add = [gather](std::vector<Kept> kept) {
    auto& all = gather->kept;
    all.insert(all.end(), std::make_move_iterator(kept.begin()),
               std::make_move_iterator(kept.end()));
    if (--gather->waiting == 0) gather->done(std::move(all));
  };
  for (SessionTable* table : tables_.tables) {
    if (table == this) continue;
    std::vector<Wanted> wanted = table->wanted_here(filters);
    if (wanted.empty()) continue;
    ++gather->waiting;
    table->core_.post([this, table, add, wanted = std::move(wanted),
                       seen = router_.seen_of(table->core_.id())]() mutable {
      table->router_.after(std::move(seen), [this, table, add, wanted = std::move(wanted)] {
        // What is on its way to us from there goes first, so that we know it in the answer.
        table->router_.flush();
        core_.post([add, kept = table->find_retained(wanted)]() mutable { add(std::move(kept)); });
      });
    });
  }
  add(find_retained(wanted_here(filters)));
}

}  // namespace roost::session
