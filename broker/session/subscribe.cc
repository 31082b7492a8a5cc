// SPDX-License-Identifier: Apache-2.0
// SUBSCRIBE and UNSUBSCRIBE, and the retained messages that a new subscription brings. A durable
// session's filters are put down by its shard's record; a volatile one's at once.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "broker/mqtt/topic.h"
#include "broker/session/reserved_topic.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/state_codec.h"
#include "broker/session/will.h"

namespace roost::session {

using mqtt::Qos;
using mqtt::ReasonCode;

void Session::handle(const mqtt::Subscribe& subscribe) {
  if (stranded_) return;
  if (table_.tracer() != nullptr && !subscribe.entries.empty()) {
    trace(traced_filters(mqtt::PacketType::subscribe, subscribe.packet_id,
                         subscribe.entries.front().filter, subscribe.entries.size()));
  }
  auto answer = std::make_unique<Answer>();
  answer->packet_id = subscribe.packet_id;
  SubscribedRecord record;
  record.client_id = client_id_;
  record.generation = generation_;
  record.subscription_id = subscribe.properties.subscription_identifiers.empty()
                               ? 0
                               : subscribe.properties.subscription_identifiers.front();
  for (const mqtt::SubscribeEntry& entry : subscribe.entries) {
    answer->reasons.push_back(check_entry(entry, record));
    if (mqtt::is_error(answer->reasons.back())) continue;
    record.entries.push_back({std::string(entry.filter), entry.options});
    if (!bridge_) continue;  // mosquitto's bridges: no echo, and retained stays retained
    record.entries.back().options.no_local = true;
    record.entries.back().options.retain_as_published = true;
  }
  answer->is_committed = record.entries.empty();
  if (answer->is_committed) answer->waiting = 0;
  answers_.push_back(std::move(answer));
  if (record.entries.empty()) {
    send_answers();
  } else if (is_durable()) {
    table_.append(client_id_, std::move(record));
  } else {
    apply_volatile(record);
  }
}

// `accepted`: of the same packet before it.
ReasonCode Session::check_entry(const mqtt::SubscribeEntry& entry,
                                const SubscribedRecord& accepted) const {
  const SessionLimits& limits = table_.limits();
  const auto filter = mqtt::TopicFilter::parse(entry.filter, limits.wire.topic_levels_max);
  if (!filter) return filter.error();
  if (entry.filter.size() > limits.max_topic_bytes) {
    table_.counters().refused_filter_length.add();
    return ReasonCode::topic_filter_invalid;
  }
  const auto is_it = [&](const auto& other) { return other.filter == entry.filter; };
  const auto& others = accepted.entries;
  if (limits.max_subscriptions > 0 &&
      filters().size() + others.size() >= limits.max_subscriptions &&
      !filters().contains(entry.filter) && std::none_of(others.begin(), others.end(), is_it)) {
    table_.counters().refused_subscriptions.add();
    return ReasonCode::quota_exceeded;
  }
  const bool is_own = filter->text().starts_with(kOwnPrefix) && !client_id_.starts_with(kOwnPrefix);
  if (is_own || !may_subscribe(entry.filter)) {
    table_.counters().refused_filters.add();
    return ReasonCode::not_authorized;
  }
  return static_cast<ReasonCode>(entry.options.qos);
}

void Session::apply_volatile(const SubscribedRecord& record) {
  std::vector<bool> is_new;
  for (const SubscribedRecord::Entry& entry : record.entries) {
    const Subscription subscription{entry.options, record.subscription_id};
    is_new.push_back(filters_.set(entry.filter, subscription));
    if (is_new.back()) table_.counters().subscriptions.add();
    const auto filter = mqtt::TopicFilter::parse(entry.filter, UINT32_MAX);
    if (!filter->is_shared()) {
      table_.subscribe_volatile(*this, entry.filter, subscription);
    } else if (is_new.back()) {
      table_.counters().shared_subscriptions.add();
    }
  }
  subscribed(record, is_new);
}

// The filters are in place; the groups of shared ones may be elsewhere.
void Session::subscribed(const SubscribedRecord& record, const std::vector<bool>& is_new) {
  std::size_t at = 0;
  while (at < answers_.size() && answers_[at]->is_committed) ++at;
  Answer& answer = *answers_[at];
  answer.is_committed = true;
  for (const SubscribedRecord::Entry& entry : record.entries) {
    const auto filter = mqtt::TopicFilter::parse(entry.filter, UINT32_MAX);
    if (!filter || !filter->is_shared()) continue;
    ++answer.waiting;
    table_.share_join({client_id_, table_.core().id(), true, record.subscription_id, entry.options,
                       is_durable(), 0, generation_.epoch, generation_.counter},
                      *filter,
                      [&table = table_, client_id = client_id_, generation = generation_,
                       packet_id = answer.packet_id] {
                        Session* session = table.live(client_id, generation);
                        if (session != nullptr) session->answer_part(packet_id);
                      });
  }
  Replay replay = wanted_retained(record, is_new);
  if (table_.subscribed_gate() == nullptr) {
    --answer.waiting;
    send_answers();
    gather(std::move(replay));
    return;
  }
  table_.subscribed_gate()->when_seen(
      table_.core(), [&table = table_, client_id = client_id_, generation = generation_,
                      packet_id = answer.packet_id, replay = std::move(replay)]() mutable {
        Session* session = table.live(client_id, generation);
        if (session == nullptr) return;
        session->answer_part(packet_id);
        session->gather(std::move(replay));
      });
}

// One of the things that an answer waits for is there.
void Session::answer_part(mqtt::PacketId packet_id) {
  for (std::size_t i = 0; i < answers_.size(); ++i) {
    Answer& answer = *answers_[i];
    if (answer.packet_id != packet_id || !answer.is_committed || answer.waiting == 0) continue;
    --answer.waiting;
    break;
  }
  send_answers();
}

// In the order of their packets; one that waits holds the later ones back.
void Session::send_answers() {
  while (!answers_.empty() && answers_.front()->waiting == 0) {
    Answer& answer = *answers_.front();
    if (answer.is_silent) {
      // Nobody asked.
    } else if (answer.is_unsuback) {
      mqtt::Unsuback unsuback;
      unsuback.packet_id = answer.packet_id;
      unsuback.reasons = std::move(answer.reasons);
      send_packet(unsuback);
    } else {
      mqtt::Suback suback;
      suback.packet_id = answer.packet_id;
      suback.reasons = std::move(answer.reasons);
      send_packet(suback);
    }
    answers_.pop_front();
  }
}

void Session::handle(const mqtt::Unsubscribe& unsubscribe) {
  if (stranded_) return;
  if (table_.tracer() != nullptr && !unsubscribe.filters.empty()) {
    trace(traced_filters(mqtt::PacketType::unsubscribe, unsubscribe.packet_id,
                         unsubscribe.filters.front(), unsubscribe.filters.size()));
  }
  auto answer = std::make_unique<Answer>();
  answer->packet_id = unsubscribe.packet_id;
  answer->is_unsuback = true;
  answers_.push_back(std::move(answer));
  remove_filters(unsubscribe.filters);
}

void Session::remove_filters(const std::vector<std::string_view>& filters) {
  if (is_durable()) {
    UnsubscribedRecord record;
    record.client_id = client_id_;
    record.generation = generation_;
    record.filters.assign(filters.begin(), filters.end());
    table_.append(client_id_, std::move(record));
    return;
  }
  std::vector<bool> existed;
  for (const std::string_view text : filters) {
    existed.push_back(filters_.erase(text));
    if (!existed.back()) continue;
    table_.counters().subscriptions.sub();
    const auto filter = mqtt::TopicFilter::parse(text, UINT32_MAX);
    if (filter && filter->is_shared()) {
      table_.share_leave(client_id_, *filter, generation_);
      table_.counters().shared_subscriptions.sub();
    } else {
      table_.unsubscribe_volatile(*this, text);
    }
  }
  unsubscribed(existed);
}

void Session::unsubscribed(const std::vector<bool>& existed) {
  std::size_t at = 0;
  while (at < answers_.size() && answers_[at]->is_committed) ++at;
  Answer& answer = *answers_[at];
  answer.is_committed = true;
  answer.waiting = 0;
  for (const bool was_there : existed) {
    answer.reasons.push_back(was_there ? ReasonCode::success : ReasonCode::no_subscription_existed);
  }
  send_answers();
}

// --- retained messages ---

namespace {

// One client's messages have numbers; those of nobody, and wills, are told apart by what they
// carry.
bool is_same(const routing::Message& a, const routing::Message& b) {
  const bool has_number = a.origin() != 0 && a.sequence() != 0;
  return &a == &b || (a.origin() == b.origin() && a.sequence() == b.sequence() &&
                      (has_number || std::equal(a.payload().begin(), a.payload().end(),
                                                b.payload().begin(), b.payload().end())));
}

}  // namespace

// What comes live from now on is held until they are here: snapshot, then live.
Session::Replay Session::wanted_retained(const SubscribedRecord& record,
                                         const std::vector<bool>& is_new) {
  Replay replay;
  for (std::size_t i = 0; i < record.entries.size(); ++i) {
    const SubscribedRecord::Entry& entry = record.entries[i];
    if (entry.filter.starts_with("$share/") || !brings_retained(entry.options, is_new[i])) continue;
    replay.filters.push_back(entry.filter);
    replay.options.push_back(entry.options);
  }
  replay.subscription_id = record.subscription_id;
  replay.held_before = held_.size();
  if (!replay.filters.empty()) ++gathers_open_;
  return replay;
}

void Session::gather(Replay replay) {
  if (replay.filters.empty()) return;
  const std::vector<std::string> texts = std::move(replay.filters);
  const std::vector<std::string_view> filters(texts.begin(), texts.end());
  table_.gather_retained(filters, [&table = table_, client_id = client_id_,
                                   generation = generation_,
                                   replay = std::move(replay)](std::vector<Kept> kept) {
    Session* session = table.live(client_id, generation);
    if (session == nullptr) return;
    session->gathered(std::move(kept), replay.options, replay.subscription_id, replay.held_before);
  });
}

// What a durable session gets at QoS 1 or 2 goes through its shard's queue.
void Session::gathered(std::vector<Kept> kept,
                       const std::vector<mqtt::SubscriptionOptions>& options, std::uint32_t id,
                       std::size_t held_before) {
  constexpr std::size_t kRecordBytes = 256 * 1024;
  came_live(kept, held_before);
  release_older(kept, held_before);
  GatheredRecord record{client_id_, generation_, {}, false};
  std::size_t bytes = 0;
  const auto append = [&] {
    if (record.entries.empty()) return;
    table_.append(client_id_, std::exchange(record, {client_id_, generation_, {}, false}));
    bytes = 0;
  };
  for (Kept& one : kept) {
    const mqtt::SubscriptionOptions& wanted = options[one.filter];
    const bool own = one.message->origin() == origin_ && origin_ != 0;
    if ((wanted.no_local || bridge_) && own) continue;
    const Qos qos = std::min(one.message->qos(), wanted.qos);
    if (!is_durable() || qos == Qos::at_most_once) {
      push({std::move(one.message), id, qos, true, nullptr});
      replaying_ = true;
      continue;
    }
    // A body that stands by itself is named by its record: it is alone in it.
    const std::size_t size = one.message->memory_size();
    const bool is_apart = size > kInlineBodyMax;
    if (is_apart) append();
    bytes += size;
    record.entries.push_back({std::move(one.message), id, qos});
    if (is_apart || bytes >= kRecordBytes) append();
  }
  if (!is_durable()) {
    gather_done();
    return;
  }
  record.last = true;
  table_.append(client_id_, std::move(record));
  pump();
}

// What was kept while we asked and came live too, behind `held_before` others, is sent once: live,
// as that copy has the QoS and the identifiers of all its subscriptions. From another node it comes
// as another object, so it is known by what it says.
void Session::came_live(std::vector<Kept>& kept, std::size_t held_before) const {
  std::unordered_multimap<std::string_view, const routing::Message*> live;
  for (std::size_t i = held_before; i < held_.size(); ++i) {
    live.emplace(held_[i].message->topic(), held_[i].message.get());
  }
  if (live.empty()) return;
  std::erase_if(kept, [&](const Kept& one) {
    const auto [from, to] = live.equal_range(one.message->topic());
    return std::any_of(from, to, [&](const auto& at) { return is_same(*at.second, *one.message); });
  });
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

void Session::gather_done() {
  if (gathers_open_ > 0 && --gathers_open_ == 0) release_held();
  pump();
}

// Live messages that came while retained ones were gathered go behind them.
void Session::release_held() {
  Ring<QueueEntry> held = std::exchange(held_, {});
  for (std::size_t i = 0; i < held.size() && link_ != nullptr; ++i) {
    send_or_enqueue(std::move(held[i]));
  }
}

}  // namespace roost::session
