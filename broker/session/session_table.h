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
#include <unordered_set>
#include <vector>

#include "broker/core/cores.h"
#include "broker/routing/interest.h"
#include "broker/routing/router.h"
#include "broker/routing/share_group.h"
#include "broker/session/limits.h"
#include "broker/session/matching.h"
#include "broker/session/measures.h"
#include "broker/session/session.h"
#include "broker/session/session_tables.h"
#include "broker/session/session_view.h"
#include "broker/session/shard_state.h"
#include "broker/session/spans.h"
#include "broker/session/stale_queues.h"
#include "broker/session/step_waits.h"
#include "broker/session/subscribed_gate.h"
#include "broker/session/tracer.h"

namespace roost::session {

class SessionTable final : public Measures,
                           public routing::LocalDelivery,
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
  void use(RetainedElsewhere& elsewhere) { elsewhere_ = &elsewhere; }  // in a cluster
  void use(SubscribedGate& gate) { subscribed_gate_ = &gate; }

  // --- start-up, on any one thread, before the core runs ---
  // Puts what is on disk into the shard; then the records behind it, in order.
  void load(ShardId id, const StateReader& reader, LogIndex applied) {
    shard(id).load(reader, applied);
    retained_room().replace(id, shard(id).retained());
  }
  void replay(ShardId shard, LogIndex index, const Record& record);

  // --- leading, shard by shard; in a turn of the core (leading.cc) ---
  // Leads it: its sessions run here, its log is appended to from here.
  bool leads(ShardId id) const {
    return shards_[id.value] != nullptr && shards_[id.value]->is_leading();
  }
  // A node alone: all shards of this core, before clients come.
  void lead(const StartedRecord& limits);
  // After all cores lead: fans out again what was not confirmed everywhere.
  void resume();
  // From now on the shard is led here, in log().epoch(shard): appends the record that begins it,
  // brings its members to their groups, and fans out again once that record is applied.
  // Requires: all that earlier leaders committed is applied.
  void lead(ShardId shard, const StartedRecord& limits);
  // It is led elsewhere from now on. Its sessions' connections end, some at a time (v5: 0x8B), and
  // nothing more is appended for them. Its records may go on coming, and are applied.
  void follow(ShardId shard);
  // This node was given up by others for a while: connected clean sessions that were promised QoS 1
  // or 2 may have missed messages, so they end.
  void end_missed();
  // The shard is empty again, to be loaded anew: its replica is another one now, or none.
  // Requires: it isn't led here.
  void forget(ShardId shard) { adopt(std::make_unique<ShardState>(shard, *this)); }
  // In place of what is there: one that was loaded elsewhere (ShardState::load() touches nothing
  // of its table). Requires: the shard isn't led here.
  void adopt(std::unique_ptr<ShardState> shard);
  // The record that begins an epoch, in each shard. Requires: nobody is connected.
  void begin_epoch(const StartedRecord& limits);
  // Durable sessions of shards that aren't led here.
  std::uint64_t standby_sessions() const;
  // What clients may do has changed.
  void look_at_access();
  // Connections that still wait for their end.
  std::size_t stranded() const { return stranded_.size() - stranded_from_; }

  // --- clients ---
  // A client was let in. Takes over an older connection of the same id, resumes or begins the
  // session and answers CONNACK through `link`, at once or once it is committed (is_opening()).
  // `assigned_client_id`: ours, where the client sent none (then connect.client_id is empty).
  // Requires: this core is shard_of(client id)'s.
  // In a cluster: and this node leads that shard.
  Session& connect(const mqtt::Connect& connect, Link& link, std::string_view assigned_client_id,
                   AckMode ack = AckMode::quorum);
  // The same for a clean session that its shard's leader lets run on this node: has no record here,
  // its will and who owns the client id are the leader's.
  Session& connect_here(const mqtt::Connect& connect, Link& link,
                        std::string_view assigned_client_id, AckMode ack, Generation generation);
  // At the leader: whether the session of this CONNECT runs there, as it outlives its connection or
  // goes on with one that does.
  bool runs_at_leader(const mqtt::Connect& connect, std::string_view client_id) const;
  // There, of a clean session that runs elsewhere: its will, or that an older one ends, is a
  // record.
  void attach_elsewhere(const mqtt::Connect& connect, std::string_view client_id,
                        const Generation& generation, Door* door);
  bool is_known(std::string_view client_id) const;  // is remembered, or will be in a moment
  // Requires: leads(shard).
  Generation next_generation(ShardId shard) { return {log_->epoch(shard), ++generation_}; }
  Session* live(std::string_view client_id) const;  // connected or opening; or null
  Session* live(std::string_view client_id, const Generation& generation) const;
  const StoredSession* stored(std::string_view client_id) const;  // or null
  const auto& all_live() const { return live_; }
  // Ends every connection, e.g. with 0x8B when the node stops.
  void kick_all(mqtt::ReasonCode reason, std::string_view why);
  // The same of at most so many of them; returns of how many.
  std::size_t kick_some(std::size_t count, mqtt::ReasonCode reason, std::string_view why,
                        std::string_view server_reference);

