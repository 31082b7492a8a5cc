// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/hello.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/peer/peer_node.h"

namespace roost::cluster {
namespace {

using peer::make_hello;
using peer::mismatch;

PeerIdentity node(const std::string& name, const std::string& cluster = "farm",
                  std::uint32_t protocol = 1, std::uint64_t incarnation = 1) {
  return {cluster, name, incarnation, "store", "1.0", protocol, 0};
}

TEST(PeerHello, SaysWhoNeedNotBeRefused) {
  EXPECT_EQ(mismatch(node("b"), make_hello(node("a"), "b", Lane::bulk, 3)), "");
}

TEST(PeerHello, SaysWhyTwoNodesAreNoPeers) {
  const PeerIdentity b = node("b");
  const auto why = [&](const PeerIdentity& from, const std::string& to) {
    return mismatch(b, make_hello(from, to, Lane::bulk, 3));
  };
  EXPECT_EQ(why(node("a", "barn"), "b"),
            "node 'a' is of cluster 'barn', node 'b' of cluster 'farm'");
  EXPECT_EQ(why(node("a", "farm", 2), "b"),
            "node 'a' speaks version 2 of the protocol between nodes, node 'b' version 1");
  EXPECT_EQ(why(node("a"), "c"), "node 'a' looks for 'c' where it finds node 'b'");
  EXPECT_EQ(why(node("b", "farm", 1, 9), "b"), "two nodes are called 'b'");
  EXPECT_EQ(why(b, "b"), "node 'b' has reached itself: is a peer's address its own?");
  EXPECT_EQ(mismatch(b, make_hello(node("a"), "b", Lane::bulk, 0)),
            "node 'a' says no sensible hello");
  EXPECT_EQ(mismatch(b, make_hello(node("a"), "b", Lane{3}, 1)), "node 'a' says no sensible hello");
}

TEST(PeerHello, ShowsWhatOthersSayWithoutBreakingTheLog) {
  EXPECT_EQ(peer::shown("a\nb\x1b"), "a?b?");
  EXPECT_EQ(peer::shown(std::string(100, 'x')), std::string(80, 'x') + "...");
}

TEST(PeerHello, TellsBothSidesWhoTheOtherIs) {
  PeerNode a("a", {.incarnation = 17}), b("b", {.incarnation = 18});
  link(a, b);
  const PeerIdentity of_b = a.events().told()[kB.value].identity;
  EXPECT_EQ(of_b.cluster, "farm");
  EXPECT_EQ(of_b.name, "b");
  EXPECT_EQ(of_b.incarnation, 18u);
  EXPECT_EQ(of_b.store, "store of b");
  EXPECT_EQ(of_b.version, "1.2.3");
  EXPECT_EQ(of_b.protocol, 1u);
  EXPECT_EQ(of_b.feature_level, 7u);
  EXPECT_EQ(b.events().told()[kA.value].identity.incarnation, 17u);
  EXPECT_EQ(a.session(kB), b.session(kA)) << "both sides count the session by the same number";
  EXPECT_TRUE(a.wait_seen(kB, PeerView::Seen::connected));
  EXPECT_TRUE(b.wait_seen(kA, PeerView::Seen::connected));
}

// Refused again and again, said once on each side.
void expect_refused(PeerNode& a, PeerNode& b, const std::string& why) {
  join(a, b);
  ASSERT_TRUE(comes_true([&] { return a.network().counters().refused_hellos >= 2; }));
  EXPECT_GE(b.network().counters().refused_hellos, 2u);
  EXPECT_EQ(a.log().count(why), 1u);
  EXPECT_EQ(b.log().count(why), 1u);
  EXPECT_EQ(a.session(kB), 0u);
  EXPECT_EQ(b.session(kA), 0u);
  EXPECT_EQ(a.network().counters().sessions, 0u);
  EXPECT_EQ(b.network().counters().sessions, 0u);
}

TEST(PeerHello, AnotherClusterIsRefused) {
  PeerNode a("a"), b("b", {.cluster = "barn"});
  expect_refused(a, b, "node 'a' is of cluster 'farm', node 'b' of cluster 'barn'");
}

TEST(PeerHello, AnotherProtocolIsRefusedUntilItIsTheSame) {
  PeerNode a("a");
  std::uint16_t port = 0;
  {
    PeerNode b("b", {.protocol = 2});
    port = b.port();
    expect_refused(a, b,
                   "node 'a' speaks version 1 of the protocol between nodes, node 'b' version 2");
  }
  PeerNode b("b", {.incarnation = 2, .port = port});
  link(a, b);
}

TEST(PeerHello, AnAddressThatIsItsOwnIsRefused) {
  PeerNode a("a");
  a.network().set_peers({{kB, "b", a.as(kA).address}});
  ASSERT_TRUE(comes_true([&] {
    return a.log().count("peer b at " + a.as(kA).address +
                         ": refused: node 'a' has reached itself") > 0;
  }));
  EXPECT_EQ(a.session(kB), 0u);
}

TEST(PeerHello, ANodeWithAnotherNameIsRefused) {
  PeerNode a("a"), c("c");
  a.network().set_peers({{kB, "b", c.as(kC).address}});
  c.network().set_peers({a.as(kA)});
  const std::string why = "node 'a' looks for 'b' where it finds node 'c'";
  ASSERT_TRUE(comes_true([&] { return a.log().count(why) > 0 && c.log().count(why) > 0; }));
  EXPECT_EQ(a.session(kB), 0u);
  EXPECT_EQ(c.session(kA), 0u);
}

TEST(PeerHello, WhoIsNotKnownYetIsTakenOnceItIs) {
  PeerNode a("a"), b("b");
  a.network().set_peers({b.as(kB)});
  ASSERT_TRUE(comes_true([&] { return a.log().count("it doesn't know this node yet") > 0; }));
  EXPECT_EQ(a.network().counters().refused_hellos, 0u);
  b.network().set_peers({a.as(kA)});
  EXPECT_TRUE(a.wait_up(kB));
  EXPECT_TRUE(b.wait_up(kA));
}

TEST(PeerHello, PlainTextBeyondLoopbackIsWarnedOfOnce) {
  PeerRecorder events(nullptr);
  support::VectorLog log;
  PeerNetworkOptions options;
  options.self = node("a");
  options.bind = "0.0.0.0:0";
  ASSERT_TRUE(make_peer_network(options, events, log));
  EXPECT_EQ(log.count("plain text"), 1u);
  options.bind = "127.0.0.1:0";
  ASSERT_TRUE(make_peer_network(options, events, log));
  EXPECT_EQ(log.count("plain text"), 1u);
}

TEST(PeerHello, AnAddressInUseIsAnError) {
  PeerNode a("a");
  PeerRecorder events(nullptr);
  support::VectorLog log;
  PeerNetworkOptions options;
  options.self = node("b");
  options.bind = a.as(kA).address;
  const auto made = make_peer_network(options, events, log);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace roost::cluster
