// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/interest_feed.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/mqtt/topic.h"
#include "tests/routing/random_topics.h"

namespace roost::routing {
namespace {

using Kind = InterestChange::Kind;

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

// A node's tables with its feed.
struct Source : FeedReader {
  Source() { feed.use(*this); }
  void on_feed() override { ++told; }
  std::unique_ptr<InterestWriter> lead(ShardId shard, std::uint64_t epoch) {
    feed.begin(shard, epoch);
    return std::make_unique<InterestWriter>(shards, shard.value, feed,
                                            static_cast<InterestOwner>(shard.value));
  }

  SharedInterest shards, volatiles;
  InterestFeed feed{shards, volatiles};
  std::atomic<int> told{0};  // on_feed comes on the thread that changes something
};

// What another node makes of it: volatile filters are bit 7 of its `nodes`.
struct Copy {
  void apply(const InterestChanges& changes) {
    for (const InterestChange& one : changes) {
      const bool of_node = one.owner == kVolatiles;
      SharedInterest& table = of_node ? nodes : shards;
      const std::uint64_t mask = of_node ? bit(7) : bit(one.owner);
      const auto value = static_cast<std::uint32_t>(one.value);
      switch (one.kind) {
        case Kind::on:
          table.set(value, mask);
          break;
        case Kind::off:
          table.clear(value, mask);
          break;
        case Kind::depths:
          table.add_depths(value);
          break;
        case Kind::leads:
          epochs[one.owner] = one.value;
          break;
        case Kind::ends:
          epochs.erase(one.owner);
          table.clear_everywhere(mask);
          break;
      }
    }
  }

  SharedInterest shards, nodes;
  std::map<InterestOwner, std::uint64_t> epochs;
};

std::map<std::uint32_t, std::uint64_t> bits_of(const SharedInterest& table) {
  std::map<std::uint32_t, std::uint64_t> bits;
  table.for_each(~std::uint64_t{0},
                 [&](std::uint32_t bucket, std::uint64_t found) { bits.emplace(bucket, found); });
  return bits;
}

TEST(InterestFeed, AShardIsSaidWhenAllItsFiltersAreDown) {
  Source source;
  const auto writer = source.lead(ShardId{3}, 9);
  writer->add("home/+");
  writer->add("home/#");  // the same front: the same bucket
  EXPECT_EQ(source.feed.take().changes, (InterestChanges{{Kind::depths, 3, bit(31) | bit(1)}}));
  source.feed.lead(ShardId{3});
  const InterestChanges said = source.feed.take().changes;
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0], (InterestChange{Kind::leads, 3, 9}));
  EXPECT_EQ(said[1].kind, Kind::on);
  writer->remove("home/+");
  EXPECT_TRUE(source.feed.take().changes.empty());
  writer->remove("home/#");
  EXPECT_EQ(source.feed.take().changes, (InterestChanges{{Kind::off, 3, said[1].value}}));
}

TEST(InterestFeed, AShardThatIsLedNoMoreIsOffAndSaidSo) {
  Source source;
  const auto writer = source.lead(ShardId{3}, 9);
  writer->add("a");
  source.feed.lead(ShardId{3});
  EXPECT_EQ(source.feed.own_shards(), bit(3));
  source.feed.take();
  source.feed.end(ShardId{3});
  EXPECT_EQ(source.feed.take().changes, (InterestChanges{{Kind::ends, 3, 0}}));
  EXPECT_EQ(source.shards.candidates("a"), 0u);
  EXPECT_EQ(source.feed.own_shards(), 0u);
  // Never said that it leads; the end is said all the same: what others had put there is gone.
  const auto again = source.lead(ShardId{3}, 10);
  again->add("b");
  source.feed.end(ShardId{3});
  EXPECT_EQ(source.feed.take().changes, (InterestChanges{{Kind::ends, 3, 0}}));
}

TEST(InterestFeed, AShardWhoseBitChangesHandsIsUnsureMeanwhile) {
  Source source;
  EXPECT_EQ(source.feed.unsure_shards(), 0u);
  const std::uint64_t before = source.feed.turnovers();
  const auto writer = source.lead(ShardId{3}, 9);
  EXPECT_EQ(source.feed.unsure_shards(), bit(3));
  EXPECT_NE(source.feed.turnovers(), before);
  source.feed.lead(ShardId{3});
  EXPECT_EQ(source.feed.unsure_shards(), 0u);
  source.feed.end(ShardId{3});
  EXPECT_EQ(source.feed.unsure_shards(), bit(3));
  source.feed.forget(ShardId{3});
  EXPECT_EQ(source.feed.unsure_shards(), 0u);
}

TEST(InterestFeed, BeginningClearsWhatOthersHadPutThere) {
  Source source;
  source.shards.add_depths(bit(31));
  source.shards.set(5, bit(3) | bit(4));
  EXPECT_TRUE(source.feed.unless_own(ShardId{3}, [] {}));
  const auto writer = source.lead(ShardId{3}, 1);
  EXPECT_EQ(bits_of(source.shards), (std::map<std::uint32_t, std::uint64_t>{{5, bit(4)}}));
  EXPECT_FALSE(source.feed.unless_own(ShardId{3}, [] { FAIL(); }));
}

