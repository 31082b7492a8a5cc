// SPDX-License-Identifier: Apache-2.0
// One core's side of sessions: its connected clients, its shards, and who on this core gets a
// message. Also home of the share groups whose shard is here.
// Thread: core-bound.
// Owner: the server's per-core wiring.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
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
#include "broker/session/matching.h"
#include "broker/session/session.h"
#include "broker/session/shard_log.h"
#include "broker/session/shard_state.h"
#include "broker/session/stale_queues.h"

namespace roost::session {

// What the tables of a node share.
struct SessionTables {
  std::vector<class SessionTable*> tables;  // by core; filled before the cores start
  SessionLimits limits;
};

class SessionTable final : public routing::LocalDelivery,
                           public Committed,
                           private core::TurnEnd,
                           private core::Timer {
 public:
  SessionTable(core::Core& core, core::Cores& cores, routing::RoutingTable& routing,
               SessionTables& tables);
  ~SessionTable() override;

  // Log and disk of this core's shards; before anything else, and they outlive the table.
  void use(ShardLog& log, ShardDisk& disk) {
    log_ = &log;
    disk_ = &disk;
  }

  // --- start-up, on any one thread, before the core runs ---
  // Puts what is on disk into the shard; then the records behind it, in order.
  void load(ShardId id, const StateReader& reader, LogIndex applied) {
    shard(id).load(reader, applied);
  }
  void replay(ShardId shard, LogIndex index, const Record& record);
  // From now on this core leads its shards: begins the epoch in each, brings groups together.
  // In a turn of the core, on every core before clients come.
  void lead(const StartedRecord& limits);
  // The record that begins an epoch, in each shard. Requires: nobody is connected.
  void begin_epoch(const StartedRecord& limits);
  // After all cores lead: fans out again what was not confirmed everywhere.
  void resume();

  // --- clients ---
  // A client was let in. Takes over an older connection of the same id, resumes or begins the
  // session and answers CONNACK through `link`, at once or once it is committed (is_opening()).
  // `assigned_client_id`: ours, where the client sent none (then connect.client_id is empty).
  // Requires: this core is shard_of(client id)'s.
  Session& connect(const mqtt::Connect& connect, Link& link, std::string_view assigned_client_id,
                   AckMode ack = AckMode::local);
  Session* live(std::string_view client_id) const;  // connected or opening; or null
  Session* live(std::string_view client_id, const Generation& generation) const;
  const StoredSession* stored(std::string_view client_id) const;  // or null
  // Ends every connection, e.g. with 0x8B when the node stops.
  void kick_all(mqtt::ReasonCode reason, std::string_view why);

  // LocalDelivery
  bool deliver_local(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                     const std::optional<Source>& source) override;
  void store_retained(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                      const std::optional<Source>& source) override;
  // Committed
  void on_committed(ShardId shard, LogIndex index, const Record& record, Door* door) override;

  // Writes what changed since the last time to disk, shard by shard; `done` when all of it can be
  // read. One at a time.
  void checkpoint(core::Task done);

  core::Core& core() { return core_; }
  routing::Router& router() { return router_; }
  ShardLog& log() { return *log_; }
  const SessionLimits& limits() const { return tables_.limits; }
  SessionCounters& counters() { return counters_; }
  const SessionCounters& counters() const { return counters_; }
  ShardId shard_of(std::string_view key) const;
  ShardState& shard(ShardId id) { return *shards_[id.value]; }

  // --- for Session and ShardState ---
  bool is_leading() const { return leading_; }
  void append(ShardId shard, Record record, Door* door) {
    log_->append(shard, std::move(record), door);
  }
  void append(std::string_view client_id, Record record) {
    log_->append(shard_of(client_id), std::move(record), nullptr);
  }
  ShardMs shard_time_of(std::string_view client_id) const;
  std::int64_t offset_of(std::string_view client_id) const;
  void read(std::string_view client_id, ShardDisk::Job job) {
    disk_->read(shard_of(client_id), std::move(job));
  }
  Session* opening(std::string_view client_id, const Generation& generation);
  void leave(Session& session);  // its connection is over; dies at the turn's end
  void note_acks(Session& session) {
    acked_.push_back(&session);
    core_.at_turn_end(*this);
  }
  void at_turn_end_of(ShardState& shard);
  void due_at(SteadyMs due_ms);
  // Of messages that wait in queues that are nowhere else.
  std::uint64_t& bytes_in_memory() { return bytes_in_memory_; }
  Matcher<StoredSession>& stored_matcher() { return stored_matcher_; }
  StaleQueues& stale_queues() { return stale_queues_; }
  void deliver_once(StoredSession& session, QueueEntry entry);
  // An ordinary filter into or out of index and interest.
  void subscribe_volatile(Session& session, std::string_view filter,
                          const Subscription& subscription);
  void unsubscribe_volatile(Session& session, std::string_view filter);
  void index_add(StoredSession& session, std::string_view filter, const Subscription& subscription,
                 routing::TopicTree& tree);
  void index_remove(StoredSession& session, std::string_view filter, routing::TopicTree& tree);

  // Retained messages matching `filters`, from all cores; `done` runs on this core. One question a
  // core however many filters a SUBSCRIBE brings. (gather.cc)
  using Gathered = std::function<void(std::vector<Kept>)>;
  void gather_retained(const std::vector<std::string_view>& filters, Gathered done);

  // Shared subscriptions; the group may live on another core. (shared.cc)
  void share_join(routing::ShareMember member, const mqtt::TopicFilter& filter, core::Task joined);
  void share_leave(std::string_view client_id, const mqtt::TopicFilter& filter);
  void share_presence(std::string_view client_id, const mqtt::TopicFilter& filter, bool connected);
  // A message that a member got through a group and won't finish: for somebody else.
  void share_return(std::string_view group_key, const routing::MessagePtr& message,
                    std::string_view left_by);

 private:
  static constexpr SteadyMs kRetainedExpiryMs = 1000;  // between looks
  static constexpr std::size_t kTriesMax = 8;  // members asked before one must take a message
  static constexpr std::size_t kRetainedExpiryBudget = 1000;  // messages looked at a shard
  static constexpr SteadyMs kTickMs = 10'000;                 // between TickRecords

  struct DueTimer final : core::Timer {
    explicit DueTimer(SessionTable& of) : table(of) {}
    void on_timer() override { table.run_due(); }
    SessionTable& table;
  };
  struct TickTimer final : core::Timer {
    explicit TickTimer(SessionTable& of) : table(of) {}
    void on_timer() override { table.tick(); }
    SessionTable& table;
  };
  struct Wanted {
    std::uint32_t filter = 0;  // index
    std::string text;
  };
  // A message that a group looks for a taker for.
  struct Handing {
    routing::MessagePtr message;
    std::string except;             // a member that left it
    std::size_t tries = kTriesMax;  // members that may still say they are busy
    Door* door = nullptr;           // at the group's home
    std::optional<Source> source;
  };

  std::vector<Kept> find_retained(const std::vector<Wanted>& wanted) const;
  std::vector<Wanted> wanted_here(const std::vector<std::string_view>& filters) const;
  void on_turn_end() override;
  void on_timer() override;  // expires retained messages
  void run_due();
  void tick();
  void checkpoint_next();
  void deliver_to_shard(ShardState& shard, const routing::MessagePtr& message,
                        const std::optional<Source>& source, Door* door);

  Door* open_door(routing::ConfirmTo confirm);
  void close_door(Door* door);  // one of its records is committed
  bool shut_door(Door* door);   // the one who opened it is through; true: nothing is left

  SessionTable& table_of_group(std::string_view key) const;
  template <typename Work>
  void at_group(std::string_view key, Work work);
  void group_join(const std::string& key, std::string_view group, std::string_view filter,
                  routing::ShareMember member);
  void group_leave(const std::string& key, std::string_view client_id);
  void group_interest(routing::ShareGroup& group, bool had_durable);
  void group_deliver(routing::ShareGroup& group, Handing handing);
  void group_redeliver(const std::string& key, Handing handing);
  void deliver_shared(const routing::ShareMember& member, const std::string& key, Handing handing);
  void return_shared(const routing::ShareMember& member, const std::string& key, Handing handing,
                     bool left);
  void append_assigned(const routing::ShareMember& member, const std::string& key,
                       Handing& handing);
  void rejoin_groups();
  void rejoin_groups_of(const StoredSession& session);

  core::Core& core_;
  core::Cores& cores_;
  SessionTables& tables_;
  routing::Router router_;
  routing::InterestWriter volatile_interest_;
  routing::InterestWriter durable_interest_;
  routing::SlotInterest shard_interest_;
  SessionCounters counters_;
  ShardLog* log_ = nullptr;
  ShardDisk* disk_ = nullptr;
  bool leading_ = false;
  std::vector<std::unique_ptr<ShardState>> shards_;  // by shard id; null: another core's
  std::unordered_map<std::string_view, std::unique_ptr<Session>> live_;
  std::unordered_map<std::string, std::uint32_t> opens_;  // AttachedRecords not committed yet
  routing::TopicTree volatile_tree_;                      // owners: Session
  std::unordered_map<std::string, std::unique_ptr<routing::ShareGroup>> groups_;  // "group/filter"
  routing::TopicTree group_tree_;  // owners: ShareGroup
  Matcher<Session> volatile_matcher_;
  Matcher<StoredSession> stored_matcher_;
  std::uint64_t generation_ = 0;
  std::uint64_t bytes_in_memory_ = 0;
  std::vector<Session*> acked_;         // of this turn
  std::vector<ShardState*> forwarded_;  // of this turn
  std::deque<Door> doors_;              // as many as were ever open at once
  std::vector<Door*> spare_doors_;
  std::vector<std::unique_ptr<Session>> graveyard_;
  DueTimer due_timer_{*this};
  TickTimer tick_timer_{*this};
  StaleQueues stale_queues_{*this};
  std::vector<LogIndex> ticked_;  // by shard: applied index at the last tick
  std::size_t checkpoint_shard_ = 0;
  core::Task checkpoint_done_;
};

}  // namespace roost::session
