// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/topic_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roost::outgoing {
namespace {

using mqtt::Qos;
using testing::HasSubstr;

TopicRule rule(std::string_view line) {
  auto parsed = parse_topic_rule(line);
  EXPECT_TRUE(parsed) << line << ": " << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : TopicRule{};
}

TEST(TopicRule, IsALineOfMosquittos) {
  const TopicRule whole = rule("home/+/# both 2 local/ remote/");
  EXPECT_EQ(whole.filter, "home/+/#");
  EXPECT_EQ(whole.direction, Direction::both);
  EXPECT_EQ(whole.qos, Qos::exactly_once);
  EXPECT_EQ(whole.local_prefix, "local/");
  EXPECT_EQ(whole.remote_prefix, "remote/");
  const TopicRule least = rule("#");
  EXPECT_EQ(least.direction, Direction::out);
  EXPECT_EQ(least.qos, Qos::at_most_once);
  EXPECT_EQ(rule("\"a b/#\" in 1 \"\" x/").filter, "a b/#");
  EXPECT_EQ(rule("\"\" out 0 here there").local_prefix, "here");
}

TEST(TopicRule, SaysWhatIsWrong) {
  const struct {
    const char* line;
    const char* says;
  } kCases[] = {
      {"", "expected FILTER"},
      {"a out 1 b c d", "expected FILTER"},
      {"a up", "\"up\" is no direction; allowed is out, in or both"},
      {"a out 3", "\"3\" is no QoS"},
      {"a out 11", "\"11\" is no QoS"},
      {"a/#/b out 1", "no topic filter"},
      {"a out 1 b+/", "has no wildcards"},
      {"\"\" out 1 here", "both prefixes are needed: there is no topic there"},
      {"\"a out 1", "no other one behind it"},
      {"$share/g/a out", "joins no share group"},
  };
  for (const auto& one : kCases) {
    const auto parsed = parse_topic_rule(one.line);
    ASSERT_FALSE(parsed) << one.line;
    EXPECT_THAT(parsed.error().message, HasSubstr(one.says)) << one.line;
  }
}

TEST(TopicRules, RenameByTheFirstThatHasTheTopic) {
  const TopicRules rules({rule("a/# out 1 in/ out/"), rule("# out 0 in/ other/"),
                          rule("b/+ in 2 \"\" far/"), rule("\"\" both 1 one two")});
  EXPECT_EQ(rules.to_remote("in/a/x"), "out/a/x");
  EXPECT_EQ(rules.to_remote("in/b"), "other/b");
  EXPECT_EQ(rules.to_remote("a/x"), std::nullopt);
  EXPECT_EQ(rules.to_local("far/b/1"), "b/1");
  EXPECT_EQ(rules.to_local("far/b/1/2"), std::nullopt);
  EXPECT_EQ(rules.to_local("out/a/x"), std::nullopt) << "that goes out only";
  EXPECT_EQ(rules.to_remote("one"), "two");
  EXPECT_EQ(rules.to_local("two"), "one");
}

TEST(TopicRules, DoNotTakeDollarTopicsByAWildcard) {
  const TopicRules rules({rule("# both 1")});
  EXPECT_EQ(rules.to_remote("$SYS/broker/uptime"), std::nullopt);
  EXPECT_EQ(rules.to_remote("a"), "a");
}

TEST(TopicRules, WantEachFilterOnceWithItsHighestQos) {
  const TopicRules rules(
      {rule("a/# out 0 x/ y/"), rule("a/# both 2 x/ z/"), rule("b in 1 \"\" z/")});
  ASSERT_EQ(rules.wanted_here().size(), 1U);
  EXPECT_EQ(rules.wanted_here()[0].filter, "x/a/#");
  EXPECT_EQ(rules.wanted_here()[0].qos, Qos::exactly_once);
  ASSERT_EQ(rules.wanted_there().size(), 2U);
  EXPECT_EQ(rules.wanted_there()[0].filter, "z/a/#");
  EXPECT_EQ(rules.wanted_there()[1].filter, "z/b");
}

}  // namespace
}  // namespace roost::outgoing
