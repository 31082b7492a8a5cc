// SPDX-License-Identifier: Apache-2.0
// All sessions of one core: the volatile ones themselves, the durable ones through the core's
// shards; and the core's side of routing: who on this core gets a message. Also home of the share
// groups whose shard is here.
// Thread: core-bound.
// Owner: the server's per-core wiring.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/cores.h"
#include "broker/routing/interest.h"
#include "broker/routing/router.h"
#include "broker/routing/share_group.h"
#include "broker/routing/topic_tree.h"
#include "broker/session/counters.h"
#include "broker/session/limits.h"
#include "broker/session/session.h"
#include "broker/session/shard_log.h"
#include "broker/session/shard_state.h"

namespace roost::session {

// What the tables of a node share.
struct SessionTables {
  std::vector<class SessionTable*> tables;  // by core; filled before the cores start
  SessionLimits limits;
};

class SessionTable final : public routing::LocalDelivery,
                           private Committed,
                           private core::TurnEnd,
                           private core::Timer {
 public:
  SessionTable(core::Core& core, core::Cores& cores, routing::RoutingTable& routing,
               SessionTables& tables);
  ~SessionTable() override;

  // A client was let in. Takes over an older connection of the same id, resumes or begins the
  // session and answers CONNACK through `link`. `assigned_client_id`: ours, where the client sent
  // none (then connect.client_id is empty). Requires: this core is shard_of(client id)'s.
  Session& connect(const mqtt::Connect& connect, Link& link, std::string_view assigned_client_id);

  Session* find(std::string_view client_id) const;
  void for_each(const std::function<void(const Session&)>& visit) const;
  // Ends every connection, e.g. with 0x8B when the node stops.
  void kick_all(mqtt::ReasonCode reason, std::string_view why);

  // LocalDelivery
  bool deliver_local(const routing::MessagePtr& message, routing::ConfirmTo confirm) override;
  bool store_retained(const routing::MessagePtr& message, routing::ConfirmTo confirm) override;

  core::Core& core() { return core_; }
  routing::Router& router() { return router_; }
  const SessionLimits& limits() const { return tables_.limits; }
  SessionCounters& counters() { return counters_; }
  const SessionCounters& counters() const { return counters_; }

  // --- for Session and ShardState ---
  ShardId shard_of(std::string_view key) const;
  // Puts down or takes away an ordinary filter. Durable sessions go through the log.
  void subscribe(Session& session, std::string_view filter, const Subscription& subscription);
  void unsubscribe(Session& session, std::string_view filter);
  // Only the index and the interest: what ShardState does while applying.
  void index_add(Session& session, std::string_view filter, const Subscription& subscription,
                 routing::TopicTree& tree);
  void index_remove(Session& session, std::string_view filter, routing::TopicTree& tree);
  // Delivers to whoever of `tree` matches; one copy a session.
  void deliver_to(const routing::TopicTree& tree, const routing::MessagePtr& message);
  void begin_session(std::string_view client_id);  // a durable one, by record
  void end_session(Session& session);              // takes it out; it dies at the turn's end
  void bury(std::unique_ptr<Session> session);

  // Retained messages matching `filters`, from all cores; `done` runs on this core. One question a
  // core however many filters a SUBSCRIBE brings.
  using Gathered = std::function<void(std::vector<Kept>)>;
  void gather_retained(const std::vector<std::string_view>& filters, Gathered done);

  // Shared subscriptions; the group may live on another core. (shared.cc)
  void share_join(const Session& session, const mqtt::TopicFilter& filter,
                  const Subscription& subscription, core::Task joined);
  void share_leave(const Session& session, const mqtt::TopicFilter& filter);
  void share_presence(const Session& session, const mqtt::TopicFilter& filter, bool connected);
  // A message that `session` got through a group and won't finish: for somebody else.
  void share_hand_on(std::string_view group_key, const routing::MessagePtr& message,
                     std::string_view left_by);

 private:
  static constexpr SteadyMs kRetainedExpiryMs = 1000;  // between looks
  static constexpr std::size_t kTriesMax = 8;  // members asked before one must take a message
  static constexpr std::size_t kRetainedExpiryBudget = 1000;  // messages looked at a shard

  struct Target {
    Session* session = nullptr;
    Session::Match match;
  };

  struct Wanted {
    std::uint32_t filter = 0;  // index
    std::string text;
  };
  std::vector<Kept> find_retained(const std::vector<Wanted>& wanted) const;
  // Those of `filters` that this core may hold something for.
  std::vector<Wanted> wanted_here(const std::vector<std::string_view>& filters) const;
  void on_committed(ShardId shard, LogIndex index, const Record& record) override;
  void on_turn_end() override;
  void on_timer() override;  // expires retained messages
  void collect(const routing::Subscriber& subscriber, const routing::Message& message);
  Session& open(const mqtt::Connect& connect, std::string_view client_id, bool& present);
  ShardState& shard(ShardId id) { return *shards_[id.value]; }

  SessionTable& table_of_group(std::string_view key) const;
  template <typename Work>
  void at_group(std::string_view key, Work work);
  void group_join(const std::string& key, std::string_view group, std::string_view filter,
                  routing::ShareMember member);
  void group_leave(const std::string& key, std::string_view client_id);
  void group_deliver(routing::ShareGroup& group, const routing::MessagePtr& message,
                     std::string_view except, std::size_t tries);
  void group_redeliver(const std::string& key, const routing::MessagePtr& message,
                       std::string_view except, std::size_t tries);
  void deliver_shared(const routing::ShareMember& member, const std::string& key,
                      const routing::MessagePtr& message, std::size_t tries);

  core::Core& core_;
  core::Cores& cores_;
  SessionTables& tables_;
  routing::Router router_;
  routing::InterestWriter volatile_interest_;
  routing::InterestWriter durable_interest_;
  routing::SlotInterest shard_interest_;
  SessionCounters counters_;
  std::unique_ptr<ShardLog> log_;
  std::vector<std::unique_ptr<ShardState>> shards_;  // by shard id; null: another core's
  std::unordered_map<std::string_view, std::unique_ptr<Session>> volatiles_;
  routing::TopicTree volatile_tree_;
  std::unordered_map<std::string, std::unique_ptr<routing::ShareGroup>> groups_;  // "group/filter"
  routing::TopicTree group_tree_;  // owners: ShareGroup
  std::vector<Target> targets_;    // of the publish being matched
  std::uint32_t match_serial_ = 0;
  std::uint64_t generation_ = 0;
  std::vector<std::unique_ptr<Session>> graveyard_;
};

}  // namespace roost::session