  // --- for people (session_view.cc) ---
  // The durable sessions of a shard that is led here; the clean ones of `count` buckets from that
  // one on: returns where to go on, 0: nowhere.
  void list(ShardId shard, SessionPage& page) const;
  std::size_t list_clean(std::size_t from, std::size_t count, SessionPage& page) const;
  Route route_of(std::string_view topic);
  void tell(ClientNews news, bool is_logged);
  bool wants(ClientNews::Kind kind) const { return is_wanted(tables_.teller, kind); }
  Tracer* tracer() const { return tracer_; }  // null: nobody is followed
  void use(Tracer* tracer) { tracer_ = tracer; }
  Spans* spans() const { return spans_; }  // null: no traces are followed
  void use(Spans* spans) { spans_ = spans; }

  // LocalDelivery
  bool deliver_local(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                     const std::optional<Source>& source) override;
  bool deliver_volatile(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                        const std::optional<Source>& source) override;
  void store_retained(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                      const std::optional<Source>& source) override;
  void deliver_step(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                    const std::optional<Source>& source) override;
  void node_came(std::uint64_t life) override;
  void node_gone(std::uint64_t life) override;
  // The parts of the first two, for what comes from other nodes. `door` may be null.
  // A shard's durable sessions: a record, or at once where nobody wants more than QoS 0.
  // Requires: leads(shard), as the next.
  // `is_certain`: false where this node may have been deposed without knowing: then a record in any
  // case, because only its commit shows that there was no other leader with other filters.
  void deliver_to_shard(ShardId shard, const routing::MessagePtr& message,
                        const std::optional<Source>& source, Door* door, bool is_certain = true);
  void keep_in_shard(ShardId shard, const routing::MessagePtr& message,
                     const std::optional<Source>& source, Door* door);
  // A door for those: `then` runs when all of its records are committed; never, if one is dropped.
  Door* open_door(core::Task then);
  // Whoever opened it is through. True: nothing is left to wait for, `then` doesn't run.
  bool shut_door(Door* door);
  // The same, but then `then` runs now. (Or one of its records is committed.)
  void close_door(Door* door);

  // Committed
  void on_committed(ShardId shard, LogIndex index, const Record& record, Door* door) override;
  void on_dropped(ShardId shard, const Record& record, Door* door) override;

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
  RetainedRoom& retained_room() { return tables_.retained_room; }
  // The topic keeps a message already, or one more may. Of shards that this node holds.
  bool has_room_for_retained(std::string_view topic) const {
    return tables_.retained_room.takes(limits().max_retained, shard_of(topic), topic);
  }

