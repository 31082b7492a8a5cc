// SPDX-License-Identifier: Apache-2.0
// What a front and a shard's leader say to each other about clients (kinds 20 to 29 of
// peer_frames.h; `to` is the shard both ways). A connection is named by its relay number, made by
// its front; with a number come shard and epoch, because a relay lasts no longer than the epoch in
// which it was opened. R1
// Thread: any thread (values).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/auth/identity.h"
#include "broker/base/bytes.h"
#include "broker/gates/peer_frames.h"
#include "broker/mqtt/limits.h"
#include "broker/mqtt/reason_code.h"
#include "broker/session/record.h"
#include "broker/session/session.h"

namespace roost::gates {

// Rises on each core of a front; its lowest bits are the core. Never used again by that process.
using RelayNumber = std::uint64_t;

// Kinds that go either way say which.
enum class Way : std::uint8_t { to_leader, to_front };

// A client was let in. CONNECT itself follows in data frames, whatever the window.
struct RelayOpen {
  static constexpr PeerFrameKind kKind = PeerFrameKind::open;
  RelayNumber relay = 0;
  std::uint64_t epoch = 0;  // the leader's as far as known; an older leader must refuse
  std::uint32_t connect_size = 0;
  mqtt::Limits limits;  // of the listener
  session::AckMode ack = session::AckMode::quorum;
  std::string assigned_client_id;  // where CONNECT has none
  // What it was let in as, where something depends on it.
  bool has_identity = false;
  auth::Identity identity = {};
  std::string authentication_data = {};  // for its CONNACK
};

// A clean session: it runs at the front, under this generation.
struct RelayGranted {
  static constexpr PeerFrameKind kKind = PeerFrameKind::granted;
  RelayNumber relay = 0;
  session::Generation generation;
  bool has_record = false;  // stands in the shard (its will): `left` has to arrive
};

// Runs at the leader; comes before all data.
struct RelayOpened {
  static constexpr PeerFrameKind kKind = PeerFrameKind::opened;
  RelayNumber relay = 0;
  std::uint64_t epoch = 0;
};

// Not the leader (any more).
struct RelayRefused {
  static constexpr PeerFrameKind kKind = PeerFrameKind::refused;
  RelayNumber relay = 0;
};

struct RelayData {
  static constexpr PeerFrameKind kKind = PeerFrameKind::data;
  Way way = Way::to_leader;
  RelayNumber relay = 0;
  ByteView bytes;
};

// So many bytes more may be sent.
struct RelayCredit {
  static constexpr PeerFrameKind kKind = PeerFrameKind::credit;
  Way way = Way::to_leader;
  RelayNumber relay = 0;
  std::uint64_t bytes = 0;
};

// What the front shall say to the client before it closes.
enum class Goodbye : std::uint8_t {
  none,        // all that is to be said was in the data, or nobody listens
  taken_over,  // 0x8E, at once
  moved,       // the shard has another leader: when its turn comes
};

// The connection is over, the session with it. The leader's is answered by `closed`.
struct RelayClose {
  static constexpr PeerFrameKind kKind = PeerFrameKind::close;
  Way way = Way::to_leader;
  RelayNumber relay = 0;
  Goodbye goodbye = Goodbye::none;
  std::string why;  // for the log
};

// To the leader: nothing of that client is live at this front. To the front: its `left` is
// committed and needn't be said again.
struct RelayClosed {
  static constexpr PeerFrameKind kKind = PeerFrameKind::closed;
  Way way = Way::to_leader;
  RelayNumber relay = 0;
};

// All clean sessions of the shard that are connected at the front; several frames where they are
// many. Who isn't named from `first` to `last` is gone.
struct RelayClaims {
  static constexpr PeerFrameKind kKind = PeerFrameKind::claims;
  struct Entry {
    RelayNumber relay = 0;
    session::Generation generation;
    bool has_record = false;
    std::string client_id;
  };
  std::uint64_t epoch = 0;  // of the leader that they are meant for
  bool first = true;
  bool last = true;
  std::vector<Entry> entries;
};

// A clean session is over.
struct RelayLeft {
  static constexpr PeerFrameKind kKind = PeerFrameKind::left;
  RelayNumber relay = 0;
  session::Generation generation;
  session::Departure departure = session::Departure::lost;
  bool has_record = false;  // to be answered by `closed` when it is committed
  std::string client_id;
};

// Appends one frame. Requires: texts up to 65 535 bytes; a data frame's bytes up to kRelayDataMax.
template <typename T>
void add_relay_frame(ShardId shard, const T& frame, std::string& chunk);
void add_relay_frame(ShardId shard, const RelayData& frame, std::string& chunk);
// One data frame whose bytes are to be appended by the caller; then end_frame() with what this
// returned.
std::size_t begin_relay_data(ShardId shard, Way way, RelayNumber relay, std::string& chunk);
// False: it can't be read. Every frame has one form only.
template <typename T>
[[nodiscard]] bool read_relay_frame(ByteView bytes, T& frame);

// Bytes of one data frame at most: small enough for others to get between.
inline constexpr std::size_t kRelayDataMax = std::size_t{64} * 1024;

}  // namespace roost::gates
