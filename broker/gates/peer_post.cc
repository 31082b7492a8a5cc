// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/peer_post.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace roost::gates {

PeerPost::PeerPost(core::Core& core, cluster::Cluster& cluster) : core_(core), cluster_(cluster) {}

void PeerPost::handle(std::initializer_list<PeerFrameKind> kinds, PeerFrameHandler& handler) {
  handlers_.push_back(&handler);
  for (const PeerFrameKind kind : kinds) by_kind_[static_cast<std::uint8_t>(kind)] = &handler;
}

std::string& PeerPost::out(PeerId peer) {
  std::string& chunk = out_[peer.value];
  if (chunk.size() >= kFlushBytes) flush(peer);
  core_.at_turn_end(*this);
  return chunk;
}

std::size_t PeerPost::waiting_bytes(PeerId peer) const {
  return is_up(peer) ? cluster_.waiting_bytes(peer) : 0;
}

bool PeerPost::is_congested() const {
  for (std::uint64_t left = up_; left != 0; left &= left - 1) {
    if (is_congested(PeerId{static_cast<std::uint16_t>(std::countr_zero(left))})) return true;
  }
  return false;
}

void PeerPost::flush(PeerId peer) {
  std::string chunk = std::exchange(out_[peer.value], {});
  const std::uint64_t session = peers_[peer.value].session;
  if (chunk.empty() || session == 0) return;
  cluster_.send(peer, session, std::move(chunk));
}

void PeerPost::on_turn_end() {
  for (std::uint16_t peer = 0; peer < kPeersMax; ++peer) flush(PeerId{peer});
}

void PeerPost::peer_up(const cluster::PeerInfo& peer) {
  cluster::PeerInfo& known = peers_[peer.id.value];
  if (known.session != 0) peer_down(peer.id, known.session);
  known = peer;
  up_ |= std::uint64_t{1} << peer.id.value;
  out_[peer.id.value].clear();
  for (PeerFrameHandler* handler : handlers_) handler->on_peer_up(peer);
}

void PeerPost::peer_down(PeerId peer, std::uint64_t session) {
  if (peers_[peer.value].session != session) return;
  peers_[peer.value].session = 0;
  up_ &= ~(std::uint64_t{1} << peer.value);
  out_[peer.value].clear();
  for (PeerFrameHandler* handler : handlers_) handler->on_peer_down(peer);
}

void PeerPost::peer_gone(PeerId peer, std::uint64_t incarnation) {
  for (PeerFrameHandler* handler : handlers_) handler->on_peer_gone(peer, incarnation);
}

void PeerPost::arrived(PeerId from, std::uint64_t session, const cluster::Chunk& chunk) {
  if (peers_[from.value].session != session) return;
  PeerFrameReader reader(chunk.bytes);
  PeerFrame frame;
  while (reader.next(frame)) {
    if (frame.to % cores_ != core_.id().value) continue;
    PeerFrameHandler* handler = by_kind_[static_cast<std::uint8_t>(frame.kind)];
    if (handler != nullptr) handler->on_frame(from, frame);
  }
}

void PeerInbox::add(PeerPost& post) {
  post.cores_ = cores_.size();
  posts_.push_back(&post);
}

void PeerInbox::on_peer_up(const cluster::PeerInfo& peer) {
  for (PeerPost* post : posts_) {
    post->core().post([post, peer] { post->peer_up(peer); });
  }
}

void PeerInbox::on_peer_down(PeerId peer, std::uint64_t session) {
  for (PeerPost* post : posts_) {
    post->core().post([post, peer, session] { post->peer_down(peer, session); });
  }
}

void PeerInbox::on_peer_gone(PeerId peer, std::uint64_t incarnation) {
  for (PeerPost* post : posts_) {
    post->core().post([post, peer, incarnation] { post->peer_gone(peer, incarnation); });
  }
}

// A chunk that is broken somewhere is dealt with up to there: it comes from a process of ours.
void PeerInbox::on_traffic(PeerId from, std::uint64_t session, cluster::Chunks chunks) {
  std::uint64_t wanted = 0;
  for (const cluster::Chunk& chunk : chunks) {
    PeerFrameReader reader(chunk.bytes);
    PeerFrame frame;
    while (reader.next(frame)) wanted |= std::uint64_t{1} << (frame.to % posts_.size());
  }
  const auto shared = std::make_shared<const cluster::Chunks>(std::move(chunks));
  for (; wanted != 0; wanted &= wanted - 1) {
    PeerPost* post = posts_[static_cast<std::size_t>(std::countr_zero(wanted))];
    post->core().post_and_run([post, from, session, shared] {
      for (const cluster::Chunk& chunk : *shared) post->arrived(from, session, chunk);
    });
  }
}

void PeerInbox::on_joined() {
  if (joined_) std::exchange(joined_, {})();
}

}  // namespace roost::gates
