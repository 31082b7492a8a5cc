// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "tests/gates/peer_stage.h"

namespace roost::gates {
namespace {

struct PeerRetainedTest : PeerGateTest {};

// Who subscribed while it was on its way has asked its shard's leader for kept messages in vain.
TEST_F(PeerRetainedTest, ARetainedMessageComesToWhomItsPublisherDidntKnow) {
  const ShardId home = shard_of("r", PeerNodes::kShards);
  const std::size_t leader = shard(home.value).leader, from = (leader + 1) % 3;
  const std::size_t other = (leader + 2) % 3;
  const ShardId durable{static_cast<std::uint16_t>((home.value + 1) % PeerNodes::kShards)};
  publish(from, "r", "x", kAtLeast, true);
  for (const std::size_t at : {leader, other}) nodes.want(at, "r", 1);
  nodes.want(durable, "r");
  nodes.settle();
  nodes.commit(home);
  nodes.settle();
  nodes.commit_all();
  nodes.settle();
  for (const std::size_t at : {leader, other}) EXPECT_EQ(node(at).sessions[1]->got, Lines{"x"});
  EXPECT_EQ(shard(durable.value).delivered, Lines{"x"});
  EXPECT_EQ(shard(home.value).kept, Lines{"x"});
  EXPECT_EQ(confirmed.size(), 1u);
}

TEST_F(PeerRetainedTest, ARetainedMessageComesOnceToWhomItsPublisherKnew) {
  const ShardId home = shard_of("r", PeerNodes::kShards);
  for (const std::size_t at : {0u, 1u, 2u}) nodes.want(at, "r", 1);
  nodes.want(home, "r");
  publish(0, "r", "x", kAtLeast, true);
  nodes.settle();
  nodes.commit_all();
  nodes.settle();
  nodes.commit_all();
  nodes.settle();
  for (const std::size_t at : {0u, 1u, 2u}) EXPECT_EQ(node(at).sessions[1]->got, Lines{"x"});
  EXPECT_EQ(shard(home.value).delivered, Lines{"x"});
}

TEST_F(PeerRetainedTest, ALateRetainedMessageDoesntReplaceANewerOne) {
  const ShardId home = shard_of("r", PeerNodes::kShards);
  const std::size_t leader = shard(home.value).leader, from = (leader + 1) % 3;
  const std::size_t other = (leader + 2) % 3;
  const auto publish_numbered = [&](std::uint64_t sequence, std::string_view payload) {
    routing::MessageParts parts;
    parts.topic = "r";
    parts.payload = as_bytes(payload);
    parts.qos = kAtLeast;
    parts.retain = true;
    parts.origin = 9;
    parts.sequence = sequence;
    const auto message = routing::Message::make(parts);
    nodes.on_core(from, 0, [&] { node(from).routers[0]->publish(message, {this, ++tag}); });
  };
  publish_numbered(1, "old");
  nodes.cluster.let_through(from, leader);
  nodes.want(other, "r", 1);
  publish_numbered(2, "new");
  nodes.cluster.let_through(from, other);
  nodes.turn_all();
  nodes.turn_all();
  EXPECT_EQ(node(other).sessions[1]->got, Lines{"new"});
  for (int i = 0; i < 3; ++i) {
    nodes.commit_all();
    nodes.settle();
  }
  EXPECT_EQ(node(other).sessions[1]->got, Lines{"new"});
  EXPECT_EQ(shard(home.value).kept, (Lines{"old", "new"}));
  EXPECT_EQ(confirmed.size(), 2u);
}

TEST_F(PeerRetainedTest, AQuestionForKeptMessagesWaitsForThoseThatAreBeingKept) {
  const ShardId home = shard_of("r", PeerNodes::kShards);
  const std::size_t leader = shard(home.value).leader;
  publish((leader + 1) % 3, "r", "x", kAtLeast, true);
  nodes.settle();
  routing::Router& router = *node(leader).routers[home.value % PeerNodes::kCores];
  int answered = 0;
  const auto ask = [&] {
    nodes.on_core(leader, home.value % PeerNodes::kCores,
                  [&] { router.after(router.seen_of(router.core().id()), [&] { ++answered; }); });
  };
  ask();
  EXPECT_EQ(answered, 0);
  nodes.commit(home);
  nodes.settle();
  EXPECT_EQ(answered, 1);
  // One that can't be committed holds nobody up for long.
  publish((leader + 1) % 3, "r", "y", kAtLeast, true);
  nodes.settle();
  ask();
  EXPECT_EQ(answered, 1);
  nodes.clock.advance_ms(1'000);
  nodes.on_core(leader, home.value % PeerNodes::kCores, [&] { router.look_at_keeps(); });
  EXPECT_EQ(answered, 2);
}

}  // namespace
}  // namespace roost::gates
