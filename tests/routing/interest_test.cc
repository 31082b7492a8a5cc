// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/interest.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/mqtt/topic.h"
#include "tests/routing/random_topics.h"

namespace roost::routing {
namespace {

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

TEST(SharedInterest, NobodyIsInterestedAtFirst) {
  const SharedInterest shared;
  EXPECT_EQ(shared.candidates("a/b"), 0u);
}

TEST(SharedInterest, TellsWritersApart) {
  SharedInterest shared;
  InterestWriter first(shared, 0), last(shared, 63);
  first.add("home/kitchen/temp");
  last.add("home/+/temp");
  EXPECT_EQ(shared.candidates("home/kitchen/temp"), bit(0) | bit(63));
  EXPECT_EQ(shared.candidates("home/bath/temp"), bit(63));
  EXPECT_EQ(shared.candidates("garden/temp"), 0u);
}

TEST(SharedInterest, AFilterCountsUntilItsLastRemoval) {
  SharedInterest shared;
  InterestWriter writer(shared, 5);
  for (const char* filter : {"a/b", "a/+", "a/#", "a/+/c"}) {
    for (int i = 0; i < 3; ++i) writer.add(filter);
  }
  for (const char* filter : {"a/b", "a/+", "a/#", "a/+/c"}) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(shared.candidates("a/b"), bit(5));
      writer.remove(filter);
    }
  }
  EXPECT_EQ(shared.candidates("a/b"), 0u);
}

TEST(SharedInterest, HashMatchesTheLevelBefore) {
  SharedInterest shared;
  InterestWriter writer(shared, 1);
  writer.add("sport/#");
  EXPECT_EQ(shared.candidates("sport"), bit(1));
  EXPECT_EQ(shared.candidates("sport/tennis"), bit(1));
  EXPECT_EQ(shared.candidates("sports"), 0u);
}

TEST(SharedInterest, DollarTopicsDontConcernFiltersThatBeginWithAWildcard) {
  SharedInterest shared;
  InterestWriter writer(shared, 1), system(shared, 2);
  writer.add("#");
  system.add("$SYS/#");
  EXPECT_EQ(shared.candidates("a"), bit(1));
  EXPECT_EQ(shared.candidates("$SYS/broker/uptime"), bit(2));
}

TEST(SlotInterest, IsEmptyUntilTheFirstAdd) {
  SlotInterest interest;
  EXPECT_EQ(interest.candidates("a/b"), 0u);
  interest.add("a/b", 9);
  interest.add("a/#", 63);
  EXPECT_EQ(interest.candidates("a/b"), bit(9) | bit(63));
  interest.remove("a/b", 9);
  EXPECT_EQ(interest.candidates("a/b"), bit(63));
  interest.remove("a/#", 63);
  EXPECT_EQ(interest.candidates("a/b"), 0u);
}

// Levels beyond the longest front that is told apart.
std::string deep(int levels, std::string_view last) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += "l" + std::to_string(i) + "/";
  return text += last;
}

TEST(SlotInterest, VeryDeepFiltersAreNotMissed) {
  for (int levels = 0; levels < 30; ++levels) {
    SlotInterest interest;
    interest.add(deep(levels, "#"), 1);
    interest.add(deep(levels, "+"), 2);
    interest.add(deep(levels, "x"), 3);
    EXPECT_EQ(interest.candidates(deep(levels, "x")), bit(1) | bit(2) | bit(3)) << levels;
    if (levels > 0) {
      const std::string parent = deep(levels - 1, "l" + std::to_string(levels - 1));
      EXPECT_NE(interest.candidates(parent) & bit(1), 0u) << levels;
    }
    for (const auto& [last, slot] : {std::pair{"#", 1u}, {"+", 2u}, {"x", 3u}}) {
      interest.remove(deep(levels, last), slot);
    }
    EXPECT_EQ(interest.candidates(deep(levels, "x")), 0u) << levels;
  }
}

using Entries = std::vector<std::pair<std::string, unsigned>>;

