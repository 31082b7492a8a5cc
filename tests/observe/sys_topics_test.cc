// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/sys_topics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace roost::observe {
namespace {

std::map<std::string, std::string> as_map(const std::vector<SysTopic>& topics) {
  std::map<std::string, std::string> result;
  for (const SysTopic& topic : topics) {
    EXPECT_TRUE(result.emplace(topic.topic, topic.value).second) << topic.topic << " twice";
  }
  return result;
}

TEST(SysTopics, HaveMosquittosNames) {
  std::set<std::string> names;
  for (const char* name : {"version",
                           "uptime",
                           "clients/total",
                           "clients/maximum",
                           "clients/inactive",
                           "clients/active",
                           "clients/connected",
                           "clients/disconnected",
                           "clients/expired",
                           "messages/stored",
                           "messages/received",
                           "messages/sent",
                           "store/messages/count",
                           "store/messages/bytes",
                           "subscriptions/count",
                           "shared_subscriptions/count",
                           "retained messages/count",
                           "publish/messages/dropped",
                           "publish/messages/received",
                           "publish/messages/sent",
                           "publish/bytes/received",
                           "publish/bytes/sent",
                           "bytes/received",
                           "bytes/sent",
                           "heap/current",
                           "heap/maximum"}) {
    names.insert(std::string("$SYS/broker/") + name);
  }
  for (const char* load :
       {"messages/received", "messages/sent", "publish/dropped", "publish/received", "publish/sent",
        "bytes/received", "bytes/sent", "sockets", "connections"}) {
    for (const char* window : {"1min", "5min", "15min"}) {
      names.insert(std::string("$SYS/broker/load/") + load + "/" + window);
    }
  }
  std::set<std::string> ours;
  SysTopics topics("roost version 0.1.0");
  for (const SysTopic& topic : topics.update({}, 1000)) ours.insert(topic.topic);
  EXPECT_EQ(ours, names);
}

TEST(SysTopics, CarryTheNumbersAsMosquittoWritesThem) {
  SysTopics topics("roost version 0.1.0");
  SysNumbers numbers;
  numbers.uptime_s = 61;
  numbers.clients_connected = 3;
  numbers.clients_disconnected = 2;
  numbers.retained_messages = 7;
  const auto first = as_map(topics.update(numbers, 1000));
  EXPECT_EQ(first.at("$SYS/broker/version"), "roost version 0.1.0");
  EXPECT_EQ(first.at("$SYS/broker/uptime"), "61 seconds");
  EXPECT_EQ(first.at("$SYS/broker/clients/total"), "5");
  EXPECT_EQ(first.at("$SYS/broker/clients/active"), "3");
  EXPECT_EQ(first.at("$SYS/broker/clients/disconnected"), "2");
  EXPECT_EQ(first.at("$SYS/broker/retained messages/count"), "7");
  EXPECT_EQ(first.at("$SYS/broker/load/connections/15min"), "0.00");
}

TEST(SysTopics, OnlyWhatChangedComesAgain) {
  SysTopics topics("v");
  SysNumbers numbers;
  topics.update(numbers, 0);
  EXPECT_TRUE(topics.update(numbers, 10'000).empty());
  numbers.clients_connected = 1;
  const auto changed = as_map(topics.update(numbers, 20'000));
  EXPECT_EQ(changed.size(), 3u);
  EXPECT_EQ(changed.at("$SYS/broker/clients/total"), "1");
}

TEST(SysTopics, LoadsFollowMosquittosFormula) {
  SysTopics topics("v");
  SysNumbers numbers;
  topics.update(numbers, 0);
  numbers.messages_received = 100;  // 600 a minute over 10 s
  const auto after = as_map(topics.update(numbers, 10'000));
  char wanted[32];
  std::snprintf(wanted, sizeof wanted, "%.2f", 600 - 600 * std::exp(-10.0 / 60));
  EXPECT_EQ(after.at("$SYS/broker/load/messages/received/1min"), wanted);
  std::snprintf(wanted, sizeof wanted, "%.2f", 600 - 600 * std::exp(-10.0 / 900));
  EXPECT_EQ(after.at("$SYS/broker/load/messages/received/15min"), wanted);
}

TEST(LoadAverage, ComesToTheSteadyRate) {
  LoadAverage load;
  std::uint64_t total = 5'000'000;
  load.update(total, 0);  // what was before the first look is no load
  EXPECT_EQ(load.per_minute()[0], 0);
  for (int i = 0; i < 1000; ++i) load.update(total += 10, 10);
  for (const double average : load.per_minute()) EXPECT_NEAR(average, 60, 0.01);
}

}  // namespace
}  // namespace roost::observe
