// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/relay.h"

namespace roost::gates {

Relay::Relay(Gates& gates, PeerPost& post, LeaderView& leaders, const cluster::ShardHosts& hosts,
             const Clock& clock, const RelaySettings& settings)
    : leader_(gates, post, hosts, clock), front_(gates, post, leaders, leader_, settings) {
  leader_.use(front_);
  gates.use(front_);
  post.handle(
      {PeerFrameKind::open, PeerFrameKind::granted, PeerFrameKind::opened, PeerFrameKind::refused,
       PeerFrameKind::data, PeerFrameKind::credit, PeerFrameKind::close, PeerFrameKind::closed,
       PeerFrameKind::claims, PeerFrameKind::left},
      *this);
  leaders.tell(*this);
}

// Fronts first: what they are sent of a leader that is gone may be asked of another one at once.
void Relay::on_peer_down(PeerId peer) {
  front_.peer_down(peer);
  leader_.peer_down(peer);
}

void Relay::on_peer_gone(PeerId peer, std::uint64_t incarnation) {
  leader_.peer_gone(peer, incarnation);
}

void Relay::on_leader(ShardId shard, PeerId leader, std::uint64_t epoch) {
  leader_.leader_changed(shard);
  front_.leader_changed(shard, leader, epoch);
}

template <typename T, typename Side>
void Relay::pass(PeerId from, const PeerFrame& frame, Side& side) {
  T read;
  if (read_relay_frame(frame.bytes, read)) {
    side.receive(from, ShardId{frame.to}, read);
  } else {
    leader_.counters().broken.add();
  }
}

template <typename T>
void Relay::pass_either_way(PeerId from, const PeerFrame& frame) {
  T read;
  if (!read_relay_frame(frame.bytes, read)) {
    leader_.counters().broken.add();
  } else if (read.way == Way::to_leader) {
    leader_.receive(from, ShardId{frame.to}, read);
  } else {
    front_.receive(from, ShardId{frame.to}, read);
  }
}

void Relay::on_frame(PeerId from, const PeerFrame& frame) {
  switch (frame.kind) {
    case PeerFrameKind::data:
      return pass_either_way<RelayData>(from, frame);
    case PeerFrameKind::credit:
      return pass_either_way<RelayCredit>(from, frame);
    case PeerFrameKind::close:
      return pass_either_way<RelayClose>(from, frame);
    case PeerFrameKind::closed:
      return pass_either_way<RelayClosed>(from, frame);
    case PeerFrameKind::open:
      return pass<RelayOpen>(from, frame, leader_);
    case PeerFrameKind::claims:
      return pass<RelayClaims>(from, frame, leader_);
    case PeerFrameKind::left:
      return pass<RelayLeft>(from, frame, leader_);
    case PeerFrameKind::granted:
      return pass<RelayGranted>(from, frame, front_);
    case PeerFrameKind::opened:
      return pass<RelayOpened>(from, frame, front_);
    case PeerFrameKind::refused:
      return pass<RelayRefused>(from, frame, front_);
    default:
      return;
  }
}

}  // namespace roost::gates
