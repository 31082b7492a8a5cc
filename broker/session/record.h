// SPDX-License-Identifier: Apache-2.0
// What a shard's log holds: the inputs of ShardState, in the order in which they were committed.
// Everything that applying needs is in them (time, limits), so that every replica comes to the
// same state. Their form on disk: record_codec.h.
// Thread: immutable.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/ids.h"
#include "broker/mqtt/types.h"
#include "broker/routing/message.h"
#include "broker/routing/publication.h"

namespace roost::session {

// Position in one shard's log; the first record has index 1.
using LogIndex = std::uint64_t;

// Milliseconds of a shard's own time: goes on while the broker is down, is not moved by a jump of
// the wall clock, never goes back. REPLICATION "Time".
using ShardMs = std::int64_t;
inline constexpr ShardMs kNever = INT64_MAX;

// Which connection of a client id: the leader's epoch, then a count. Older ones are refused.
struct Generation {
  std::uint64_t epoch = 0;
  std::uint64_t counter = 0;
  friend auto operator<=>(const Generation&, const Generation&) = default;  // NOLINT(*-use-nullptr)
};

using routing::Source;

struct WillRecord {
  routing::MessagePtr message;
  std::uint32_t delay_s = 0;
};

// --- life of a shard ---

// The first record of each epoch: whoever was attached is not any more, and these limits hold.
struct StartedRecord {
  ShardMs now_ms = 0;
  WallMs wall_ms = 0;
  std::uint32_t max_queued_messages = 0;  // per session
  std::uint64_t max_queued_bytes = 0;     // per session; 0: no limit
  bool drop_oldest = false;               // on overflow; else the newest is refused
  std::vector<std::string> keep_last;     // filters whose messages an absent client gets only the
                                          // newest of, per topic
  // In a cluster clean sessions live at their fronts and go on, whoever leads: only sessions that
  // ran at the leader are not attached any more.
  bool clean_go_on = false;
};

// What time it is; now and then, so that a restart knows how long it was away.
struct TickRecord {
  ShardMs now_ms = 0;
  WallMs wall_ms = 0;
};

// --- messages ---

// For the durable sessions of the shard; who wants it is decided while applying.
struct PublishedRecord {
  routing::MessagePtr message;
  std::optional<Source> source;
};

// For one durable member of a share group.
struct AssignedRecord {
  routing::MessagePtr message;
  std::string client_id;
  std::string share;  // "group/filter"
  std::optional<Source> source;
};

// Retained messages that a new subscription of a durable session brings, at QoS 1 or 2.
struct GatheredRecord {
  struct Entry {
    routing::MessagePtr message;
    std::uint32_t subscription_id = 0;  // 0: none
    mqtt::Qos qos = mqtt::Qos::at_least_once;
  };
  std::string client_id;
  Generation generation;
  std::vector<Entry> entries;
  bool last = true;  // the gather is over
};

// Kept for its topic; an empty payload clears. [MQTT-3.3.1-6]
struct RetainedRecord {
  routing::MessagePtr message;
  std::optional<Source> source;
};

// --- a client's connection ---

struct AttachedRecord {
  std::string client_id;
  Generation generation;
  ShardMs now_ms = 0;
  bool clean_start = false;
  // False: a clean session; only its will, if any, stands in the shard. An older session ends.
  bool durable = true;
  std::uint32_t expiry_s = 0;
  std::uint16_t receive_maximum = 65535;  // how much may be in flight to it
  std::optional<WillRecord> will;
};

struct DetachedRecord {
  enum class WillFate : std::uint8_t { kept, discarded };  // kept: fires after its delay
  std::string client_id;
  Generation generation;
  ShardMs now_ms = 0;
  std::uint32_t expiry_s = 0;     // DISCONNECT may have changed it
  std::uint64_t sent_before = 0;  // sequences from here on were never sent
  WillFate will = WillFate::kept;
};

// The session is over: expired, or by an operator's word.
struct EndedRecord {
  enum class Why : std::uint8_t { expired, removed };
  std::string client_id;
  Why why = Why::expired;
};

// The will's delay is over: it is published and the generation closed.
struct WillFiredRecord {
  std::string client_id;
  Generation generation;
};

// --- subscriptions ---

struct SubscribedRecord {
  struct Entry {
    std::string filter;  // as sent, "$share/..." too
    mqtt::SubscriptionOptions options;
  };
  std::string client_id;
  Generation generation;
  std::uint32_t subscription_id = 0;
  std::vector<Entry> entries;
};

struct UnsubscribedRecord {
  std::string client_id;
  Generation generation;
  std::vector<std::string> filters;
};

// --- flows ---

// What the client acknowledged in one turn, by sequence, rising.
struct AckedRecord {
  std::string client_id;
  Generation generation;
  std::vector<std::uint64_t> finished;  // PUBACK, PUBCOMP, a refusal, expired, too large
  std::vector<std::uint64_t> received;  // PUBREC: PUBREL goes out once this is committed
};

// An incoming QoS 2 message of a durable session. [MQTT-4.3.3-10]
struct ReceivedRecord {
  std::string client_id;
  Generation generation;
  mqtt::PacketId packet_id = 0;
  routing::MessagePtr message;
};

struct ReleasedRecord {
  std::string client_id;
  Generation generation;
  std::vector<mqtt::PacketId> packet_ids;
};

// Messages of this shard's own log (ReceivedRecord, wills) up to `through` are in all targets.
struct ForwardedRecord {
  LogIndex through = 0;
};

// Something happened to a client of this shard (Teller): goes from this log to who wants to hear
// it.
struct ToldRecord {
  routing::MessagePtr message;
};

using Record =
    std::variant<StartedRecord, TickRecord, PublishedRecord, AssignedRecord, GatheredRecord,
                 RetainedRecord, AttachedRecord, DetachedRecord, EndedRecord, WillFiredRecord,
                 SubscribedRecord, UnsubscribedRecord, AckedRecord, ReceivedRecord, ReleasedRecord,
                 ForwardedRecord, ToldRecord>;

}  // namespace roost::session
