// SPDX-License-Identifier: Apache-2.0
// Sessions end and begin: crashes, new incarnations, new addresses; what PeerRecorder checks of
// each event is half of these tests.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "tests/peer/load.h"
#include "tests/peer/peer_node.h"
#include "tests/peer/raw_peer.h"

namespace roost::cluster {
namespace {

using peer::pb::NONE;
using peer::pb::OLD_SESSION;
using Seen = PeerView::Seen;

// Sends to a peer for as long as it lives, in whichever session is up.
class Sender {
 public:
  Sender(PeerNode& from, PeerId to)
      : thread_([this, &from, to] {
          while (!is_over_) {
            if (!from.send(to, Lane::traffic, "something to send")) std::this_thread::yield();
            if (from.network().waiting_bytes(to, Lane::traffic) > 100'000) {
              std::this_thread::yield();
            }
          }
        }) {}
  ~Sender() {
    is_over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

NodeOptions counting(std::atomic<std::uint64_t>& count) {
  NodeOptions options;
  options.take = [&count](PeerId, Lane, const Chunk&) { ++count; };
  return options;
}

// `name` goes away under load in both directions and comes back as another incarnation.
void expect_back(const std::string& stays, PeerId away_id, const std::string& away,
                 PeerId stays_id) {
  std::atomic<std::uint64_t> here{0}, there{0};
  PeerNode a(stays, counting(here));
  NodeOptions options = counting(there);
  auto b = std::make_unique<PeerNode>(away, options);
  options.port = b->port();
  a.network().set_peers({b->as(away_id)});
  b->network().set_peers({a.as(stays_id)});
  const Sender load(a, away_id);
  std::uint64_t last = 0;
  for (std::uint64_t incarnation = 1; incarnation <= 4; ++incarnation) {
    ASSERT_TRUE(a.events().wait_for([&](auto& told) {
      return told[away_id.value].session > last &&
             told[away_id.value].identity.incarnation == incarnation;
    }));
    last = a.session(away_id);
    {
      const Sender back(*b, stays_id);
      const std::uint64_t from_here = here, from_there = there;
      ASSERT_TRUE(comes_true([&] { return here > from_here && there > from_there; }));
    }
    b.reset();
    ASSERT_TRUE(a.wait_down(away_id));
    EXPECT_FALSE(a.network().send(away_id, last, Lane::traffic, "too late"));
    EXPECT_EQ(a.network().waiting_bytes(away_id, Lane::traffic), 0u);
    ASSERT_TRUE(a.wait_seen(away_id, Seen::refused));
    options.incarnation = incarnation + 1;
    b = std::make_unique<PeerNode>(away, options);
    b->network().set_peers({a.as(stays_id)});
  }
  ASSERT_TRUE(b->wait_up(stays_id));
  ASSERT_TRUE(a.wait_seen(away_id, Seen::connected));
  EXPECT_GE(a.network().counters().reconnects, 3u);
}

TEST(PeerSession, WhoDialsFindsThePeerAgain) { expect_back("a", kB, "b", kA); }

TEST(PeerSession, WhoIsDialledIsFoundAgain) { expect_back("b", kA, "a", kB); }

TEST(PeerSession, OneOfThreeGoesWithoutTheOthersNotice) {
  PeerNode a("a"), b("b");
  auto c = std::make_unique<PeerNode>("c");
  a.network().set_peers({b.as(kB), c->as(kC)});
  b.network().set_peers({a.as(kA), c->as(kC)});
  c->network().set_peers({a.as(kA), b.as(kB)});
  for (const auto& [node, one, other] :
       {std::tuple{&a, kB, kC}, std::tuple{&b, kA, kC}, std::tuple{c.get(), kA, kB}}) {
    ASSERT_TRUE(node->wait_up(one));
    ASSERT_TRUE(node->wait_up(other));
  }
  c.reset();
  ASSERT_TRUE(a.wait_seen(kC, Seen::refused));
  ASSERT_TRUE(b.wait_seen(kC, Seen::refused));
  ASSERT_TRUE(a.send(kB, Lane::replication, "we two"));
  ASSERT_TRUE(b.events().wait_for([](auto& told) { return told[kA.value].chunks[0].size() == 1; }));
  EXPECT_EQ(a.events().told()[kB.value].downs, 0);
  EXPECT_EQ(b.events().told()[kA.value].downs, 0);
}

TEST(PeerSession, ANewAddressIsDialled) {
  PeerNode a("a");
  auto b = std::make_unique<PeerNode>("b");
  link(a, *b);
  const std::uint64_t first = a.session(kB);
  PeerNode moved("b", {.incarnation = 2});
  moved.network().set_peers({a.as(kA)});
  a.network().set_peers({moved.as(kB)});  // the old one is still there
  ASSERT_TRUE(moved.wait_up(kA));
  ASSERT_TRUE(a.events().wait_for([&](auto& told) { return told[kB.value].session > first; }));
  EXPECT_EQ(a.events().told()[kB.value].identity.incarnation, 2u);
  EXPECT_TRUE(b->wait_down(kA));
}

TEST(PeerSession, ANodeThatIsNoPeerAnyMoreIsLeft) {
  PeerNode a("a"), b("b");
  link(a, b);
  const std::uint64_t session = a.session(kB);
  a.network().set_peers({});
  EXPECT_TRUE(a.wait_down(kB));
  EXPECT_FALSE(a.network().send(kB, session, Lane::bulk, "x"));
  EXPECT_TRUE(b.wait_down(kA));
  for (int again = 2; again < 10; ++again) {
    a.network().set_peers({b.as(kB)});
    ASSERT_TRUE(a.events().wait_for([&](auto& told) { return told[kB.value].ups == again; }));
    a.network().set_peers({});
  }
}

TEST(PeerSession, EndsCleanlyWhileBothSidesSend) {
  for (int round = 0; round < 10; ++round) {
    std::atomic<std::uint64_t> here{0}, there{0};
    PeerNode a("a", counting(here));
    {
      PeerNode b("b", counting(there));
      link(a, b);
      const Sender load(a, kB);
      for (int i = 0; i < 50; ++i) b.send(kA, Lane::bulk, std::string(kChunkBytesMax, 'x'));
      ASSERT_TRUE(comes_true([&] { return there > 0 && here > 0; }));
    }
    ASSERT_TRUE(a.wait_down(kB));
  }
}

// Events come on the thread of set_peers() as well, and may change the peers there.
TEST(PeerSession, WhoIsToldOfAnEndMayChangeThePeers) {
  struct Ends final : PeerEvents {
    void on_peer_up(PeerId, std::uint64_t, const PeerIdentity&) override {
      is_up = true;
      is_up.notify_all();
    }
    void on_peer_down(PeerId, std::uint64_t) override {
      network->set_peers({});
      is_down = true;
      is_down.notify_all();
    }
    void on_peer_seen(PeerId, PeerView::Seen) override {}
    void on_chunks(PeerId, std::uint64_t, Lane, Chunks) override {}

    std::atomic<bool> is_up{false}, is_down{false};
    std::unique_ptr<GrpcPeerNetwork> network;
  } a;
  support::VectorLog log;
  PeerNetworkOptions options;
  options.self = {"farm", "a", 1, "", "", 1, 0};
  options.bind = "127.0.0.1:0";
  auto made = make_peer_network(options, a, log);
  ASSERT_TRUE(made);
  a.network = std::move(*made);
  PeerNode b("b");
  b.network().set_peers({{kA, "a", "127.0.0.1:" + std::to_string(a.network->port())}});
  a.network->set_peers({b.as(kB)});
  a.is_up.wait(false);
  a.network->set_peers({});
  a.is_down.wait(false);
  EXPECT_TRUE(b.wait_down(kA));
  a.network.reset();
}

// The dialler's number is not above the last one: it has started again and its clock went back.
TEST(PeerSession, ANumberThatIsNotHigherIsRefusedWithTheOneToBeat) {
  PeerNode b("b");
  RawPeer a("a");
  b.network().set_peers({a.as(kA)});
  for (const Lane lane : {Lane::replication, Lane::traffic, Lane::bulk}) {
    const auto answer = a.dial(b.as(kB), lane, 5);
    EXPECT_EQ(answer.refusal(), NONE);
    EXPECT_EQ(answer.session(), 5u);
    EXPECT_EQ(answer.from().name(), "b");
  }
  ASSERT_TRUE(b.wait_up(kA));
  for (const std::uint64_t old : {4u, 5u}) {
    const auto answer = a.dial(b.as(kB), Lane::bulk, old);
    EXPECT_EQ(answer.refusal(), OLD_SESSION);
    EXPECT_EQ(answer.last_session(), 5u);
  }
  EXPECT_EQ(b.session(kA), 5u) << "the session that stands isn't touched";
  // A higher one takes its place, lane by lane.
  EXPECT_EQ(a.dial(b.as(kB), Lane::traffic, 6).refusal(), NONE);
  ASSERT_TRUE(b.wait_down(kA));
  EXPECT_EQ(a.dial(b.as(kB), Lane::traffic, 6).refusal(), OLD_SESSION) << "that lane is taken";
  EXPECT_EQ(a.dial(b.as(kB), Lane::replication, 6).refusal(), NONE);
  EXPECT_EQ(b.session(kA), 0u);
  EXPECT_EQ(a.dial(b.as(kB), Lane::bulk, 6).refusal(), NONE);
  ASSERT_TRUE(b.wait_up(kA));
  EXPECT_EQ(b.session(kA), 6u);
}

TEST(PeerSession, WhoIsToldOfALaterSessionGoesBeyondIt) {
  PeerNode a("a");
  RawPeer b("b");
  const std::uint64_t far = std::uint64_t{1} << 60;
  b.answer_with(OLD_SESSION, far);
  a.network().set_peers({b.as(kB)});
  EXPECT_TRUE(b.wait_for_hello([&](const auto& hello) { return hello.session() > far; }));
}

TEST(PeerSession, WhatIsReceivedBeforeAllLanesAreThereWaits) {
  PeerNode b("b");
  RawPeer a("a");
  b.network().set_peers({a.as(kA)});
  a.dial(b.as(kB), Lane::replication, 1);
  a.send(Lane::replication, "early");
  a.dial(b.as(kB), Lane::traffic, 1);
  EXPECT_EQ(b.session(kA), 0u);
  a.dial(b.as(kB), Lane::bulk, 1);
  EXPECT_TRUE(b.events().wait_for([](auto& told) {
    return told[kA.value].session == 1 &&
           told[kA.value].chunks[0] == std::vector<std::string>{"early"};
  }));
}

// Nobody says anything on lanes that stand: silent, then over.
TEST(PeerSession, WithoutASignOfLifeIsSilentAndThenOver) {
  PeerNode b("b");
  RawPeer a("a");
  b.network().set_peers({a.as(kA)});
  for (const Lane lane : {Lane::replication, Lane::traffic, Lane::bulk}) {
    ASSERT_EQ(a.dial(b.as(kB), lane, 1).refusal(), NONE);
  }
  ASSERT_TRUE(b.wait_seen(kA, Seen::connected));
  ASSERT_TRUE(b.wait_seen(kA, Seen::silent));
  EXPECT_EQ(b.session(kA), 1u);
  a.send(Lane::bulk, "alive");
  ASSERT_TRUE(b.wait_seen(kA, Seen::connected));
  ASSERT_TRUE(b.wait_seen(kA, Seen::silent));
  ASSERT_TRUE(b.wait_down(kA));
  EXPECT_EQ(b.events().told()[kA.value].seen, Seen::silent) << "it still listens";
  EXPECT_EQ(b.log().count("nothing was heard for 3"), 1u);
}

TEST(PeerSession, SignsOfLifeKeepAnIdleOne) {
  PeerNode a("a"), b("b");
  link(a, b);
  // More of them than fit into the time after which it would be over.
  ASSERT_TRUE(comes_true([&] {
    return a.network().counters().lanes[0].envelopes_in > 16 &&
           b.network().counters().lanes[0].envelopes_in > 16;
  }));
  EXPECT_EQ(a.events().told()[kB.value].views.back(), Seen::connected);
  EXPECT_EQ(a.events().told()[kB.value].downs, 0);
  EXPECT_EQ(b.events().told()[kA.value].downs, 0);
}

}  // namespace
}  // namespace roost::cluster
