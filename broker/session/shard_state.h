// SPDX-License-Identifier: Apache-2.0
// One shard as a deterministic machine: committed records in, state out. Holds the durable
// sessions of its client ids, their filters and queues, wills, and the retained messages of its
// topics. What happens besides (a PUBLISH to a connected client, a fan-out) goes through
// SessionTable, is done by the leader only, and doesn't change the state. Split: apply_*.cc by kind
// of record, shard_queue.cc (queues), shard_disk.cc (checkpoint and load), shard_leading.cc,
// forwards.cc (fan-out from this shard's log), apply_steps.cc (share groups in a cluster).
// Thread: core-bound.
// Owner: SessionTable of the shard's core.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "broker/routing/publication.h"
#include "broker/routing/retained.h"
#include "broker/routing/topic_tree.h"
#include "broker/session/counters.h"
#include "broker/session/due_sessions.h"
#include "broker/session/matching.h"
#include "broker/session/shard_groups.h"
#include "broker/session/shard_log.h"
#include "broker/session/stored_session.h"

namespace roost::session {

class SessionTable;

class ShardState final : private routing::PublicationWaiter {
 public:
  ShardState(ShardId id, SessionTable& table) : id_(id), table_(table) {}
  ~ShardState();

  ShardId id() const { return id_; }
  // Records come in index order. A gap (a damaged log) is allowed.
  void apply(LogIndex index, const Record& record);
  LogIndex applied() const { return applied_; }

