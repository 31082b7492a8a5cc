// SPDX-License-Identifier: Apache-2.0
// A message between nodes as bytes, and the bodies of the frames that carry it (kinds once,
// publish, confirmed). Times travel as ages, because steady clocks of two nodes have nothing in
// common.
//   once:      form, lane, flags (1: keep it), message
//   publish:   form, lane, number, targets, source, message
//   confirmed: entries until its end
//   form: 0, or 1 for a part of a body that is too large for a frame: offset and size of the whole
//   message:   flags (qos, retain, expires), topic, forwarded properties, origin, sequence, age,
//              expiry, then the payload up to the end
// Numbers and lists are packed (cluster/packed.h).
// Thread: any thread (values).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/clock.h"
#include "broker/base/result.h"
#include "broker/routing/message.h"
#include "broker/routing/peers.h"
#include "broker/routing/publication.h"

namespace roost::gates {

// One row of publishes whose numbers rise; each core of a node has kLanesPerCore of them.
using LaneId = std::uint16_t;
inline constexpr LaneId kLanesPerCore = 2;
inline std::uint16_t core_of_lane(LaneId lane) {
  return static_cast<std::uint16_t>(lane / kLanesPerCore);
}

// Shards are 0 to 63; this one is all sessions of the node that live in memory only.
inline constexpr std::uint8_t kVolatileTarget = 64;

// Bytes of a body that travels in parts; any PUBLISH of MQTT fits.
inline constexpr std::size_t kPeerBodyMax = std::size_t{280} << 20;

// Who has a retained message from its publisher, for where it is kept.
struct PublishTold {
  routing::ShardSet shards = 0;
  std::vector<std::uint64_t> lives;  // of nodes: life_of()
  std::uint64_t cores = 0;           // of the same node; doesn't travel
  friend bool operator==(const PublishTold&, const PublishTold&) = default;
};

struct PublishHead {
  struct Shard {
    std::uint8_t id = 0;
    bool delivers = false;
    bool keeps = false;
    std::uint64_t epoch = 0;  // in which its leader is meant
    friend bool operator==(const Shard&, const Shard&) = default;
  };
  std::uint64_t number = 0;
  bool is_volatile = false;  // for sessions in memory as well
  bool is_late = false;      // routing::Targets::is_late
  bool is_early = false;     // its sender wants to hear that it is stored: Confirmed::is_stored
  std::vector<Shard> shards;
  std::optional<PublishTold> told;
  std::optional<routing::Source> source;  // none: the lane and the number are
};

// Everything of a message but its payload, which follows.
void append_message_head(const routing::Message& message, SteadyMs now_ms, std::string& out);
void append_publish_head(const PublishHead& head, std::string& out);
void append_once_head(bool keeps, std::string& out);

struct OnceBody {
  bool keeps = false;
  routing::MessagePtr message;
};
struct PublishBody {
  PublishHead head;
  routing::MessagePtr message;
};
// `owner` may be null; else it keeps the bytes, and a large payload stays in them.
// Errors: corrupt.
Result<OnceBody> read_once(ByteView body, SteadyMs now_ms, const SharedPtr<SharedBlock>& owner);
Result<PublishBody> read_publish(ByteView body, SteadyMs now_ms,
                                 const SharedPtr<SharedBlock>& owner);

// What both kinds begin with.
struct FormHead {
  bool is_part = false;
  LaneId lane = 0;
  std::uint64_t offset = 0, size = 0;  // of a part: where it goes, and bytes of the whole body
  ByteView rest;
};
void append_whole_form(LaneId lane, std::string& out);
void append_part_form(LaneId lane, std::uint64_t offset, std::uint64_t size, std::string& out);
Result<FormHead> read_form(ByteView bytes);

// Of a lane of the receiver of this frame: everything for `target` up to `number` is where it
// belongs; or, in `taken`, so many more bytes of parts.
struct Confirmed {
  LaneId lane = 0;
  std::uint8_t target = 0;
  std::uint64_t number = 0;
  std::uint64_t taken = 0;
  bool is_stored = false;  // only on its leader's disk yet, and still to be confirmed
  friend bool operator==(const Confirmed&, const Confirmed&) = default;
};
void append_confirmed(const Confirmed& confirmed, std::string& out);
Result<std::vector<Confirmed>> read_confirmed(ByteView bytes);

}  // namespace roost::gates
