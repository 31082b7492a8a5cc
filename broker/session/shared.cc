// SPDX-License-Identifier: Apache-2.0
// Shared subscriptions: SessionTable as home of groups (whose shard is here) and of members.
#include <algorithm>
#include <string>
#include <utility>

#include "broker/session/session_table.h"

namespace roost::session {

namespace {

std::string key_of(const mqtt::TopicFilter& filter) {
  std::string key(filter.group());
  key += '/';
  key += filter.text();
  return key;
}

}  // namespace

SessionTable& SessionTable::table_of_group(std::string_view key) const {
  return *tables_.tables[cores_.of(shard_of(key)).id().value];
}

// Runs `work(table)` on the core of the group: at once where that is this one.
template <typename Work>
void SessionTable::at_group(std::string_view key, Work work) {
  SessionTable& home = table_of_group(key);
  if (&home == this) {
    work(home);
  } else {
    home.core_.post([&home, work = std::move(work)]() mutable { work(home); });
  }
}

void SessionTable::share_join(const Session& session, const mqtt::TopicFilter& filter,
                              const Subscription& subscription, core::Task joined) {
  const std::string key = key_of(filter);
  routing::ShareMember member{session.client_id(), core_.id(), session.is_connected(),
                              subscription.id, subscription.options};
  at_group(key,
           [this, key, group = std::string(filter.group()), text = std::string(filter.text()),
            member = std::move(member), joined = std::move(joined)](SessionTable& home) mutable {
             home.group_join(key, group, text, std::move(member));
             if (&home == this) {
               joined();
             } else {
               core_.post(std::move(joined));
             }
           });
}

void SessionTable::share_leave(const Session& session, const mqtt::TopicFilter& filter) {
  const std::string key = key_of(filter);
  at_group(key, [key, client_id = session.client_id()](SessionTable& home) {
    home.group_leave(key, client_id);
  });
}

void SessionTable::share_presence(const Session& session, const mqtt::TopicFilter& filter,
                                  bool connected) {
  const std::string key = key_of(filter);
  at_group(key, [key, client_id = session.client_id(), connected](SessionTable& home) {
    const auto at = home.groups_.find(key);
    if (at != home.groups_.end()) at->second->set_connected(client_id, connected);
  });
}

void SessionTable::share_hand_on(std::string_view group_key, const routing::MessagePtr& message,
                                 std::string_view left_by) {
  at_group(group_key,
           [key = std::string(group_key), message, left_by = std::string(left_by)](
               SessionTable& home) { home.group_redeliver(key, message, left_by, kTriesMax); });
}

// Counted where the last member left meanwhile.
void SessionTable::group_redeliver(const std::string& key, const routing::MessagePtr& message,
                                   std::string_view except, std::size_t tries) {
  const auto at = groups_.find(key);
  if (at == groups_.end()) {
    counters_.dropped_session_end.add();
    return;
  }
  group_deliver(*at->second, message, except, tries);
}

void SessionTable::group_join(const std::string& key, std::string_view group,
                              std::string_view filter, routing::ShareMember member) {
  auto& slot = groups_[key];
  if (slot == nullptr) {
    slot = std::make_unique<routing::ShareGroup>(group, filter);
    group_tree_.insert(slot->filter(), {slot.get(), 0, {}});
    volatile_interest_.add(slot->filter());
  }
  slot->join(std::move(member));
}

void SessionTable::group_leave(const std::string& key, std::string_view client_id) {
  const auto at = groups_.find(key);
  if (at == groups_.end()) return;
  routing::ShareGroup& group = *at->second;
  group.leave(client_id);
  if (!group.empty()) return;
  group_tree_.erase(group.filter(), &group);
  volatile_interest_.remove(group.filter());
  groups_.erase(at);
}

// `tries`: how many members may still say that they are busy; the next one has to take it.
void SessionTable::group_deliver(routing::ShareGroup& group, const routing::MessagePtr& message,
                                 std::string_view except, std::size_t tries) {
  const routing::ShareMember* chosen = group.next(except);
  if (chosen == nullptr) chosen = group.next();
  if (chosen == nullptr) return;
  if (!chosen->connected && group.has_connected()) {
    chosen = group.next();  // it waits better with a busy one than with one that is away
    tries = 0;
  }
  std::string key = group.name() + '/' + group.filter();
  tries = std::min(tries, group.size() - 1);
  SessionTable& home = *tables_.tables[chosen->core.value];
  if (&home == this) {
    deliver_shared(routing::ShareMember(*chosen), key, message, tries);
  } else {
    home.core_.post([&home, member = *chosen, key = std::move(key), message, tries] {
      home.deliver_shared(member, key, message, tries);
    });
  }
}

void SessionTable::deliver_shared(const routing::ShareMember& member, const std::string& key,
                                  const routing::MessagePtr& message, std::size_t tries) {
  Session* session = find(member.client_id);
  const bool left = session == nullptr || !session->subscriptions().contains("$share/" + key);
  // It left, or can't take it now, while others may: the group chooses again, without it.
  if (left || (tries > 0 && member.connected && session->is_busy())) {
    at_group(key, [key, client_id = member.client_id, message, left, tries](SessionTable& home) {
      if (left) home.group_leave(key, client_id);
      home.group_redeliver(key, message, client_id, left ? tries : tries - 1);
    });
    return;
  }
  Session::Match match{member.options.qos, member.options.retain_as_published,
                       member.subscription_id, std::make_unique<EntryExtra>()};
  match.extra->share = key;
  session->deliver(message, match);
}

}  // namespace roost::session