  StoredSession* find(std::string_view client_id) const;
  // Client ids of those that outlive their connection and have one, in the order they began.
  std::vector<std::string> attached_sessions() const;
  std::size_t session_count() const { return sessions_.size(); }
  // In a cluster: the rest of an ended session, whose queue goes back to its share groups.
  static bool is_departed(std::string_view client_id) { return client_id.starts_with('\0'); }
  const routing::TopicTree& tree() const { return tree_; }
  // Somebody in this shard wants `topic` at QoS 1 or 2: worth a record.
  bool stores(std::string_view topic) const;
  const routing::RetainedStore& retained() const { return retained_; }
  // Keeps a message that no record is about, until the process ends.
  void set_unlogged(const routing::MessagePtr& message);
  // Drops expired ones, looking at up to `budget`; they aren't sent anyway.
  void expire_retained(SteadyMs now_ms, std::size_t budget);
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const auto& session : sessions_) visit(*session);
  }

  // --- time ---
  // Shard time = the core's steady time + this. Set before anything is applied; a follower's whose
  // replica began empty is set by the first record that says what time it is.
  std::int64_t offset_ms() const { return offset_ms_; }
  void set_offset_ms(std::int64_t ms, bool is_known = true) {
    offset_ms_ = ms;
    has_clock_ = is_known;
  }
  // What a leader calls now. No earlier than what was said in the shard, though this node's clock
  // lag behind; messages keep to the offset, so that replicas write the same.
  ShardMs now_ms(SteadyMs steady_ms) const { return steady_ms + offset_ms_ + ahead_ms_; }
  // When its clock was 0, in seconds of the wall clock: the same until that clock is moved by more
  // than a second, however far apart the two clocks are read.
  std::int64_t begin_s(SteadyMs steady_ms, WallMs wall_ms) const;
  SteadyMs steady_of(ShardMs shard_ms) const { return shard_ms - offset_ms_ - ahead_ms_; }
  ShardMs time_ms() const { return time_ms_; }  // the latest that a record said
  WallMs wall_ms() const { return wall_ms_; }   // ... and the wall clock then
  // The leader: what is due at `now_ms` is ended or fired by records. Returns the next due time.
  ShardMs run_due(ShardMs now_ms);
  // A record, for those that are appended next and have no time of their own.
  void say_time(ShardMs now_ms);

  // --- leader ---
  bool is_leading() const { return leading_; }
  // What is in here while it doesn't lead; with its own records of what was dropped.
  const SessionCounters& standby() const { return standby_; }
  // After load and replay.
  void begin_leading(SteadyMs now_ms);
  // Requires: its sessions have no clients any more.
  void end_leading();
  // What was not confirmed is fanned out again, once the record that begins the epoch is applied.
  void let_forwards_go();
  // Appends a ForwardedRecord if there is news.
  void note_forwarded();

  // --- share groups in a cluster ---
  const ShardGroups& groups() const { return groups_; }
  std::vector<routing::ShareGroup*> matching_groups(std::string_view topic) {
    return groups_.matching(topic);
  }
  // The leader: one member of each group that wants it, at QoS 0.
  void assign_once(const routing::MessagePtr& message);
  // The leader, while a record is applied: runs `done` when the next of the steps that the record
  // brought is where it belongs; dropped when leadership ends.
  void when_stepped(core::Task done);
  // The leader: what waits for a node may go, or that process is over.
  void node_came() { resume_forwards(); }
  void node_gone(std::uint64_t life);

  // --- disk ---
  // Puts what is there into this empty state. `applied`: the last record that is in it.
  void load(const StateReader& reader, LogIndex applied);
  // Writes what changed since the last one; `done` runs when that can be read. One at a time.
  // Requires: !is_writing().
  void checkpoint(ShardDisk& disk, core::Task done);
  bool is_writing() const { return writing_; }
  // What it would write is void.
  void forget() { forgotten_ = true; }
  bool is_dirty() const { return applied_ != written_ || !retained_dirty_.empty(); }

 private:
  static constexpr std::size_t kNodesSeenMax = 256;  // cores of nodes whose numbers are remembered
  struct BySource {                                  // whose numbers they are
    bool operator()(const Source& a, const Source& b) const {
      return std::tie(a.kind, a.life, a.part) < std::tie(b.kind, b.life, b.part);
    }
  };
  // A forward is known by the index of its record, shifted, and its place within that.
  static constexpr int kForwardBits = 20;
  struct Forward {
    LogIndex index = 0;
    routing::MessagePtr message;
    bool is_done = false;                         // leader: everybody has it
    bool is_written = false;                      // to disk
    routing::Publication* publication = nullptr;  // leader: on its way
    bool is_apart = false;                        // its body stands under its record's index
  };
  struct Erasure {  // an entry on disk that is finished
    std::uint64_t number = 0, sequence = 0;
    bool is_noted = false;  // on disk
  };
  struct Sweep {  // the queue of an ended session on disk
    std::uint64_t number = 0, from = 0, to = 0;
    bool is_noted = false;
  };
  struct Resolved;  // what a look at the disk found out about them
  struct Written;

  // apply_messages.cc
  void apply_one(const StartedRecord& record);
  void apply_one(const TickRecord& record);
  void apply_one(const PublishedRecord& record);
  void apply_one(const AssignedRecord& record);
  void apply_one(const GatheredRecord& record);
  void apply_one(const RetainedRecord& record);
  void apply_one(const ForwardedRecord& record);
  void apply_one(const ToldRecord& record) { forward(record.message); }
  // apply_sessions.cc
  void apply_one(const AttachedRecord& record);
  void apply_one(const DetachedRecord& record);
  void apply_one(const EndedRecord& record);
  void apply_one(const WillFiredRecord& record);
  void apply_one(const SubscribedRecord& record);
  void apply_one(const UnsubscribedRecord& record);
  void apply_one(const AckedRecord& record);
  void apply_one(const ReceivedRecord& record);
  void apply_one(const ReleasedRecord& record);

  void saw_time(ShardMs now_ms, WallMs wall_ms = 0);
  void set_clock(ShardMs now_ms, WallMs wall_ms);
  void set_limits(StartedRecord limits);
  void keep(const routing::MessagePtr& message);
  bool is_repeat(const std::optional<Source>& source, std::uint64_t StoredSeen::*kind);
  StoredSeenFrom& seen_of(const Source& source);
  void forget_seen(const Source& source);
  // What is now in here, of the table's if it leads.
  SessionCounters& counters() { return *counters_; }
  StoredSession* current(std::string_view client_id, const Generation& generation) const;
  StoredSession& begin_session(std::string_view client_id);
  void detach(StoredSession& session, ShardMs now_ms);
  void end_session(StoredSession& session);
  void fire_will(StoredSession& session);
  void hand_on_fresh(const StoredSession& session);
  void index_add(StoredSession& session, std::string_view filter, const Subscription& subscription);
  void index_remove(StoredSession& session, std::string_view filter);
  void remove_filter(StoredSession& session, std::string_view filter);
  void mark_dirty(StoredSession& session);
  void note_due(StoredSession& session);

  // shard_queue.cc
  void deliver(StoredSession& session, const routing::MessagePtr& message, Match& match);
  void enqueue(StoredSession& session, QueueEntry entry);
  bool make_room(StoredSession& session, std::size_t bytes);
  void drop_older(StoredSession& session, const routing::Message& message);
  void finish(StoredSession& session, std::uint64_t sequence);

  // forwards.cc
  LogIndex forward(const routing::MessagePtr& message);
  bool is_forwarding() const { return leading_ && epoch_begun_ && forwards_let_go_; }
  void publish_forward(Forward& forward);
  void resume_forwards();
  void begin_forwarding();
  void on_confirmed(std::uint64_t tag) override;

  // apply_steps.cc
  bool in_cluster() const;
  void apply_step(const routing::MessagePtr& message);
  void apply_assigned(const ShareStep& step, const routing::MessagePtr& message);
  void apply_gone(std::uint64_t life);
  void assign(const routing::MessagePtr& message);
  void assign(routing::ShareGroup& group, const routing::MessagePtr& message,
              std::string_view except);
  void step_joined(const StoredSession& session, std::string_view filter, mqtt::Qos qos,
                   bool connected);
  void step_left(const StoredSession& session, const mqtt::TopicFilter& filter);
  void steps_of_presence(const StoredSession& session, bool connected);
  SteadyMs message_ms() const { return time_ms_ - offset_ms_; }  // of those that begin here

  // departed.cc
  using Page = std::map<std::uint64_t, QueueEntry>;  // by sequence
  static std::string departed_name(std::string_view client_id, std::uint64_t number);
  bool leaves_shared(const StoredSession& session) const;
  void depart(StoredSession& session);
  void hand_back_all();
  void hand_back(StoredSession& departed);
  void hand_back(StoredSession& departed, Page page, std::uint64_t to);
  void apply_given_back(const ShareStep& step, const routing::MessagePtr& message);
  void went_on(StoredSession& departed);

  // shard_disk.cc
  void write_changes(ShardDisk& disk, Resolved& resolved, core::Task done);
  void write_sessions(StateChanges& changes, Written& written);
  void write_session(StoredSession& session, StateChanges& changes, Written& written);
  void write_entry(const StoredSession& session, const StoredSession::Fresh& fresh,
                   StateChanges& changes, Written& written);
  bool is_apart(const StoredSession::Fresh& fresh, Written& written) const;
  void write_finished(StateChanges& changes, const Resolved& resolved, Written& written);
  void write_retained(StateChanges& changes, Written& written);
  void write_forwards(StateChanges& changes, Written& written);
  void write_groups(StateChanges& changes);
  void write_references(StateChanges& changes, const Written& written);
  void write_rest(StateChanges& changes);
  void add_reference(LogIndex index, const routing::MessagePtr& message, StateChanges& changes,
                     Written& written);
  void drop_reference(LogIndex index, Written& written);
  void written_down(const Written& written);

  // shard_load.cc
  void load_clock(const StateReader& reader);
  void load_sessions(const StateReader& reader);
  void load_session(std::string_view client_id, StoredHeader header);

  ShardId id_;
  SessionTable& table_;
  LogIndex applied_ = 0;
  LogIndex written_ = 0;  // the state on disk
  boost::unordered_flat_set<std::unique_ptr<StoredSession>, ByClientId, ByClientId> sessions_;
  routing::TopicTree tree_;  // owners: StoredSession
  routing::RetainedStore retained_;
  std::uint64_t next_number_ = 1;
  std::map<Source, StoredSeenFrom, BySource> seen_;
  std::size_t nodes_seen_ = 0;    // of seen_
  std::deque<Forward> forwards_;  // by index, rising
  LogIndex last_forward_ = 0, forwarded_through_ = 0, forwarded_said_ = 0;
  ShardGroups groups_;
  std::deque<LogIndex> stepped_;                         // leader: of the record that is applied
  std::map<std::uint64_t, std::uint64_t> handing_back_;  // leader: by session number, up to where
  std::map<LogIndex, core::Task> step_waits_;            // leader: by forward

  StartedRecord limits_;
  std::unique_ptr<routing::TopicTree> keep_last_;  // null: no filters
  std::int64_t offset_ms_ = 0;
  std::int64_t ahead_ms_ = 0;
  bool has_clock_ = true;
  mutable std::int64_t begin_s_ = 0;  // as it was told last
  ShardMs time_ms_ = 0;
  WallMs wall_ms_ = 0;
  DueSessions due_;

  // What differs from the disk.
  std::unordered_set<StoredSession*> dirty_;
  std::vector<std::string> ended_;                            // client ids
  std::unordered_map<std::string, LogIndex> retained_dirty_;  // topic -> the record that did it
  std::vector<Erasure> erasures_;
  std::vector<Sweep> sweeps_;
  std::vector<std::pair<LogIndex, bool>> forwards_gone_;  // Forward::index, is_apart
  std::vector<std::string> seen_gone_;                    // keys
  bool limits_dirty_ = false, seen_dirty_ = false;
  // Records since the last checkpoint, rising, that several sessions want.
  std::vector<LogIndex> several_;
  // Of bodies that stand by themselves: how many want them.
  std::unordered_map<LogIndex, std::uint32_t> references_;
  std::unordered_map<std::string, LogIndex> retained_bodies_;  // topic -> the body it has there
  std::vector<LogIndex> bodies_ahead_;  // written before the last process ended; perhaps nobody's
  bool writing_ = false;
  bool forgotten_ = false;

  // Leader.
  bool leading_ = false;
  bool epoch_begun_ = false, forwards_let_go_ = false;
  SessionCounters standby_;  // of a follower; as a leader's, nobody adds them up
  SessionCounters* counters_ = &standby_;
};

}  // namespace roost::session
