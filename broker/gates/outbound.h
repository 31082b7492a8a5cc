// SPDX-License-Identifier: Apache-2.0
// The sender's side of QoS 1 and 2 between nodes: one lane of a core. Publishes get rising numbers
// and are kept until each target (a shard, or a node's sessions in memory) has confirmed its own;
// per target they go in order, a window at a time, and again from the first unconfirmed one when
// the shard has a new leader or the session with the node is a new one. A message that is for
// several targets at one node goes there once. What is too large for a frame travels in parts, a
// few of them on their way at a time. Knows no session; who leads what it is told.
// Thread: core-bound.
// Owner: PeerGate.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "broker/gates/peer_message.h"
#include "broker/gates/peer_post.h"
#include "broker/routing/peers.h"
#include "broker/session/ring.h"

namespace roost::gates {

// Who leads which shard, as far as is known.
struct Leaders {
  Leaders() { of.fill(kNoPeer); }
  std::array<PeerId, kClusterShardsMax> of;
  std::array<std::uint64_t, kClusterShardsMax> epoch{};
};

// A body that travels in parts, on its way to one node.
struct Transfer {
  PeerFrameKind kind{};
  std::string head;
  routing::MessagePtr message;
  std::size_t offset = 0;
  std::size_t size = 0;
  std::optional<std::uint64_t> once_key;
};

class OutboundEvents {
 public:
  // For shards that are led here.
  virtual void to_this_node(LaneId lane, const PublishHead& head,
                            const routing::MessagePtr& message) = 0;
  // All targets have it. Only takes note: nothing of the lane may be called from it.
  virtual void on_settled(LaneId lane, std::uint64_t key, routing::Publication* publication) = 0;
  // All targets have it or its leader has it on its disk, and that is enough. As on_settled().
  virtual void on_stored(routing::Publication* publication) = 0;
  // Messages of this key wait for others to be settled first.
  virtual bool is_held(LaneId lane, std::uint64_t key) const = 0;

 protected:
  ~OutboundEvents() = default;
};

class Outbound {
 public:
  // What goes as one frame; the rest in parts of this.
  static constexpr std::size_t kWholeBytesMax = 128 * 1024;
  static constexpr std::size_t kPartsOnTheirWayMax = 1 << 20;  // bytes, for each node
  // Sent to a target and not confirmed.
  static constexpr std::size_t kWindowMessages = 1024;
  static constexpr std::size_t kWindowBytes = 4 << 20;

  Outbound(LaneId lane, PeerPost& post, const Leaders& leaders, OutboundEvents& events)
      : lane_(lane), post_(post), leaders_(leaders), events_(events) {}

  // `key`: whose order is kept, for events_. Requires: targets not empty.
  void publish(const routing::MessagePtr& message, const routing::Targets& targets,
               const std::optional<routing::Source>& source, routing::Publication* publication,
               std::uint64_t key);
  // Without a promise, in parts; lost with the session. Settled when sent or lost, once a node.
  void send_once(const routing::MessagePtr& message, PeerId to, bool keeps, std::uint64_t key);

  // After `leaders` has changed. This and on_confirmed() only take note of what can go now: the
  // streams of a node stay in step that way, and a message goes there once. send_due() is next, in
  // the same turn.
  void on_leader(ShardId shard);
  void on_peer_up(const cluster::PeerInfo& peer);
  void on_peer_down(PeerId peer);
  void on_peer_gone(PeerId peer, std::uint64_t incarnation);
  void on_confirmed(PeerId from, const Confirmed& confirmed);
  void send_due();
  void on_released();  // is_held() has changed

  // How many publishes with this key are not settled.
  std::size_t count(std::uint64_t key) const;
  std::size_t size() const { return open_; }  // publishes not settled
  std::size_t bytes() const { return bytes_; }
  std::uint64_t frames() const { return frames_; }  // whole messages, and first parts of others

 private:
  static constexpr std::size_t kTargets = kClusterShardsMax + kPeersMax;

  struct Kept {
    routing::MessagePtr message;  // null: settled
    std::optional<routing::Source> source;
    routing::Publication* publication = nullptr;
    std::uint64_t key = 0;
    routing::Targets targets;
    std::uint32_t left = 0;      // of them
    std::uint32_t unstored = 0;  // of them, where the publication is_early
  };
  struct Stream {
    session::Ring<std::uint64_t> numbers;  // not confirmed, rising
    std::size_t stored = 0;                // so many of them are on their leader's disk
    std::size_t sent = 0;                  // so many of them, to whom it goes now
    std::size_t sent_bytes = 0;
    PeerId to = kNoPeer;  // where it stands in waiting_; a node's own is always itself
    std::uint64_t life = 0;
    std::uint64_t incarnation = 0;  // of a node; 0: no process is known, nothing is kept for it
  };
  // Streams whose next message can go to a node.
  struct Waiting {
    routing::ShardSet shards = 0;
    bool is_volatile = false;
    bool empty() const { return shards == 0 && !is_volatile; }
  };
  struct Once {
    routing::MessagePtr message;
    bool keeps = false;
    std::uint64_t key = 0;
  };

  static std::size_t target_of(PeerId peer) { return kClusterShardsMax + peer.value; }
  static bool is_shard(std::size_t target) { return target < kClusterShardsMax; }
  Kept& kept(std::uint64_t number) { return kept_[number - first_]; }
  bool can_send(const Stream& stream) const;
  // Puts the stream where it belongs in waiting_.
  void place(std::size_t target);
  void go_back(std::size_t target);
  void add_number(std::size_t target, std::uint64_t number);
  void settle(std::uint64_t number);
  void note_stored(std::uint64_t number);
  void on_stored(Stream& stream, std::uint64_t through);
  // Confirmed, or nobody's any more.
  void pop(Stream& stream);
  void drop(Stream& stream);

  void note_due(PeerId to) {
    if (to != kNoPeer) due_ |= std::uint64_t{1} << to.value;
  }
  void pump(PeerId to);
  bool send_next(PeerId to);
  void send(PeerId to, std::uint64_t number, const Waiting& targets);
  void tell_who_has_it(const Kept& kept);
  void advance(std::size_t target, std::size_t bytes);
  void send_frame(PeerId to, const Kept& kept);
  bool begin_once(PeerId to);
  void send_parts(PeerId to);
  void lose_parts(PeerId to);

  const LaneId lane_;
  PeerPost& post_;
  const Leaders& leaders_;
  OutboundEvents& events_;
  std::uint64_t first_ = 1, next_ = 1;  // numbers
  std::deque<Kept> kept_;
  std::array<Stream, kTargets> streams_;
  std::array<Waiting, kPeersMax> waiting_;
  routing::PeerSet due_ = 0;  // to pump
  std::array<std::deque<Once>, kPeersMax> once_;
  std::array<std::optional<Transfer>, kPeersMax> transfers_;
  std::array<std::size_t, kPeersMax> on_their_way_{};  // bytes of parts
  std::size_t open_ = 0, bytes_ = 0;
  std::uint64_t frames_ = 0;
  PublishHead head_;  // reused
};

}  // namespace roost::gates
