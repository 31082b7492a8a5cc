// SPDX-License-Identifier: Apache-2.0
// The router in a cluster, two cores, Peers and sessions replaced by lists of what they were told.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/routing/router.h"

namespace roost::routing {
namespace {

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

struct FakePeers final : Peers {
  ShardSet uncertain_shards() const override { return unsure_shards; }
  PeerSet uncertain_nodes() const override { return unsure_nodes; }
  PeerSet leaders_of(ShardSet shards) const override { return (shards & theirs) != 0 ? bit(2) : 0; }
  void send_once(const MessagePtr&, PeerSet nodes, std::optional<ShardId> keeps) override {
    once.push_back({nodes, keeps});
  }
  void publish(const MessagePtr&, const Targets& targets, const std::optional<Source>&,
               Publication* publication) override {
    published.push_back(targets);
    open.push_back(publication);
  }
  bool is_congested() const override { return false; }
  std::uint64_t own_life() const override { return 1; }
  PeerId peer_of(std::uint64_t) const override { return kNoPeer; }
  bool is_over(std::uint64_t) const override { return false; }

  struct Once {
    PeerSet nodes = 0;
    std::optional<ShardId> keeps;
  };
  ShardSet unsure_shards = 0;
  PeerSet unsure_nodes = 0;
  ShardSet theirs = 0;  // led by peer 2
  std::vector<Once> once;
  std::vector<Targets> published;
  std::vector<Publication*> open;
};

struct FakeSessions final : LocalDelivery {
  bool deliver_local(const MessagePtr& message, ConfirmTo, const std::optional<Source>&) override {
    told.push_back("all " + std::string(message->topic()));
    return true;
  }
  bool deliver_volatile(const MessagePtr& message, ConfirmTo,
                        const std::optional<Source>&) override {
    told.push_back("memory " + std::string(message->topic()));
    return true;
  }
  void store_retained(const MessagePtr& message, ConfirmTo confirm,
                      const std::optional<Source>&) override {
    told.push_back("keep " + std::string(message->topic()));
    router->retained_stored(*message);
    if (confirm) router->confirm(confirm);
  }
  void deliver_step(const MessagePtr& message, ConfirmTo confirm,
                    const std::optional<Source>&) override {
    told.push_back("step " + std::string(message->topic()));
    if (confirm) router->confirm(confirm);
  }
  Router* router = nullptr;
  std::vector<std::string> told;
};

class RouterInACluster : public testing::Test, public PublicationWaiter {
 protected:
  static constexpr std::uint16_t kCores = 2;
  RouterInACluster() {
    table.feed = std::make_unique<InterestFeed>(table.shards, table.volatiles);
    for (std::uint16_t id = 0; id < kCores; ++id) {
      sessions.push_back(std::make_unique<FakeSessions>());
      routers.push_back(
          std::make_unique<Router>(cores.at(CoreId{id}), cores, table, *sessions.back()));
      sessions.back()->router = routers.back().get();
      routers.back()->use(peers);
      table.routers.push_back(routers.back().get());
    }
  }
  void on_confirmed(std::uint64_t tag) override { confirmed.push_back(tag); }

  static MessagePtr message(std::string_view topic, mqtt::Qos qos, bool retain = false) {
    MessageParts parts;
    parts.topic = topic;
    parts.qos = qos;
    parts.retain = retain;
    return Message::make(parts);
  }
  // On core 0; then both cores run until they are quiet.
  Router::Outcome publish(const MessagePtr& message) {
    Router::Outcome outcome{};
    run([&] { outcome = routers[0]->publish(message, {this, 7}).outcome; });
    return outcome;
  }
  template <typename Work>
  void run(Work work) {
    cores.at(CoreId{0}).post([&] { work(); });
    for (int i = 0; i < 4; ++i) {
      for (std::uint16_t id = 0; id < kCores; ++id) cores.at(CoreId{id}).run_once(0);
    }
  }
  void put(SharedInterest& table_of, unsigned at_bit, std::string_view filter) {
    InterestWriter(table_of, at_bit).add(filter);
  }
  // A shard that is led here, with a filter.
  void lead(ShardId shard, std::string_view filter) {
    table.feed->begin(shard, 1);
    put(table.shards, shard.value, filter);
    table.feed->lead(shard);
  }

