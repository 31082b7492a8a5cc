// SPDX-License-Identifier: Apache-2.0
// What a shard's state holds on disk, as values; their bytes and keys: state_codec.h.
// Thread: any thread (values).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "broker/session/queue_entry.h"
#include "broker/session/record.h"

namespace roost::session {

// A session's own facts; its filters and its will stand beside it, its queue by itself.
struct StoredHeader {
  std::uint64_t number = 0;  // names the session within its shard; never used twice
  Generation generation;
  bool durable = true;  // false: only the will of a clean session stands here
  bool attached = false;
  std::uint32_t expiry_s = 0;
  ShardMs expires_at_ms = kNever;
  std::uint64_t next_sequence = 0;      // that a QoS 1/2 message for it takes
  std::uint64_t oldest_unfinished = 0;  // == next_sequence: none
  std::uint64_t sent_before = 0;        // sequences from here on were never sent
  std::uint16_t receive_maximum = 0;
  std::uint32_t queued = 0;  // unfinished messages
  std::uint64_t queued_bytes = 0;
  std::vector<std::uint64_t> finished;  // above oldest_unfinished, rising
  std::vector<std::uint64_t> received;  // QoS 2 with PUBREC: wait for PUBCOMP; in PUBREC order
  std::vector<mqtt::PacketId> awaiting_release;                 // incoming QoS 2, rising
  std::vector<std::pair<std::uint64_t, std::uint64_t>> newest;  // keep-last: topic hash, sequence
};

struct StoredFilter {
  std::string filter;
  mqtt::SubscriptionOptions options;
  std::uint32_t subscription_id = 0;
};

struct StoredWill {
  routing::MessagePtr message;
  Generation generation;
  std::uint32_t delay_s = 0;
  ShardMs due_ms = kNever;  // kNever: its client is connected
};

// The number that a shard saw last from a source, by what the message was for.
struct StoredSeen {
  std::uint64_t published = 0;
  std::uint64_t retained = 0;
};

// The same of a source of a cluster, and the record that brought it: the source that was silent
// longest is forgotten first.
struct StoredSeenFrom {
  StoredSeen last;
  LogIndex used = 0;
};

// A share group of a cluster, under its name ("group/filter"): members in the order in which it
// asks them, and whose turn it is.
struct StoredGroup {
  struct Member {
    std::string client_id;
    Generation generation;
    std::uint64_t life = 0;  // ShareStep::life
    bool connected = false;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
  };
  std::uint64_t turn_connected = 0, turn_offline = 0;
  std::vector<Member> members;
};

// One message in one session's queue. Its body stands here, or under the log index that brought it
// where several sessions of the shard want it.
struct StoredEntry {
  LogIndex index = 0;  // of the record that brought it
  QueueEntry entry;    // message null: the body is elsewhere
};

}  // namespace roost::session
