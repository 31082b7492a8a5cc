// SPDX-License-Identifier: Apache-2.0
// Shared subscriptions: SessionTable as home of groups (whose shard is here) and of members. In a
// cluster: shared_cluster.cc.
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

void SessionTable::share_join(routing::ShareMember member, const mqtt::TopicFilter& filter,
                              core::Task joined) {
  if (in_cluster()) return cluster_join(member, filter, std::move(joined));
  const std::string key = key_of(filter);
  at_group(key,
           [this, key, group = std::string(filter.group()), text = std::string(filter.text()),
            member = std::move(member), joined = std::move(joined)](SessionTable& home) mutable {
             home.group_join(key, group, text, std::move(member));
             if (!joined) return;
             if (&home == this) {
               joined();
             } else {
               core_.post(std::move(joined));
             }
           });
}

void SessionTable::share_leave(std::string_view client_id, const mqtt::TopicFilter& filter,
                               const Generation& generation) {
  if (in_cluster()) return cluster_leave(client_id, filter, generation);
  const std::string key = key_of(filter);
  at_group(key, [key, client_id = std::string(client_id)](SessionTable& home) {
    home.group_leave(key, client_id);
  });
}

void SessionTable::share_presence(std::string_view client_id, const mqtt::TopicFilter& filter,
                                  bool connected) {
  if (in_cluster()) return;  // its shard says so
  const std::string key = key_of(filter);
  at_group(key, [key, client_id = std::string(client_id), connected](SessionTable& home) {
    const auto at = home.groups_.find(key);
    if (at != home.groups_.end()) at->second->set_connected(client_id, connected);
  });
}

void SessionTable::share_return(std::string_view group_key, const routing::MessagePtr& message,
                                std::string_view left_by) {
  if (in_cluster()) return cluster_return(group_key, message, left_by, {});
  at_group(group_key, [key = std::string(group_key), message,
                       left_by = std::string(left_by)](SessionTable& home) {
    home.group_redeliver(key, {message, left_by, kTriesMax, nullptr, std::nullopt});
  });
}

// After a restart, or where the shard was led elsewhere: every member that it remembers.
void SessionTable::rejoin_groups(const ShardState& shard) {
  if (in_cluster()) return;
  std::vector<const StoredSession*> members;
  shard.for_each([&](const StoredSession& session) {
    bool shares = false;
    session.filters.for_each([&](std::string_view text, const Subscription&) {
      shares = shares || text.starts_with("$share/");
    });
    if (shares) members.push_back(&session);
  });
  std::sort(members.begin(), members.end(), [](const StoredSession* a, const StoredSession* b) {
    return a->number < b->number;  // no order of a hash table: a run from one seed repeats
  });
  for (const StoredSession* session : members) rejoin_groups_of(*session);
}

void SessionTable::leave_groups(const ShardState& shard) {
  if (in_cluster()) return;
  shard.for_each([&](const StoredSession& session) {
    session.filters.for_each([&](std::string_view text, const Subscription&) {
      const auto filter = mqtt::TopicFilter::parse(text, UINT32_MAX);
      if (filter && filter->is_shared())
        share_leave(session.client_id(), *filter, session.generation);
    });
  });
}

// What a member was given and didn't get goes to another one, with the promise made for it.
void SessionTable::hand_on(const AssignedRecord& record, Door* door) {
  at_group(record.share,
           [this, key = record.share, message = record.message, left_by = record.client_id,
            source = record.source, door](SessionTable& home) {
             const bool is_lost = !home.groups_.contains(key);
             Door* there = door;
             if (door != nullptr && &home != this) {
               const auto back = [this, door](bool broken) {
                 core_.post([this, door, broken] { broken ? break_door(door) : close_door(door); });
               };
               if (is_lost) return back(true);
               there = home.open_door([back] { back(false); });
             } else if (door != nullptr && is_lost) {
               return break_door(door);
             }
             home.group_redeliver(key, {message, left_by, kTriesMax, there, source});
           });
}

void SessionTable::rejoin_groups_of(const StoredSession& session) {
  session.filters.for_each([&](std::string_view text, const Subscription& subscription) {
    const auto filter = mqtt::TopicFilter::parse(text, UINT32_MAX);
    if (!filter || !filter->is_shared()) return;
    share_join({std::string(session.client_id()), core_.id(), false, subscription.id,
                subscription.options, true},
               *filter, {});
  });
}

// Counted where the last member left meanwhile.
void SessionTable::group_redeliver(const std::string& key, Handing handing) {
  const auto at = groups_.find(key);
  if (at == groups_.end()) {
    counters_.dropped_session_end.add();
    if (handing.door != nullptr) close_door(handing.door);
    return;
  }
  group_deliver(*at->second, std::move(handing));
}

