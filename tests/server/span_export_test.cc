// SPDX-License-Identifier: Apache-2.0
// What becomes of spans on their way out.
#include "broker/server/span_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/server/otel_check.h"
#include "tests/support/vector_log.h"

namespace roost::server {
namespace {

using observe::Span;
using observe::SpanQueue;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kAll = std::uint64_t{1} << 32;

class Export : public testing::Test {
 protected:
  void put(int count, const std::string& topic = "t") {
    for (int i = 0; i < count; ++i) {
      Span span;
      span.trace = {1, 2};
      span.id = 3;
      span.name = "publish";
      span.topic = topic;
      queue.push(span, 0);
    }
  }
  static std::size_t spans_in(const std::string& body) {
    std::size_t count = 0;
    for (auto at = body.find("\"spanId\""); at != body.npos; at = body.find("\"spanId\"", at + 1)) {
      ++count;
    }
    return count;
  }
  static Result<auth::WebAnswer> answer(unsigned status, const std::string& body = "{}",
                                        std::uint32_t retry_after_s = 0) {
    return auth::WebAnswer{status, body, retry_after_s};
  }
  static SpanExportSettings settings() {
    SpanExportSettings made;
    made.interval_ms = 1000;
    made.resource = {"roost", "n1", "1"};
    made.origin = "http://collector:4318";
    return made;
  }
  // The first time from `now_ms` on at which something is sent.
  SteadyMs next(SteadyMs now_ms) {
    for (SteadyMs at = now_ms; at < now_ms + 1'000'000; at += 10) {
      if (out.take(at, false)) return at;
    }
    return -1;
  }

