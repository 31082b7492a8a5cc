// SPDX-License-Identifier: Apache-2.0
// What waits for the client: comes in, enters the window, is too old or too large. A durable
// session's queue is its shard's; only its front is here, the rest is fetched as the client reads.
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/read_entry.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/state_key.h"

namespace roost::session {

using mqtt::Qos;

namespace {

// How much of a long queue is held for a client that reads slowly.
constexpr std::size_t kAheadMax = 2048;
constexpr std::size_t kAheadMin = 512;
constexpr std::size_t kAheadBytes = 1024 * 1024;  // above: no more from disk
constexpr std::size_t kPageMessages = 1024;
constexpr std::size_t kPageBytes = 1024 * 1024;

}  // namespace

std::size_t Session::queue_size() const { return is_durable() ? stored_->queued : out_.waiting(); }

SteadyMs Session::oldest_of(std::size_t count) const {
  constexpr std::size_t kLooksMax = 64;  // those that wait only for older ones to leave have none
  for (std::size_t i = 0; i < std::min(count, kLooksMax); ++i) {
    if (out_.at(i).queued.message) return out_.at(i).queued.message->received_ms();
  }
  return 0;
}

SteadyMs Session::oldest_ms() const { return oldest_of(out_.size()); }

SteadyMs Session::oldest_unacked_ms() const { return oldest_of(out_.window()); }

bool Session::is_busy() const {
  return out_.waiting() > 0 || !caught_up_ || !window_open() || link_->is_congested();
}

// --- in ---

// Of a session in memory.
void Session::deliver(const routing::MessagePtr& message, Match& match) {
  const Qos qos = std::min(message->qos(), match.qos);
  const bool retain = message->retain() && match.retain_as_published;
  QueueEntry entry{message, match.subscription_id, qos, retain, std::move(match.extra)};
  if (gathers_open_ > 0) {
    held_.push_back(std::move(entry));  // its retained messages come first
    return;
  }
  send_or_enqueue(std::move(entry));
}

void Session::deliver_once(QueueEntry entry) {
  if (gathers_open_ > 0) {
    held_.push_back(std::move(entry));
    return;
  }
  send_or_enqueue(std::move(entry));
}

void Session::send_or_enqueue(QueueEntry entry) {
  if (entry.qos == Qos::at_most_once && !replaying_) {
    if (!may_receive(entry)) {
      count_drop(table_.counters().dropped_not_receivable, DropCause::not_receivable);
      return;
    }
    if (link_->is_congested()) {
      count_drop(table_.counters().dropped_slow_reader, DropCause::slow_reader);
      return;
    }
    send_publish(entry, 0, false);
    return;
  }
  if (!is_durable() && out_.waiting() > 0 && !make_room(entry)) {
    count_drop(table_.counters().dropped_queue_full, DropCause::queue_full);
    return;
  }
  push(std::move(entry));
  if (out_.waiting() == 1) pump();
}

void Session::push(QueueEntry entry) {
  const std::size_t bytes = entry.message->memory_size();
  queue_bytes_ += bytes;
  table_.bytes_in_memory() += bytes;
  table_.counters().queued.add();
  table_.counters().queued_bytes.add(bytes);
  out_.push({std::move(entry)});
}

void Session::left_queue(const QueueEntry& entry) {
  const std::size_t bytes = entry.message->memory_size();
  queue_bytes_ -= bytes;
  table_.bytes_in_memory() -= bytes;
  table_.counters().queued_bytes.sub(bytes);
}

bool Session::make_room(const QueueEntry& entry) {
  const SessionLimits& limits = table_.limits();
  const std::size_t size = entry.message->memory_size();
  if (out_.waiting() >= limits.max_queued_messages) return false;
  if (limits.max_queued_bytes > 0 && queue_bytes_ + size > limits.max_queued_bytes) return false;
  return limits.max_queued_bytes_core == 0 ||
         table_.bytes_in_memory() + size <= limits.max_queued_bytes_core;
}

// A message for a durable session was committed.
void Session::queued(const StoredSession::Fresh& fresh) {
  if (!caught_up_) return;
  if (out_.waiting() >= kAheadMax) {
    caught_up_ = false;
    return;
  }
  load_next_ = fresh.sequence + 1;
  load(fresh.sequence, fresh.entry.clone());
  if (out_.waiting() == 1) pump();
}

// Its shard had to make room.
void Session::dropped(std::uint64_t sequence) {
  Outgoing::Entry* entry = out_.find_waiting(sequence);
  if (entry == nullptr) return;
  left_ahead(entry->queued);
  entry->queued.message = {};
}

// --- out ---

void Session::on_drained() {
  if (!stranded_) pump();
}

// From the queue to the client as far as window and socket allow.
void Session::pump() {
  while (link_ != nullptr && !is_opening()) {
    if (!caught_up_ && wants_more()) load_more();
    if (out_.waiting() == 0 || link_->is_congested()) break;
    if (drop_next_if_stale()) continue;
    const Outgoing::Entry& next = out_.next_waiting();
    if (next.queued.qos == Qos::at_most_once) {
      const QueueEntry entry = skip_next();
      if (fits(entry)) {
        send_publish(entry, 0, false);
      } else {
        count_drop(table_.counters().dropped_too_large, DropCause::too_large);
      }
      continue;
    }
    const bool is_pubrel = !next.queued.message;  // takes no place in the window
    if (!out_.has_id() || (!is_pubrel && !window_open())) {
      hurry_acks();
      break;
    }
    enter_next();
  }
  if (out_.waiting() == 0) replaying_ = false;
}

bool Session::wants_more() const {
  return out_.waiting() == 0 || (out_.waiting() < kAheadMin && ahead_bytes_ < kAheadBytes);
}

// The next one enters the window and is sent.
void Session::enter_next() {
  const bool is_pubrel = !out_.next_waiting().queued.message;
  const QueueEntry& next = out_.next_waiting().queued;
  if (is_durable()) {
    left_ahead(next);
  } else {
    left_queue(next);
  }
  const std::size_t index = out_.enter();
  table_.counters().queued.sub();
  table_.counters().in_flight.add();
  Outgoing::Entry& entry = out_.at(index);
  if (is_pubrel) {  // said already when the client came back
    entry.state = Outgoing::State::pubrel_sent;
    return;
  }
  const bool dup = std::exchange(entry.sent, true);
  entry.sent_here = true;
  ++open_here_;
  if (is_durable()) sent_end_ = std::max(sent_end_, entry.sequence + 1);
  send_publish(entry.queued, out_.id_at(index), dup);
}

QueueEntry Session::skip_next() {
  const std::uint64_t sequence = out_.next_waiting().sequence;
  QueueEntry entry = out_.skip();
  if (is_durable() && sequence != Outgoing::kUnnumbered) {
    left_ahead(entry);
    return entry;
  }
  left_queue(entry);
  table_.counters().queued.sub();
  return entry;
}

// Expired, too old, too large, not for this client, or dropped by its shard. What was sent before
// neither expires nor drops, but for its size: this connection may take less than the last.
bool Session::drop_next_if_stale() {
  const Outgoing::Entry& next = out_.next_waiting();
  const bool is_stored = is_durable() && next.sequence != Outgoing::kUnnumbered;
  if (!next.queued.message) {
    const bool is_over = std::erase(completed_early_, next.sequence) > 0;
    if (is_stored && !is_over && stored_->was_received(next.sequence)) return false;
    out_.skip();
    return true;
  }
  SessionCounters& counters = table_.counters();
  const std::int64_t age_max_ms = std::int64_t{table_.limits().max_queued_age_s} * 1000;
  const bool is_old = age_max_ms > 0 && now_ms() - next.queued.message->received_ms() > age_max_ms;
  if (!next.sent && next.queued.message->is_expired(now_ms())) {
    count_drop(counters.dropped_expired, DropCause::expired);
  } else if (!next.sent && is_old && !next.queued.retain) {
    count_drop(counters.dropped_old, DropCause::too_old);
  } else if (!next.sent && !may_receive(next.queued)) {
    count_drop(counters.dropped_not_receivable, DropCause::not_receivable);
  } else if (!fits(next.queued)) {
    count_drop(counters.dropped_too_large, DropCause::too_large);
  } else {
    return false;
  }
  const std::uint64_t sequence = next.sequence;
  skip_next();
  if (is_stored) finish_stored(sequence);
  return true;
}

// --- a durable session's front ---

void Session::load_more() {
  if (reading_) return;
  if (load_next_ < stored_->disk_end) {
    read_page();
  } else {
    load_fresh();
  }
}

void Session::left_ahead(const QueueEntry& entry) {
  if (entry.message) ahead_bytes_ -= entry.message->memory_size();
}

void Session::load(std::uint64_t sequence, QueueEntry entry) {
  if (entry.message) ahead_bytes_ += entry.message->memory_size();
  Outgoing::Entry next;
  next.queued = std::move(entry);
  next.sequence = sequence;
  next.sent = sequence < sent_before_;
  out_.push(std::move(next));
}

// What isn't on disk yet.
void Session::load_fresh() {
  const Ring<StoredSession::Fresh>& fresh = stored_->fresh;
  std::size_t begin = 0, end = fresh.size();
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (fresh[middle].sequence < load_next_) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  for (; begin < fresh.size() && out_.waiting() < kAheadMax; ++begin) {
    const StoredSession::Fresh& one = fresh[begin];
    load_next_ = one.sequence + 1;
    if (!one.entry.message || std::erase(completed_early_, one.sequence) > 0) continue;
    QueueEntry entry = one.entry.clone();
    if (stored_->was_received(one.sequence)) entry.message = {};
    load(one.sequence, std::move(entry));
  }
  if (begin < fresh.size()) return;
  load_next_ = stored_->next_sequence;
  caught_up_ = true;
}

struct Session::Page {
  std::vector<std::pair<std::uint64_t, QueueEntry>> entries;
  std::uint64_t next = 0;  // where to go on
};

void Session::read_page() {
  reading_ = true;
  const std::uint64_t from = load_next_, to = stored_->disk_end, number = stored_->number;
  const std::int64_t offset_ms = table_.offset_of(client_id_);
  SessionTable& table = table_;
  table_.read(client_id_,
              [=, &table, client_id = client_id_,
               generation = generation_](const StateReader& reader) -> core::Task {
                Page page;
                page.next = to;
                std::size_t bytes = 0;
                reader.scan(entry_key(number, from), entry_key(number, to),
                            [&](std::string_view key, ByteView value) {
                              const auto parsed = parse_state_key(key);
                              if (!parsed) return true;
                              const std::uint64_t sequence = parsed->sequence;
                              if (page.entries.size() >= kPageMessages || bytes >= kPageBytes) {
                                page.next = sequence;
                                return false;
                              }
                              auto stored = read_entry(reader, value, offset_ms);
                              if (!stored) return true;  // on a damaged page
                              if (stored->entry.message)
                                bytes += stored->entry.message->memory_size();
                              page.entries.emplace_back(sequence, std::move(stored->entry));
                              return true;
                            });
                return [&table, client_id, generation, page = std::move(page)]() mutable {
                  Session* session = table.live(client_id, generation);
                  if (session != nullptr && session->stored_ != nullptr) session->page_read(page);
                };
              });
}

void Session::page_read(Page& page) {
  reading_ = false;
  // A sequence that should be there and isn't was on a damaged page: it is over.
  std::uint64_t expected = load_next_;
  const auto missing_before = [&](std::uint64_t sequence) {
    for (; expected < sequence; ++expected) {
      if (!stored_->is_unfinished(expected) || std::erase(completed_early_, expected) > 0) continue;
      count_drop(table_.counters().dropped_damaged, DropCause::damaged);
      finish_stored(expected);
    }
    expected = sequence + 1;
  };
  load_next_ = page.next;
  for (auto& [sequence, entry] : page.entries) {
    missing_before(sequence);
    if (!stored_->is_unfinished(sequence) || std::erase(completed_early_, sequence) > 0) continue;
    if (stored_->was_received(sequence)) entry.message = {};
    load(sequence, std::move(entry));
  }
  missing_before(page.next);
  pump();
}

}  // namespace roost::session
