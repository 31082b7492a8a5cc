// SPDX-License-Identifier: Apache-2.0
// From disk into an empty shard. A value that can't be read is said to be missing by who reads.
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/read_entry.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"
#include "broker/session/state_codec.h"
#include "broker/session/state_key.h"

namespace roost::session {

namespace {

// Calls visit(key, value) for all keys of a kind.
template <typename Visit>
void for_all(const StateReader& reader, StateKind kind, Visit&& visit) {
  const std::string prefix = state_key(kind);
  reader.scan(prefix, next_key(prefix), [&](std::string_view text, ByteView value) {
    const auto key = parse_state_key(text);
    if (key) visit(*key, value);
    return true;
  });
}

}  // namespace

routing::MessagePtr read_body(const StateReader& reader, LogIndex index, std::int64_t offset_ms) {
  const std::string body = state_key(StateKind::body, index);
  BodyJoiner joiner;
  bool is_whole = true;
  reader.scan(body, next_key(body), [&](std::string_view text, ByteView part) {
    const auto key = parse_state_key(text);
    is_whole = key && joiner.add(key->part, part).has_value();
    return is_whole;
  });
  if (!is_whole) return {};
  auto message = joiner.finish(offset_ms);
  return message ? std::move(*message) : routing::MessagePtr();
}

std::optional<StoredEntry> read_entry(const StateReader& reader, ByteView value,
                                      std::int64_t offset_ms) {
  auto entry = decode_entry(value, offset_ms);
  if (!entry) return std::nullopt;
  routing::MessagePtr& message = entry->entry.message;
  if (!message) message = read_body(reader, entry->index, offset_ms);
  return message ? std::optional(std::move(*entry)) : std::nullopt;
}

void ShardState::load(const StateReader& reader, LogIndex applied) {
  CHECK(applied_ == 0 && sessions_.empty());
  applied_ = written_ = applied;
  load_clock(reader);
  load_sessions(reader);
  for_all(reader, StateKind::references, [&](const StateKey& key, ByteView value) {
    if (const auto count = decode_reference_count(value)) references_[key.number] = *count;
  });
  for_all(reader, StateKind::body_ahead,
          [&](const StateKey& key, ByteView) { bodies_ahead_.push_back(key.number); });
  for_all(reader, StateKind::retained, [&](const StateKey& key, ByteView value) {
    auto body = decode_body(value, offset_ms_);
    if (!body) return;
    if (!body->message) {
      retained_bodies_.emplace(key.name, body->index);
      body->message = read_body(reader, body->index, offset_ms_);
    }
    if (!body->message) return;
    retained_.set(std::move(body->message));
    counters().retained.add();
  });
  for_all(reader, StateKind::to_forward, [&](const StateKey& key, ByteView value) {
    auto body = decode_body(value, offset_ms_);
    if (!body) return;
    const bool is_apart = !body->message;
    if (is_apart) body->message = read_body(reader, key.number >> kForwardBits, offset_ms_);
    if (body->message) {
      forwards_.push_back({key.number, body->message, false, true, nullptr, is_apart});
    }
  });
  for_all(reader, StateKind::group, [&](const StateKey& key, ByteView value) {
    if (const auto group = decode_group(value)) groups_.load(key.name, *group);
  });
  for_all(reader, StateKind::seen, [&](const StateKey& key, ByteView value) {
    const ShardId source{static_cast<std::uint16_t>(key.number)};
    if (const auto seen = decode_seen(value)) seen_[Source::of_shard(source, 0, 0)].last = *seen;
  });
  for_all(reader, StateKind::seen_from, [&](const StateKey& key, ByteView value) {
    const auto seen = decode_seen_from(value);
    if (!seen) return;
    seen_[Source{key.source, key.part, key.number, 0}] = *seen;
    nodes_seen_ += key.source == Source::Kind::node;
  });
  for_all(reader, StateKind::sweep, [&](const StateKey& key, ByteView value) {
    if (const auto sweep = decode_sweep(value)) {
      sweeps_.push_back({key.number, sweep->first, sweep->end, true});
    }
  });
  for_all(reader, StateKind::erasure, [&](const StateKey& key, ByteView) {
    erasures_.push_back({key.number, key.sequence, true});
  });
}

// The time that passed while nobody ran is what the wall clock says, if that makes sense.
void ShardState::load_clock(const StateReader& reader) {
  if (const auto value = reader.get(state_key(StateKind::clock))) {
    if (const auto clock = decode_clock(as_bytes(*value))) {
      time_ms_ = clock->now_ms;
      wall_ms_ = clock->wall_ms;
    }
  }
  if (const auto value = reader.get(state_key(StateKind::limits))) {
    if (auto limits = decode_limits(as_bytes(*value))) set_limits(std::move(*limits));
  }
  if (const auto value = reader.get(state_key(StateKind::next_session))) {
    if (const auto number = decode_number(as_bytes(*value))) next_number_ = *number;
  }
}

void ShardState::load_sessions(const StateReader& reader) {
  for_all(reader, StateKind::header, [&](const StateKey& key, ByteView value) {
    auto header = decode_header(value);
    if (header) load_session(key.name, std::move(*header));
  });
  for_all(reader, StateKind::filters, [&](const StateKey& key, ByteView value) {
    StoredSession* session = find(key.name);
    const auto filters = decode_filters(value);
    if (session == nullptr || !filters) return;
    for (const StoredFilter& one : *filters) {
      const Subscription subscription{one.options, one.subscription_id};
      session->filters.set(one.filter, subscription);
      counters().subscriptions.add();
      if (one.filter.starts_with("$share/")) {
        counters().shared_subscriptions.add();
      } else {
        index_add(*session, one.filter, subscription);
      }
    }
  });
  for_all(reader, StateKind::will, [&](const StateKey& key, ByteView value) {
    StoredSession* session = find(key.name);
    auto will = decode_will(value, offset_ms_);
    if (session == nullptr || !will) return;
    session->make_rare().will = std::make_unique<StoredWill>(std::move(*will));
    session->has_will_on_disk = true;
  });
}

void ShardState::load_session(std::string_view client_id, StoredHeader header) {
  auto made = std::make_unique<StoredSession>(client_id, header.number);
  StoredSession& session = *made;
  session.generation = header.generation;
  session.durable = header.durable;
  session.attached = header.attached;
  session.expiry_s = header.expiry_s;
  session.expires_at_ms = header.expires_at_ms;
  const bool ends = header.expires_at_ms != kNever && !header.attached;
  const ShardMs since_ms = header.expires_at_ms - std::int64_t{header.expiry_s} * 1000;
  session.offline_since_s = seconds_of(ends ? since_ms : time_ms_);
  session.next_sequence = session.disk_end = header.next_sequence;
  session.oldest = header.oldest_unfinished;
  session.sent_before = header.sent_before;
  session.receive_maximum = header.receive_maximum;
  session.queued = header.queued;
  session.queued_bytes = header.queued_bytes;
  if (!header.finished.empty() || !header.received.empty() || !header.awaiting_release.empty() ||
      !header.newest.empty()) {
    StoredSession::Rare& rare = session.make_rare();
    rare.finished.set_bounds(std::move(header.finished));
    rare.received = std::move(header.received);
    rare.awaiting_release = std::move(header.awaiting_release);
    rare.newest.insert(header.newest.begin(), header.newest.end());
  }
  next_number_ = std::max(next_number_, session.number + 1);
  SessionCounters& held = counters();
  held.queued.add(session.queued);
  held.queued_bytes.add(session.queued_bytes);
  if (session.durable) held.sessions_durable.add();
  sessions_.insert(std::move(made));
}

}  // namespace roost::session
