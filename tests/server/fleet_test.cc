// SPDX-License-Identifier: Apache-2.0
// Nodes as one: each is asked, who fails is named, and other nodes are answered.
#include "broker/server/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/serialize.hpp>

#include <atomic>
#include <future>

#include "tests/server/fake_cluster.h"
#include "tests/support/eventually.h"

namespace roost::server {
namespace {

namespace json = boost::json;

Fleet::Told twice(const Fleet::Object& object) {
  const std::int64_t number = object.at("n").as_int64();
  if (number < 0) return error(ErrorKind::invalid_argument, "n is negative");
  return json::value(2 * number);
}

class FleetTest : public testing::Test {
 protected:
  FleetTest() {
    for (const char* name : {"a", "b"}) cluster_.add_node(name);
    fleet_.add("twice", twice);
  }
  std::string hear(const std::string& question) {
    std::promise<std::string> told;
    auto answer = told.get_future();
    cluster_.heard(question, [&told](std::string said) { told.set_value(std::move(said)); });
    return answer.get();
  }

  FakeCluster cluster_;
  Fleet fleet_{"a", &cluster_};
};

TEST_F(FleetTest, AsksThisNodeAndTheOthers) {
  std::string asked;
  cluster_.said["b"] = [&](const std::string& question) -> Result<std::string> {
    asked = question;
    return std::string(R"({"value": 5})");
  };
  const auto said = fleet_.ask_all("twice", {{"n", 21}});
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0].node, "a");
  EXPECT_EQ(said[0].told->as_int64(), 42);
  EXPECT_EQ(said[1].node, "b");
  EXPECT_EQ(said[1].told->as_int64(), 5);
  EXPECT_EQ(asked, R"({"verb":"twice","parameters":{"n":21}})");
  EXPECT_TRUE(missing(said).empty());
}

TEST_F(FleetTest, WhoFailsIsNamed) {
  cluster_.said["b"] = [](const std::string&) -> Result<std::string> {
    return error(ErrorKind::unavailable, "the link broke");
  };
  EXPECT_EQ(json::serialize(missing(fleet_.ask_all("twice", {{"n", 1}}))),
            R"([{"node":"b","error":"the link broke"}])");
  EXPECT_EQ(fleet_.counters().failed, 1U);
  cluster_.said["b"] = [](const std::string&) { return std::string("{"); };
  EXPECT_EQ(fleet_.ask_all("twice", {{"n", 1}})[1].told.error().kind, ErrorKind::corrupt);
  cluster_.said["b"] = [](const std::string&) {
    return std::string(R"({"kind": 1, "error": "no such session"})");
  };
  EXPECT_EQ(fleet_.ask_all("twice", {{"n", 1}})[1].told.error().kind, ErrorKind::not_found);
}

TEST_F(FleetTest, ShardsWithoutALeaderAreAPartThatIsMissing) {
  cluster_.said["b"] = [](const std::string&) { return std::string(R"({"value": 5})"); };
  cluster_.add_shard({"a", "b"});
  cluster_.add_shard({"c"});
  cluster_.add_shard({});
  EXPECT_EQ(json::serialize(missing(fleet_.ask_all("twice", {{"n", 1}}))),
            R"([{"node":"","error":"2 shards have no leader now"}])");
}

TEST_F(FleetTest, WhatMakesNoSenseHereEndsNothing) {
  fleet_.start();
  EXPECT_THAT(hear(R"({"verb":"twice","parameters":{"m":4}})"),
              testing::HasSubstr("makes no sense here"));
  EXPECT_EQ(hear(R"({"verb":"twice","parameters":{"n":4}})"), R"({"value":8})");
}

TEST_F(FleetTest, MoreThanMayWaitAreRefusedAndCounted) {
  std::promise<void> held, begun[Fleet::kThreads];
  auto release = held.get_future().share();
  std::atomic<std::size_t> running{0};
  fleet_.add("hold", [&](const Fleet::Object&) -> Fleet::Told {
    begun[running++].set_value();
    release.wait();
    return json::value(true);
  });
  fleet_.start();
  constexpr const char* kHold = R"({"verb":"hold","parameters":{}})";
  constexpr const char* kTwice = R"({"verb":"twice","parameters":{"n":4}})";
  std::atomic<int> told{0};
  const auto ask = [&](const char* question) {
    cluster_.heard(question, [&told](const std::string&) { ++told; });
  };
  for (std::uint32_t i = 0; i < Fleet::kThreads; ++i) ask(kHold);
  for (auto& one : begun) one.get_future().wait();
  for (std::uint32_t i = 0; i < Fleet::kWaitingMax; ++i) ask(kTwice);
  EXPECT_EQ(told, 0);
  EXPECT_THAT(hear(kTwice), testing::HasSubstr("too much at once"));
  EXPECT_EQ(fleet_.counters().refused, 1U);
  held.set_value();
  EXPECT_TRUE(support::eventually(
      [&] { return told == static_cast<int>(Fleet::kThreads + Fleet::kWaitingMax); }));
  EXPECT_EQ(fleet_.counters().answered, Fleet::kThreads + Fleet::kWaitingMax);
}

TEST_F(FleetTest, AnswersOthersWhileItIsStarted) {
  fleet_.start();
  EXPECT_EQ(hear(R"({"verb":"twice","parameters":{"n":4}})"), R"({"value":8})");
  EXPECT_EQ(hear(R"({"verb":"twice","parameters":{"n":-4}})"),
            R"({"kind":0,"error":"n is negative"})");
  EXPECT_THAT(hear(R"({"verb":"thrice","parameters":{}})"), testing::HasSubstr("no verb thrice"));
  EXPECT_THAT(hear("{"), testing::HasSubstr("can't be read"));
  fleet_.stop();
  bool is_told = false;
  cluster_.heard(R"({"verb":"twice","parameters":{"n":4}})",
                 [&is_told](const std::string&) { is_told = true; });
  EXPECT_FALSE(is_told);
}

TEST(FleetAlone, AsksItself) {
  Fleet fleet("a", nullptr);
  fleet.add("twice", twice);
  fleet.start();
  const auto said = fleet.ask_all("twice", {{"n", 3}});
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].told->as_int64(), 6);
}

}  // namespace
}  // namespace roost::server
