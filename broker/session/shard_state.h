// SPDX-License-Identifier: Apache-2.0
// One shard as a deterministic machine: committed records in, state out. Holds the durable
// sessions of its client ids, their filters and queues, wills, and the retained messages of its
// topics. What happens besides (a PUBLISH to a connected client, a fan-out) goes through
// SessionTable and doesn't change the state. Split: apply_*.cc by kind of record, shard_queue.cc
// (queues), shard_disk.cc (checkpoint and load), forwards.cc (fan-out from this shard's log).
// Thread: core-bound.
// Owner: SessionTable of the shard's core.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "broker/routing/publication.h"
#include "broker/routing/retained.h"
#include "broker/routing/topic_tree.h"
#include "broker/session/due_sessions.h"
#include "broker/session/matching.h"
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
  std::size_t session_count() const { return sessions_.size(); }
  const routing::TopicTree& tree() const { return tree_; }
  // Somebody in this shard wants `topic` at QoS 1 or 2: worth a record.
  bool stores(std::string_view topic) const;
  const routing::RetainedStore& retained() const { return retained_; }
  // Keeps a message that no record is about, until the process ends.
  void set_unlogged(const routing::MessagePtr& message);
  // Drops expired ones, looking at up to `budget`; they aren't sent anyway. Returns how many.
  std::size_t expire_retained(SteadyMs now_ms, std::size_t budget);
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const auto& session : sessions_) visit(*session);
  }

  // --- time ---
  // Shard time = the core's steady time + this. Set before anything is applied.
  std::int64_t offset_ms() const { return offset_ms_; }
  void set_offset_ms(std::int64_t ms) { offset_ms_ = ms; }
  ShardMs time_ms() const { return time_ms_; }  // the latest that a record said
  WallMs wall_ms() const { return wall_ms_; }   // ... and the wall clock then
  // The leader: what is due at `now_ms` is ended or fired by records. Returns the next due time.
  ShardMs run_due(ShardMs now_ms);

  // --- leader ---
  // After load and replay.
  void begin_leading();
  // Fans out again what was not confirmed.
  void resume_forwards();
  // Appends a ForwardedRecord if there is news.
  void note_forwarded();

  // --- disk ---
  // Puts what is there into this empty state. `applied`: the last record that is in it.
  void load(const StateReader& reader, LogIndex applied);
  // Writes what changed since the last one; `done` runs when that can be read. One at a time.
  // Requires: !is_writing().
  void checkpoint(ShardDisk& disk, core::Task done);
  bool is_writing() const { return writing_; }
  bool is_dirty() const { return applied_ != written_ || !retained_dirty_.empty(); }

 private:
  // A forward is known by the index of its record, shifted, and its place within that.
  static constexpr int kForwardBits = 20;
  struct Forward {
    LogIndex index = 0;
    routing::MessagePtr message;
    bool is_done = false;     // leader: everybody has it
    bool is_written = false;  // to disk
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
  void set_limits(StartedRecord limits);
  void keep(const routing::MessagePtr& message);
  bool is_repeat(const std::optional<Source>& source, LogIndex StoredSeen::*kind);
  StoredSession* current(std::string_view client_id, const Generation& generation) const;
  StoredSession& begin_session(std::string_view client_id);
  void detach(StoredSession& session, ShardMs now_ms);
  void end_session(StoredSession& session);
  void fire_will(StoredSession& session);
  void hand_on_fresh(const StoredSession& session);
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
  void forward(const routing::MessagePtr& message);
  void publish_forward(const Forward& forward);
  void on_confirmed(std::uint64_t tag) override;

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
  std::unordered_map<std::uint16_t, StoredSeen> seen_;  // by source shard
  std::deque<Forward> forwards_;                        // by index, rising
  LogIndex last_forward_ = 0, forwarded_through_ = 0, forwarded_said_ = 0;

  StartedRecord limits_;
  std::unique_ptr<routing::TopicTree> keep_last_;  // null: no filters
  std::int64_t offset_ms_ = 0;
  ShardMs time_ms_ = 0;
  WallMs wall_ms_ = 0;
  DueSessions due_;

  // What differs from the disk.
  std::unordered_set<StoredSession*> dirty_;
  std::vector<std::string> ended_;                            // client ids
  std::unordered_map<std::string, LogIndex> retained_dirty_;  // topic -> the record that did it
  std::vector<Erasure> erasures_;
  std::vector<Sweep> sweeps_;
  std::vector<LogIndex> forwards_gone_;
  bool limits_dirty_ = false, seen_dirty_ = false;
  // Records since the last checkpoint, rising, that several sessions want.
  std::vector<LogIndex> several_;
  // Of bodies that stand by themselves: how many want them.
  std::unordered_map<LogIndex, std::uint32_t> references_;
  std::unordered_map<std::string, LogIndex> retained_bodies_;  // topic -> the body it has there
  std::vector<LogIndex> bodies_ahead_;  // written before the last process ended; perhaps nobody's
  bool writing_ = false;
};

}  // namespace roost::session
