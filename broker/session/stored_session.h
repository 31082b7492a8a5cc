// SPDX-License-Identifier: Apache-2.0
// What a shard remembers of one client id, connected or not: the replicated part, changed only by
// applying records. Small, for there may be a million of them whose clients sleep: messages that
// were written to disk at a checkpoint are not held here.
// Thread: core-bound. Owner: ShardState.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "broker/base/hash.h"
#include "broker/routing/short_text.h"
#include "broker/routing/table_hash.h"
#include "broker/session/drop_cause.h"
#include "broker/session/filter_list.h"
#include "broker/session/queue_entry.h"
#include "broker/session/record.h"
#include "broker/session/ring.h"
#include "broker/session/sequence_ranges.h"
#include "broker/session/stored.h"

namespace roost::session {

class Session;

struct StoredSession {
  // A message that is not on disk yet.
  struct Fresh {
    std::uint64_t sequence = 0;
    LogIndex index = 0;  // of the record that brought it
    QueueEntry entry;    // message null: finished
  };
  // What most sessions have none of.
  struct Rare {
    SequenceRanges finished;                       // above `oldest`
    std::vector<std::uint64_t> received;           // QoS 2 after PUBREC, in that order
    std::vector<mqtt::PacketId> awaiting_release;  // incoming QoS 2, rising
    std::unique_ptr<StoredWill> will;
    // While retained messages are gathered: topics (hashes) that came live meanwhile.
    std::uint32_t gathers_open = 0;
    std::unordered_set<std::uint64_t> live_topics;
    // Topics (hashes) of which only the newest is kept -> its sequence.
    std::unordered_map<std::uint64_t, std::uint64_t> newest;
  };

  StoredSession(std::string_view id, std::uint64_t its_number);
  ~StoredSession();
  StoredSession(const StoredSession&) = delete;
  StoredSession& operator=(const StoredSession&) = delete;

  const std::uint64_t number;  // names it within its shard's keys
  // Duplicate merging while matching: the serial of the publish seen last.
  std::uint32_t match_serial = 0;
  std::uint32_t match_index = 0;
  Generation generation;
  std::uint64_t next_sequence = 0;  // that the next QoS 1/2 message takes
  std::uint64_t oldest = 0;         // unfinished; == next_sequence: none
  std::uint64_t disk_end = 0;       // what is below is on disk, or finished
  std::uint64_t sent_before = 0;    // detached: what is from here on was never sent
  std::uint64_t queued_bytes = 0;
  ShardMs expires_at_ms = kNever;
  std::uint32_t queued = 0;  // unfinished messages
  std::uint32_t expiry_s = 0;
  std::uint32_t due_place = 0;  // in DueSessions; 0: none
  // For people, not on disk: shard time since when nobody is connected; messages that were dropped.
  std::uint32_t offline_since_s = 0;
  std::uint32_t dropped = 0;
  std::uint16_t receive_maximum = 0;
  bool durable : 1 = true;  // false: only a clean session's will stands here
  bool attached : 1 = false;
  bool is_dirty : 1 = false;  // differs from what is on disk
  bool filters_dirty : 1 = false;
  bool has_will_on_disk : 1 = false;
  DropCause last_drop = DropCause::none;  // as `dropped`
  Session* live = nullptr;                // its client, on this node
  FilterList filters;
  Ring<Fresh> fresh;  // rising; sequences from disk_end on
  std::unique_ptr<Rare> rare;

  std::string_view client_id() const { return client_id_.view(); }
  void note_drop(DropCause cause) {
    ++dropped;
    last_drop = cause;
  }
  std::uint64_t origin() const { return hash64(client_id()); }  // for No Local
  Rare& make_rare();
  // Gives it back if nothing stands in it.
  void shrink_rare();
  bool is_unfinished(std::uint64_t sequence) const {
    return sequence >= oldest && sequence < next_sequence &&
           (rare == nullptr || !rare->finished.contains(sequence));
  }
  bool was_received(std::uint64_t sequence) const;
  bool awaits_release(mqtt::PacketId id) const;
  const StoredWill* will() const { return rare == nullptr ? nullptr : rare->will.get(); }
  // Sequences below may be with the client: they neither drop nor expire. While it is attached a
  // bound that its Session keeps to; otherwise what the end of its connection said.
  std::uint64_t flight_end() const;
  // What `fresh` holds under that sequence, or null.
  Fresh* find_fresh(std::uint64_t sequence);
  // Marks it finished; `oldest` moves on. Requires: is_unfinished(sequence).
  void finish(std::uint64_t sequence);
  // What is written of it.
  StoredHeader header() const;

 private:
  // Most ids stand here, beside the rest.
  routing::ShortText<28> client_id_;
};

// Of a million sleeping sessions each is no larger than this; one filter of theirs costs a block of
// 48 bytes more, and its entry in the topic tree. README.md
static_assert(sizeof(StoredSession) == 176);

// Of shard time, for offline_since_s.
inline std::uint32_t seconds_of(ShardMs ms) {
  return ms <= 0 ? 0 : static_cast<std::uint32_t>(ms / 1000);
}

// For a table of sessions that is searched by client id.
struct ByClientId {
  using is_transparent = void;
  using is_avalanching = void;
  using Owned = std::unique_ptr<StoredSession>;

  static std::string_view id(std::string_view client_id) { return client_id; }
  static std::string_view id(const Owned& session) { return session->client_id(); }
  template <typename Key>
  std::size_t operator()(const Key& key) const {
    return routing::table_hash(id(key), routing::process_key());
  }
  template <typename Left, typename Right>
  bool operator()(const Left& left, const Right& right) const {
    return id(left) == id(right);
  }
};

}  // namespace roost::session