std::uint64_t wanted(const Entries& entries, std::string_view topic) {
  std::uint64_t bits = 0;
  for (const auto& [filter, slot] : entries) {
    if (mqtt::matches(filter, topic)) bits |= bit(slot);
  }
  return bits;
}

// Runs one interest through random adds and removes; after all removes nothing is left.
template <typename Add, typename Remove, typename Candidates>
void expect_no_miss(std::uint64_t seed, Add add, Remove remove, Candidates candidates) {
  RandomTopics random(seed);
  Entries entries;
  for (int i = 0; i < 5'000; ++i) {
    if (entries.size() < 200 && random.below(2) == 0) {
      entries.emplace_back(random.filter(), random.below(64));
      add(entries.back().first, entries.back().second);
    } else if (!entries.empty()) {
      std::swap(entries[random.below(static_cast<std::uint32_t>(entries.size()))], entries.back());
      remove(entries.back().first, entries.back().second);
      entries.pop_back();
    }
    const std::string topic = random.topic();
    const std::uint64_t needed = wanted(entries, topic);
    ASSERT_EQ(candidates(topic) & needed, needed) << topic << ", seed " << seed;
  }
  for (const auto& [filter, slot] : entries) remove(filter, slot);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(candidates(random.topic()), 0u);
}

TEST(SharedInterest, NeverMisses) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SharedInterest shared;
    std::vector<InterestWriter> writers;
    for (unsigned i = 0; i < 64; ++i) writers.emplace_back(shared, i);
    expect_no_miss(
        seed, [&](const auto& filter, unsigned slot) { writers[slot].add(filter); },
        [&](const auto& filter, unsigned slot) { writers[slot].remove(filter); },
        [&](const auto& topic) { return shared.candidates(topic); });
  }
}

TEST(SlotInterest, NeverMisses) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SlotInterest interest;
    expect_no_miss(
        seed, [&](const auto& filter, unsigned slot) { interest.add(filter, slot); },
        [&](const auto& filter, unsigned slot) { interest.remove(filter, slot); },
        [&](const auto& topic) { return interest.candidates(topic); });
  }
}

TEST(SharedInterest, SaysYesTooOftenOnlyRarely) {
  SharedInterest shared;
  InterestWriter writer(shared, 0);
  for (int i = 0; i < 10'000; ++i) writer.add("home/device" + std::to_string(i) + "/state");
  int wrong = 0;
  for (int i = 0; i < 10'000; ++i) {
    wrong += shared.candidates("home/device" + std::to_string(i) + "/set") != 0 ? 1 : 0;
  }
  EXPECT_LT(wrong, 600);  // 10 000 of 262 144 buckets are in use: about 4 %
}

// Two writers come and go while a third thread looks; what a writer announced (by a release) must
// be seen by whoever heard of it (by an acquire). For ThreadSanitizer as well.
TEST(SharedInterest, WhatWasAnnouncedIsSeen) {
  constexpr int kRounds = 2'000;
  SharedInterest shared;
  std::atomic<int> announced[2] = {0, 0};
  const auto write = [&](unsigned number) {
    InterestWriter writer(shared, number);
    for (int i = 1; i <= kRounds; ++i) {
      const std::string filter =
          "w" + std::to_string(number) + "/" + std::to_string(i) + (i % 2 == 0 ? "/#" : "");
      writer.add(filter);
      writer.add("both/#");
      announced[number].store(i, std::memory_order_release);
      if (i % 3 == 0) writer.remove("both/#");
    }
  };
  std::vector<std::thread> threads;
  for (unsigned number : {0u, 1u}) threads.emplace_back(write, number);
  int missed = 0;
  for (bool done = false; !done;) {
    done = true;
    for (unsigned number : {0u, 1u}) {
      const int last = announced[number].load(std::memory_order_acquire);
      done = done && last == kRounds;
      if (last == 0) continue;
      const std::string topic = "w" + std::to_string(number) + "/" + std::to_string(last);
      missed += (shared.candidates(topic) & bit(number)) == 0 ? 1 : 0;
      missed += (shared.candidates("both") & bit(number)) == 0 ? 1 : 0;
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace roost::routing