  // --- for Session and ShardState ---
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
  void read(ShardId shard, ShardDisk::Job job) { disk_->read(shard, std::move(job)); }
  Session* opening(std::string_view client_id, const Generation& generation);
  void leave(Session& session);  // its connection is over; dies at the turn's end
  // Acks to be committed: in this turn, or after ack_delay_ms.
  void note_acks(Session& session, bool now);
  void at_turn_end_of(ShardState& shard);
  void due_at(SteadyMs due_ms);
  SubscribedGate* subscribed_gate() { return subscribed_gate_; }  // null: a node alone
  std::uint64_t& bytes_in_memory() { return bytes_in_memory_; }   // of queues that are nowhere else
  Matcher<StoredSession>& stored_matcher() { return stored_matcher_; }
  StaleQueues& stale_queues() { return stale_queues_; }
  // To the client of a session whose shard is led here.
  void deliver_once(StoredSession& session, QueueEntry entry);
  // An ordinary filter into or out of index and interest.
  void subscribe_volatile(Session& session, std::string_view filter,
                          const Subscription& subscription);
  void unsubscribe_volatile(Session& session, std::string_view filter);
  // A filter of a durable session whose shard is led here.
  void interest_add(ShardId shard, std::string_view filter);
  void interest_remove(ShardId shard, std::string_view filter);
  // Retained messages matching `filters`, from all shards; `done` runs on this core. One question a
  // core and node however many filters a SUBSCRIBE brings. (gather.cc)
  using Gathered = std::function<void(std::vector<Kept>)>;
  void gather_retained(const std::vector<std::string_view>& filters, Gathered done);
  // The same of those of `shards` that are led on this node, and which these are.
  struct Led {
    std::vector<Kept> kept;
    routing::ShardSet shards = 0;
  };
  void gather_led(const std::vector<std::string_view>& filters, routing::ShardSet shards,
                  std::function<void(Led)> done);

  // Shared subscriptions; the group may live on another core. (shared.cc)
  void share_join(routing::ShareMember member, const mqtt::TopicFilter& filter, core::Task joined);
  void share_leave(std::string_view client_id, const mqtt::TopicFilter& filter,
                   const Generation& generation);
  void share_presence(std::string_view client_id, const mqtt::TopicFilter& filter, bool connected);
  // A message that a member got through a group and won't finish: for somebody else.
  void share_return(std::string_view group_key, const routing::MessagePtr& message,
                    std::string_view left_by);
  // Groups are state of their shards. (shared_cluster.cc)
  bool in_cluster() const { return is_in_cluster_; }
  // A step out of a shard's log. None: its node is away, node_came() or node_gone() will follow.
  std::optional<routing::Router::Published> send_step(const routing::MessagePtr& message,
                                                      routing::Waiting waiting,
                                                      const Source& source);
  // A message for a member, without a promise.
  void send_step_once(const ShareStep& step, const routing::MessagePtr& message);

 private:
  static constexpr SteadyMs kRetainedExpiryMs = 1000;  // between looks
  static constexpr std::size_t kTriesMax = 8;  // members asked before one must take a message
  static constexpr std::size_t kRetainedExpiryBudget = 1000;  // messages looked at a shard
  static constexpr SteadyMs kTickMs = 10'000;                 // between TickRecords
  // Those whose shard is led elsewhere end at this pace, so that they don't come back all at once.
  static constexpr std::size_t kStrandedPortion = 200;
  static constexpr SteadyMs kStrandedMs = 50;

  template <void (SessionTable::*kRun)()>
  struct TimerOf final : core::Timer {
    explicit TimerOf(SessionTable& of) : table(of) {}
    void on_timer() override { (table.*kRun)(); }
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

  // The last step for a session here that came out of a shard's log.
  struct Assigned {
    std::uint64_t lineage = 0, number = 0;
  };
  static constexpr std::size_t kGoneMax = 4096;

  bool is_over_retained(const routing::Message& message);
  Led find_retained(const std::vector<Wanted>& wanted, routing::ShardSet shards) const;
  routing::ShardSet shards_elsewhere(const std::vector<std::string_view>& filters,
                                     routing::ShardSet led) const;
  std::vector<Wanted> wanted_here(const std::vector<std::string_view>& filters) const;
  void on_turn_end() override;
  void on_timer() override;  // expires retained messages
  void run_due();
  void tick();
  void append_late_acks();
  void forget_acks(Session& session);
  void checkpoint_next();
  void deliver_to_memory(const routing::MessagePtr& message, const std::optional<Source>& source,
                         Door* door);
  void deliver_to_shard(ShardState& shard, const routing::MessagePtr& message,
                        const std::optional<Source>& source, Door* door);

