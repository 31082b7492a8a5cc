// SPDX-License-Identifier: Apache-2.0
// One core's messages to and from other nodes: the router's Peers over PeerPost. Puts Outbound (two
// lanes: small messages, and those that travel in parts), Inbound and the cores of the node
// together. README.md, "Between nodes".
// Thread: core-bound.
// Owner: the server's per-core wiring.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/counter.h"
#include "broker/core/cores.h"
#include "broker/gates/inbound.h"
#include "broker/gates/leader_view.h"
#include "broker/gates/outbound.h"
#include "broker/gates/part_joiner.h"
#include "broker/gates/peer_post.h"
#include "broker/routing/peers.h"
#include "broker/routing/router.h"

namespace roost::gates {

// Of which shards and nodes this node doesn't know for certain what they want.
class Certainty {
 public:
  virtual routing::ShardSet uncertain_shards() const = 0;  // any thread
  virtual routing::PeerSet uncertain_nodes() const = 0;

 protected:
  ~Certainty() = default;
};

struct PeerCounters {
  Counter once_sent;     // frames, and messages begun in parts
  Counter once_dropped;  // QoS 0: the way to that node was full
  Counter published;     // publishes given to other nodes or shards led here
  Counter frames_sent;   // of those, repeats too
  Counter once_received;
  Counter received;                   // publishes from other nodes
  Counter broken;                     // frames that couldn't be read
  Counter kept_messages, kept_bytes;  // not confirmed yet
};

// What the gates of a node share.
struct PeerGates {
  std::vector<class PeerGate*> gates;  // by core; filled before the cores start
};

class PeerGate final : public routing::Peers,
                       public LeaderView,
                       public PeerFrameHandler,
                       private OutboundEvents,
                       private core::TurnEnd {
 public:
  PeerGate(PeerGates& gates, core::Cores& cores, PeerPost& post, routing::Router& router,
           ShardSide& shards, const Certainty& certainty);

  // Heard of by the traffic lane, or: led here (kThisNode), or not known any more (kNoPeer).
  // `epoch` is the highest that was heard of, whoever leads.
  void set_leader(ShardId shard, PeerId leader, std::uint64_t epoch);
  // Another node had given this one up for a while.
  void missed() { inbound_.missed(); }

  // Peers
  routing::ShardSet uncertain_shards() const override { return certainty_.uncertain_shards(); }
  routing::PeerSet uncertain_nodes() const override { return certainty_.uncertain_nodes(); }
  routing::PeerSet leaders_of(routing::ShardSet shards) const override;
  void send_once(const routing::MessagePtr& message, routing::PeerSet nodes,
                 std::optional<ShardId> keeps) override;
  void publish(const routing::MessagePtr& message, const routing::Targets& targets,
               const std::optional<routing::Source>& source,
               routing::Publication* publication) override;
  bool is_congested() const override;
  std::uint64_t own_life() const override;
  PeerId peer_of(std::uint64_t life) const override;
  bool is_over(std::uint64_t life) const override;

  // LeaderView
  PeerId leader_of(ShardId shard) const override { return leaders_.of[shard.value]; }
  std::uint64_t epoch_of(ShardId shard) const override { return leaders_.epoch[shard.value]; }
  void tell(LeaderEvents& events) override { leader_events_.push_back(&events); }

  // PeerFrameHandler
  void on_peer_up(const cluster::PeerInfo& peer) override;
  void on_peer_down(PeerId peer) override;
  void on_peer_gone(PeerId peer, std::uint64_t incarnation) override;
  void on_frame(PeerId from, const PeerFrame& frame) override;

  const PeerCounters& counters() const { return counters_; }
  const Inbound& inbound() const { return inbound_; }
  std::size_t kept() const { return lanes_[kSmall].size() + lanes_[kLarge].size(); }

 private:
  static constexpr std::size_t kSmall = 0, kLarge = 1;
  static constexpr std::size_t kKeptBytesMax = std::size_t{64} << 20;  // then is_congested()
  static constexpr std::size_t kKeptMessagesMax = 256 * 1024;
  static constexpr std::size_t kOnceBytesMax = std::size_t{64} << 20;  // of a node: then dropped

  using Keys = boost::unordered_flat_map<std::uint64_t, std::size_t>;

  LaneId lane_id(std::size_t lane) const {
    return static_cast<LaneId>(post_.core().id().value * kLanesPerCore + lane);
  }
  std::size_t lane_for(const routing::Message& message, std::uint64_t key);
  void send_small_once(const routing::MessagePtr& message, PeerId to, bool keeps);

  // OutboundEvents
  void to_this_node(LaneId lane, const PublishHead& head,
                    const routing::MessagePtr& message) override;
  void on_settled(LaneId lane, std::uint64_t key, routing::Publication* publication) override;
  void on_stored(routing::Publication* publication) override;
  bool is_held(LaneId lane, std::uint64_t key) const override;

  void on_body(PeerId from, PeerFrameKind kind, LaneId lane, ByteView body,
               const SharedPtr<SharedBlock>& owner);
  void on_once(ByteView body, const SharedPtr<SharedBlock>& owner);
  void on_publish(PeerId from, LaneId lane, ByteView body, const SharedPtr<SharedBlock>& owner);
  void on_confirmed(PeerId from, ByteView bytes);
  void bring(PeerId from, std::uint64_t incarnation, LaneId lane, const PublishHead& head,
             const routing::MessagePtr& message);
  routing::Router::Told told_of(PeerId from, const PublishHead& head,
                                const routing::Message& message);
  void on_turn_end() override;
  void send_confirmations();
  void confirm_peer(const std::vector<Confirmation>& all, std::size_t from, std::size_t to);
  void confirmed_here(const std::vector<Confirmed>& all);

  PeerGates& gates_;
  core::Cores& cores_;
  PeerPost& post_;
  routing::Router& router_;
  const Certainty& certainty_;
  Leaders leaders_;
  std::vector<LeaderEvents*> leader_events_;
  std::array<Outbound, kLanesPerCore> lanes_;
  Inbound inbound_;
  // Of the large lane: how many of whom are open there; and for whom it waits, until that many
  // small ones of theirs are settled.
  Keys large_keys_, held_;
  bool is_released_ = false;
  std::vector<routing::Publication*> settled_;
  std::vector<std::vector<Arrived>> outboxes_;                    // by core
  boost::unordered_flat_map<std::uint32_t, PartJoiner> joiners_;  // by peer and lane
  std::vector<Confirmation> taken_;                               // parts
  mutable std::uint64_t own_life_ = 0;                            // 0: not asked yet
  std::array<std::uint64_t, kPeersMax> lives_{};   // of the last process of each that was up
  std::array<std::uint64_t, kPeersMax> living_{};  // ... and isn't over
  PeerCounters counters_;
};

}  // namespace roost::gates
