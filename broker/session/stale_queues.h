// SPDX-License-Identifier: Apache-2.0
// Long queues of absent clients are rid of messages that expired or grew too old, so that what is
// still wanted finds room. A short queue keeps them until its client comes; nobody misses the room.
// Thread: core-bound. Owner: SessionTable.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/session/queue_age.h"
#include "broker/session/record.h"
#include "broker/session/stored_session.h"

namespace roost::session {

class SessionTable;

class StaleQueues {
 public:
  explicit StaleQueues(SessionTable& table) : table_(table), age_(table) {}

  // Its client is absent and its queue may be long: is it worth a look, now and then?
  void note(const StoredSession& session);
  // Now and then: takes the looks that are due.
  void tick();
  std::size_t size() const { return looks_.size(); }
  QueueAge& age() { return age_; }

 private:
  static constexpr SteadyMs kAgainMs = 600'000;  // where nothing in the queue ever ends
  static constexpr std::size_t kAtOnceMax = 4;   // looks that read at the same time
  static constexpr std::size_t kPageMessages = 1024;

  struct Look {
    Generation generation;
    bool is_running = false;
    SteadyMs next_ms = 0;
    std::uint64_t from = 0;           // sequence that the page being read begins with
    SteadyMs soonest_ms = INT64_MAX;  // when one of those that stay will be stale
  };
  struct Page;

  bool is_long(const StoredSession& session) const;
  // Null: the client came, or the session is another one now.
  const StoredSession* absent(const std::string& client_id, const Look& look) const;
  void read_page(const std::string& client_id, Look& look);
  void page_read(const std::string& client_id, const Page& page);
  void look_at_fresh(const std::string& client_id, const StoredSession& session, Look& look);
  // Of what stands there: gone if it is stale, and noted when it will be if not.
  void judge(const StoredSession& session, Look& look, std::uint64_t sequence,
             std::pair<SteadyMs, bool> stale, std::vector<std::uint64_t>& gone);
  void drop(const std::string& client_id, const Look& look, std::vector<std::uint64_t> gone);
  void finish(const std::string& client_id, Look& look);

  SessionTable& table_;
  QueueAge age_;
  std::unordered_map<std::string, Look> looks_;
  std::size_t running_ = 0;
};

}  // namespace roost::session
