// SPDX-License-Identifier: Apache-2.0
// SessionTable's side of a publish: to clients in memory, to share groups, to the shards' logs.
#include <bit>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/session_table.h"

namespace roost::session {

bool SessionTable::deliver_local(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                                 const std::optional<Source>& source) {
  Door* door = confirm ? open_door(confirm) : nullptr;
  deliver_to_memory(message, source, door);
  std::uint64_t slots = shard_interest_.candidates(message->topic());
  for (; slots != 0; slots &= slots - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
    for (std::size_t id = slot; id < shards_.size(); id += 64) {
      if (shards_[id] == nullptr || !shards_[id]->is_leading()) continue;
      deliver_to_shard(*shards_[id], message, source, door);
    }
  }
  return shut_door(door);
}

void SessionTable::deliver_to_shard(ShardId shard_id, const routing::MessagePtr& message,
                                    const std::optional<Source>& source, Door* door,
                                    bool is_certain) {
  if (message->is_step()) {
    if (door != nullptr) ++door->left;
    append(shard_id, PublishedRecord{message, source}, door);
    return;
  }
  if (!is_certain && message->qos() != mqtt::Qos::at_most_once &&
      !shard(shard_id).stores(message->topic())) {
    if (door != nullptr) ++door->left;
    append(shard_id, PublishedRecord{message, source}, door);
    return;
  }
  deliver_to_shard(shard(shard_id), message, source, door);
}

bool SessionTable::deliver_volatile(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                                    const std::optional<Source>& source) {
  Door* door = confirm ? open_door(confirm) : nullptr;
  deliver_to_memory(message, source, door);
  return shut_door(door);
}

// To clients in memory and to share groups.
void SessionTable::deliver_to_memory(const routing::MessagePtr& message,
                                     const std::optional<Source>& source, Door* door) {
  if (volatile_tree_.size() > 0) {
    volatile_matcher_.run(volatile_tree_, *message, [&](Session& session, Match& match) {
      if (session.is_connected()) session.deliver(message, match);
    });
  }
  if (group_tree_.size() == 0) return;
  std::vector<routing::ShareGroup*> matched;
  group_tree_.match(message->topic(), [&](const routing::Subscriber& subscriber) {
    matched.push_back(static_cast<routing::ShareGroup*>(subscriber.owner));
  });
  for (routing::ShareGroup* group : matched) {
    if (door != nullptr) ++door->left;
    group_deliver(*group, {message, {}, kTriesMax, door, source});
  }
}

// Only what somebody wants at QoS 1 or 2 is worth a record.
void SessionTable::deliver_to_shard(ShardState& shard, const routing::MessagePtr& message,
                                    const std::optional<Source>& source, Door* door) {
  const bool is_once = message->qos() == mqtt::Qos::at_most_once;
  if (!is_once && shard.stores(message->topic())) {
    if (door != nullptr) ++door->left;
    append(shard.id(), PublishedRecord{message, source}, door);
    return;
  }
  stored_matcher_.run(shard.tree(), *message, [&](StoredSession& session, Match& match) {
    const bool retain = message->retain() && match.retain_as_published;
    deliver_once(session, {message, match.subscription_id, mqtt::Qos::at_most_once, retain,
                           std::move(match.extra)});
  });
  shard.assign_once(message);
}

void SessionTable::deliver_once(StoredSession& session, QueueEntry entry) {
  if (session.live != nullptr) {
    session.live->deliver_once(std::move(entry));
  } else {
    counters_.dropped_offline_qos0.add();
  }
}

// What the broker says of itself is true only while it runs.
void SessionTable::store_retained(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                                  const std::optional<Source>& source) {
  if (message->topic().starts_with("$SYS/")) {
    shard(shard_of(message->topic())).set_unlogged(message);
    router_.retained_stored(*message);
    if (confirm) router_.confirm(confirm);
    return;
  }
  if (is_over_retained(*message)) {
    router_.retained_stored(*message);
    if (confirm) router_.confirm(confirm);
    return;
  }
  append(shard_of(message->topic()), RetainedRecord{message, source},
         confirm ? open_door(confirm) : nullptr);
}

// Wills, and what a node let through that doesn't hold the shard: counted, it has gone to whom is
// subscribed.
bool SessionTable::is_over_retained(const routing::Message& message) {
  if (message.payload().empty() || has_room_for_retained(message.topic())) return false;
  counters_.dropped_retained_full.add();
  return true;
}

void SessionTable::keep_in_shard(ShardId shard, const routing::MessagePtr& message,
                                 const std::optional<Source>& source, Door* door) {
  if (is_over_retained(*message)) return;
  if (door != nullptr) ++door->left;
  append(shard, RetainedRecord{message, source}, door);
}

}  // namespace roost::session
