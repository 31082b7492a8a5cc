// SPDX-License-Identifier: Apache-2.0
// The queue of a durable session, connected or not, for people: looked at page by page, and
// emptied. What is on disk is read aside.
// Thread: the core of the session's shard, which must be led here; `done` runs there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "broker/routing/message.h"
#include "broker/session/record.h"

namespace roost::session {

class SessionTable;

struct QueuedMessage {
  std::uint64_t sequence = 0;
  routing::MessagePtr message;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  bool is_in_flight = false;  // its client may have it
  std::string share;          // "group/filter" of a shared subscription; empty: none
};

struct QueuePage {
  static constexpr std::size_t kMessagesMax = 1000;
  static constexpr std::size_t kBytesMax = std::size_t{4} << 20;  // then the page ends early

  bool is_connected = false;
  std::uint64_t total = 0;  // messages in the queue
  std::vector<QueuedMessage> messages;
  std::uint64_t next = 0;  // the sequence that the next page begins at; 0: there is none
  std::uint64_t end = 0;   // the sequence that its next message will have
};

// From that sequence on, oldest first, at most `count`. Errors: not_found.
void look_at_queue(SessionTable& table, std::string_view client_id, std::uint64_t from,
                   std::size_t count, const std::function<void(Result<QueuePage>)>& done);

// Drops what is in the queue from `from` up to and without `to`, as records: told how many.
// What is in flight stays: its client may have it. Never told if the shard is led elsewhere before
// all are committed, as remove_session(). Errors: not_found, already_exists (its client is
// connected: only it may finish what it has).
void purge_queue(SessionTable& table, std::string_view client_id, std::uint64_t from,
                 std::uint64_t to, std::function<void(Result<std::uint64_t>)> done);

// Ends the session for good, its client first. Errors: not_found.
void remove_session(SessionTable& table, std::string_view client_id,
                    std::function<void(Result<void>)> done);

}  // namespace roost::session
