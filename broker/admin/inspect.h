// SPDX-License-Identifier: Apache-2.0
// What a stopped data directory, or a backup, holds: read as a start would read it, with the log
// replayed, but nothing is changed. Damage is said, and the rest is read.
// Thread: the caller's; blocks, and needs as much memory as a broker with this data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/result.h"

namespace roost::admin {

struct InspectOptions {
  bool sessions = false;               // list them
  bool retained = false;               // list them
  std::optional<std::string> session;  // list this one only
};

struct InspectedFilter {
  std::string filter;
  int qos = 0;
  std::uint32_t subscription_id = 0;  // 0: none
};

struct InspectedSession {
  std::string client_id;
  std::uint16_t shard = 0;
  bool was_connected = false;
  std::uint32_t expiry_s = 0;                // mqtt::kNeverExpires: never
  std::optional<std::int64_t> expires_in_s;  // 0 or less: the next start ends it
  std::vector<InspectedFilter> filters;      // sorted
  std::uint32_t queued = 0;                  // messages that wait or are under way
  std::uint64_t queued_bytes = 0;
  std::uint64_t incoming_qos2 = 0;  // packet ids that wait for PUBREL
  std::string will_topic;           // empty: no will
};

struct InspectedRetained {
  std::string topic;
  std::uint64_t bytes = 0;  // of the payload
  int qos = 0;
  std::optional<std::int64_t> expires_in_s;
};

struct InspectedShard {
  std::uint16_t id = 0;
  std::uint64_t epoch = 0;
  std::uint64_t applied = 0;                  // in the state on disk
  std::uint64_t log_first = 0, log_last = 0;  // records there; both 0: none
  std::uint64_t replayed = 0, unreadable = 0;
  std::uint64_t sessions = 0, subscriptions = 0, retained = 0, queued = 0, queued_bytes = 0;

  bool is_empty() const { return epoch == 0 && applied == 0 && log_last == 0; }
  void add(const InspectedShard& other);  // the numbers from replayed on
};

struct Inspection {
  std::string path;
  int format = 0;
  std::string uuid;
  bool is_copy = false;  // a backup, or one that was restored and never started
  std::uint16_t shard_count = 0;
  std::vector<InspectedShard> shards;
  std::vector<InspectedSession> sessions;   // by client id
  std::vector<InspectedRetained> retained;  // by topic
  std::vector<std::string> damage;          // sentences

  InspectedShard total() const;
};

// Errors: not_found (no data there, or no such session), already_exists (a process has it, its pid
// is named), invalid_argument (a newer format), corrupt, io.
Result<Inspection> inspect(const std::string& path, const InspectOptions& options,
                           const Clock& clock);

std::string inspection_text(const Inspection& found, const InspectOptions& options);
std::string inspection_json(const Inspection& found, const InspectOptions& options);

}  // namespace roost::admin
