// SPDX-License-Identifier: Apache-2.0
// What a shard has seen of each source, while applying: repeats change nothing, whoever leads, and
// across checkpoints.
#include <memory>

#include "broker/session/state_key.h"
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using support::Remains;

constexpr ShardId kFrom{3};

class Sources : public testing::Test {
 protected:
  std::unique_ptr<support::Broker> broker = std::make_unique<support::Broker>(1);

  void SetUp() override {
    Client lamp(*broker, "lamp", Hello().resume().expiry(1000));
    lamp.subscribe(Sub("t", kQos1));
    lamp.vanish();
  }
  ShardId shard() { return shard_of("lamp", kShardCountDefault); }
  routing::MessagePtr message() {
    routing::MessageParts parts;
    parts.topic = "t";
    parts.payload = as_bytes("x");
    parts.qos = kQos1;
    parts.received_ms = broker->clock().steady_ms();
    return routing::Message::make(parts);
  }
  void bring(const Record& record) {
    broker->run_on(CoreId{0}, [&] { broker->disk(CoreId{0}).bring(shard(), record); });
  }
  // Whether a message of that source was new.
  bool is_new(const Source& source) {
    const std::size_t before = broker->queued("lamp");
    bring(PublishedRecord{message(), source});
    return broker->queued("lamp") > before;
  }
  void restart() {
    broker->checkpoint();
    Remains remains = broker->crash();
    const ManualClock clock = broker->clock();
    broker = std::make_unique<support::Broker>(1, std::move(remains), clock);
  }
  std::size_t keys(StateKind kind) {
    const Remains remains = broker->crash();
    std::size_t count = 0;
    for (const auto& [key, value] : remains.shards.at(shard().value).state) {
      count += key[0] == static_cast<char>(kind);
    }
    return count;
  }
  static Source node(std::uint64_t incarnation, std::uint64_t number, std::uint16_t core = 0) {
    return Source::of_node(incarnation, CoreId{core}, number);
  }
};

TEST_F(Sources, RepeatsOfANodeChangeNothing) {
  EXPECT_TRUE(is_new(node(7, 1)));
  EXPECT_FALSE(is_new(node(7, 1)));
  EXPECT_TRUE(is_new(node(7, 5)));
  EXPECT_FALSE(is_new(node(7, 4)));
  EXPECT_TRUE(is_new(node(7, 4, 1)));  // another core
  EXPECT_TRUE(is_new(node(8, 1)));     // another process
}

// A core of a node and a shard may have the same number, and incarnations are far above lineages.
TEST_F(Sources, OfAShardAreNoRepeatsOfANodes) {
  EXPECT_TRUE(is_new(node(1'795'733'637'509, 1, kFrom.value)));
  EXPECT_TRUE(is_new(Source::of_shard(kFrom, 1, 1)));
  EXPECT_FALSE(is_new(Source::of_shard(kFrom, 1, 1)));
}

TEST_F(Sources, RetainedAndPublishedAreNumberedApart) {
  const auto kept = [this] { return broker->sum(&SessionCounters::retained); };
  EXPECT_TRUE(is_new(node(7, 5)));
  bring(RetainedRecord{message(), node(7, 4)});
  EXPECT_EQ(kept(), 1U);
  routing::MessageParts clearing;
  clearing.topic = "t";
  bring(RetainedRecord{routing::Message::make(clearing), node(7, 4)});
  EXPECT_EQ(kept(), 1U);
}

TEST_F(Sources, SurviveACheckpoint) {
  EXPECT_TRUE(is_new(node(7, 5)));
  EXPECT_TRUE(is_new(Source::of_shard(kFrom, 2, 5)));
  EXPECT_TRUE(is_new(Source::of_shard(kFrom, 0, 5)) == false);  // an older lineage
  restart();
  EXPECT_EQ(keys(StateKind::seen_from), 2U);
  EXPECT_FALSE(is_new(node(7, 5)));
  EXPECT_FALSE(is_new(Source::of_shard(kFrom, 2, 5)));
  EXPECT_TRUE(is_new(Source::of_shard(kFrom, 2, 6)));
}

TEST_F(Sources, OfANodeAloneStandAsTheyDidBefore) {
  EXPECT_TRUE(is_new(Source::of_shard(kFrom, 0, 5)));
  broker->checkpoint();
  EXPECT_EQ(keys(StateKind::seen), 1U);
  EXPECT_EQ(keys(StateKind::seen_from), 0U);
  restart();
  EXPECT_FALSE(is_new(Source::of_shard(kFrom, 0, 5)));
}

// A node that joins others: its shards get a lineage.
TEST_F(Sources, ANewLineageOfAShardBeginsAnew) {
  EXPECT_TRUE(is_new(Source::of_shard(kFrom, 0, 50)));
  broker->checkpoint();
  EXPECT_TRUE(is_new(Source::of_shard(kFrom, 1, 5)));
  EXPECT_TRUE(is_new(Source::of_shard(kFrom, 2, 5)));
  EXPECT_FALSE(is_new(Source::of_shard(kFrom, 1, 6)));
  restart();
  EXPECT_EQ(keys(StateKind::seen), 0U);
  EXPECT_EQ(keys(StateKind::seen_from), 1U);
  EXPECT_FALSE(is_new(Source::of_shard(kFrom, 1, 7)));
}

TEST_F(Sources, TheNodeThatWasSilentLongestMakesRoom) {
  EXPECT_TRUE(is_new(Source::of_shard(kFrom, 1, 5)));
  for (std::uint64_t i = 0; i < 256; ++i) EXPECT_TRUE(is_new(node(100 + i, 9)));
  EXPECT_FALSE(is_new(node(100, 9)));  // heard again
  restart();
  EXPECT_TRUE(is_new(node(1000, 1)));
  EXPECT_FALSE(is_new(node(100, 9)));
  EXPECT_TRUE(is_new(node(101, 9)));  // forgotten
  EXPECT_TRUE(is_new(node(102, 9)));  // ... for that one
  EXPECT_FALSE(is_new(node(355, 9)));
  EXPECT_FALSE(is_new(Source::of_shard(kFrom, 1, 5)));
  broker->checkpoint();
  EXPECT_EQ(keys(StateKind::seen_from), 257U);
}

}  // namespace
}  // namespace roost::session
