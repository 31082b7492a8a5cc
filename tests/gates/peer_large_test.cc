// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "tests/gates/peer_stage.h"

namespace roost::gates {
namespace {

struct PeerLargeTest : PeerGateTest {};
struct Sizes : PeerLargeTest, testing::WithParamInterface<std::size_t> {};

TEST_P(Sizes, TravelThroughAChangeOfLeaders) {
  nodes.want(ShardId{1}, "a");
  nodes.want(1, "a");
  std::string payload(GetParam(), 'x');
  for (std::size_t i = 0; i < payload.size(); i += 4099) payload[i] = static_cast<char>(i >> 12);
  publish(0, "a", payload);
  nodes.settle();
  nodes.lead(ShardId{1}, 2);
  nodes.announce_all();
  nodes.settle();
  nodes.commit_all();
  nodes.settle();
  ASSERT_EQ(shard(1).delivered.size(), 1u);
  EXPECT_TRUE(shard(1).delivered[0] == payload);
  ASSERT_EQ(node(1).sessions[0]->got.size(), 1u);
  EXPECT_TRUE(node(1).sessions[0]->got[0] == payload);
  EXPECT_EQ(confirmed.size(), 1u);
  publish(0, "a", payload, kOnce);
  nodes.settle();
  ASSERT_EQ(node(1).sessions[0]->once.size(), 1u);
  EXPECT_TRUE(node(1).sessions[0]->once[0] == payload);
}

INSTANTIATE_TEST_SUITE_P(PeerGate, Sizes,
                         testing::Values(100, Outbound::kWholeBytesMax - 200,
                                         Outbound::kWholeBytesMax - 1, Outbound::kWholeBytesMax,
                                         Outbound::kWholeBytesMax + 1, (1 << 20) - 1, 1 << 20,
                                         (1 << 20) + 1, 64 << 20));

TEST_F(PeerLargeTest, SmallOnesOfOthersPassALargeOneAndThoseOfItsPublisherDont) {
  nodes.want(ShardId{1}, "a");
  const auto publish_of = [&](std::uint64_t origin, const std::string& payload) {
    nodes.on_core(0, 0, [&] {
      node(0).routers[0]->publish(text_message("a", payload, kAtLeast, origin), {this, ++tag});
    });
  };
  const std::string large(4 << 20, 'x');
  publish_of(7, "first");
  publish_of(7, large);
  publish_of(7, "last");
  publish_of(8, "other");
  nodes.cluster.let_all_through();
  nodes.turn_all();
  nodes.turn_all();
  Lines came;
  for (const auto& proposal : shard(1).proposals)
    came.emplace_back(as_text(proposal.message->payload()));
  EXPECT_EQ(came, (Lines{"first", "other"}));
  nodes.settle();
  // Nothing of the large one leaves before its publisher's small one is committed.
  EXPECT_EQ(shard(1).proposals.size(), 2u);
  for (int i = 0; i < 3; ++i) {
    nodes.commit_all();
    nodes.settle();
  }
  ASSERT_EQ(shard(1).delivered.size(), 4u);
  EXPECT_EQ(shard(1).delivered[0], "first");
  EXPECT_EQ(shard(1).delivered[1], "other");
  EXPECT_TRUE(shard(1).delivered[2] == large);
  EXPECT_EQ(shard(1).delivered[3], "last");
  EXPECT_EQ(confirmed.size(), 4u);
}

TEST_F(PeerLargeTest, OfALargeOneOnlyAFewPartsAreOnTheirWay) {
  nodes.want(1, "a");
  publish(0, "a", std::string(8 << 20, 'x'));
  EXPECT_LE(nodes.cluster.waiting_bytes(0, 1), Outbound::kPartsOnTheirWayMax + 200'000);
  nodes.settle();
  EXPECT_EQ(node(1).sessions[0]->got.size(), 1u);
}

}  // namespace
}  // namespace roost::gates
