// SPDX-License-Identifier: Apache-2.0
// One core's post to and from other nodes: frames (peer_frames.h) collect into one chunk a peer and
// leave at the turn's end; what comes is handed to whoever handles its kind. PeerInbox is the
// node's side of it: it gets everything from the cluster and posts it to the cores.
// Thread: PeerPost core-bound; PeerInbox any thread.
// Owner: the server's per-core wiring; the server.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/hash.h"
#include "broker/core/cores.h"
#include "broker/gates/peer_frames.h"
#include "cluster/cluster.h"

namespace roost::gates {

// A process, unique in the cluster: incarnations rise for each name, but two nodes may have the
// same one.
inline std::uint64_t life_of(const cluster::PeerInfo& peer) {
  return hash64(peer.name, peer.incarnation);
}

// Told on its core. For one peer in order; frames only between up and down.
class PeerFrameHandler {
 public:
  virtual void on_peer_up(const cluster::PeerInfo& peer) = 0;
  virtual void on_peer_down(PeerId peer) = 0;
  // That process is over for certain, whether it was up or not.
  virtual void on_peer_gone(PeerId peer, std::uint64_t incarnation) = 0;
  // `frame.bytes` last until this returns.
  virtual void on_frame(PeerId from, const PeerFrame& frame) = 0;

 protected:
  ~PeerFrameHandler() = default;
};

class PeerPost final : private core::TurnEnd {
 public:
  PeerPost(core::Core& core, cluster::Cluster& cluster);

  // Before the core runs. All handlers are told of peers, each of the frames of its kinds.
  void handle(std::initializer_list<PeerFrameKind> kinds, PeerFrameHandler& handler);

  bool is_up(PeerId peer) const { return peers_[peer.value].session != 0; }
  bool has_peers() const { return up_ != 0; }
  // Of the session that is up, or of the last one; incarnation 0: there was none.
  const cluster::PeerInfo& info(PeerId peer) const { return peers_[peer.value]; }
  // Frames for that peer are added at its end with begin_frame() and end_frame(), before the next
  // call of anything here. Dropped where it isn't up. Keep a frame under kFrameBytesMax.
  std::string& out(PeerId peer);
  static constexpr std::size_t kFrameBytesMax = 256 * 1024;
  // What waits for that peer is over what a publisher should add to.
  bool is_congested(PeerId peer) const { return waiting_bytes(peer) > kWaitingBytesMax; }
  // ... that is so for some peer.
  bool is_congested() const;
  // What waits for that peer in the network, all cores' together.
  std::size_t waiting_bytes(PeerId peer) const;
  core::Core& core() { return core_; }
  cluster::Cluster& cluster() { return cluster_; }

 private:
  friend class PeerInbox;
  static constexpr std::size_t kFlushBytes = 256 * 1024;
  static constexpr std::size_t kWaitingBytesMax = 8 << 20;  // then is_congested()

  void on_turn_end() override;
  void flush(PeerId peer);
  void peer_up(const cluster::PeerInfo& peer);
  void peer_down(PeerId peer, std::uint64_t session);
  void peer_gone(PeerId peer, std::uint64_t incarnation);
  void arrived(PeerId from, std::uint64_t session, const cluster::Chunk& chunk);

  core::Core& core_;
  cluster::Cluster& cluster_;
  std::uint16_t cores_ = 1;                         // of this node
  std::uint64_t up_ = 0;                            // peers
  std::array<cluster::PeerInfo, kPeersMax> peers_;  // session 0: not up
  std::array<std::string, kPeersMax> out_;
  std::array<PeerFrameHandler*, 256> by_kind_{};
  std::vector<PeerFrameHandler*> handlers_;
};

// A chunk whose frames are for several cores goes to each of them; a core passes over the others'.
class PeerInbox final : public cluster::ClusterEvents {
 public:
  explicit PeerInbox(core::Cores& cores) : cores_(cores) {}
  void add(PeerPost& post);  // in the order of the cores
  // Runs once, on the cluster's thread, when the node has joined.
  void when_joined(core::Task task) { joined_ = std::move(task); }

  void on_peer_up(const cluster::PeerInfo& peer) override;
  void on_peer_down(PeerId peer, std::uint64_t session) override;
  void on_peer_gone(PeerId peer, std::uint64_t incarnation) override;
  void on_traffic(PeerId from, std::uint64_t session, cluster::Chunks chunks) override;
  void on_joined() override;

 private:
  core::Cores& cores_;
  std::vector<PeerPost*> posts_;
  core::Task joined_;
};

}  // namespace roost::gates
