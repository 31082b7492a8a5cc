// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/filter_relation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "broker/mqtt/topic.h"

namespace roost::mqtt {
namespace {

using Texts = std::vector<std::string>;

// Each of `texts` with one more level.
Texts extended(const Texts& texts, const Texts& levels) {
  Texts longer;
  for (const std::string& text : texts) {
    for (const std::string& level : levels) longer.push_back(text + "/" + level);
  }
  return longer;
}

Texts up_to(int depth, const Texts& levels) {
  Texts all, last = levels;
  for (int i = 0; i < depth; ++i) {
    all.insert(all.end(), last.begin(), last.end());
    last = extended(last, levels);
  }
  return all;
}

// One level deeper than the filters and with a word and an empty level that none of them has: what
// then differs nowhere differs in no topic.
const Texts& every_topic() {
  static const Texts kTopics = [] {
    Texts topics = up_to(4, {"a", "b", "$s", "c", ""});
    std::erase(topics, "");
    return topics;
  }();
  return kTopics;
}

const Texts& every_filter() {
  static const Texts kFilters = [] {
    const Texts levels = {"a", "b", "$s", "+"};
    Texts filters = up_to(3, levels);
    for (const std::string& parent : up_to(2, levels)) filters.push_back(parent + "/#");
    filters.push_back("#");
    return filters;
  }();
  return kFilters;
}

using Matched = std::vector<bool>;

Matched matched_by(std::string_view filter) {
  Matched found;
  for (const std::string& topic : every_topic()) found.push_back(matches(filter, topic));
  return found;
}

struct Pair {
  const std::string& one;
  const std::string& other;
  const Matched& by_one;
  const Matched& by_other;
};

template <typename Check>
void each_pair(Check check) {
  std::vector<Matched> matched;
  for (const std::string& filter : every_filter()) matched.push_back(matched_by(filter));
  for (std::size_t i = 0; i < matched.size(); ++i) {
    for (std::size_t k = 0; k < matched.size(); ++k) {
      check(Pair{every_filter()[i], every_filter()[k], matched[i], matched[k]});
    }
  }
}

Matched both(const Pair& pair) {
  Matched found = pair.by_one;
  for (std::size_t i = 0; i < found.size(); ++i) found[i] = found[i] && pair.by_other[i];
  return found;
}

bool any(const Matched& found) {
  return std::find(found.begin(), found.end(), true) != found.end();
}

TEST(FilterRelation, CoversWhatBruteForceFindsCovered) {
  each_pair([](const Pair& pair) {
    EXPECT_EQ(covers(pair.one, pair.other), both(pair) == pair.by_other)
        << pair.one << " and " << pair.other;
  });
}

TEST(FilterRelation, OverlapsWhereBruteForceFindsATopic) {
  each_pair([](const Pair& pair) {
    EXPECT_EQ(overlaps(pair.one, pair.other), any(both(pair))) << pair.one << " and " << pair.other;
  });
}

TEST(FilterRelation, TheIntersectionMatchesWhatBothDo) {
  each_pair([](const Pair& pair) {
    const auto common = intersection(pair.one, pair.other);
    ASSERT_EQ(common.has_value(), any(both(pair))) << pair.one << " and " << pair.other;
    if (!common) return;
    EXPECT_TRUE(TopicFilter::parse(*common)) << *common;
    EXPECT_EQ(matched_by(*common), both(pair)) << pair.one << " and " << pair.other;
  });
}

TEST(FilterRelation, WildcardsLeaveDollarTopicsAlone) {
  EXPECT_FALSE(covers("#", "$SYS/#"));
  EXPECT_FALSE(covers("+/load", "$SYS/load"));
  EXPECT_FALSE(overlaps("#", "$SYS/#"));
  EXPECT_TRUE(covers("a/#", "a/$SYS"));
  EXPECT_TRUE(covers("+/#", "#"));
}

TEST(FilterRelation, KeepsEmptyLevels) {
  EXPECT_EQ(intersection("/#", "+/+/x"), "/+/x");
  EXPECT_EQ(intersection("#", "/+"), "/+");
  EXPECT_FALSE(covers("a/+", "a"));
  EXPECT_TRUE(covers("a/+", "a/"));
}

}  // namespace
}  // namespace roost::mqtt