  Session& take_over(std::string_view client_id, Generation generation);
  void begin_epoch(ShardState& shard, const StartedRecord& limits);
  void arm_timers();
  void interest_begin(ShardId shard);
  void interest_end(ShardId shard);
  void strand(Session& session);
  void end_stranded();
  void retire(std::unique_ptr<ShardState> shard);

  Door* open_door(routing::ConfirmTo confirm);
  void break_door(Door* door);  // ... or dropped

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
  void rejoin_groups(const ShardState& shard);
  void rejoin_groups_of(const StoredSession& session);
  void leave_groups(const ShardState& shard);
  void hand_on(const AssignedRecord& record, Door* door);

  void say_to_group(const ShareStep& step, const routing::MessagePtr& about, core::Task done);
  void cluster_join(const routing::ShareMember& member, const mqtt::TopicFilter& filter,
                    core::Task joined);
  void cluster_leave(std::string_view client_id, const mqtt::TopicFilter& filter,
                     const Generation& generation);
  void cluster_return(std::string_view share, const routing::MessagePtr& message,
                      std::string_view left_by, core::Task done);
  bool was_assigned(const std::optional<Source>& source);
  void take_assigned(const ShareStep& step, const routing::MessagePtr& message,
                     routing::ConfirmTo confirm, const std::optional<Source>& source);
  void join_again();
  void look_for_gone(ShardState& shard, bool asks);

  core::Core& core_;
  core::Cores& cores_;
  SessionTables& tables_;
  routing::Router router_;
  routing::InterestWriter volatile_interest_;
  routing::InterestWriter durable_interest_;                                 // a node alone
  std::unordered_map<std::uint16_t, routing::InterestWriter> led_interest_;  // in a cluster
  routing::SlotInterest shard_interest_;
  SessionCounters counters_;
  ShardLog* log_ = nullptr;
  ShardDisk* disk_ = nullptr;
  Tracer* tracer_ = nullptr;
  Told told_{counters_};
  Spans* spans_ = nullptr;
  RetainedElsewhere* elsewhere_ = nullptr;  // null: a node alone
  SubscribedGate* subscribed_gate_ = nullptr;
  std::vector<std::unique_ptr<ShardState>> shards_;  // by shard id; null: another core's
  std::unordered_map<std::string_view, std::unique_ptr<Session>> live_;
  std::unordered_map<std::string, std::uint32_t> opens_;  // AttachedRecords not committed yet
  routing::TopicTree volatile_tree_;                      // owners: Session
  std::unordered_map<std::string, std::unique_ptr<routing::ShareGroup>> groups_;  // "group/filter"
  routing::TopicTree group_tree_;  // owners: ShareGroup
  const bool is_in_cluster_;
  StepWaits step_waits_;
  std::unordered_map<std::uint16_t, Assigned> assigned_;  // by shard
  std::unordered_set<std::uint64_t> gone_;                // processes that are over
  Matcher<Session> volatile_matcher_;
  Matcher<StoredSession> stored_matcher_;
  std::uint64_t generation_ = 0;
  std::uint64_t bytes_in_memory_ = 0;
  std::vector<Session*> acked_;         // of this turn
  std::vector<Session*> late_acked_;    // when ack_timer_ is due
  std::vector<ShardState*> forwarded_;  // of this turn
  std::deque<Door> doors_;              // as many as were ever open at once
  std::vector<Door*> spare_doors_;
  std::vector<std::unique_ptr<Session>> graveyard_;
  std::vector<std::unique_ptr<Session>> stranded_;    // null: its client went by itself
  std::size_t stranded_from_ = 0;                     // those before have ended
  std::vector<std::unique_ptr<ShardState>> retired_;  // forgotten while they wrote
  TimerOf<&SessionTable::run_due> due_timer_{*this};
  TimerOf<&SessionTable::append_late_acks> ack_timer_{*this};
  TimerOf<&SessionTable::tick> tick_timer_{*this};
  TimerOf<&SessionTable::end_stranded> stranded_timer_{*this};
  StaleQueues stale_queues_{*this};
  std::vector<LogIndex> ticked_;  // by shard: applied index at the last tick
  std::size_t checkpoint_shard_ = 0;
  core::Task checkpoint_done_;
};

}  // namespace roost::session
