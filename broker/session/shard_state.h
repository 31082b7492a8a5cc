// SPDX-License-Identifier: Apache-2.0
// One shard as a deterministic machine: committed records in, state out. Holds the durable
// sessions of its client ids, their filters, and the retained messages of its topics. Live
// clients see its changes through their Session.
// Thread: core-bound.
// Owner: SessionTable of the shard's core.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/routing/retained.h"
#include "broker/routing/topic_tree.h"
#include "broker/session/session.h"
#include "broker/session/shard_log.h"

namespace roost::session {

class ShardState {
 public:
  ShardState(ShardId id, SessionTable& table) : id_(id), table_(table) {}

  ShardId id() const { return id_; }
  // Records come in index order, each once.
  void apply(LogIndex index, const Record& record);

  Session* find(std::string_view client_id) const;
  std::size_t session_count() const { return sessions_.size(); }
  // Somebody in this shard wants `topic`: worth a record.
  bool wants(std::string_view topic) const { return tree_.matches_any(topic); }
  const routing::RetainedStore& retained() const { return retained_; }
  routing::RetainedStore& retained() { return retained_; }
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [id, session] : sessions_) visit(*session);
  }

 private:
  void apply_one(const PublishedRecord& record);
  void apply_one(const RetainedRecord& record);
  void apply_one(const SessionOpenedRecord& record);
  void apply_one(const SessionEndedRecord& record);
  void apply_one(const SubscribedRecord& record);
  void apply_one(const UnsubscribedRecord& record);

  ShardId id_;
  SessionTable& table_;
  LogIndex applied_ = 0;
  std::unordered_map<std::string_view, std::unique_ptr<Session>> sessions_;  // keys: their own ids
  routing::TopicTree tree_;
  routing::RetainedStore retained_;
};

}  // namespace roost::session
