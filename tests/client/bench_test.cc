// SPDX-License-Identifier: Apache-2.0
// The load generator's plan, its options and what it reports.
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "broker/cli/bench/flow.h"
#include "broker/cli/bench/process_stats.h"
#include "broker/cli/bench/report.h"
#include "broker/mqtt/topic.h"

namespace roost::cli::bench {
namespace {

Options options_for(Mode mode) {
  Options options;
  options.mode = mode;
  EXPECT_TRUE(set_defaults(options));
  return options;
}

TEST(BenchOptions, EveryModeHasDefaultsThatWork) {
  for (const std::string& name : mode_names()) {
    Options options;
    options.mode = mode_of(name);
    EXPECT_TRUE(set_defaults(options)) << name;
  }
}

TEST(BenchOptions, NoSubscriberOfMosquittoIsOwedMoreThanItQueues) {
  constexpr std::uint32_t kQueue = 1000;
  for (const Mode mode : {Mode::fan_in, Mode::verify, Mode::pairs, Mode::fan_out}) {
    const Options options = options_for(mode);
    const bool all = mode == Mode::fan_in || mode == Mode::verify;
    EXPECT_LE(options.window * (all ? options.publishers : 1), kQueue);
  }
}

TEST(BenchOptions, WhatAModeCantDoIsRefused) {
  Options pairs;
  pairs.mode = Mode::pairs;
  pairs.publishers = 3;
  pairs.subscribers = 4;
  EXPECT_FALSE(set_defaults(pairs));
  Options fan_in;
  fan_in.mode = Mode::fan_in;
  fan_in.subscribers = 2;
  EXPECT_FALSE(set_defaults(fan_in));
  Options qos;
  qos.qos = 3;
  EXPECT_FALSE(set_defaults(qos));
  for (const Mode mode : {Mode::pairs, Mode::verify}) {
    Options mixed, urls;
    mixed.mode = urls.mode = mode;
    mixed.is_mixed = true;
    urls.urls = {"mqtt://localhost"};
    EXPECT_EQ(set_defaults(mixed).has_value(), mode == Mode::verify);
    EXPECT_EQ(set_defaults(urls).has_value(), mode == Mode::verify);
    Options elsewhere;
    elsewhere.mode = mode;
    elsewhere.subscriber_port = 1884;
    EXPECT_EQ(set_defaults(elsewhere).has_value(), mode == Mode::pairs);
  }
}

TEST(BenchPlan, EveryTopicReachesAsManySubscribersAsPlanned) {
  for (const Mode mode : {Mode::fan_in, Mode::fan_out, Mode::pairs}) {
    Options options;
    options.mode = mode;
    options.publishers = mode == Mode::fan_out ? 1 : 7;
    options.subscribers = mode == Mode::fan_in ? 1 : 7;
    options.threads = 2;
    ASSERT_TRUE(set_defaults(options));
    const Plan plan = make_plan(options);
    for (std::uint32_t i = 0; i < plan.publishers.size(); ++i) {
      std::uint32_t receivers = 0;
      for (const SubscriberPlan& subscriber : plan.subscribers) {
        const bool matched = mqtt::matches(subscriber.filters[0], plan.publishers[i].topics[0]);
        const bool expected = i >= subscriber.first_publisher &&
                              i < subscriber.first_publisher + subscriber.publishers;
        EXPECT_EQ(matched, expected);
        receivers += matched ? 1 : 0;
      }
      EXPECT_EQ(receivers, plan.publishers[i].receivers);
    }
  }
}

TEST(BenchPlan, WildcardFiltersAreDistinctAndEachIsHitByItsOwnTopicOnly) {
  Options options;
  options.mode = Mode::wildcards;
  options.count = 1000;
  options.publishers = 10;
  ASSERT_TRUE(set_defaults(options));
  const Plan plan = make_plan(options);
  std::set<std::string> filters;
  for (std::size_t i = 0; i < plan.subscribers.size(); ++i) {
    ASSERT_EQ(plan.subscribers[i].filters.size(), plan.publishers[i].topics.size());
    for (std::size_t n = 0; n < plan.subscribers[i].filters.size(); ++n) {
      const std::string& filter = plan.subscribers[i].filters[n];
      EXPECT_TRUE(filters.insert(filter).second);
      EXPECT_TRUE(mqtt::TopicFilter::parse(filter)->has_wildcard());
      EXPECT_TRUE(mqtt::matches(filter, plan.publishers[i].topics[n]));
    }
  }
  EXPECT_EQ(filters.size(), 1000U);
  EXPECT_FALSE(mqtt::matches(plan.subscribers[0].filters[0], plan.publishers[1].topics[0]));
}

TEST(BenchStamp, IsReadBackOnlyByItsOwnRun) {
  const Stamp written{.run = 7, .publisher = 3, .number = 1'000'000, .due_ns = 42};
  const ByteView payload(reinterpret_cast<const std::uint8_t*>(&written), sizeof written);
  Stamp read;
  EXPECT_TRUE(read_stamp(payload, 7, read));
  EXPECT_EQ(read.number, 1'000'000U);
  EXPECT_FALSE(read_stamp(payload, 8, read));
  EXPECT_FALSE(read_stamp(payload.first(10), 7, read));
}

TEST(ProcessStats, ReadTimesBehindAnyName) {
  EXPECT_EQ(ticks_in_stat("12 (a b) c)) S 1 2 3 4 5 6 7 8 9 10 100 23 0 0"), 123U);
  EXPECT_EQ(ticks_in_stat("nonsense"), 0U);
}

TEST(ProcessStats, ASpinningProcessUsesCpu) {
  const auto before = sample_process(getpid());
  ASSERT_TRUE(before);
  volatile std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 20'000'000; ++i) sum = sum + i;
  const auto after = sample_process(getpid());
  EXPECT_GT(cpu_between_ns(*before, *after), 1'000'000U);
  EXPECT_GT(after->rss_bytes, 0U);
}

TEST(ProcessStats, ThreadsThatEndedAreFoundInTheCoarseClock) {
  ProcessSample before, after;
  before.cpu_ns = 900'000'000;
  before.cpu_ticks_ns = 1'000'000'000;
  after.cpu_ns = 100'000'000;  // a thread took 800 ms with it
  after.cpu_ticks_ns = 1'500'000'000;
  EXPECT_EQ(cpu_between_ns(before, after), 500'000'000U);
}

TEST(ProcessStats, NobodyThereIsNotFound) {
  EXPECT_EQ(sample_process(0x7FFFFFF0).error().kind, ErrorKind::not_found);
}

TEST(Report, SaysTheSameAsTableAndAsJson) {
  Report report;
  report.text("mode", "mode", "a \"b\"");
  report.count("delivered", "delivered", 1'234'567);
  report.number("cpu", "CPU per delivery", 1.25, 2, "us");
  EXPECT_EQ(report.json(), "{\"mode\": \"a \\\"b\\\"\", \"delivered\": 1234567, \"cpu\": 1.25}\n");
  EXPECT_EQ(report.table(),
            "  mode              a \"b\"\n"
            "  delivered         1 234 567\n"
            "  CPU per delivery  1.25 us\n");
}

}  // namespace
}  // namespace roost::cli::bench