  ManualClock clock;
  core::Cores cores{kCores, clock};
  RoutingTable table;
  FakePeers peers;
  std::vector<std::unique_ptr<FakeSessions>> sessions;
  std::vector<std::unique_ptr<Router>> routers;
  std::vector<std::uint64_t> confirmed;
};

using Lines = std::vector<std::string>;

TEST_F(RouterInACluster, Qos0GoesOnceToEachNodeThatWantsIt) {
  put(table.shards, 4, "a");
  put(table.shards, 6, "a");
  put(table.nodes, 2, "a");
  peers.theirs = bit(4) | bit(6);
  EXPECT_EQ(publish(message("a", mqtt::Qos::at_most_once)), Router::Outcome::done);
  ASSERT_EQ(peers.once.size(), 1u);
  EXPECT_EQ(peers.once[0].nodes, bit(2));
  EXPECT_FALSE(peers.once[0].keeps);
  EXPECT_TRUE(sessions[0]->told.empty() && sessions[1]->told.empty());
}

TEST_F(RouterInACluster, Qos0GoesToTheCoresOfShardsLedHere) {
  lead(ShardId{5}, "a");
  put(table.volatiles, 0, "a");
  EXPECT_EQ(publish(message("a", mqtt::Qos::at_most_once)), Router::Outcome::done);
  EXPECT_EQ(sessions[0]->told, Lines{"all a"});
  EXPECT_EQ(sessions[1]->told, Lines{"all a"});
  EXPECT_TRUE(peers.once.empty());
  EXPECT_EQ(publish(message("b", mqtt::Qos::at_most_once)), Router::Outcome::unmatched);
}

TEST_F(RouterInACluster, ARetainedQos0MessageIsKeptWhereItsTopicIsLed) {
  const ShardId home = shard_of("r", table.shard_count);
  peers.theirs = bit(home.value);
  publish(message("r", mqtt::Qos::at_most_once, true));
  ASSERT_EQ(peers.once.size(), 1u);
  EXPECT_EQ(peers.once[0].nodes, bit(2));
  EXPECT_EQ(peers.once[0].keeps, home);
  peers.theirs = 0;
  lead(home, "nobody");
  publish(message("r", mqtt::Qos::at_most_once, true));
  EXPECT_EQ(peers.once.size(), 1u);
  EXPECT_EQ(sessions[home.value % kCores]->told, Lines{"keep r"});
}

TEST_F(RouterInACluster, Qos1GoesToSessionsInMemoryHereAndToEverybodyElseByPeers) {
  put(table.volatiles, 1, "a");
  lead(ShardId{3}, "a");
  put(table.shards, 4, "a");
  put(table.nodes, 2, "a");
  const ShardId home = shard_of("a", table.shard_count);
  EXPECT_EQ(publish(message("a", mqtt::Qos::at_least_once, true)), Router::Outcome::pending);
  EXPECT_EQ(sessions[1]->told, Lines{"memory a"});
  EXPECT_TRUE(sessions[0]->told.empty());
  ASSERT_EQ(peers.published.size(), 1u);
  EXPECT_EQ(peers.published[0].shards, bit(3) | bit(4));
  EXPECT_EQ(peers.published[0].nodes, bit(2));
  EXPECT_EQ(peers.published[0].keeps, home);
  EXPECT_TRUE(confirmed.empty());
  run([&] { routers[0]->confirm({peers.open[0], CoreId{0}}); });
  EXPECT_EQ(confirmed, std::vector<std::uint64_t>{7});
}

TEST_F(RouterInACluster, Qos1AsksWhoeverMightWantItThoughTheTablesDontSaySo) {
  EXPECT_EQ(publish(message("a", mqtt::Qos::at_least_once)), Router::Outcome::unmatched);
  peers.unsure_shards = bit(9);
  peers.unsure_nodes = bit(2) | bit(0);
  EXPECT_EQ(publish(message("a", mqtt::Qos::at_least_once)), Router::Outcome::pending);
  ASSERT_EQ(peers.published.size(), 1u);
  EXPECT_EQ(peers.published[0].shards, bit(9));
  EXPECT_EQ(peers.published[0].nodes, bit(2));
}

TEST_F(RouterInACluster, WhatTheBrokerSaysOfItselfStaysOnItsNode) {
  put(table.nodes, 2, "$SYS/#");
  put(table.volatiles, 1, "$SYS/#");
  peers.unsure_shards = bit(9);
  publish(message("$SYS/broker/uptime", mqtt::Qos::at_least_once));
  EXPECT_TRUE(peers.once.empty() && peers.published.empty());
  EXPECT_EQ(sessions[1]->told, Lines{"all $SYS/broker/uptime"});
}

TEST_F(RouterInACluster, WhatArrivesIsConfirmedWhenAllCoresHaveIt) {
  put(table.volatiles, 0, "a");
  put(table.volatiles, 1, "a");
  Router::Outcome outcome{};
  run([&] {
    outcome = routers[0]->arrived(message("a", mqtt::Qos::at_least_once), {this, 3}).outcome;
    EXPECT_TRUE(confirmed.empty());
  });
  EXPECT_EQ(outcome, Router::Outcome::pending);
  EXPECT_EQ(confirmed, std::vector<std::uint64_t>{3});
  EXPECT_EQ(sessions[0]->told, Lines{"memory a"});
  EXPECT_EQ(sessions[1]->told, Lines{"memory a"});
  run([&] {
    outcome = routers[0]->arrived(message("b", mqtt::Qos::at_least_once), {this, 4}).outcome;
  });
  EXPECT_EQ(outcome, Router::Outcome::done);
}

TEST_F(RouterInACluster, Qos0ThatArrivesGoesNoFurther) {
  put(table.volatiles, 1, "a");
  put(table.nodes, 2, "a");
  const ShardId home = shard_of("a", table.shard_count);
  run([&] { routers[0]->arrived_once(message("a", mqtt::Qos::at_most_once, true), true); });
  EXPECT_EQ(sessions[1]->told, Lines{"all a"});
  lead(home, "nobody");
  sessions[1]->told.clear();
  run([&] { routers[0]->arrived_once(message("a", mqtt::Qos::at_most_once, true), true); });
  Lines all = sessions[0]->told;
  all.insert(all.end(), sessions[1]->told.begin(), sessions[1]->told.end());
  EXPECT_EQ(std::count(all.begin(), all.end(), "keep a"), 1);
  EXPECT_EQ(std::count(all.begin(), all.end(), "all a"), 1);
  EXPECT_TRUE(peers.once.empty());
}

}  // namespace
}  // namespace roost::routing