void SessionTable::group_join(const std::string& key, std::string_view group,
                              std::string_view filter, routing::ShareMember member) {
  auto& slot = groups_[key];
  if (slot == nullptr) {
    slot = std::make_unique<routing::ShareGroup>(group, filter);
    group_tree_.insert(slot->filter(), {slot.get(), 0, {}});
    volatile_interest_.add(slot->filter());
  }
  const bool had_durable = slot->has_durable();
  slot->join(std::move(member));
  group_interest(*slot, had_durable);
}

void SessionTable::group_leave(const std::string& key, std::string_view client_id) {
  const auto at = groups_.find(key);
  if (at == groups_.end()) return;
  routing::ShareGroup& group = *at->second;
  const bool had_durable = group.has_durable();
  group.leave(client_id);
  group_interest(group, had_durable);
  if (!group.empty()) return;
  group_tree_.erase(group.filter(), &group);
  volatile_interest_.remove(group.filter());
  groups_.erase(at);
}

// While a member's queue outlives it, an ack waits for the group.
void SessionTable::group_interest(routing::ShareGroup& group, bool had_durable) {
  if (group.has_durable() == had_durable) return;
  if (had_durable) {
    durable_interest_.remove(group.filter());
  } else {
    durable_interest_.add(group.filter());
  }
}

// Once all have been asked, the next one has to take it.
void SessionTable::group_deliver(routing::ShareGroup& group, Handing handing) {
  const routing::ShareMember* chosen = group.next(handing.except);
  if (chosen == nullptr) chosen = group.next();
  if (chosen == nullptr) {
    if (handing.door != nullptr) close_door(handing.door);
    return;
  }
  if (!chosen->connected && group.has_connected()) {
    chosen = group.next();  // it waits better with a busy one than with one that is away
    handing.tries = 0;
  }
  std::string key = group.name() + '/' + group.filter();
  handing.tries = std::min(handing.tries, group.size() - 1);
  SessionTable& home = *tables_.tables[chosen->core.value];
  if (&home == this) {
    deliver_shared(routing::ShareMember(*chosen), key, std::move(handing));
  } else {
    home.core_.post(
        [&home, member = *chosen, key = std::move(key), handing = std::move(handing)]() mutable {
          home.deliver_shared(member, key, std::move(handing));
        });
  }
}

void SessionTable::deliver_shared(const routing::ShareMember& member, const std::string& key,
                                  Handing handing) {
  Session* session = live(member.client_id);
  const std::string filter = "$share/" + key;
  const bool is_here = session != nullptr && !session->is_opening();
  const bool left = member.durable ? !leads(shard_of(member.client_id)) ||
                                         stored(member.client_id) == nullptr ||
                                         !stored(member.client_id)->filters.contains(filter)
                                   : !is_here || !session->filters().contains(filter);
  // It left, or can't take it now, while others may: the group chooses again, without it.
  if (left || (handing.tries > 0 && member.connected && is_here && session->is_busy())) {
    return_shared(member, key, std::move(handing), left);
    return;
  }
  const mqtt::Qos qos = std::min(member.options.qos, handing.message->qos());
  if (member.durable && qos != mqtt::Qos::at_most_once) {
    append_assigned(member, key, handing);
    return;
  }
  Match match{member.options.qos, member.options.retain_as_published, member.subscription_id,
              std::make_unique<EntryExtra>()};
  match.extra->share = key;
  if (is_here) {
    session->deliver(handing.message, match);
  } else {
    counters_.dropped_offline_qos0.add();
  }
  if (handing.door == nullptr) return;
  at_group(key, [door = handing.door](SessionTable& home) { home.close_door(door); });
}

void SessionTable::return_shared(const routing::ShareMember& member, const std::string& key,
                                 Handing handing, bool left) {
  handing.except = member.client_id;
  if (!left) --handing.tries;
  at_group(key, [key, left, handing = std::move(handing)](SessionTable& home) mutable {
    if (left) home.group_leave(key, handing.except);
    home.group_redeliver(key, std::move(handing));
  });
}

// Into the log of the member's shard; the door is at the group's home.
void SessionTable::append_assigned(const routing::ShareMember& member, const std::string& key,
                                   Handing& handing) {
  AssignedRecord record{handing.message, member.client_id, key, handing.source};
  Door* door = handing.door;
  if (door != nullptr && &table_of_group(key) != this) {
    door = open_door(routing::ConfirmTo());
    door->left = 1;
    door->then = [this, key, far = handing.door] {
      at_group(key, [far](SessionTable& home) { home.close_door(far); });
    };
  }
  append(shard_of(member.client_id), std::move(record), door);
}

}  // namespace roost::session
