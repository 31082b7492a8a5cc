// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/retained.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "broker/mqtt/topic.h"
#include "tests/routing/random_topics.h"

namespace roost::routing {
namespace {

constexpr SteadyMs kNow = 5'000;

MessagePtr message(std::string_view topic, std::string_view payload = "x",
                   std::uint32_t expiry_s = mqtt::kNeverExpires) {
  MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(payload);
  parts.retain = true;
  parts.received_ms = kNow;
  parts.expiry_s = expiry_s;
  return Message::make(parts);
}

using Strings = std::vector<std::string>;

Strings topics(const RetainedStore& store, std::string_view filter, SteadyMs now_ms = kNow) {
  std::vector<MessagePtr> found;
  store.match(filter, now_ms, found);
  Strings names;
  for (const MessagePtr& each : found) names.emplace_back(each->topic());
  std::sort(names.begin(), names.end());
  return names;
}

std::string payload_of(const MessagePtr& found) {
  return found ? std::string(as_text(found->payload())) : "none";
}

TEST(RetainedStore, KeepsTheLastMessageOfATopic) {
  RetainedStore store;
  EXPECT_FALSE(store.find("a/b"));
  store.set(message("a/b", "first"));
  store.set(message("a/b", "second one"));
  store.set(message("a", "up"));
  EXPECT_EQ(payload_of(store.find("a/b")), "second one");
  EXPECT_EQ(payload_of(store.find("a")), "up");
  EXPECT_EQ(store.size(), 2u);
  EXPECT_EQ(store.payload_bytes(), 12u);
}

TEST(RetainedStore, ClearingForgetsOnlyThatTopic) {
  RetainedStore store;
  for (const char* topic : {"a", "a/b", "a/b/c"}) store.set(message(topic));
  EXPECT_TRUE(store.clear("a/b"));
  EXPECT_FALSE(store.clear("a/b"));
  EXPECT_FALSE(store.clear("x"));
  EXPECT_EQ(topics(store, "#"), (Strings{"a", "a/b/c"}));
  EXPECT_TRUE(store.clear("a/b/c"));
  EXPECT_TRUE(store.clear("a"));
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.payload_bytes(), 0u);
  EXPECT_EQ(topics(store, "#"), Strings{});
}

TEST(RetainedStore, FindsByFilter) {
  RetainedStore store;
  for (const char* topic : {"home/kitchen/temp", "home/bath/temp", "home/bath/light", "home",
                            "garden/temp", "/home", "home/"}) {
    store.set(message(topic));
  }
  EXPECT_EQ(topics(store, "home/+/temp"), (Strings{"home/bath/temp", "home/kitchen/temp"}));
  EXPECT_EQ(topics(store, "home/bath/#"), (Strings{"home/bath/light", "home/bath/temp"}));
  EXPECT_EQ(topics(store, "home/#").size(), 5u);
  EXPECT_EQ(topics(store, "+"), Strings{"home"});
  EXPECT_EQ(topics(store, "+/temp"), Strings{"garden/temp"});
  EXPECT_EQ(topics(store, "+/+"), (Strings{"/home", "garden/temp", "home/"}));
  EXPECT_EQ(topics(store, "+/+/+").size(), 3u);
  EXPECT_EQ(topics(store, "home"), Strings{"home"});
  EXPECT_EQ(topics(store, "home/attic/#"), Strings{});
  EXPECT_EQ(topics(store, "#").size(), 7u);
}

TEST(RetainedStore, WildcardsAtTheFirstLevelDontMatchDollarTopics) {
  RetainedStore store;
  for (const char* topic : {"$SYS/uptime", "$a", "b/$c", "$SYS/load", "d"}) {
    store.set(message(topic));
  }
  EXPECT_EQ(topics(store, "#"), (Strings{"b/$c", "d"}));
  EXPECT_EQ(topics(store, "+"), (Strings{"d"}));
  EXPECT_EQ(topics(store, "+/#"), (Strings{"b/$c", "d"}));
  EXPECT_EQ(topics(store, "+/uptime"), Strings{});
  EXPECT_EQ(topics(store, "$SYS/#"), (Strings{"$SYS/load", "$SYS/uptime"}));
  EXPECT_EQ(topics(store, "$SYS/+"), (Strings{"$SYS/load", "$SYS/uptime"}));
}

TEST(RetainedStore, ExpiredMessagesArentMatched) {
  RetainedStore store;
  store.set(message("a", "x", 10));
  store.set(message("b", "x"));
  store.set(message("a/c", "x", 20));
  EXPECT_EQ(topics(store, "#", kNow + 9'999).size(), 3u);
  EXPECT_EQ(topics(store, "#", kNow + 10'000), (Strings{"a/c", "b"}));
  EXPECT_EQ(topics(store, "a", kNow + 10'000), Strings{});
  EXPECT_EQ(topics(store, "#", kNow + 20'000), Strings{"b"});
}

TEST(RetainedStore, ExpiresALittleAtATime) {
  RetainedStore store;
  for (int i = 0; i < 100; ++i) {
    const std::uint32_t expiry_s = i % 2 == 0 ? 10 : mqtt::kNeverExpires;
    store.set(message("t/" + std::to_string(i), "12345", expiry_s));
  }
  EXPECT_EQ(store.expire(kNow + 9'000, 1'000), 0u);
  std::size_t dropped = 0, calls = 0;
  for (; calls < 15; ++calls) {
    const std::size_t now = store.expire(kNow + 10'000, 10);
    EXPECT_LE(now, 10u);
    dropped += now;
  }
  EXPECT_EQ(dropped, 50u);
  EXPECT_EQ(store.size(), 50u);
  EXPECT_EQ(store.payload_bytes(), 250u);
  EXPECT_EQ(topics(store, "t/+").size(), 50u);
  EXPECT_EQ(store.expire(kNow + 10'000, 1'000), 0u);
  EXPECT_EQ(RetainedStore().expire(kNow, 10), 0u);
}

TEST(RetainedStore, AMessageThatNoLongerExpiresStays) {
  RetainedStore store;
  store.set(message("a", "x", 1));
  store.set(message("a", "y"));
  EXPECT_EQ(store.expire(kNow + 100'000, 10), 0u);
  store.set(message("a", "z", 1));
  EXPECT_EQ(store.expire(kNow + 100'000, 10), 1u);
  EXPECT_FALSE(store.find("a"));
}

TEST(RetainedStore, AnswersInAStableOrder) {
  RetainedStore store;
  Strings expected;
  for (int i = 0; i < 50; ++i) {
    expected.push_back("homeassistant/sensor/" + std::to_string(i * 7 % 50) + "/config");
    store.set(message(expected.back()));
  }
  std::vector<MessagePtr> found;
  store.match("homeassistant/#", kNow, found);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i]->topic(), expected[i]);
}

TEST(RetainedStore, AgreesWithTheNaiveMatcherOnRandomOperations) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    RandomTopics random(seed);
    RetainedStore store;
    std::map<std::string, std::string> model;
    for (int i = 0; i < 8'000; ++i) {
      const std::string topic = random.topic();
      const std::uint32_t kind = random.below(10);
      if (kind < 5 && model.size() < 300) {
        model[topic] = std::to_string(i);
        store.set(message(topic, model[topic]));
      } else if (kind < 8) {
        ASSERT_EQ(store.clear(topic), model.erase(topic) > 0);
      } else {
        const std::string filter = random.filter();
        Strings expected;
        for (const auto& [name, payload] : model) {
          if (mqtt::matches(filter, name)) expected.push_back(name);
        }
        ASSERT_EQ(topics(store, filter), expected) << filter << ", seed " << seed;
        const auto at = model.find(topic);
        ASSERT_EQ(payload_of(store.find(topic)), at == model.end() ? "none" : at->second);
      }
      ASSERT_EQ(store.size(), model.size());
    }
  }
}

}  // namespace
}  // namespace roost::routing
