// SPDX-License-Identifier: Apache-2.0
#include "broker/http/query.h"

#include <gtest/gtest.h>

namespace roost::http {
namespace {

TEST(QueryTest, ReadsWhatStandsBehindTheQuestionMark) {
  const auto query = Query::parse("a=1&b=x%20y+z&b=2&&flag&%C3%A4=%2F");
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(*query->find("a"), "1");
  EXPECT_EQ(*query->find("b"), "x y z") << "the first one";
  EXPECT_EQ(query->all().size(), 5U);
  EXPECT_EQ(*query->find("flag"), "");
  EXPECT_EQ(*query->find("\xC3\xA4"), "/");
  EXPECT_EQ(query->find("c"), nullptr);
  EXPECT_EQ(*Query::parse("y=1=2")->find("y"), "1=2");
  EXPECT_FALSE(Query::parse("a=%2").has_value());
  EXPECT_FALSE(Query::parse("a=%xy").has_value());
}

TEST(QueryTest, SaysWhatIsAllowed) {
  const auto query = Query::parse("n=5&big=300&word=x&yes=true&no=0&maybe=2");
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->number("n", 1, 0, 10).value(), 5U);
  EXPECT_EQ(query->number("none", 1, 0, 10).value(), 1U);
  EXPECT_EQ(query->number("big", 1, 0, 255).error().message,
            "big is \"300\"; allowed are 0 to 255");
  EXPECT_FALSE(query->number("word", 1, 0, 10).has_value());
  EXPECT_EQ(query->flag("yes").value(), std::optional(true));
  EXPECT_EQ(query->flag("no").value(), std::optional(false));
  EXPECT_EQ(query->flag("none").value(), std::nullopt);
  EXPECT_FALSE(query->flag("maybe").has_value());
  EXPECT_TRUE(query->expect_only({"n", "big", "word", "yes", "no", "maybe"}));
  EXPECT_EQ(query->expect_only({"n", "big"}).error().message,
            "there is no parameter \"word\"; allowed are n, big");
}

TEST(QueryTest, CanDoWithoutOne) {
  const auto query = Query::parse("a=1&b=%26&a=2");
  ASSERT_TRUE(query.has_value());
  const Query rest = query->without("a");
  ASSERT_EQ(rest.all().size(), 1U);
  EXPECT_EQ(*rest.find("b"), "&");
  EXPECT_EQ(rest.find("a"), nullptr);
  EXPECT_EQ(query->all().size(), 3U);
}

TEST(QueryTest, DecodesPercents) {
  EXPECT_EQ(percent_decode("a%2Fb+c"), "a/b+c");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("%C3%a4"), "\xC3\xA4");
  EXPECT_EQ(percent_decode("%"), std::nullopt);
  EXPECT_EQ(percent_decode("%4"), std::nullopt);
  EXPECT_EQ(percent_decode("%-1"), std::nullopt);
  for (const char* const none : {"%FF", "%C3", "%00", "\xFF"}) {
    EXPECT_EQ(percent_decode(none), std::nullopt) << "no text of MQTT's";
  }
  EXPECT_EQ(Query::parse("a=\xFF").error().kind, ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace roost::http
