// SPDX-License-Identifier: Apache-2.0
// One core's relay: as front of its clients and as leader of its shards. Reads the frames of kinds
// 20 to 29 and hears of leaders and peers, for both.
// Thread: core-bound.
// Owner: the server's per-core wiring, in a cluster.
#pragma once

#include "broker/gates/leader_view.h"
#include "broker/gates/peer_post.h"
#include "broker/gates/relay_front.h"
#include "broker/gates/relay_leader.h"

namespace roost::gates {

class Relay final : private PeerFrameHandler, private LeaderEvents {
 public:
  // Before the core runs.
  Relay(Gates& gates, PeerPost& post, LeaderView& leaders, const cluster::ShardHosts& hosts,
        const Clock& clock, const RelaySettings& settings = {});

  RelayFront& front() { return front_; }
  RelayLeader& leader() { return leader_; }

 private:
  void on_peer_up(const cluster::PeerInfo& peer) override {
    front_.peer_up();
    leader_.peer_up(peer.id, peer.incarnation);
  }
  void on_peer_down(PeerId peer) override;
  void on_peer_gone(PeerId peer, std::uint64_t incarnation) override;
  void on_frame(PeerId from, const PeerFrame& frame) override;
  void on_leader(ShardId shard, PeerId leader, std::uint64_t epoch) override;

  template <typename T, typename Side>
  void pass(PeerId from, const PeerFrame& frame, Side& side);
  template <typename T>
  void pass_either_way(PeerId from, const PeerFrame& frame);

  RelayLeader leader_;
  RelayFront front_;
};

}  // namespace roost::gates
