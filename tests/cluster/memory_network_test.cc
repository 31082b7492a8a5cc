// SPDX-License-Identifier: Apache-2.0
// The network that the cluster's tests run on keeps the promises of PeerNetwork.
#include "tests/support/memory_network.h"

#include <gtest/gtest.h>

#include "tests/support/eventually.h"

namespace roost::support {
namespace {

using cluster::Chunk;
using cluster::Chunks;
using cluster::Lane;
using cluster::PeerIdentity;
using cluster::PeerView;

// One node that notes what it is told. Its only peer is the other, as PeerId 1.
class Noted final : public cluster::PeerEvents {
 public:
  Noted(MemoryNetwork& network, const std::string& name, const std::string& peer)
      : node_(network.open({"c", name, 1, "uuid-" + name, "1", 1, 1}, name + ":1", *this)) {
    node_->set_peers({{PeerId{1}, peer, peer + ":1"}});
  }

  void on_peer_up(PeerId, std::uint64_t session, const PeerIdentity& identity) override {
    const std::lock_guard lock(mutex_);
    session_ = session;
    texts_.push_back("up " + identity.name);
  }
  void on_peer_down(PeerId, std::uint64_t) override {
    const std::lock_guard lock(mutex_);
    session_ = 0;
    texts_.emplace_back("down");
  }
  void on_peer_seen(PeerId, PeerView::Seen seen) override {
    const std::lock_guard lock(mutex_);
    seen_ = seen;
  }
  void on_chunks(PeerId, std::uint64_t, Lane, Chunks chunks) override {
    const std::lock_guard lock(mutex_);
    for (const Chunk& chunk : chunks) texts_.push_back(chunk.bytes);
  }

  std::uint64_t session() const {
    const std::lock_guard lock(mutex_);
    return session_;
  }
  PeerView::Seen seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::vector<std::string> texts() const {
    const std::lock_guard lock(mutex_);
    return texts_;
  }
  bool send(const std::string& text, Lane lane = Lane::traffic) {
    return node_->send(PeerId{1}, session(), lane, text);
  }
  MemoryNetwork::Node& node() { return *node_; }

 private:
  mutable std::mutex mutex_;
  std::uint64_t session_ = 0;
  PeerView::Seen seen_ = PeerView::Seen::silent;
  std::vector<std::string> texts_;
  std::unique_ptr<MemoryNetwork::Node> node_;
};

using Texts = std::vector<std::string>;

TEST(MemoryNetwork, DeliversInOrderBetweenUpAndDown) {
  MemoryNetwork network;
  auto a = std::make_unique<Noted>(network, "a", "b");
  Noted b(network, "b", "a");
  ASSERT_TRUE(eventually([&] { return a->session() != 0 && b.session() != 0; }));
  Texts wanted = {"up a"};
  for (int i = 0; i < 100; ++i) {
    wanted.push_back(std::to_string(i));
    ASSERT_TRUE(a->send(wanted.back()));
  }
  ASSERT_TRUE(eventually([&] { return b.texts() == wanted; }));
  a.reset();
  wanted.emplace_back("down");
  ASSERT_TRUE(eventually([&] { return b.texts() == wanted; }));
  ASSERT_TRUE(eventually([&] { return b.seen() == PeerView::Seen::refused; }));
  EXPECT_FALSE(b.send("nobody"));
}

TEST(MemoryNetwork, ACutOneWayEndsTheSession) {
  MemoryNetwork network;
  Noted a(network, "a", "b");
  Noted b(network, "b", "a");
  ASSERT_TRUE(eventually([&] { return a.session() != 0 && b.session() != 0; }));
  const std::uint64_t first = a.session();
  network.cut_one_way("a", "b");
  a.send("vanishes");
  ASSERT_TRUE(eventually([&] { return a.session() == 0 && b.session() == 0; }));
  ASSERT_TRUE(eventually([&] { return b.seen() == PeerView::Seen::silent; }));
  EXPECT_EQ(b.texts(), (Texts{"up a", "down"}));
  network.heal("a", "b");
  ASSERT_TRUE(eventually([&] { return a.session() > first && b.session() == a.session(); }));
}

TEST(MemoryNetwork, WhatIsDelayedWaits) {
  MemoryNetwork network;
  Noted a(network, "a", "b");
  Noted b(network, "b", "a");
  ASSERT_TRUE(eventually([&] { return a.session() != 0 && b.session() != 0; }));
  network.delay("a", "b", std::chrono::hours(1));
  ASSERT_TRUE(a.send("late"));
  EXPECT_EQ(a.node().waiting_bytes(PeerId{1}, Lane::traffic), 4U);
  EXPECT_EQ(a.node().waiting_bytes(PeerId{1}, Lane::bulk), 0U);
  ASSERT_TRUE(b.send("not late"));
  ASSERT_TRUE(eventually([&] { return a.texts() == Texts({"up b", "not late"}); }));
  EXPECT_EQ(b.texts(), Texts{"up a"});
}

}  // namespace
}  // namespace roost::support
