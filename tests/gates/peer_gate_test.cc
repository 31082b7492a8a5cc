// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/peer_gate.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/gates/peer_stage.h"

namespace roost::gates {
namespace {

// --- QoS 0 ---

TEST_F(PeerGateTest, Qos0IsOneFrameANodeHoweverManyWantItThere) {
  nodes.want(ShardId{1}, "a");  // led at node 1
  nodes.want(ShardId{4}, "a");  // as well
  nodes.want(1, "a", 0);
  nodes.want(1, "a", 1);
  publish(0, "a", "x", kOnce);
  EXPECT_EQ(nodes.cluster.waiting(0, 1).size(), 1u);
  EXPECT_TRUE(nodes.cluster.waiting(0, 2).empty());
  PeerFrameReader reader(nodes.cluster.waiting(0, 1)[0]);
  PeerFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.kind, PeerFrameKind::once);
  EXPECT_FALSE(reader.next(frame));
  nodes.settle();
  EXPECT_EQ(node(1).sessions[0]->once, Lines{"x"});
  EXPECT_EQ(node(1).sessions[1]->once, Lines{"x"});
}

TEST_F(PeerGateTest, MessagesOfATurnLeaveInOneChunk) {
  nodes.want(1, "a");
  nodes.on_core(0, 0, [&] {
    for (int i = 0; i < 10; ++i) {
      node(0).routers[0]->publish(text_message("a", std::to_string(i), kOnce), {});
    }
  });
  EXPECT_EQ(nodes.cluster.waiting(0, 1).size(), 1u);
  nodes.settle();
  EXPECT_EQ(node(1).sessions[0]->once, (Lines{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
}

TEST_F(PeerGateTest, Qos0ToANodeThatIsAwayIsDroppedAndCounted) {
  nodes.want(1, "a");
  nodes.cluster.cut(0, 1);
  nodes.settle();
  publish(0, "a", "x", kOnce);
  nodes.settle();
  EXPECT_EQ(node(0).peers[0]->counters().once_dropped.value(), 1u);
  nodes.link_all();
  nodes.settle();
  EXPECT_TRUE(node(1).sessions[0]->once.empty());
}

TEST_F(PeerGateTest, ExpiryGoesOnAtTheOtherNode) {
  nodes.want(1, "a");
  routing::MessageParts parts;
  parts.topic = "a";
  parts.payload = as_bytes("x");
  parts.expiry_s = 10;
  parts.received_ms = nodes.clock.steady_ms();
  const auto message = routing::Message::make(parts);
  nodes.clock.advance_ms(4'000);
  nodes.on_core(0, 0, [&] { node(0).routers[0]->publish(message, {}); });
  nodes.settle();
  ASSERT_TRUE(node(1).sessions[0]->last);
  EXPECT_EQ(node(1).sessions[0]->last->remaining_s(nodes.clock.steady_ms()), 6u);
}

// --- QoS 1 and 2 ---

TEST_F(PeerGateTest, AQos1PublishIsConfirmedWhenAllShardsHaveCommittedAndAllNodesHaveIt) {
  nodes.want(ShardId{0}, "a");  // led here
  nodes.want(ShardId{1}, "a");
  nodes.want(2, "a", 1);
  EXPECT_EQ(publish(0, "a", "x"), routing::Router::Outcome::pending);
  nodes.settle();
  EXPECT_EQ(node(2).sessions[1]->got, Lines{"x"});
  nodes.commit(ShardId{0});
  nodes.settle();
  EXPECT_TRUE(confirmed.empty());
  nodes.commit(ShardId{1});
  nodes.settle();
  EXPECT_EQ(confirmed, std::vector<std::uint64_t>{1});
  EXPECT_EQ(shard(0).delivered, Lines{"x"});
  EXPECT_EQ(shard(1).delivered, Lines{"x"});
  EXPECT_EQ(node(0).peers[0]->kept(), 0u);
}

TEST_F(PeerGateTest, AnEarlyPublishIsConfirmedWhenTheLeadersHaveItOnTheirDisks) {
  nodes.want(ShardId{0}, "a");  // led here
  nodes.want(ShardId{1}, "a");
  publish(0, "a", "1");
  is_early = true;
  publish(0, "a", "2");
  nodes.settle();
  nodes.store(ShardId{0});
  nodes.settle();
  EXPECT_TRUE(confirmed.empty());
  nodes.store(ShardId{1});
  nodes.settle();
  EXPECT_EQ(confirmed, std::vector<std::uint64_t>{2});
  EXPECT_EQ(node(0).peers[0]->kept(), 2u);
  nodes.commit_all();
  nodes.settle();
  EXPECT_EQ(confirmed, (std::vector<std::uint64_t>{2, 1}));
  EXPECT_EQ(shard(0).delivered, (Lines{"1", "2"}));
  EXPECT_EQ(shard(1).delivered, (Lines{"1", "2"}));
  EXPECT_EQ(node(0).peers[0]->kept(), 0u);
}

TEST_F(PeerGateTest, AnEarlyPublishThatItsLeaderLosesGoesToTheNextWhileItsSenderLives) {
  nodes.want(ShardId{1}, "a");
  is_early = true;
  for (const char* text : {"1", "2"}) publish(0, "a", text);
  nodes.settle();
  nodes.store(ShardId{1});
  nodes.settle();
  EXPECT_EQ(confirmed, (std::vector<std::uint64_t>{1, 2}));
  nodes.lead(ShardId{1}, 2, 0);
  nodes.announce_all();
  nodes.settle();
  nodes.commit_all();
  nodes.settle();
  EXPECT_EQ(shard(1).delivered, (Lines{"1", "2"}));
  EXPECT_EQ(confirmed.size(), 2u);
  EXPECT_EQ(node(0).peers[0]->kept(), 0u);
}

TEST_F(PeerGateTest, AnEarlyPublishWaitsForSessionsInMemoryElsewhere) {
  nodes.want(ShardId{1}, "a");
  nodes.want(2, "a");
  is_early = true;
  publish(0, "a", "1");
  nodes.settle();
  EXPECT_TRUE(confirmed.empty());
  nodes.store(ShardId{1});
  nodes.settle();
  EXPECT_EQ(node(2).sessions[0]->got, Lines{"1"});
  EXPECT_EQ(confirmed, std::vector<std::uint64_t>{1});
}

TEST_F(PeerGateTest, AQos1PublishIsOneFrameANodeForAllItsShardsAndSessions) {
  nodes.want(ShardId{1}, "a");
  nodes.want(ShardId{4}, "a");
  nodes.want(1, "a");
  publish(0, "a", "x");
  ASSERT_EQ(nodes.cluster.waiting(0, 1).size(), 1u);
  PeerFrameReader reader(nodes.cluster.waiting(0, 1)[0]);
  PeerFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.kind, PeerFrameKind::publish);
  EXPECT_FALSE(reader.next(frame));
}

TEST_F(PeerGateTest, ARetainedMessageIsKeptInItsTopicsShard) {
  const ShardId home = shard_of("r", PeerNodes::kShards);
  const std::size_t elsewhere = (shard(home.value).leader + 1) % 3;
  publish(elsewhere, "r", "x", kAtLeast, true);
  nodes.settle();
  nodes.commit_all();
  nodes.settle();
  EXPECT_EQ(shard(home.value).kept, Lines{"x"});
  EXPECT_TRUE(shard(home.value).delivered.empty());
  EXPECT_EQ(confirmed.size(), 1u);
}

TEST_F(PeerGateTest, WhatAShardHadNotCommittedGoesToItsNextLeaderOnce) {
  nodes.want(ShardId{1}, "a");
  for (const char* text : {"1", "2", "3"}) publish(0, "a", text);
  nodes.settle();
  nodes.commit(ShardId{1}, 1);
  // The second survives in the log though nobody heard of it; the third is lost.
  nodes.lead(ShardId{1}, 2, 1);
  nodes.settle();
  EXPECT_EQ(confirmed, std::vector<std::uint64_t>{1});
  nodes.announce_all();
  nodes.settle();
  nodes.commit_all();
  nodes.settle();
  EXPECT_EQ(shard(1).delivered, (Lines{"1", "2", "3"}));
  EXPECT_EQ(confirmed, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(PeerGateTest, ALeaderOfAnOlderEpochTakesNothing) {
  nodes.want(ShardId{1}, "a");
  nodes.lead(ShardId{1}, 1);  // the same node in a new epoch, of which the sender hasn't heard
  publish(0, "a", "x");
  nodes.settle();
  EXPECT_TRUE(shard(1).proposals.empty());
  EXPECT_EQ(node(1).peers[1]->inbound().refused(), 1u);
  nodes.announce_all();
  nodes.settle();
  EXPECT_EQ(shard(1).proposals.size(), 1u);
}

TEST_F(PeerGateTest, AMessageWaitsWhileItsShardHasNoLeader) {
  nodes.want(ShardId{1}, "a");
  nodes.cluster.cut(0, 1);
  nodes.settle();
  publish(0, "a", "x");
  nodes.settle();
  EXPECT_TRUE(confirmed.empty());
  EXPECT_EQ(node(0).peers[0]->kept(), 1u);
  nodes.lead(ShardId{1}, 2);
  nodes.announce_all();
  nodes.settle();
  nodes.commit_all();
  nodes.settle();
  EXPECT_EQ(confirmed.size(), 1u);
}

TEST_F(PeerGateTest, ABrokenLinkRepeatsWhatWasNotConfirmedAndNothingComesTwice) {
  nodes.want(ShardId{1}, "a");
  nodes.want(1, "a");
  publish(0, "a", "1");
  nodes.settle();
  nodes.commit(ShardId{1});
  nodes.turn_all();  // confirmed by node 1, but that is on its way
  publish(0, "a", "2");
  nodes.cluster.cut(0, 1);
  nodes.settle();
  EXPECT_TRUE(confirmed.empty());
  nodes.link_all();
  nodes.announce_all();
  nodes.settle();
  nodes.commit_all();
  nodes.settle();
  EXPECT_EQ(shard(1).delivered, (Lines{"1", "2"}));
  EXPECT_EQ(node(1).sessions[0]->got, (Lines{"1", "2"}));
  EXPECT_EQ(confirmed.size(), 2u);
}

TEST_F(PeerGateTest, ANodeThatIsGoneIsNotWaitedFor) {
  nodes.want(1, "a");
  publish(0, "a", "x");
  nodes.cluster.cut(0, 1);
  nodes.settle();
  EXPECT_TRUE(confirmed.empty());
  nodes.restart(1);
  nodes.settle();
  EXPECT_EQ(confirmed.size(), 1u);
  nodes.link_all();
  nodes.settle();
  EXPECT_TRUE(node(1).sessions[0]->got.empty());  // it asked that process' sessions, now over
}

TEST_F(PeerGateTest, WhatIsForAProcessThatIsOverIsNotKept) {
  nodes.want(1, "a");
  nodes.restart(1);
  nodes.settle();
  publish(0, "a", "x");
  nodes.settle();
  EXPECT_EQ(confirmed.size(), 1u);
  EXPECT_EQ(node(0).peers[0]->kept(), 0u);
}

TEST_F(PeerGateTest, OneStalledShardDoesntHoldUpOthers) {
  nodes.want(ShardId{1}, "a");
  nodes.want(ShardId{4}, "b");  // the same leader
  for (std::size_t i = 0; i < 2 * Outbound::kWindowMessages; ++i) publish(0, "a", "x");
  nodes.settle();
  EXPECT_EQ(shard(1).proposals.size(), Outbound::kWindowMessages);
  publish(0, "b", "y");
  nodes.settle();
  nodes.commit(ShardId{4});
  nodes.settle();
  EXPECT_EQ(confirmed, std::vector<std::uint64_t>{2 * Outbound::kWindowMessages + 1});
  nodes.commit(ShardId{1}, 10);
  nodes.settle();
  EXPECT_EQ(shard(1).proposals.size(), Outbound::kWindowMessages);
}

TEST_F(PeerGateTest, ATargetsWindowIsBoundedInBytesToo) {
  nodes.want(ShardId{1}, "a");
  const std::string payload(100'000, 'x');
  for (std::size_t i = 0; i < 100; ++i) publish(0, "a", payload);
  nodes.settle();
  EXPECT_LE(shard(1).proposals.size(), Outbound::kWindowBytes / payload.size() + 1);
  for (int i = 0; i < 10; ++i) {
    nodes.commit_all();
    nodes.settle();
  }
  EXPECT_EQ(shard(1).delivered.size(), 100u);
}

// Also when windows are full, and after a change of leaders: a copy for each shard was sent then.
TEST_F(PeerGateTest, ShardsOfOneLeaderStayInStep) {
  const ShardId shards[] = {ShardId{1}, ShardId{7}};  // of one node and core
  for (const ShardId one : shards) nodes.want(one, "a");
  const std::string payload(100'000, 'x');
  for (std::size_t i = 0; i < 200; ++i) publish(0, "a", payload);
  nodes.settle();
  const auto copies = [&] { return node(0).peers[0]->counters().frames_sent.value(); };
  const std::uint64_t window = copies();
  EXPECT_LT(window, 100u);
  nodes.commit_all();
  nodes.settle();
  EXPECT_EQ(copies(), 2 * window);
  for (const ShardId one : shards) nodes.lead(one, 2, 0);
  nodes.announce_all();
  nodes.settle();
  EXPECT_EQ(copies(), 3 * window);
  for (int i = 0; i < 10; ++i) {
    nodes.commit_all();
    nodes.settle();
  }
  EXPECT_EQ(copies(), 200 + window);
  for (const ShardId one : shards) EXPECT_EQ(shard(one.value).delivered.size(), 200u);
}

TEST_F(PeerGateTest, ConfirmationsOfATurnAreOneFrame) {
  nodes.want(ShardId{1}, "a");
  for (int i = 0; i < 50; ++i) publish(0, "a", "x");
  nodes.settle();
  nodes.commit_all();
  nodes.turn_all();
  ASSERT_EQ(nodes.cluster.waiting(1, 0).size(), 1u);
  EXPECT_LT(nodes.cluster.waiting(1, 0)[0].size(), 20u);
  nodes.settle();
  EXPECT_EQ(confirmed.size(), 50u);
}

TEST_F(PeerGateTest, FramesThatCantBeReadAreCountedAndDropped) {
  std::string chunk;
  add_frame(PeerFrameKind::publish, 0, as_bytes("\xFF\xFF\xFF"), chunk);
  add_frame(PeerFrameKind::once, 0, as_bytes(std::string_view("\0\0\0", 3)), chunk);
  add_frame(PeerFrameKind::confirmed, 0, as_bytes("\x01"), chunk);
  nodes.cluster.node(0).send(nodes.cluster.id_of(0, 1), node(0).posts[0]->info(PeerId{1}).session,
                             chunk);
  nodes.settle();
  EXPECT_EQ(node(1).peers[0]->counters().broken.value(), 3u);
}

}  // namespace
}  // namespace roost::gates
