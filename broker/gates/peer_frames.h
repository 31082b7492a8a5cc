// SPDX-License-Identifier: Apache-2.0
// What nodes say to each other on the traffic lane: a chunk is a row of frames, each with a kind, a
// core that it is for, and bytes. What the bytes are is said where the kind is handled.
//   frame: kind (1), to (2, little endian: a shard, or any number; core = to % cores), size (4),
//   bytes
// Thread: any thread (values).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/bytes.h"

namespace roost::gates {

// Never given a new meaning; one that isn't known is skipped (a later version's).
enum class PeerFrameKind : std::uint8_t {
  // peer_gate: publishes
  once = 1,       // a message without a promise
  publish = 2,    // a QoS 1 or 2 message for shards, the retained store, volatile sessions
  confirmed = 3,  // of those: up to which number each target has it
  // interest_sync
  interest = 10,      // filters' bits that changed
  interest_ack = 11,  // seen up to that version
  ask = 12,           // may I say "nothing matches"?
  grant = 13,
  missed = 14,  // you were taken for gone: not all for your sessions in memory was sent
  // relay
  open = 20,     // front to leader: a CONNECT
  granted = 21,  // leader to front: a clean session, yours
  opened = 22,   // leader to front: runs at the leader
  refused = 23,  // leader to front: not now, or not here
  data = 24,     // bytes of the client's connection, either way
  credit = 25,
  close = 26,  // either way: the connection is over
  closed = 27,
  claims = 28,  // front to a new leader: clean sessions that are connected here
  left = 29,    // front to leader: a clean session ended, and how
  // whole cluster
  gather = 40,  // retained messages wanted
  gathered = 41,
};

struct PeerFrame {
  PeerFrameKind kind{};
  std::uint16_t to = 0;
  ByteView bytes;
};

inline constexpr std::size_t kPeerFrameHead = 7;

// Begins a frame at the end of `chunk`; what is appended then is its bytes until end_frame() with
// what this returned.
std::size_t begin_frame(PeerFrameKind kind, std::uint16_t to, std::string& chunk);
void end_frame(std::size_t begun, std::string& chunk);
void add_frame(PeerFrameKind kind, std::uint16_t to, ByteView bytes, std::string& chunk);

// Reads frame by frame.
class PeerFrameReader {
 public:
  explicit PeerFrameReader(std::string_view chunk) : rest_(chunk) {}
  // False: none left, or what is there is no frame (is_broken()).
  bool next(PeerFrame& frame);
  bool is_broken() const { return broken_; }

 private:
  std::string_view rest_;
  bool broken_ = false;
};

}  // namespace roost::gates
