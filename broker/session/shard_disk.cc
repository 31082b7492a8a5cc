// SPDX-License-Identifier: Apache-2.0
// From the shard's state to disk: a checkpoint looks up what the state doesn't know of finished
// entries, then writes all that changed, atomically with the applied index.
#include <utility>

#include "broker/base/check.h"
#include "broker/session/read_entry.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"
#include "broker/session/state_codec.h"
#include "broker/session/state_key.h"

namespace roost::session {

namespace {

template <typename... Arguments>
std::vector<std::uint8_t> value_of(const Arguments&... arguments) {
  std::vector<std::uint8_t> bytes;
  encode_value(arguments..., bytes);
  return bytes;
}

std::vector<std::uint8_t> number_value(std::uint64_t number) {
  std::vector<std::uint8_t> bytes;
  encode_number(number, bytes);
  return bytes;
}

}  // namespace

// What a look at the disk found out.
struct ShardState::Resolved {
  std::vector<Erasure> erasures;
  std::vector<Sweep> sweeps;
  std::vector<LogIndex> released;  // bodies that lost a reader, once for each
  struct HandedOn {
    std::string share;
    routing::MessagePtr message;
  };
  std::vector<HandedOn> handed_on;
};

struct ShardState::Written {
  struct One {
    std::string client_id;
    std::uint64_t number = 0, end = 0;
  };
  std::vector<One> sessions;
  LogIndex applied = 0;
  std::unordered_map<LogIndex, const routing::Message*> apart;  // bodies by themselves
  std::unordered_set<LogIndex> references;                      // whose count changed
  std::vector<LogIndex> ahead;                                  // bodies that are new
};

void ShardState::checkpoint(ShardDisk& disk, core::Task done) {
  CHECK(!writing_);
  writing_ = true;
  auto resolved = std::make_shared<Resolved>();
  resolved->erasures.swap(erasures_);
  resolved->sweeps.swap(sweeps_);
  auto then = std::make_shared<core::Task>(std::move(done));
  if (resolved->sweeps.empty() && (resolved->erasures.empty() || references_.empty())) {
    write_changes(disk, *resolved, std::move(*then));
    return;
  }
  disk.read(id_,
            [this, &disk, resolved, then,
             offset_ms = offset_ms_](const StateReader& reader) -> core::Task {
              for (const Erasure& one : resolved->erasures) {
                const auto value = reader.get(entry_key(one.number, one.sequence));
                if (!value) continue;
                const auto entry = decode_entry(as_bytes(*value), offset_ms);
                if (entry && !entry->entry.message) resolved->released.push_back(entry->index);
              }
              for (const Sweep& one : resolved->sweeps) {
                reader.scan(entry_key(one.number, one.from), entry_key(one.number, one.to),
                            [&](std::string_view, ByteView value) {
                              auto entry = decode_entry(value, offset_ms);
                              if (!entry) return true;
                              if (!entry->entry.message) resolved->released.push_back(entry->index);
                              if (!entry->entry.is_shared()) return true;
                              auto whole = read_entry(reader, value, offset_ms);
                              if (!whole || !whole->entry.message) return true;
                              resolved->handed_on.push_back(
                                  {whole->entry.extra->share, std::move(whole->entry.message)});
                              return true;
                            });
              }
              return [this, &disk, resolved, then] {
                write_changes(disk, *resolved, std::move(*then));
              };
            });
}

void ShardState::write_changes(ShardDisk& disk, Resolved& resolved, core::Task done) {
  if (forgotten_) {
    writing_ = false;
    return done();
  }
  if (references_.empty()) {  // no body can have lost a reader: nothing to look up
    resolved.erasures.insert(resolved.erasures.end(), erasures_.begin(), erasures_.end());
    erasures_.clear();
  }
  StateChanges changes;
  auto written = std::make_shared<Written>();
  written->applied = applied_;
  write_sessions(changes, *written);
  write_retained(changes, *written);
  write_forwards(changes, *written);
  write_groups(changes);
  write_finished(changes, resolved, *written);
  write_references(changes, *written);
  write_rest(changes);
  for (const Resolved::HandedOn& one : resolved.handed_on) {
    if (leading_) table_.share_return(one.share, one.message, {});
  }
  disk.write(id_, applied_, std::move(changes), [this, written, done = std::move(done)]() mutable {
    written_down(*written);
    done();
  });
}

void ShardState::write_sessions(StateChanges& changes, Written& written) {
  for (const std::string& client_id : std::exchange(ended_, {})) {
    changes.erase(state_key(StateKind::header, client_id));
    changes.erase(state_key(StateKind::filters, client_id));
    changes.erase(state_key(StateKind::will, client_id));
  }
  for (StoredSession* session : std::exchange(dirty_, {})) {
    write_session(*session, changes, written);
  }
  several_.clear();
}

void ShardState::write_session(StoredSession& session, StateChanges& changes, Written& written) {
  session.is_dirty = false;
  if (!session.attached) session.shrink_rare();
  changes.put(state_key(StateKind::header, session.client_id()), value_of(session.header()));
  if (session.filters_dirty) {
    session.filters_dirty = false;
    StoredFilters filters;
    session.filters.for_each([&](std::string_view filter, const Subscription& subscription) {
      filters.push_back({std::string(filter), subscription.options, subscription.id});
    });
    changes.put(state_key(StateKind::filters, session.client_id()), value_of(filters));
  }
  if (session.will() != nullptr) {
    changes.put(state_key(StateKind::will, session.client_id()),
                value_of(*session.will(), offset_ms_));
  } else if (session.has_will_on_disk) {
    changes.erase(state_key(StateKind::will, session.client_id()));
  }
  session.has_will_on_disk = session.will() != nullptr;
  for (std::size_t i = 0; i < session.fresh.size(); ++i) {
    write_entry(session, session.fresh[i], changes, written);
  }
  written.sessions.push_back(
      {std::string(session.client_id()), session.number, session.next_sequence});
}

// One session only: the body stands in the entry. Several want it, or it is large: once, under its
// log index, if no other message of that record has it already.
bool ShardState::is_apart(const StoredSession::Fresh& fresh, Written& written) const {
  const routing::Message* const message = fresh.entry.message.get();
  return (message->memory_size() > kInlineBodyMax ||
          std::binary_search(several_.begin(), several_.end(), fresh.index)) &&
         written.apart.try_emplace(fresh.index, message).first->second == message;
}

void ShardState::write_entry(const StoredSession& session, const StoredSession::Fresh& fresh,
                             StateChanges& changes, Written& written) {
  if (!fresh.entry.message) return;
  StoredEntry entry{fresh.index, fresh.entry.clone()};
  if (is_apart(fresh, written)) {
    add_reference(fresh.index, fresh.entry.message, changes, written);
    entry.entry.message = {};
  }
  changes.put(entry_key(session.number, fresh.sequence), value_of(entry, offset_ms_));
}

void ShardState::write_finished(StateChanges& changes, const Resolved& resolved, Written& written) {
  for (const Erasure& one : resolved.erasures) {
    changes.erase(entry_key(one.number, one.sequence));
    if (one.is_noted) changes.erase(erasure_key(one.number, one.sequence));
  }
  for (const Sweep& one : resolved.sweeps) {
    changes.erase_range(entry_key(one.number, one.from), entry_key(one.number, one.to));
    if (one.is_noted) changes.erase(state_key(StateKind::sweep, one.number));
  }
  for (const LogIndex index : resolved.released) {
    drop_reference(index, written);
  }
  // What finished meanwhile is looked up next time; a crash doesn't forget it.
  for (Erasure& one : erasures_) {
    if (std::exchange(one.is_noted, true)) continue;
    changes.put(erasure_key(one.number, one.sequence), {});
  }
  for (Sweep& one : sweeps_) {
    if (std::exchange(one.is_noted, true)) continue;
    changes.put(state_key(StateKind::sweep, one.number), value_of(StoredSweep{one.from, one.to}));
  }
}

void ShardState::write_retained(StateChanges& changes, Written& written) {
  for (const auto& [topic, index] : std::exchange(retained_dirty_, {})) {
    if (const auto older = retained_bodies_.find(topic); older != retained_bodies_.end()) {
      drop_reference(older->second, written);
      retained_bodies_.erase(older);
    }
    StoredBody body{index, retained_.find(topic)};
    if (!body.message) {
      changes.erase(state_key(StateKind::retained, topic));
      continue;
    }
    if (body.message->memory_size() > kInlineBodyMax) {
      add_reference(index, std::exchange(body.message, {}), changes, written);
      retained_bodies_.emplace(topic, index);
    }
    changes.put(state_key(StateKind::retained, topic), value_of(body, offset_ms_));
  }
}

// Of wills and steps one record may bring several: neither stands under its index. Wills are never
// large; a step has its message in it.
void ShardState::write_forwards(StateChanges& changes, Written& written) {
  for (Forward& one : forwards_) {
    if (std::exchange(one.is_written, true)) continue;
    StoredBody body{one.index, one.message};
    if (!one.message->is_step() && one.message->payload().size() >= PiecedBytes::kPieceMin) {
      one.is_apart = true;
      add_reference(one.index >> kForwardBits, std::exchange(body.message, {}), changes, written);
    }
    changes.put(state_key(StateKind::to_forward, one.index), value_of(body, offset_ms_));
  }
  for (const auto& [index, is_apart] : std::exchange(forwards_gone_, {})) {
    changes.erase(state_key(StateKind::to_forward, index));
    if (is_apart) drop_reference(index >> kForwardBits, written);
  }
}

void ShardState::add_reference(LogIndex index, const routing::MessagePtr& message,
                               StateChanges& changes, Written& written) {
  if (references_[index]++ == 0) {
    changes.bodies.emplace_back(index, message, offset_ms_);
    written.ahead.push_back(index);
  }
  written.references.insert(index);
}

// If there is one.
void ShardState::drop_reference(LogIndex index, Written& written) {
  const auto at = references_.find(index);
  if (at == references_.end()) return;
  --at->second;
  written.references.insert(index);
}

void ShardState::write_references(StateChanges& changes, const Written& written) {
  const auto erase_body = [&changes](LogIndex index) {
    const std::string body = state_key(StateKind::body, index);
    changes.erase_range(body, next_key(body));
  };
  for (const LogIndex index : written.references) {
    const auto at = references_.find(index);
    if (at->second > 0) {
      changes.put(state_key(StateKind::references, index), number_value(at->second));
      continue;
    }
    references_.erase(at);
    changes.erase(state_key(StateKind::references, index));
    erase_body(index);
  }
  for (const LogIndex index : written.ahead) {
    changes.erase(state_key(StateKind::body_ahead, index));
  }
  for (const LogIndex index : std::exchange(bodies_ahead_, {})) {
    changes.erase(state_key(StateKind::body_ahead, index));
    if (!references_.contains(index)) erase_body(index);
  }
}

void ShardState::write_groups(StateChanges& changes) {
  for (const std::string& share : groups_.take_dirty()) {
    const auto group = groups_.stored(share);
    const std::string key = state_key(StateKind::group, share);
    if (group) {
      changes.put(key, value_of(*group));
    } else {
      changes.erase(key);
    }
  }
}

void ShardState::write_rest(StateChanges& changes) {
  if (std::exchange(limits_dirty_, false)) {
    std::vector<std::uint8_t> bytes;
    encode_limits(limits_, bytes);
    changes.put(state_key(StateKind::limits), std::move(bytes));
  }
  for (const std::string& key : std::exchange(seen_gone_, {})) changes.erase(key);
  if (std::exchange(seen_dirty_, false)) {
    for (const auto& [source, seen] : seen_) {
      changes.put(seen_key(source), is_alone(source) ? value_of(seen.last) : value_of(seen));
    }
  }
  changes.put(state_key(StateKind::clock), value_of(StoredClock{time_ms_, wall_ms_}));
  changes.put(state_key(StateKind::next_session), number_value(next_number_));
}

// From now on the entries are read from disk; those that a client holds are with its Session.
void ShardState::written_down(const Written& written) {
  writing_ = false;
  written_ = written.applied;
  for (const Written::One& one : written.sessions) {
    StoredSession* session = find(one.client_id);
    if (session == nullptr || session->number != one.number) {
      session = find(departed_name(one.client_id, one.number));  // ended meanwhile
    }
    if (session == nullptr || session->number != one.number) continue;
    session->disk_end = one.end;
    while (!session->fresh.empty() && session->fresh.front().sequence < one.end) {
      session->fresh.pop_front();
    }
    session->fresh.shrink();
  }
}

}  // namespace roost::session
