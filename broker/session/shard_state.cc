// SPDX-License-Identifier: Apache-2.0
#include "broker/session/shard_state.h"

#include "broker/base/check.h"
#include "broker/session/session_table.h"

namespace roost::session {

Session* ShardState::find(std::string_view client_id) const {
  const auto at = sessions_.find(client_id);
  return at == sessions_.end() ? nullptr : at->second.get();
}

void ShardState::apply(LogIndex index, const Record& record) {
  CHECK(index == applied_ + 1);
  applied_ = index;
  std::visit([this](const auto& one) { apply_one(one); }, record);
}

void ShardState::apply_one(const PublishedRecord& record) {
  table_.deliver_to(tree_, record.message);
}

void ShardState::apply_one(const RetainedRecord& record) {
  const std::size_t before = retained_.size();
  if (record.message->payload().empty()) {
    retained_.clear(record.message->topic());
  } else {
    retained_.set(record.message);
  }
  table_.counters().retained.add(retained_.size() - before);  // wraps for one less: means sub
}

void ShardState::apply_one(const SessionOpenedRecord& record) {
  auto session = std::make_unique<Session>(table_, record.client_id, /*durable=*/true);
  const std::string_view key = session->client_id();
  const bool added = sessions_.emplace(key, std::move(session)).second;
  CHECK(added);
  table_.counters().sessions_durable.add();
}

void ShardState::apply_one(const SessionEndedRecord& record) {
  const auto at = sessions_.find(record.client_id);
  if (at == sessions_.end()) return;
  std::unique_ptr<Session> session = std::move(at->second);
  sessions_.erase(at);
  for (const auto& [filter, subscription] : session->subscriptions()) {
    if (filter.starts_with("$share/")) continue;
    table_.index_remove(*session, filter, tree_);
  }
  table_.counters().sessions_durable.sub();
  table_.bury(std::move(session));
}

void ShardState::apply_one(const SubscribedRecord& record) {
  Session* session = find(record.client_id);
  if (session == nullptr) return;
  table_.index_add(*session, record.filter, {record.options, record.subscription_id}, tree_);
}

void ShardState::apply_one(const UnsubscribedRecord& record) {
  Session* session = find(record.client_id);
  if (session == nullptr) return;
  table_.index_remove(*session, record.filter, tree_);
}

}  // namespace roost::session
