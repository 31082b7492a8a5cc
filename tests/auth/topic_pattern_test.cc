// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/topic_pattern.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/mqtt/topic.h"

namespace roost::auth {
namespace {

using Syntax = TopicPattern::Syntax;

Identity ann() {
  Identity identity;
  identity.user_name = "ann";
  identity.certificate_common_name = "pump.example";
  identity.claims = {{"site", "north"}, {"level", "7"}, {"path", "a/b"}, {"none", ""}};
  return identity;
}

TopicPattern pattern(std::string_view text, Syntax syntax = Syntax::roost) {
  auto made = TopicPattern::parse(text, syntax);
  EXPECT_TRUE(made) << text << " " << made.error().message;
  return std::move(made).value();
}

struct Row {
  const char* pattern;
  const char* topic;
  bool matches;
};

TEST(TopicPattern, MatchesWithItsValues) {
  const Identity who = ann();
  for (const Row& row : {
           Row{"dev/%c/#", "dev/c1", true},      Row{"dev/%c/#", "dev/c1/a/b", true},
           Row{"dev/%c/#", "dev/c12", false},    Row{"dev/%c/#", "dev/c", false},
           Row{"dev/%c/#", "dev", false},        Row{"%c", "c1", true},
           Row{"%c/%u", "c1/ann", true},         Row{"x-%c-%u-y", "x-c1-ann-y", true},
           Row{"x-%c", "x-c1/a", false},         Row{"+/%u/+", "a/ann/b", true},
           Row{"+/%u/+", "a/ann", false},        Row{"+/%u/+", "$a/ann/b", false},
           Row{"+/%u/#", "a/ann", true},         Row{"+/%u/+", "/ann/", true},
           Row{"%cn/a", "pump.example/a", true}, Row{"%{site}/%{level}", "north/7", true},
           Row{"%{site}/+", "north", false},     Row{"100%%/%u", "100%/ann", true},
           Row{"100%%/#", "100%", true},         Row{"100%%", "100%%", false},
           Row{"$SYS/%c", "$SYS/c1", true},      Row{"%{path}/x", "a/b/x", false},
           Row{"%{none}/x", "/x", false},        Row{"%{absent}x", "x", false},
       }) {
    EXPECT_EQ(pattern(row.pattern).matches(row.topic, {"c1", who}), row.matches)
        << row.pattern << " " << row.topic;
  }
}

// What is compared piece by piece is what the filled-in filter matches.
TEST(TopicPattern, MatchesAsTheFilledFilterDoes) {
  const Identity who = ann();
  const std::vector<std::string> topics = {
      "a",     "c1",    "a/c1",    "c1/a",     "a/c1/b", "$s/c1",  "a/ann", "/c1", "c1/",
      "a/c1/", "a//c1", "xc1/ann", "a/c1/b/c", "$s",     "c1/ann", "/",     "a/",  "ann/c1/a"};
  for (const char* text : {"%c",     "%c/#", "%c/+",     "+/%c",  "+/%c/#", "+/%c/+", "%u/%c/a",
                           "x%c/%u", "a/%c", "a/%c/+/#", "/%c",   "+/+/%c", "a/b",    "a/#",
                           "#",      "+/+",  "a/+/#",    "$s/%c", "$s/#",   "+/#"}) {
    const auto made = pattern(text);
    const auto filter = made.filled({"c1", who});
    ASSERT_TRUE(filter) << text;
    for (const std::string& topic : topics) {
      EXPECT_EQ(made.matches(topic, {"c1", who}), mqtt::matches(*filter, topic))
          << text << " " << topic;
    }
  }
}

TEST(TopicPattern, ValuesThatWouldBeMoreThanALevelAreNone) {
  const Identity who;
  for (const char* id : {"a/b", "+", "#", "a+", "/", "$SYS"}) {
    EXPECT_FALSE(pattern("%c/#").filled({id, who})) << id;
    EXPECT_FALSE(pattern("%c/#").can_fill({id, who})) << id;
    EXPECT_FALSE(pattern("%c/#").matches(std::string(id) + "/x", {id, who})) << id;
  }
  EXPECT_EQ(pattern("a/%c").filled({"$SYS", who}), "a/$SYS");
  EXPECT_FALSE(pattern("a/%u").filled({"c", who})) << "has no user name";
}

TEST(TopicPattern, WidensFromTheLevelOfTheValue) {
  const Identity who;
  EXPECT_EQ(pattern("dev/%c/x").widened({"a/b", who}), "dev/#");
  EXPECT_EQ(pattern("dev/id-%c/x").widened({"a/b", who}), "dev/#");
  EXPECT_EQ(pattern("+/%c").widened({"#", who}), "+/#");
  EXPECT_EQ(pattern("%c/x").widened({"a/b", who}), "");
  EXPECT_EQ(pattern("%c/%u/x").widened({"c1", who}), "c1/#");
  EXPECT_EQ(pattern("dev/%c/x").widened({"c1", who}), "dev/c1/x");
}

TEST(TopicPattern, MosquittosPatternsTakeSlashes) {
  Identity who;
  const auto made = pattern("dev/%c/%u", Syntax::mosquitto);
  EXPECT_FALSE(made.matches("dev/c1/", {"c1", who})) << "no user name";
  who.user_name = "a/b";
  EXPECT_TRUE(made.matches("dev/c/1/a/b", {"c/1", who}));
  EXPECT_FALSE(made.matches("dev/c+/a/b", {"c+", who}));
  EXPECT_FALSE(pattern("plain", Syntax::mosquitto).matches("plain", {"c#", who}));
  EXPECT_TRUE(pattern("%%c/%cn", Syntax::mosquitto).matches("%c1/c1n", {"c1", who}));
  EXPECT_TRUE(pattern("%c", Syntax::plain).matches("%c", {"c1", who}));
}

TEST(TopicPattern, RefusesWhatIsNone) {
  for (const char* text : {"", "a#", "a/#/b", "a+/b", "+a", "%", "a/%x", "%{", "%{}", "%{a",
                           "%{a/b}", "%{a+}", "a\x01", "\xff", "%c+", "%c#", "$share/g/a"}) {
    EXPECT_FALSE(TopicPattern::parse(text, Syntax::roost)) << text;
  }
  for (const char* text : {"", "a#", "%c#", "+%u"}) {
    EXPECT_FALSE(TopicPattern::parse(text, Syntax::mosquitto)) << text;
  }
}

}  // namespace
}  // namespace roost::auth