TEST(InterestFeed, VolatileFiltersOfAllCoresCountTogether) {
  Source source;
  InterestWriter first(source.volatiles, 0, source.feed, kVolatiles);
  InterestWriter second(source.volatiles, 1, source.feed, kVolatiles);
  first.add("a/b");
  const InterestChanges begun = source.feed.take().changes;
  ASSERT_EQ(begun.size(), 2u);  // depths, then the bucket
  EXPECT_EQ(begun[0].kind, Kind::depths);
  second.add("a/b");
  first.remove("a/b");
  // The second writer says its depths too, which are known.
  EXPECT_TRUE(source.feed.take().changes.empty());
  second.remove("a/b");
  EXPECT_EQ(source.feed.take().changes, (InterestChanges{{Kind::off, kVolatiles, begun[1].value}}));
}

TEST(InterestFeed, TheReaderIsToldOnceUntilItLooks) {
  Source source;
  InterestWriter writer(source.volatiles, 0, source.feed, kVolatiles);
  writer.add("a");
  writer.add("b");
  EXPECT_EQ(source.told, 1);
  source.feed.take();
  writer.add("c");
  EXPECT_EQ(source.told, 2);
}

TEST(InterestFeed, AVersionCountsWhatWasDoneBefore) {
  Source source;
  InterestWriter writer(source.volatiles, 0, source.feed, kVolatiles);
  writer.add("a");
  const std::uint64_t version = source.feed.version();
  EXPECT_GT(version, 0u);
  EXPECT_EQ(source.feed.take().version, version);
  writer.add("a");
  EXPECT_EQ(source.feed.version(), version);  // no bit changed
}

// Filters come and go, shards begin and end; one copy hears everything, others join now and then.
void expect_equal_copies(std::uint64_t seed) {
  Source source;
  RandomTopics random(seed);
  std::mt19937_64 dice(seed);
  std::vector<InterestWriter> cores;
  for (unsigned i = 0; i < 2; ++i) cores.emplace_back(source.volatiles, i, source.feed, kVolatiles);
  std::map<std::uint16_t, std::unique_ptr<InterestWriter>> led;
  std::map<std::uint16_t, std::vector<std::string>> filters;  // by shard, by 100 + core
  std::vector<std::unique_ptr<Copy>> copies;
  copies.push_back(std::make_unique<Copy>());
  for (int step = 0; step < 2'000; ++step) {
    const auto shard = static_cast<std::uint16_t>(dice() % 4);
    const auto core = static_cast<std::uint16_t>(dice() % 2);
    const bool durable = dice() % 2 == 0 && led.contains(shard);
    InterestWriter& writer = durable ? *led[shard] : cores[core];
    auto& own = filters[durable ? shard : static_cast<std::uint16_t>(100 + core)];
    switch (dice() % 16) {
      case 0:
        if (!led.contains(shard)) {
          led[shard] = source.lead(ShardId{shard}, static_cast<std::uint64_t>(step + 1));
          led[shard]->add(filters[shard].emplace_back(random.filter()));
          source.feed.lead(ShardId{shard});
        } else {
          source.feed.end(ShardId{shard});
          led.erase(shard);
          filters.erase(shard);
        }
        break;
      case 1: {
        auto whole = source.feed.take_whole();
        for (auto& copy : copies) copy->apply(whole.since.changes);
        copies.push_back(std::make_unique<Copy>());
        copies.back()->apply(whole.all);
        if (copies.size() > 4) copies.erase(copies.begin() + 1);
        break;
      }
      default:
        if (own.size() > 5 && dice() % 2 == 0) {
          writer.remove(own.back());
          own.pop_back();
        } else {
          writer.add(own.emplace_back(random.filter()));
        }
    }
  }
  const auto last = source.feed.take();
  for (auto& copy : copies) {
    copy->apply(last.changes);
    EXPECT_EQ(bits_of(copy->shards), bits_of(source.shards)) << "seed " << seed;
    for (int i = 0; i < 200; ++i) {
      const std::string topic = random.topic();
      EXPECT_EQ(copy->nodes.candidates(topic) != 0, source.volatiles.candidates(topic) != 0)
          << topic << ", seed " << seed;
      EXPECT_EQ(copy->shards.candidates(topic), source.shards.candidates(topic)) << topic;
    }
    EXPECT_EQ(copy->epochs.size(), led.size());
  }
}

TEST(InterestFeed, CopiesComeToTheSame) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) expect_equal_copies(seed);
}

// Two cores share buckets while a third thread reads the feed. For ThreadSanitizer as well.
TEST(InterestFeed, TheOrderOfChangesIsTheOrderOfTheBits) {
  constexpr int kRounds = 3'000;
  Source source;
  const auto write = [&](unsigned core) {
    InterestWriter writer(source.volatiles, core, source.feed, kVolatiles);
    for (int i = 0; i < kRounds; ++i) {
      const std::string filter = "t/" + std::to_string(i % 3);
      writer.add(filter);
      if (i % 3 != 2 || i + 3 < kRounds) writer.remove(filter);
    }
  };
  Copy copy;
  std::vector<std::thread> threads;
  for (unsigned core : {0u, 1u}) threads.emplace_back(write, core);
  for (int i = 0; i < 100; ++i) copy.apply(source.feed.take().changes);
  for (std::thread& thread : threads) thread.join();
  copy.apply(source.feed.take().changes);
  for (int i = 0; i < 3; ++i) {
    const std::string topic = "t/" + std::to_string(i);
    EXPECT_EQ(copy.nodes.candidates(topic) != 0, source.volatiles.candidates(topic) != 0) << topic;
  }
  EXPECT_NE(source.volatiles.candidates("t/2"), 0u);
}

}  // namespace
}  // namespace roost::routing
