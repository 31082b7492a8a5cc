// SPDX-License-Identifier: Apache-2.0
// What a node knows of its cluster.
#include "cluster/cluster_view.h"

#include <gtest/gtest.h>

namespace roost::cluster {
namespace {

using Gone = std::vector<ClusterView::Gone>;

class View : public testing::Test {
 protected:
  void put(const std::string& key, const std::string& value) {
    view_.on_event({{key, value, revision_ + 1, revision_ + 1, kNoLease}, false}, 0);
    ++revision_;
  }
  void erase(const std::string& key) {
    view_.on_event({{key, "", 0, ++revision_, kNoLease}, true}, 0);
  }
  void register_node(const std::string& name, std::uint64_t incarnation) {
    put(keys_.node(name),
        encode(NodeRecord{name, name + ":1", incarnation, "u-" + name, "", "", 1}));
  }
  void put_shard(std::uint16_t id, const Replicas& isr, std::uint32_t min_in_sync) {
    ShardRecord record;
    record.counter = 1;
    record.isr = record.replicas = isr;
    record.leader = isr.front();
    record.min_in_sync = min_in_sync;
    put(keys_.shard(ShardId{id}), encode(record));
  }
  static Replica replica(const std::string& name) { return {name, "u-" + name}; }

  const Keys keys_{"c"};
  ClusterView view_{keys_, "n1"};
  Revision revision_ = 0;
};

TEST_F(View, IsBehindWhereItWasInSyncAndIsnt) {
  put_shard(0, {replica("n1"), replica("n2")}, 2);
  EXPECT_EQ(view_.count_behind(), 0U);
  ShardRecord record;
  record.counter = 1;
  record.min_in_sync = 1;
  record.isr = {replica("n2")};
  record.replicas = {replica("n2"), replica("n3")};
  put(keys_.shard(ShardId{1}), encode(record));
  EXPECT_EQ(view_.count_behind(), 0U) << "that shard is others'";
  record.replicas.push_back(replica("n1"));
  put(keys_.shard(ShardId{1}), encode(record));
  EXPECT_EQ(view_.count_behind(), 1U);
  record.adding = {replica("n1")};
  put(keys_.shard(ShardId{1}), encode(record));
  EXPECT_EQ(view_.count_behind(), 0U) << "it only joins";
  record.adding.clear();
  record.isr.push_back(replica("n1"));
  put(keys_.shard(ShardId{1}), encode(record));
  EXPECT_EQ(view_.count_behind(), 0U);
}

TEST_F(View, APeerKeepsItsNumber) {
  register_node("n1", 1);
  register_node("n2", 1);
  register_node("n3", 1);
  const PeerId second = view_.peer("n2")->id;
  EXPECT_EQ(view_.peer("n1"), nullptr);
  EXPECT_NE(second, kThisNode);
  EXPECT_NE(view_.peer("n3")->id, second);
  erase(keys_.node("n2"));
  register_node("n2", 2);
  EXPECT_EQ(view_.peer("n2")->id, second);
  EXPECT_EQ(view_.addresses().size(), 2U);
}

TEST_F(View, ThereAreNoMorePeersThanNumbers) {
  for (int i = 1; i <= kPeersMax + 5; ++i) register_node("n" + std::to_string(i), 1);
  EXPECT_EQ(view_.addresses().size(), std::size_t{kPeersMax} - 1);
}

TEST_F(View, AProcessIsGoneWithItsKeyOrItsSuccessor) {
  register_node("n2", 5);
  const PeerId id = view_.peer("n2")->id;
  EXPECT_EQ(view_.take_gone(), Gone());
  register_node("n2", 7);
  EXPECT_EQ(view_.take_gone(), (Gone{{id, 5}}));
  erase(keys_.node("n2"));
  EXPECT_EQ(view_.take_gone(), (Gone{{id, 7}}));
  register_node("n2", 7);  // its lease was lost, it wasn't
  EXPECT_EQ(view_.take_gone(), Gone());
  view_.on_listing({++revision_, {}}, 0);
  EXPECT_EQ(view_.take_gone(), (Gone{{id, 7}}));
  PeerIdentity identity;
  identity.name = "n2";
  identity.incarnation = 8;
  view_.on_peer_up(id, 1, identity);
  identity.incarnation = 9;
  view_.on_peer_up(id, 2, identity);
  EXPECT_EQ(view_.take_gone(), (Gone{{id, 8}}));
}

TEST_F(View, NoProcessIsGoneWhileThereIsASessionWithIt) {
  register_node("n2", 7);
  const PeerId id = view_.peer("n2")->id;
  PeerIdentity identity;
  identity.name = "n2";
  identity.incarnation = 7;
  view_.on_peer_up(id, 1, identity);
  erase(keys_.node("n2"));  // cut off from the coordinator only
  EXPECT_EQ(view_.take_gone(), Gone());
  register_node("n2", 7);
  view_.on_peer_down(id, 1);
  EXPECT_EQ(view_.take_gone(), Gone()) << "registered: it may come again";
  view_.on_peer_up(id, 2, identity);
  erase(keys_.node("n2"));
  view_.on_peer_down(id, 2);
  EXPECT_EQ(view_.take_gone(), (Gone{{id, 7}}));
  view_.on_peer_up(id, 3, identity);  // not registered yet
  view_.on_peer_down(id, 3);
  EXPECT_EQ(view_.take_gone(), (Gone{{id, 7}})) << "once more";
}

TEST_F(View, AProcessIsGoneWhereNobodyListens) {
  register_node("n2", 7);
  const PeerId id = view_.peer("n2")->id;
  PeerIdentity identity;
  identity.name = "n2";
  identity.incarnation = 7;
  view_.on_peer_seen(id, PeerView::Seen::refused);
  EXPECT_EQ(view_.take_gone(), Gone()) << "it may not listen yet";
  view_.on_peer_seen(id, PeerView::Seen::connected);
  view_.on_peer_up(id, 1, identity);
  view_.on_peer_seen(id, PeerView::Seen::refused);
  EXPECT_EQ(view_.take_gone(), Gone());
  view_.on_peer_down(id, 1);
  EXPECT_EQ(view_.take_gone(), (Gone{{id, 7}}));
  view_.on_peer_up(id, 2, identity);
  view_.on_peer_seen(id, PeerView::Seen::connected);
  view_.on_peer_down(id, 2);
  EXPECT_EQ(view_.take_gone(), Gone());
  view_.on_peer_seen(id, PeerView::Seen::refused);
  EXPECT_EQ(view_.take_gone(), (Gone{{id, 7}}));
}

// A node that is silent or off the coordinator is still dialled; one that was removed isn't.
TEST_F(View, LinksStayUntilANodeHasLeftForGood) {
  register_node("n2", 1);
  put_shard(0, {replica("n2")}, 1);
  erase(keys_.node("n2"));
  EXPECT_EQ(view_.addresses().size(), 1U);
  put(keys_.leaving("n2"), "");
  EXPECT_EQ(view_.addresses().size(), 1U);  // holds a shard
  put_shard(0, {replica("n3")}, 1);
  EXPECT_EQ(view_.addresses().size(), 0U);
}

TEST_F(View, DescribesWhoHoldsWhat) {
  for (const char* name : {"n1", "n2", "n3"}) register_node(name, 1);
  put_shard(0, {replica("n1"), replica("n2")}, 2);
  put_shard(1, {replica("n2"), replica("n4")}, 2);
  put(keys_.controller(), "n3 1");
  put(keys_.leaving("n2"), "");
  ClusterStatus status;
  view_.describe(status);
  EXPECT_EQ(status.controller, "n3");
  ASSERT_EQ(status.nodes.size(), 4U);
  EXPECT_TRUE(status.nodes[0].is_linked);
  EXPECT_EQ(status.nodes[0].leads, 1U);
  EXPECT_FALSE(status.nodes[1].is_linked);
  EXPECT_TRUE(status.nodes[1].is_leaving);
  EXPECT_EQ(status.nodes[1].in_sync, 2U);
  EXPECT_EQ(status.nodes[1].holds, 2U);
  EXPECT_EQ(status.nodes[2].holds, 0U);
  EXPECT_EQ(status.nodes[3].record.name, "n4");
  EXPECT_FALSE(status.nodes[3].is_alive);
  ASSERT_EQ(status.shards.size(), 2U);
  EXPECT_FALSE(status.shards[0].is_stalled);
  EXPECT_TRUE(status.shards[1].is_stalled);
  EXPECT_EQ(view_.take_changed(), (std::vector<ShardId>{ShardId{0}, ShardId{1}}));
  EXPECT_TRUE(view_.take_changed().empty());
}

// Of a cluster that is being made: what is missing isn't well.
TEST_F(View, DescribesShardsThatAreNotMadeYet) {
  register_node("n1", 1);
  put(keys_.shard_count(), "3");
  put_shard(1, {replica("n1")}, 1);
  ClusterStatus status;
  view_.describe(status);
  ASSERT_EQ(status.shards.size(), 3U);
  for (std::uint16_t id = 0; id < 3; ++id) {
    EXPECT_EQ(status.shards[id].id.value, id);
    EXPECT_EQ(status.shards[id].is_stalled, id != 1);
    EXPECT_EQ(status.shards[id].record.replicas.empty(), id != 1);
  }
}

}  // namespace
}  // namespace roost::cluster
