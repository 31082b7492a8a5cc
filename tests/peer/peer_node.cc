// SPDX-License-Identifier: Apache-2.0
#include "tests/peer/peer_node.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "broker/base/check.h"

namespace roost::cluster {
namespace {

constexpr std::chrono::milliseconds kLook{20};

}  // namespace

class PeerRecorder::OneAtATime {
 public:
  explicit OneAtATime(std::atomic<bool>& flag) : flag_(flag) {
    EXPECT_FALSE(flag_.exchange(true)) << "two events of one peer at the same time";
  }
  ~OneAtATime() { flag_ = false; }

 private:
  std::atomic<bool>& flag_;
};

void PeerRecorder::on_peer_up(PeerId peer, std::uint64_t session, const PeerIdentity& identity) {
  const OneAtATime only(is_told_[peer.value]);
  std::lock_guard lock(mutex_);
  Peer& told = told_[peer.value];
  EXPECT_EQ(told.session, 0u) << "up before the last session was down";
  EXPECT_GT(session, told.last_session);
  told.session = told.last_session = session;
  told.identity = identity;
  ++told.ups;
  changed_.notify_all();
}

void PeerRecorder::on_peer_down(PeerId peer, std::uint64_t session) {
  const OneAtATime only(is_told_[peer.value]);
  std::lock_guard lock(mutex_);
  Peer& told = told_[peer.value];
  EXPECT_EQ(told.session, session) << "down, but not up";
  told.session = 0;
  ++told.downs;
  changed_.notify_all();
}

void PeerRecorder::on_peer_seen(PeerId peer, PeerView::Seen seen) {
  const OneAtATime only(is_told_[peer.value]);
  std::lock_guard lock(mutex_);
  Peer& told = told_[peer.value];
  EXPECT_NE(told.seen, seen) << "told without a change";
  told.seen = seen;
  told.views.push_back(seen);
  changed_.notify_all();
}

void PeerRecorder::on_chunks(PeerId from, std::uint64_t session, Lane lane, Chunks chunks) {
  const OneAtATime only(is_told_[from.value]);
  {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(told_[from.value].session, session) << "a chunk of a session that is not up";
    for (const Chunk& chunk : chunks) {
      if (keeps_held_) told_[from.value].held.push_back(chunk.held);
    }
  }
  if (take_) {
    for (Chunk& chunk : chunks) take_(from, lane, std::move(chunk));
    return;
  }
  std::lock_guard lock(mutex_);
  for (Chunk& chunk : chunks) {
    told_[from.value].chunks[static_cast<std::size_t>(lane)].push_back(std::move(chunk.bytes));
  }
  changed_.notify_all();
}

bool PeerRecorder::wait_for(const std::function<bool(Told&)>& holds) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::unique_lock lock(mutex_);
  while (!holds(told_)) {
    if (changed_.wait_until(lock, until) == std::cv_status::timeout) return holds(told_);
  }
  return true;
}

PeerRecorder::Told PeerRecorder::told() {
  std::lock_guard lock(mutex_);
  return told_;
}

void PeerRecorder::keep_held(bool keep) {
  std::lock_guard lock(mutex_);
  keeps_held_ = keep;
}

void PeerRecorder::let_go(PeerId peer) {
  std::vector<std::shared_ptr<const void>> held;
  std::lock_guard lock(mutex_);
  held.swap(told_[peer.value].held);
}

PeerNode::PeerNode(const std::string& name, NodeOptions options)
    : name_(name), events_(std::move(options.take)) {
  PeerNetworkOptions wanted;
  wanted.self = {options.cluster,  name, options.incarnation, "store of " + name, "1.2.3",
                 options.protocol, 7};
  wanted.bind = "127.0.0.1:" + std::to_string(options.port);
  wanted.tls = options.tls;
  auto network = make_peer_network(std::move(wanted), events_, log_);
  if (!network) ADD_FAILURE() << network.error().message;
  network_ = std::move(network).value();
}

PeerAddress PeerNode::as(PeerId id) const {
  return {id, name_, "127.0.0.1:" + std::to_string(port())};
}

bool PeerNode::wait_up(PeerId peer) {
  return events_.wait_for([&](auto& told) { return told[peer.value].session != 0; });
}

bool PeerNode::wait_down(PeerId peer) {
  return events_.wait_for([&](auto& told) { return told[peer.value].session == 0; });
}

bool PeerNode::wait_seen(PeerId peer, PeerView::Seen seen) {
  return events_.wait_for([&](auto& told) { return told[peer.value].seen == seen; });
}

std::uint64_t PeerNode::session(PeerId peer) { return events_.told()[peer.value].session; }

bool PeerNode::send(PeerId to, Lane lane, std::string chunk) {
  std::uint64_t up = 0;
  events_.wait_for([&](auto& told) {
    up = told[to.value].session;
    return true;
  });
  return network_->send(to, up, lane, std::move(chunk));
}

void join(PeerNode& a, PeerNode& b) {
  a.network().set_peers({b.as(kB)});
  b.network().set_peers({a.as(kA)});
}

void link(PeerNode& a, PeerNode& b) {
  join(a, b);
  ASSERT_TRUE(a.wait_up(kB));
  ASSERT_TRUE(b.wait_up(kA));
}

bool comes_true(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace roost::cluster
