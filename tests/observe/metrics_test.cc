// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "broker/observe/histogram.h"
#include "broker/observe/process_numbers.h"

namespace roost::observe {
namespace {

using testing::HasSubstr;

// The text format's grammar, as far as a line goes.
void expect_exposition_format(const std::string& text) {
  static const std::regex kHelp(R"(# HELP [a-zA-Z_:][a-zA-Z0-9_:]* .+)");
  static const std::regex kType(R"(# TYPE [a-zA-Z_:][a-zA-Z0-9_:]* (counter|gauge|histogram))");
  static const std::regex kSample(
      R"re([a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="([^"\\]|\\.)*",?)+\})? )re"
      R"re(([-+]?[0-9.e+-]+|[+-]Inf|Nan))re");
  EXPECT_TRUE(text.empty() || text.back() == '\n');
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool good = std::regex_match(line, kHelp) || std::regex_match(line, kType) ||
                      std::regex_match(line, kSample);
    EXPECT_TRUE(good) << line;
  }
}

TEST(Metrics, ShowTheNumberOfTheMomentOfTheScrape) {
  Metrics metrics;
  double value = 1;
  metrics.add_counter("roost_messages_total", "Messages.", [&] { return value; });
  EXPECT_THAT(metrics.scrape(), HasSubstr("# HELP roost_messages_total Messages.\n"
                                          "# TYPE roost_messages_total counter\n"
                                          "roost_messages_total 1\n"));
  value = 12345678901;
  EXPECT_THAT(metrics.scrape(), HasSubstr("roost_messages_total 12345678901\n"));
}

TEST(Metrics, WhatSeveralNumbersAreReadFromIsFetchedOnceAScrape) {
  Metrics metrics;
  int source = 0, fetched = 0, fetches = 0;
  metrics.before_scrape([&] {
    fetched = source;
    ++fetches;
  });
  metrics.add_gauge("roost_one", "One.", [&] { return fetched; });
  metrics.add_gauge("roost_two", "Two.", [&] { return fetched + 1; });
  source = 7;
  const std::string text = metrics.scrape();
  EXPECT_NE(text.find("roost_one 7\n"), std::string::npos) << text;
  EXPECT_NE(text.find("roost_two 8\n"), std::string::npos) << text;
  EXPECT_EQ(fetches, 1);
}

TEST(Metrics, SeveralLabelsShareOneFamily) {
  Metrics metrics;
  for (const char* cause : {"expired", "queue \"full\"\n"}) {
    metrics.add_counter("roost_dropped_total", "Dropped by cause.", [] { return 2.0; },
                        {{"cause", cause}});
  }
  const std::string text = metrics.scrape();
  EXPECT_EQ(text.find("# TYPE"), text.rfind("# TYPE"));
  EXPECT_THAT(text, HasSubstr("roost_dropped_total{cause=\"expired\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(R"(roost_dropped_total{cause="queue \"full\"\n"} 2)"));
  expect_exposition_format(text);
}

TEST(Metrics, HistogramsAreCumulativeOnlyInTheText) {
  Metrics metrics;
  Histogram one({1, 10}), two({1, 10});
  for (const double value : {0.5, 1.0, 2.0}) one.observe(value);
  two.observe(100);
  metrics.add_histogram("roost_latency_ms", "Latency.", one.bounds(), [&] {
    HistogramValue sum;
    one.add_to(sum);
    two.add_to(sum);
    return sum;
  });
  const std::string text = metrics.scrape();
  EXPECT_THAT(text, HasSubstr("roost_latency_ms_bucket{le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("roost_latency_ms_bucket{le=\"10\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("roost_latency_ms_bucket{le=\"+Inf\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("roost_latency_ms_count 4\n"));
  EXPECT_THAT(text, HasSubstr("roost_latency_ms_sum 103.5\n"));
  expect_exposition_format(text);
}

TEST(Metrics, ABoundBelongsToTheBucketBelow) {
  Histogram histogram(exponential_bounds(1, 2, 3));
  EXPECT_EQ(histogram.bounds(), (std::vector<double>{1, 2, 4}));
  histogram.observe(2);
  histogram.observe(4.1);
  EXPECT_EQ(histogram.value().counts, (std::vector<std::uint64_t>{0, 1, 0, 1}));
}

TEST(Metrics, DocumentThemselves) {
  Metrics metrics;
  metrics.add_gauge("roost_sessions", "Sessions.", [] { return 0.0; }, {{"state", "connected"}});
  metrics.add_counter("roost_a_total", "First.", [] { return 0.0; });
  const auto docs = metrics.docs();
  ASSERT_EQ(docs.size(), 2u);
  EXPECT_EQ(docs[0].name, "roost_a_total");
  EXPECT_EQ(docs[1].label_names, std::vector<std::string>{"state"});
  EXPECT_EQ(metrics.markdown(),
            "| Metric | Kind | Labels | Meaning |\n| --- | --- | --- | --- |\n"
            "| `roost_a_total` | counter |  | First. |\n"
            "| `roost_sessions` | gauge | `state` | Sessions. |\n");
}

TEST(MetricsDeathTest, BreakingTheNamingRulesEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  Metrics metrics;
  const auto zero = [] { return 0.0; };
  metrics.add_gauge("roost_sessions", "Sessions.", zero);
  EXPECT_DEATH(metrics.add_counter("roost_messages", "No suffix.", zero), "_total");
  EXPECT_DEATH(metrics.add_gauge("roost-sessions", "Bad name.", zero), "CheckMetricName");
  EXPECT_DEATH(metrics.add_gauge("roost_sessions", "Sessions.", zero), "labels");
  EXPECT_DEATH(metrics.add_gauge("roost_sessions", "Other help.", zero, {{"a", "b"}}), "help");
}

TEST(ProcessNumbers, AreThoseOfThisProcess) {
  const ProcessNumbers numbers = read_process_numbers();
  EXPECT_GT(numbers.resident_bytes, 1u << 20);
  EXPECT_GT(numbers.virtual_bytes, numbers.resident_bytes);
  EXPECT_GE(numbers.threads, 1u);
  EXPECT_GE(numbers.open_files, 3u);
  EXPECT_GT(numbers.open_files_max, numbers.open_files);
  EXPECT_GT(numbers.start_time_s, 1.6e9);
}

TEST(ProcessNumbers, StandInTheScrapeUnderTheirUsualNames) {
  Metrics metrics;
  add_process_metrics(metrics);
  const std::string text = metrics.scrape();
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_open_fds", "process_start_time_seconds"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + name + " "));
  }
  expect_exposition_format(text);
}

}  // namespace
}  // namespace roost::observe
