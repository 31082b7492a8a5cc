// SPDX-License-Identifier: Apache-2.0
#include "broker/session/due_sessions.h"

#include "broker/base/check.h"
#include "broker/session/stored_session.h"

namespace roost::session {

void DueSessions::set(StoredSession& session, ShardMs due_ms) {
  if (session.due_place != 0) {
    DCHECK(heap_[session.due_place - 1].session == &session);
    if (heap_[session.due_place - 1].due_ms == due_ms) return;
    remove(session.due_place - 1);
  }
  if (due_ms != kNever) add({due_ms, &session});
}

void DueSessions::add(const Entry& entry) {
  // By a quarter: there may be a million.
  if (heap_.size() == heap_.capacity()) heap_.reserve(heap_.size() + heap_.size() / 4 + 4);
  heap_.push_back(entry);
  put(heap_.size() - 1, entry);
  rise(heap_.size() - 1);
}

void DueSessions::remove(std::size_t at) {
  heap_[at].session->due_place = 0;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (at < heap_.size()) {
    put(at, last);
    rise(at);
    sink(last.session->due_place - 1);
  }
}

void DueSessions::put(std::size_t at, const Entry& entry) {
  heap_[at] = entry;
  entry.session->due_place = static_cast<std::uint32_t>(at + 1);
}

void DueSessions::rise(std::size_t at) {
  const Entry entry = heap_[at];
  while (at > 0 && entry.due_ms < heap_[(at - 1) / 2].due_ms) {
    put(at, heap_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  put(at, entry);
}

void DueSessions::sink(std::size_t at) {
  const Entry entry = heap_[at];
  for (std::size_t child; (child = 2 * at + 1) < heap_.size(); at = child) {
    if (child + 1 < heap_.size() && heap_[child + 1].due_ms < heap_[child].due_ms) ++child;
    if (entry.due_ms <= heap_[child].due_ms) break;
    put(at, heap_[child]);
  }
  put(at, entry);
}

}  // namespace roost::session
