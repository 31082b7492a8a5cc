// SPDX-License-Identifier: Apache-2.0
// SUBSCRIBE and UNSUBSCRIBE, and the retained messages that a new subscription brings.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "broker/mqtt/topic.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"

namespace roost::session {

using mqtt::Qos;
using mqtt::ReasonCode;

void Session::handle(const mqtt::Subscribe& subscribe) {
  auto pending = std::make_unique<PendingSuback>();
  PendingSuback& suback = *pending;
  suback.suback.packet_id = subscribe.packet_id;
  suback.waiting = 1;  // for the rest of the entries: a share group here joins at once
  const std::uint32_t id = subscribe.properties.subscription_identifiers.empty()
                               ? 0
                               : subscribe.properties.subscription_identifiers.front();
  live_->subacks.push_back(std::move(pending));
  std::vector<const mqtt::SubscribeEntry*> replays;
  for (const mqtt::SubscribeEntry& entry : subscribe.entries) {
    bool replay = false;
    suback.suback.reasons.push_back(subscribe_one(entry, id, suback, replay));
    if (replay) replays.push_back(&entry);
  }
  --suback.waiting;
  send_subacks();
  if (!replays.empty()) replay_retained(replays, id);
}

ReasonCode Session::subscribe_one(const mqtt::SubscribeEntry& entry, std::uint32_t id,
                                  PendingSuback& pending, bool& replay) {
  const SessionLimits& limits = table_.limits();
  const auto filter = mqtt::TopicFilter::parse(entry.filter, limits.wire.topic_levels_max);
  if (!filter) return filter.error();
  Subscription subscription{entry.options, id};
  if (live_->bridge) {  // mosquitto's bridges: no echo, and retained stays retained
    subscription.options.no_local = true;
    subscription.options.retain_as_published = true;
  }
  const auto at = subscriptions_.find(entry.filter);
  const bool is_new = at == subscriptions_.end();
  if (is_new && limits.max_subscriptions > 0 && subscriptions_.size() >= limits.max_subscriptions) {
    table_.counters().refused_subscriptions.add();
    return ReasonCode::quota_exceeded;
  }
  if (is_new) {
    subscriptions_.emplace(std::string(entry.filter), subscription);
    table_.counters().subscriptions.add();
  } else {
    at->second = subscription;
  }
  if (filter->is_shared()) {
    ++pending.waiting;
    if (is_new) table_.counters().shared_subscriptions.add();
    table_.share_join(*this, *filter, subscription,
                      [&table = table_, client_id = client_id_, generation = live_->generation,
                       packet_id = pending.suback.packet_id] {
                        Session* session = table.find(client_id);
                        if (session != nullptr) session->shared_joined(generation, packet_id);
                      });
  } else {
    table_.subscribe(*this, entry.filter, subscription);
    replay = entry.options.retain_handling == mqtt::RetainHandling::send ||
             (is_new && entry.options.retain_handling == mqtt::RetainHandling::send_if_new);
  }
  return static_cast<ReasonCode>(entry.options.qos);
}

void Session::shared_joined(std::uint64_t generation, mqtt::PacketId packet_id) {
  if (live_ == nullptr || live_->generation != generation) return;
  for (std::size_t i = 0; i < live_->subacks.size(); ++i) {
    PendingSuback& pending = *live_->subacks[i];
    if (pending.suback.packet_id != packet_id || pending.waiting == 0) continue;
    --pending.waiting;
    break;
  }
  send_subacks();
}

// In the order of their SUBSCRIBEs; one that waits for a share group holds the later ones back.
void Session::send_subacks() {
  while (!live_->subacks.empty() && live_->subacks.front()->waiting == 0) {
    send_packet(live_->subacks.front()->suback);
    live_->subacks.pop_front();
  }
}

void Session::replay_retained(const std::vector<const mqtt::SubscribeEntry*>& entries,
                              std::uint32_t id) {
  ++gathers_open_;
  std::vector<std::string_view> filters;
  std::vector<mqtt::SubscriptionOptions> options;
  for (const mqtt::SubscribeEntry* entry : entries) {
    filters.push_back(entry->filter);
    options.push_back(entry->options);
  }
  table_.gather_retained(
      filters, [&table = table_, client_id = client_id_, generation = live_->generation, id,
                options = std::move(options), held_before = held_.size()](std::vector<Kept> kept) {
        Session* session = table.find(client_id);
        if (session == nullptr || session->live_ == nullptr) return;
        if (session->live_->generation != generation) return;
        session->came_live(kept, held_before);
        session->release_older(kept, held_before);
        for (Kept& one : kept) {
          session->gathered(std::move(one.message), options[one.filter], id);
        }
        session->gather_done();
      });
}

// What was kept while we asked and came live too, behind `held_before` others, is sent once: live,
// as that copy has the QoS and the identifiers of all its subscriptions.
void Session::came_live(std::vector<Kept>& kept, std::size_t held_before) const {
  std::unordered_set<const routing::Message*> live;
  for (std::size_t i = held_before; i < held_.size(); ++i) live.insert(held_[i].message.get());
  if (live.empty()) return;
  std::erase_if(kept, [&](const auto& one) { return live.contains(one.message.get()); });
}

// A live one that was long on its way may be older than what is kept by now: it goes in front, or
// the client would be left with the old value.
void Session::release_older(const std::vector<Kept>& kept, std::size_t held_before) {
  if (held_.size() <= held_before) return;
  std::unordered_map<std::string_view, const routing::Message*> newest;
  for (const Kept& one : kept) newest.emplace(one.message->topic(), one.message.get());
  Ring<QueueEntry> held = std::exchange(held_, {});
  for (std::size_t i = 0; i < held.size(); ++i) {
    const auto at = newest.find(held[i].message->topic());
    if (at != newest.end() && held[i].message->is_superseded_by(*at->second)) {
      send_or_enqueue(std::move(held[i]));
    } else {
      held_.push_back(std::move(held[i]));
    }
  }
}

void Session::gathered(routing::MessagePtr message, const mqtt::SubscriptionOptions& options,
                       std::uint32_t id) {
  const bool own = message->origin() == origin_ && message->origin() != 0;
  if ((options.no_local || live_->bridge) && own) return;
  const Qos qos = std::min(message->qos(), options.qos);
  deliver_retained(QueueEntry{std::move(message), id, qos, true, nullptr});
}

void Session::gather_done() {
  if (--gathers_open_ == 0) release_held();
  pump();
}

// Live messages that came while retained ones were gathered go behind them.
void Session::release_held() {
  Ring<QueueEntry> held = std::exchange(held_, {});
  for (std::size_t i = 0; i < held.size(); ++i) send_or_enqueue(std::move(held[i]));
}

void Session::handle(const mqtt::Unsubscribe& unsubscribe) {
  mqtt::Unsuback unsuback;
  unsuback.packet_id = unsubscribe.packet_id;
  for (const std::string_view text : unsubscribe.filters) {
    const auto at = subscriptions_.find(text);
    if (at == subscriptions_.end()) {
      unsuback.reasons.push_back(ReasonCode::no_subscription_existed);
      continue;
    }
    const auto filter = mqtt::TopicFilter::parse(text, table_.limits().wire.topic_levels_max);
    if (filter && filter->is_shared()) {
      table_.share_leave(*this, *filter);
      table_.counters().shared_subscriptions.sub();
    } else {
      table_.unsubscribe(*this, text);
    }
    subscriptions_.erase(at);
    table_.counters().subscriptions.sub();
    unsuback.reasons.push_back(ReasonCode::success);
  }
  send_packet(unsuback);
}

}  // namespace roost::session
