// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/topic.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace roost::mqtt {
namespace {

std::vector<std::string> levels_of(std::string_view text) {
  std::vector<std::string> levels;
  LevelCursor cursor(text);
  while (!cursor.done()) levels.emplace_back(cursor.next());
  return levels;
}

TEST(LevelCursor, WalksEmptyLevelsToo) {
  using Levels = std::vector<std::string>;
  EXPECT_EQ(levels_of("a/b//c"), (Levels{"a", "b", "", "c"}));
  EXPECT_EQ(levels_of(""), (Levels{""}));
  EXPECT_EQ(levels_of("/"), (Levels{"", ""}));
  EXPECT_EQ(levels_of("/a/"), (Levels{"", "a", ""}));
}

// The examples of [MQTT5-4.7] and what stands between them.
TEST(Matches, FollowsTheTable) {
  const struct {
    const char* filter;
    const char* topic;
    bool matches;
  } rows[] = {
      {"sport/tennis/player1/#", "sport/tennis/player1", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
      {"sport/tennis/player1/#", "sport/tennis/player2", false},
      {"sport/#", "sport", true},
      {"sport/#", "sports", false},
      {"sport/#", "sport/", true},
      {"#", "a", true},
      {"#", "/", true},
      {"#", "a/b/c", true},
      {"#", "$SYS/x", false},
      {"+/x", "$SYS/x", false},
      {"+", "$SYS", false},
      {"$SYS/#", "$SYS/x", true},
      {"$SYS/#", "$SYS", true},
      {"$SYS/+", "$SYS/x", true},
      {"$SYS/x", "$SYS/x", true},
      {"a/#", "a/$SYS", true},
      {"a/+", "a/$SYS", true},
      {"sport/tennis/+", "sport/tennis/player1", true},
      {"sport/tennis/+", "sport/tennis/player1/ranking", false},
      {"sport/+", "sport", false},
      {"sport/+", "sport/", true},
      {"+", "sport", true},
      {"+", "/finance", false},
      {"+/+", "/finance", true},
      {"/+", "/finance", true},
      {"+/tennis/#", "sport/tennis", true},
      {"+/tennis/#", "sport/tennis/x/y", true},
      {"+/+/#", "a", false},
      {"+/+/#", "a/b", true},
      {"a", "a", true},
      {"a", "A", false},
      {"a", "a/", false},
      {"a/", "a", false},
      {"/a", "a", false},
      {"a/b", "a/bc", false},
      {"a//b", "a/b", false},
      {"a//b", "a//b", true},
      {"a/+/b", "a//b", true},
      {"a/#", "b/a", false},
      {"+/#", "/", true},
      {"+/#", "a", true},
      {"$share/g/a", "a", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(matches(row.filter, row.topic), row.matches) << row.filter << " " << row.topic;
  }
}

// Another way to the same answer: level lists, recursion.
bool naive(const std::vector<std::string>& filter, const std::vector<std::string>& topic,
           std::size_t at) {
  if (at == filter.size()) return at == topic.size();
  const bool hidden = at == 0 && topic[0].starts_with('$');
  if (filter[at] == "#") return !hidden;
  if (at == topic.size()) return false;
  if (filter[at] == "+" ? hidden : filter[at] != topic[at]) return false;
  return naive(filter, topic, at + 1);
}

TEST(Matches, AgreesWithANaiveMatcherOnRandomInput) {
  std::mt19937 random(1);
  const auto text = [&random](std::vector<std::string> words) {
    std::string out = words[random() % words.size()];
    for (std::size_t more = random() % 4; more > 0; --more) {
      out += "/" + words[random() % words.size()];
    }
    return out;
  };
  for (int round = 0; round < 200'000; ++round) {
    const std::string filter = text({"a", "b", "", "+", "$x", "#"});
    const std::string topic = text({"a", "b", "", "$x"});
    if (topic.empty() || !TopicFilter::parse(filter)) continue;
    ASSERT_EQ(matches(filter, topic), naive(levels_of(filter), levels_of(topic), 0))
        << filter << " " << topic;
  }
}

TEST(TopicName, AcceptsWhatTheSpecificationAllows) {
  for (const char* text : {"a", "/", "a/b", "//", " ", "a b", "$SYS/x", "$share/g/a", "$",
                           "\xE2\x82\xAC/\xF0\xAA\x9B\x94", "\xEF\xBB\xBF"}) {
    ASSERT_TRUE(TopicName::parse(text)) << text;
    EXPECT_EQ(TopicName::parse(text)->text(), text);
  }
  EXPECT_TRUE(TopicName::parse(std::string(65'535, 'a')));
}

TEST(TopicName, RefusesTheRestAs0x90) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv, "+"sv, "#"sv, "a/+"sv, "a+"sv, "a#b"sv, "a\0"sv,
                                      "\xFF"sv, "a\x01"sv, "\xED\xA0\x80"sv}) {
    const auto parsed = TopicName::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error(), ReasonCode::topic_name_invalid);
  }
  EXPECT_FALSE(TopicName::parse(std::string(65'536, 'a')));
}

TEST(TopicName, CountsItsLevels) {
  EXPECT_TRUE(TopicName::parse("a/b/c", 3));
  EXPECT_FALSE(TopicName::parse("a/b/c", 2));
  EXPECT_TRUE(TopicName::parse("long-level/b", 2));
  EXPECT_TRUE(TopicName::parse(std::string(127, '/')));
  EXPECT_FALSE(TopicName::parse(std::string(128, '/')));
  EXPECT_TRUE(TopicName::parse(std::string(65'535, '/'), 65'536));
}

TEST(TopicName, KnowsDollarTopics) {
  EXPECT_TRUE(TopicName::parse("$SYS/x")->is_dollar());
  EXPECT_FALSE(TopicName::parse("a/$SYS")->is_dollar());
}

TEST(TopicFilter, AcceptsWildcardsThatFillTheirLevel) {
  for (const char* text : {"a", "#", "+", "a/#", "a/+", "+/+", "/#", "+/", "/+/#", "//", "$SYS/#",
                           "$share", "$shared/a", "$share2/g/a"}) {
    const auto filter = TopicFilter::parse(text);
    ASSERT_TRUE(filter) << text;
    EXPECT_EQ(filter->whole(), text);
    EXPECT_EQ(filter->text(), text);
    EXPECT_FALSE(filter->is_shared());
    EXPECT_EQ(filter->has_wildcard(), std::string(text).find_first_of("+#") != std::string::npos);
  }
}

TEST(TopicFilter, RefusesTheRestAs0x8F) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,           "a#"sv,         "#a"sv,
                                      "##"sv,         "#/"sv,         "a/#/b"sv,
                                      "a+"sv,         "+a"sv,         "++"sv,
                                      "+#"sv,         "a/b+/c"sv,     "a\0"sv,
                                      "\xC3\x28"sv,   "a\x7F"sv,      "$share/"sv,
                                      "$share/g"sv,   "$share/g/"sv,  "$share//a"sv,
                                      "$share/+/a"sv, "$share/#/a"sv, "$share/g+/a"sv,
                                      "$share/g/a#"sv}) {
    const auto parsed = TopicFilter::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error(), ReasonCode::topic_filter_invalid);
  }
}

TEST(TopicFilter, TakesASharedFilterApart) {
  const auto filter = TopicFilter::parse("$share/group one/home/+/temp");
  ASSERT_TRUE(filter);
  EXPECT_TRUE(filter->is_shared());
  EXPECT_EQ(filter->group(), "group one");
  EXPECT_EQ(filter->text(), "home/+/temp");
  EXPECT_EQ(filter->whole(), "$share/group one/home/+/temp");
  EXPECT_TRUE(filter->has_wildcard());
  const auto slash = TopicFilter::parse("$share/g//");
  ASSERT_TRUE(slash);
  EXPECT_EQ(slash->text(), "/");
  EXPECT_FALSE(slash->has_wildcard());
}

TEST(TopicFilter, CountsTheLevelsOfWhatIsShared) {
  EXPECT_TRUE(TopicFilter::parse("$share/g/a/b", 2));
  EXPECT_FALSE(TopicFilter::parse("$share/g/a/b/c", 2));
  EXPECT_FALSE(TopicFilter::parse("a/b/#", 2));
}

}  // namespace
}  // namespace roost::mqtt
