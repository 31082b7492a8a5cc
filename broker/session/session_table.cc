// SPDX-License-Identifier: Apache-2.0
#include "broker/session/session_table.h"

#include <bit>
#include <utility>

#include "broker/base/check.h"

namespace roost::session {

SessionTable::SessionTable(core::Core& core, core::Cores& cores, routing::RoutingTable& routing,
                           SessionTables& tables)
    : core_(core),
      cores_(cores),
      tables_(tables),
      router_(core, cores, routing, *this),
      volatile_interest_(routing.volatiles, core.id().value),
      durable_interest_(routing.durables, core.id().value),
      log_(std::make_unique<MemoryShardLog>(static_cast<Committed&>(*this), routing.shard_count)),
      shards_(routing.shard_count) {
  for (std::uint16_t id = 0; id < routing.shard_count; ++id) {
    if (&cores.of(ShardId{id}) == &core) {
      shards_[id] = std::make_unique<ShardState>(ShardId{id}, *this);
    }
  }
}

SessionTable::~SessionTable() = default;

ShardId SessionTable::shard_of(std::string_view key) const {
  return roost::shard_of(key, static_cast<std::uint16_t>(shards_.size()));
}

Session* SessionTable::find(std::string_view client_id) const {
  const auto at = volatiles_.find(client_id);
  if (at != volatiles_.end()) return at->second.get();
  const auto& shard = shards_[shard_of(client_id).value];
  return shard == nullptr ? nullptr : shard->find(client_id);
}

void SessionTable::for_each(const std::function<void(const Session&)>& visit) const {
  for (const auto& [id, session] : volatiles_) visit(*session);
  for (const auto& shard : shards_) {
    if (shard != nullptr) shard->for_each(visit);
  }
}

Session& SessionTable::connect(const mqtt::Connect& connect, Link& link,
                               std::string_view assigned_client_id) {
  DCHECK(core_.is_current());
  const std::string_view client_id =
      connect.client_id.empty() ? assigned_client_id : connect.client_id;
  bool present = false;
  Session& session = open(connect, client_id, present);
  counters_.connects.add();
  session.attach(connect, link, present, assigned_client_id, ++generation_);
  return session;
}

Session& SessionTable::open(const mqtt::Connect& connect, std::string_view client_id,
                            bool& present) {
  Session* session = find(client_id);
  if (session != nullptr && session->is_connected()) {
    counters_.takeovers.add();
    session->kick(mqtt::ReasonCode::session_taken_over, "taken over");
    session = find(client_id);  // a volatile session ended with its connection
  }
  if (session != nullptr && (connect.clean_start || session->expires_at_ms_ <= core_.now_ms())) {
    session->end();
    session = nullptr;
  }
  present = session != nullptr;
  if (present) return *session;

  const bool durable = connect.version == mqtt::ProtocolVersion::v5
                           ? connect.properties.session_expiry_interval_s > 0
                           : !connect.clean_start;
  if (durable) {
    begin_session(client_id);
    session = find(client_id);
    CHECK(session != nullptr);
    return *session;
  }
  auto made = std::make_unique<Session>(*this, client_id, /*durable=*/false);
  session = made.get();
  volatiles_.emplace(session->client_id(), std::move(made));
  return *session;
}

void SessionTable::begin_session(std::string_view client_id) {
  log_->append(shard_of(client_id), SessionOpenedRecord{std::string(client_id)}, {});
}

void SessionTable::end_session(Session& session) {
  if (session.is_durable()) {
    log_->append(shard_of(session.client_id()), SessionEndedRecord{session.client_id()}, {});
    return;
  }
  const auto at = volatiles_.find(session.client_id());
  CHECK(at != volatiles_.end());
  for (const auto& [filter, subscription] : session.subscriptions()) {
    if (!filter.starts_with("$share/")) index_remove(session, filter, volatile_tree_);
  }
  std::unique_ptr<Session> ended = std::move(at->second);
  volatiles_.erase(at);
  bury(std::move(ended));
}

void SessionTable::bury(std::unique_ptr<Session> session) {
  graveyard_.push_back(std::move(session));
  core_.at_turn_end(*this);
}

void SessionTable::on_turn_end() { graveyard_.clear(); }

void SessionTable::on_committed(ShardId id, LogIndex index, const Record& record) {
  shard(id).apply(index, record);
}

void SessionTable::subscribe(Session& session, std::string_view filter,
                             const Subscription& subscription) {
  if (!session.is_durable()) {
    index_add(session, filter, subscription, volatile_tree_);
    return;
  }
  log_->append(shard_of(session.client_id()),
               SubscribedRecord{session.client_id(), std::string(filter), subscription.options,
                                subscription.id},
               {});
}

void SessionTable::unsubscribe(Session& session, std::string_view filter) {
  if (!session.is_durable()) {
    index_remove(session, filter, volatile_tree_);
    return;
  }
  log_->append(shard_of(session.client_id()),
               UnsubscribedRecord{session.client_id(), std::string(filter)}, {});
}

void SessionTable::index_add(Session& session, std::string_view filter,
                             const Subscription& subscription, routing::TopicTree& tree) {
  if (!tree.insert(filter, {&session, subscription.id, subscription.options})) return;
  if (session.is_durable()) {
    durable_interest_.add(filter);
    shard_interest_.add(filter, shard_of(session.client_id()).value % 64U);
  } else {
    volatile_interest_.add(filter);
  }
}

void SessionTable::index_remove(Session& session, std::string_view filter,
                                routing::TopicTree& tree) {
  if (!tree.erase(filter, &session)) return;
  if (session.is_durable()) {
    durable_interest_.remove(filter);
    shard_interest_.remove(filter, shard_of(session.client_id()).value % 64U);
  } else {
    volatile_interest_.remove(filter);
  }
}

void SessionTable::kick_all(mqtt::ReasonCode reason, std::string_view why) {
  std::vector<Session*> connected;
  for_each([&](const Session& session) {
    if (session.is_connected()) connected.push_back(const_cast<Session*>(&session));
  });
  for (Session* session : connected) session->kick(reason, why);
}

}  // namespace roost::session
