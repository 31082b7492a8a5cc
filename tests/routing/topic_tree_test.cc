// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/topic_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/routing/random_topics.h"

namespace roost::routing {
namespace {

// Any distinct addresses do.
void* owner(std::uintptr_t number) {
  static char places[32'768];
  return &places[number];
}

Subscriber subscriber(std::uintptr_t number, std::uint32_t id = 0) {
  return {owner(number), id, {}};
}

std::vector<std::uint32_t> ids(const TopicTree& tree, std::string_view topic) {
  std::vector<std::uint32_t> found;
  tree.match(topic, [&](const Subscriber& s) { found.push_back(s.subscription_id); });
  std::sort(found.begin(), found.end());
  return found;
}

using Ids = std::vector<std::uint32_t>;

// One filter, one topic.
bool tree_matches(std::string_view filter, std::string_view topic) {
  TopicTree tree;
  tree.insert(filter, subscriber(1, 7));
  const bool any = tree.matches_any(topic);
  EXPECT_EQ(ids(tree, topic), any ? Ids{7} : Ids{});
  return any;
}

TEST(TopicTree, MatchesAsTheSpecificationSays) {
  EXPECT_TRUE(tree_matches("sport/tennis/player1/#", "sport/tennis/player1"));
  EXPECT_TRUE(tree_matches("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
  EXPECT_TRUE(tree_matches("sport/#", "sport"));
  EXPECT_TRUE(tree_matches("#", "sport"));
  EXPECT_TRUE(tree_matches("#", "/"));
  EXPECT_TRUE(tree_matches("sport/tennis/+", "sport/tennis/player1"));
  EXPECT_FALSE(tree_matches("sport/tennis/+", "sport/tennis/player1/ranking"));
  EXPECT_FALSE(tree_matches("sport/+", "sport"));
  EXPECT_TRUE(tree_matches("sport/+", "sport/"));
  EXPECT_TRUE(tree_matches("+/+", "/finance"));
  EXPECT_TRUE(tree_matches("/+", "/finance"));
  EXPECT_FALSE(tree_matches("+", "/finance"));
  EXPECT_TRUE(tree_matches("+/#", "a"));
  EXPECT_TRUE(tree_matches("+/+/#", "a/b"));
  EXPECT_FALSE(tree_matches("ACCOUNTS", "Accounts"));
  EXPECT_FALSE(tree_matches("a/b", "a/b/c"));
  EXPECT_FALSE(tree_matches("a/b/c", "a/b"));
}

TEST(TopicTree, WildcardsAtTheFirstLevelDontMatchDollarTopics) {
  EXPECT_FALSE(tree_matches("#", "$SYS/broker/uptime"));
  EXPECT_FALSE(tree_matches("+/broker/uptime", "$SYS/broker/uptime"));
  EXPECT_FALSE(tree_matches("+/#", "$SYS"));
  EXPECT_TRUE(tree_matches("$SYS/#", "$SYS/broker/uptime"));
  EXPECT_TRUE(tree_matches("$SYS/+/uptime", "$SYS/broker/uptime"));
  EXPECT_TRUE(tree_matches("a/+", "a/$b"));
}

// A node's first child is reached without a probe, the others by one, in whatever order they go.
TEST(TopicTree, ChildrenAreFoundWhicheverCameOrWentFirst) {
  for (const std::string gone : {"a", "b", "c"}) {
    TopicTree tree;
    for (const std::string level : {"a", "b", "c"}) tree.insert("x/" + level + "/+", subscriber(1));
    tree.erase("x/" + gone + "/+", owner(1));
    for (const std::string level : {"a", "b", "c"}) {
      EXPECT_EQ(tree.matches_any("x/" + level + "/y"), level != gone) << level << " and " << gone;
    }
    tree.insert("x/" + gone + "/+", subscriber(1));
    EXPECT_TRUE(tree.matches_any("x/" + gone + "/y"));
  }
}

TEST(TopicTree, AnOwnerStandsOnceInAFilter) {
  TopicTree tree;
  for (const char* filter : {"a/b", "a/+", "a/#"}) {
    EXPECT_TRUE(tree.insert(filter, subscriber(1, 1)));
    EXPECT_FALSE(tree.insert(filter, subscriber(1, 2)));
    EXPECT_TRUE(tree.insert(filter, subscriber(2, 3)));
  }
  EXPECT_EQ(ids(tree, "a/b"), (Ids{2, 2, 2, 3, 3, 3}));
  EXPECT_EQ(tree.size(), 6u);
  EXPECT_EQ(tree.filter_count(), 3u);
}

TEST(TopicTree, ErasesOnlyWhoWasThere) {
  TopicTree tree;
  for (const char* filter : {"a/b", "a/+", "a/#", "+/b"}) tree.insert(filter, subscriber(1, 1));
  EXPECT_FALSE(tree.erase("a/b", owner(2)));
  EXPECT_FALSE(tree.erase("a/c", owner(1)));
  EXPECT_FALSE(tree.erase("a", owner(1)));
  EXPECT_FALSE(tree.erase("#", owner(1)));
  EXPECT_FALSE(tree.erase("+", owner(1)));
  EXPECT_TRUE(tree.erase("a/#", owner(1)));
  EXPECT_FALSE(tree.erase("a/#", owner(1)));
  EXPECT_EQ(ids(tree, "a/b"), (Ids{1, 1, 1}));
}

TEST(TopicTree, OptionsAndIdsComeBackAsGiven) {
  TopicTree tree;
  Subscriber given{owner(9),
                   0x0FFFFFFF,
                   {mqtt::Qos::exactly_once, true, true, mqtt::RetainHandling::do_not_send}};
  tree.insert("a/+", given);
  int calls = 0;
  tree.match("a/b", [&](const Subscriber& found) {
    ++calls;
    EXPECT_EQ(found.owner, given.owner);
    EXPECT_EQ(found.subscription_id, given.subscription_id);
    EXPECT_EQ(found.options, given.options);
  });
  EXPECT_EQ(calls, 1);
}

TEST(TopicTree, ThousandsShareAFilter) {
  constexpr std::uint32_t kCount = 20'000;
  for (const char* filter : {"news/today", "news/+"}) {
    TopicTree tree;
    const std::size_t empty = tree.memory_size();
    for (std::uint32_t i = 1; i <= kCount; ++i) EXPECT_TRUE(tree.insert(filter, subscriber(i, i)));
    EXPECT_EQ(tree.filter_count(), 1u);
    Ids expected;
    for (std::uint32_t i = 1; i <= kCount; ++i) {
      if (i % 3 == 0) {
        expected.push_back(i);
      } else {
        EXPECT_TRUE(tree.erase(filter, owner(i)));
      }
    }
    EXPECT_EQ(ids(tree, "news/today"), expected);
    for (const std::uint32_t i : expected) EXPECT_TRUE(tree.erase(filter, owner(i)));
    EXPECT_EQ(tree.size(), 0u);
    EXPECT_EQ(tree.memory_size(), empty);
  }
}

std::string repeated(std::string_view level, std::size_t count, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) (text += level) += '/';
  return text += last;
}

TEST(TopicTree, TopicsDeeperThanTheDefaultLimitMatch) {
  TopicTree tree;
  tree.insert(repeated("a", 1000, "#"), subscriber(1, 1));
  tree.insert(repeated("+", 1000, "a"), subscriber(1, 2));
  tree.insert(repeated("a", 1000, "+"), subscriber(1, 3));
  tree.insert(repeated("+", 1001, "a"), subscriber(1, 4));
  EXPECT_EQ(ids(tree, repeated("a", 1000, "a")), (Ids{1, 2, 3}));
}

// Filters that share nothing and each go on for a hundred levels: a publish visits every node at
// most once. 2^13 filters of `a` and `+` fork at every level.
TEST(TopicTree, FilterBombsStayBounded) {
  TopicTree tree;
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    tree.insert(repeated("+", 100, "n" + std::to_string(i)), subscriber(i + 1, i));
  }
  EXPECT_EQ(ids(tree, repeated("x", 100, "n77")), Ids{77});
  TopicTree forks;
  for (std::uint32_t bits = 0; bits < 1U << 13; ++bits) {
    std::string filter;
    for (unsigned level = 0; level < 13; ++level) filter += (bits >> level & 1) ? "a/" : "+/";
    forks.insert(filter + "#", subscriber(1, bits));
  }
  EXPECT_EQ(ids(forks, repeated("a", 40, "a")).size(), std::size_t{1} << 13);
}

TEST(TopicTree, GivesAllMemoryBackWhenTheLastFilterGoes) {
  TopicTree tree;
  const std::size_t empty = tree.memory_size();
  std::vector<std::string> filters;
  for (int i = 0; i < 5000; ++i) {
    const std::string n = "n" + std::to_string(i);
    filters.insert(filters.end(), {"bench/+/" + n, n + "/+/x", "a/" + n + "/#", "home/" + n,
                                   "a/level/of/more/than/thirty-six/bytes/" + n});
  }
  for (const auto& filter : filters) tree.insert(filter, subscriber(1));
  EXPECT_EQ(tree.filter_count(), filters.size());
  EXPECT_GT(tree.memory_size(), empty);
  for (const auto& filter : filters) EXPECT_TRUE(tree.erase(filter, owner(1)));
  EXPECT_EQ(tree.filter_count(), 0u);
  EXPECT_EQ(tree.memory_size(), empty);
}

TEST(TopicTree, AWildcardFilterOfThreeLevelsTakesLessThan300Bytes) {
  for (const char* shape : {"bench/+/n%", "n%/+/x", "a/%/#"}) {
    TopicTree tree;
    for (int i = 0; i < 100'000; ++i) {
      std::string filter = shape;
      filter.replace(filter.find('%'), 1, std::to_string(i));
      tree.insert(filter, subscriber(1));
    }
    EXPECT_EQ(tree.filter_count(), 100'000u);
    EXPECT_LT(tree.memory_size() / 100'000, 300u) << shape;
  }
}

// The tree beside a plain list of filters.
class Model {
 public:
  bool insert(const std::string& filter, const Subscriber& subscriber) {
    return filters_[filter].insert_or_assign(subscriber.owner, subscriber).second;
  }
  bool erase(const std::string& filter, void* owner) {
    const auto at = filters_.find(filter);
    if (at == filters_.end() || at->second.erase(owner) == 0) return false;
    if (at->second.empty()) filters_.erase(at);
    return true;
  }
  Ids ids(std::string_view topic) const {
    Ids found;
    for (const auto& [filter, owners] : filters_) {
      if (!mqtt::matches(filter, topic)) continue;
      for (const auto& [owner, entry] : owners) found.push_back(entry.subscription_id);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  std::size_t filter_count() const { return filters_.size(); }

 private:
  std::map<std::string, std::map<void*, Subscriber>> filters_;
};

void run_beside_model(std::uint64_t seed, int operations, std::uint32_t owners) {
  RandomTopics random(seed);
  TopicTree tree;
  Model model;
  std::vector<std::pair<std::string, std::uint32_t>> entries;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(operations); ++i) {
    const std::uint32_t kind = random.below(20);
    if (kind < 8 && entries.size() < 400) {
      entries.emplace_back(random.filter(), 1 + random.below(owners));
      const auto& [filter, who] = entries.back();
      ASSERT_EQ(tree.insert(filter, subscriber(who, i)), model.insert(filter, subscriber(who, i)));
    } else if (kind < 16 && !entries.empty()) {
      std::swap(entries[random.below(static_cast<std::uint32_t>(entries.size()))], entries.back());
      const auto [filter, who] = entries.back();
      entries.pop_back();
      ASSERT_EQ(tree.erase(filter, owner(who)), model.erase(filter, owner(who))) << filter;
    } else {
      const std::string topic = random.topic();
      const Ids expected = model.ids(topic);
      ASSERT_EQ(ids(tree, topic), expected) << topic << ", seed " << seed;
      ASSERT_EQ(tree.matches_any(topic), !expected.empty());
    }
    ASSERT_EQ(tree.filter_count(), model.filter_count());
  }
}

TEST(TopicTree, AgreesWithTheNaiveMatcherOnRandomOperations) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) run_beside_model(seed, 8'000, 3);
  for (std::uint64_t seed = 11; seed <= 20; ++seed) run_beside_model(seed, 2'000, 60);
}

TEST(TopicTree, TwoTreesBuiltAlikeAnswerInTheSameOrder) {
  RandomTopics random(5);
  TopicTree one, two;
  for (std::uint32_t i = 0; i < 500; ++i) {
    const std::string filter = random.filter();
    one.insert(filter, subscriber(1 + i % 7, i));
    two.insert(filter, subscriber(1 + i % 7, i));
  }
  for (int i = 0; i < 200; ++i) {
    const std::string topic = random.topic();
    Ids first, second;
    one.match(topic, [&](const Subscriber& s) { first.push_back(s.subscription_id); });
    two.match(topic, [&](const Subscriber& s) { second.push_back(s.subscription_id); });
    EXPECT_EQ(first, second);
  }
}

}  // namespace
}  // namespace roost::routing
