// SPDX-License-Identifier: Apache-2.0
// Which absent session is due first, for its end or its will: a binary heap in which each session
// stands once and knows its place, so that a client that comes and goes leaves nothing behind.
// Thread: core-bound. Owner: ShardState.
#pragma once

#include <cstddef>
#include <vector>

#include "broker/session/record.h"

namespace roost::session {

struct StoredSession;

class DueSessions {
 public:
  // Its only due time from now on; kNever: none.
  void set(StoredSession& session, ShardMs due_ms);
  ShardMs next_ms() const { return heap_.empty() ? kNever : heap_.front().due_ms; }
  // Requires: next_ms() != kNever.
  StoredSession& next() const { return *heap_.front().session; }
  std::size_t size() const { return heap_.size(); }
  // Room for so many without slack.
  void reserve(std::size_t count) { heap_.reserve(count); }

 private:
  struct Entry {
    ShardMs due_ms;
    StoredSession* session;
  };

  void add(const Entry& entry);
  void remove(std::size_t at);
  void put(std::size_t at, const Entry& entry);
  void rise(std::size_t at);
  void sink(std::size_t at);

  std::vector<Entry> heap_;
};

}  // namespace roost::session
