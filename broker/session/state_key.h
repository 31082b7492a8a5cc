// SPDX-License-Identifier: Apache-2.0
// The keys of a shard's state, without the shard, which storage puts in front. One letter says
// what it is; numbers are big-endian, so that keys sort by them.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/ids.h"
#include "broker/session/record.h"

namespace roost::session {

// Stands on disks: letters are added, never changed or used again.
enum class StateKind : char {
  header = 'S',        // + client id -> StoredHeader
  filters = 'F',       // + client id -> StoredFilters
  will = 'W',          // + client id -> StoredWill
  entry = 'Q',         // + session number, sequence -> StoredEntry
  body = 'M',          // + log index, part -> a part of a message
  references = 'R',    // + log index -> how many want that body
  retained = 'T',      // + topic -> StoredBody
  to_forward = 'O',    // + log index -> StoredBody
  seen = 'D',          // + source shard, of a node alone -> StoredSeen
  seen_from = 'I',     // + source kind, lineage or incarnation, shard or core -> StoredSeenFrom
  group = 'A',         // + "group/filter" of a share group of a cluster -> StoredGroup
  erasure = 'E',       // + session number, sequence: a finished entry that is still there
  sweep = 'G',         // + number of an ended session -> StoredSweep
  clock = 'C',         // -> StoredClock
  limits = 'L',        // -> the limits of StartedRecord
  next_session = 'N',  // -> the number that the next session gets
  body_ahead = 'P',    // + log index: parts of that body are there, its references perhaps not yet
  form_version = 'V',  // -> kStateFormVersion
};

// Everything that a key says.
struct StateKey {
  StateKind kind;
  std::string_view name;       // client id, topic or share; a view into the key
  std::uint64_t number = 0;    // session number, log index, shard, or a source's life
  std::uint64_t sequence = 0;  // entry
  std::uint16_t part = 0;      // body, source
  Source::Kind source = Source::Kind::shard;

  friend bool operator==(const StateKey&, const StateKey&) = default;
};

// --- builders ---

// clock, limits, next_session, form_version; of the others, the prefix of all keys of that kind.
std::string state_key(StateKind kind);
// header, filters, will (client id); retained (topic); group (share).
std::string state_key(StateKind kind, std::string_view name);
// references, to_forward, body_ahead (log index); sweep (session number); of entry and body, the
// prefix of all keys of that session or message.
std::string state_key(StateKind kind, std::uint64_t number);
std::string entry_key(std::uint64_t session_number, std::uint64_t sequence);
std::string erasure_key(std::uint64_t session_number, std::uint64_t sequence);
std::string body_key(LogIndex index, std::uint16_t part);
std::string seen_key(ShardId source);
std::string seen_key(const Source& source);  // without its number

// A shard of a node that is alone: has no lineage.
inline bool is_alone(const Source& source) {
  return source.kind == Source::Kind::shard && source.life == 0;
}

// The first key behind all that start with `prefix`: the end of a range. Empty: there is none.
std::string next_key(std::string_view prefix);

// --- parser ---

// None for what is no key of this version.
std::optional<StateKey> parse_state_key(std::string_view key);

}  // namespace roost::session
