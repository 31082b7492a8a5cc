// SPDX-License-Identifier: Apache-2.0
// A session's filters beside a plain map, random changes by seed: few packed, then many.
#include "broker/session/filter_list.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace roost::session {
namespace {

void expect_same(const FilterList& list, const std::map<std::string, std::uint32_t>& plain) {
  ASSERT_EQ(list.size(), plain.size());
  ASSERT_EQ(list.empty(), plain.empty());
  std::size_t visited = 0;
  list.for_each([&](std::string_view filter, const Subscription& subscription) {
    ++visited;
    const auto at = plain.find(std::string(filter));
    ASSERT_NE(at, plain.end()) << filter;
    EXPECT_EQ(subscription.id, at->second);
    EXPECT_EQ(subscription.options.no_local, at->second % 2 == 1);
  });
  EXPECT_EQ(visited, plain.size());
}

TEST(FilterList, HoldsWhatAMapHolds) {
  for (const unsigned names : {3U, 40U}) {  // never more than fit in the packed form; more
    std::mt19937 random(names);
    FilterList list;
    std::map<std::string, std::uint32_t> plain;
    for (int step = 0; step < 3'000; ++step) {
      const std::string filter = "f/" + std::string(random() % names, 'x');
      if (random() % 3 == 0) {
        ASSERT_EQ(list.erase(filter), plain.erase(filter) == 1);
      } else {
        Subscription subscription;
        subscription.id = static_cast<std::uint32_t>(random());
        subscription.options.no_local = subscription.id % 2 == 1;
        const bool is_new = plain.insert_or_assign(filter, subscription.id).second;
        ASSERT_EQ(list.set(filter, subscription), is_new);
      }
      ASSERT_EQ(list.contains(filter), plain.contains(filter));
      expect_same(list, plain);
    }
  }
}

TEST(FilterList, TakesTheLongestFilter) {
  FilterList list;
  const std::string longest(65'535, 'f');
  EXPECT_TRUE(list.set("short", {}));
  EXPECT_TRUE(list.set(longest, {{}, 7}));
  EXPECT_EQ(list.find(longest)->id, 7U);
  EXPECT_TRUE(list.erase("short"));
  EXPECT_EQ(list.find(longest)->id, 7U);
}

}  // namespace
}  // namespace roost::session