  SpanQueue queue{10'000, 0};
  support::VectorLog log;
  SpanExport out{settings(), queue, log, 1};
};

TEST_F(Export, SendsBatchesOf512AndTheRestWithTime) {
  put(600);
  const auto first = out.take(0, false);
  ASSERT_TRUE(first);
  EXPECT_EQ(spans_in(*first), 512u);
  out.on_answer(10, answer(200));
  EXPECT_FALSE(out.take(20, false)) << "88 wait for others";
  const auto rest = out.take(1000, false);
  ASSERT_TRUE(rest);
  EXPECT_EQ(spans_in(*rest), 88u);
  out.on_answer(1010, answer(200, ""));
  EXPECT_EQ(queue.counters().exported, 600u);
  EXPECT_TRUE(out.is_idle());
  EXPECT_FALSE(out.take(9000, false));
  put(1);
  EXPECT_TRUE(out.take(9001, true)) << "a last word goes at once";
}

TEST_F(Export, KeepsABatchUnderAMegabyte) {
  put(512, std::string(1024, 'x'));
  std::size_t all = 0;
  for (SteadyMs now = 0; all < 512; now += 1000) {
    const auto body = out.take(now, false);
    ASSERT_TRUE(body);
    EXPECT_LE(body->size(), SpanExportSettings::kBodyMax);
    all += spans_in(*body);
    out.on_answer(now, answer(200));
  }
  EXPECT_EQ(queue.counters().exported, 512u);
  EXPECT_GT(queue.counters().requests, 3u);
}

TEST_F(Export, TriesTheSameAgainLaterAndLater) {
  put(3);
  ASSERT_TRUE(out.take(0, false));
  SteadyMs now = 0, last_wait = 0;
  for (int i = 0; i < 12; ++i) {
    out.on_answer(now, i % 2 == 0 ? answer(503) : error(ErrorKind::unavailable, "no answer"));
    const SteadyMs at = next(now);
    ASSERT_GT(at, now);
    EXPECT_LE(at - now, SpanExportSettings::kRetryMaxMs);
    EXPECT_TRUE(i > 0 || at - now <= SpanExportSettings::kRetryMs);
    last_wait = at - now;
    now = at;
  }
  EXPECT_GE(last_wait, SpanExportSettings::kRetryMaxMs / 2);
  out.on_answer(now, answer(200));
  EXPECT_EQ(queue.counters().exported, 3u);
  EXPECT_EQ(queue.counters().failures, 12u);
}

TEST_F(Export, ABusyCollectorSaysWhen) {
  put(1);
  for (const unsigned status : {429U, 502U, 503U, 504U}) {
    const SteadyMs now = next(status * 1'000'000);
    ASSERT_GE(now, 0);
    out.on_answer(now, answer(status, "", 120));
    EXPECT_FALSE(out.take(now + 119'999, true));
    EXPECT_EQ(queue.counters().exported, 0u);
  }
  const SteadyMs now = next(9'000'000'000);
  out.on_answer(now, answer(503, "", 1'000'000));
  EXPECT_EQ(next(now), now + SpanExportSettings::kRetryAfterMaxMs) << "not for ever";
}

TEST_F(Export, GivesUpWhatIsRefusedAndCountsIt) {
  put(2);
  ASSERT_TRUE(out.take(0, false));
  out.on_answer(0, answer(400));
  EXPECT_EQ(queue.counters().refused, 2u);
  put(5);
  ASSERT_TRUE(out.take(1000, false));
  out.on_answer(1000,
                answer(200, R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}})"));
  EXPECT_EQ(queue.counters().refused, 5u);
  EXPECT_EQ(queue.counters().exported, 2u);
  for (const char* body : {"", "no JSON", "[]", R"({"partialSuccess":null})",
                           R"({"partialSuccess":{"rejectedSpans":-1}})"}) {
    put(1);
    ASSERT_TRUE(out.take(100'000, true)) << body;
    out.on_answer(100'000, answer(200, body));
  }
  EXPECT_EQ(queue.counters().exported, 7u);
  put(1);
  ASSERT_TRUE(out.take(200'000, true));
  out.on_answer(200'000, error(ErrorKind::invalid_argument, "a header that can't be"));
  EXPECT_TRUE(out.is_idle());
}

TEST_F(Export, SaysSeldomThatACollectorIsAway) {
  put(1);
  SteadyMs now = 0;
  ASSERT_TRUE(out.take(now, false));
  for (int i = 0; i < 5; ++i) {
    out.on_answer(now, answer(503));
    now = next(now);
  }
  EXPECT_THAT(log.take(), ElementsAre("otel: spans wait: http://collector:4318 answers 503"));
  out.on_answer(now, answer(200));
  EXPECT_THAT(log.take(), ElementsAre(HasSubstr("takes spans again")));
}

TEST_F(Export, CountsWhatIsLeftAtTheEnd) {
  put(600);
  ASSERT_TRUE(out.take(0, false));
  out.give_up();
  EXPECT_EQ(queue.counters().at_end, 600u);
  EXPECT_TRUE(out.is_idle());
}

// --- settings ---

TEST(OtelSettings, HeadersAreOneALine) {
  const auto headers = parse_headers("# key\n\n api-key: a b:c \r\nX-Other:\n", "file");
  ASSERT_TRUE(headers);
  EXPECT_EQ(*headers, (WebHeaders{{"api-key", "a b:c"}, {"X-Other", ""}}));
  for (const char* bad : {"secret", "a b: secret", ": secret", "Content-Type: secret",
                          "HOST: secret", "a: secret\x01", "a: secret\xc3\xa4"}) {
    const auto parsed = parse_headers(bad, "file");
    ASSERT_FALSE(parsed) << bad;
    EXPECT_THAT(parsed.error().message, HasSubstr("file:1: "));
    EXPECT_EQ(parsed.error().message.find("secret"), std::string::npos) << "a secret isn't shown";
  }
}

TEST(OtelSettings, AFractionIsFromNoneToAll) {
  EXPECT_EQ(*parse_fraction("0"), 0u);
  EXPECT_EQ(*parse_fraction("1"), kAll);
  EXPECT_EQ(*parse_fraction("0.25"), kAll / 4);
  for (const char* bad : {"", "-0.1", "1.1", "x", "1%", "nan", "inf", "0.1 ", "1e-2"}) {
    EXPECT_FALSE(parse_fraction(bad)) << bad;
  }
}

TEST(OtelSettings, AreChecked) {
  OtelConfig config;
  config.sample = "2";
  config.endpoint = "collector:4318";
  std::vector<std::string> paths;
  const auto add = [&](const std::string& path, const std::string&) { paths.push_back(path); };
  check_otel(config, add);
  EXPECT_THAT(paths, ElementsAre("otel.endpoint", "otel.sample"));
  paths.clear();
  config.sample = "0.5";
  config.endpoint = "http://collector:4318/?a=b";
  check_otel(config, add);
  EXPECT_THAT(paths, ElementsAre("otel.endpoint"));
  paths.clear();
  config.endpoint = "https://collector:4318/otlp/";
  check_otel(config, add);
  EXPECT_TRUE(paths.empty());
}

}  // namespace
}  // namespace roost::server
