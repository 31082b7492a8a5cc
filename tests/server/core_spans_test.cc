// SPDX-License-Identifier: Apache-2.0
// Which messages are followed, and what is told of them.
#include "broker/server/core_spans.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "broker/base/ids.h"
#include "broker/session/queue_entry.h"

namespace roost::server {
namespace {

using observe::Span;
using observe::SpanQueue;

constexpr std::uint64_t kAll = std::uint64_t{1} << 32;
const std::string kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::vector<std::uint8_t> forwarded(const std::string& parent) {
  if (parent.empty()) return {};
  std::vector<std::uint8_t> bytes = {0x26, 0, 11};
  const std::string name = "traceparent";
  bytes.insert(bytes.end(), name.begin(), name.end());
  bytes.insert(bytes.end(), {0, static_cast<std::uint8_t>(parent.size())});
  bytes.insert(bytes.end(), parent.begin(), parent.end());
  return bytes;
}

struct What {
  std::string parent = kParent;
  std::uint64_t sequence = 1;
  std::string topic = "home/lamp";
  std::string payload = "on";
  SteadyMs received_ms = 1'000'000;
  std::uint64_t origin = 77;
};

routing::MessagePtr message(const What& what = {}) {
  const auto properties = forwarded(what.parent);
  routing::MessageParts parts;
  parts.topic = what.topic;
  parts.payload = as_bytes(what.payload);
  parts.qos = mqtt::Qos::at_least_once;
  parts.origin = what.origin;
  parts.sequence = what.sequence;
  parts.received_ms = what.received_ms;
  parts.forwarded = properties;
  return routing::Message::make(parts);
}

TEST(MessageTrace, IsTheSameWhereverTheMessageIs) {
  const auto here = trace_of(*message(), 0);
  ASSERT_TRUE(here);
  EXPECT_EQ(here->trace, (observe::TraceId{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736}));
  EXPECT_EQ(here->parent, 0x00f067aa0ba902b7u);
  What later;
  later.received_ms = 5;  // another node's clock
  EXPECT_EQ(trace_of(*message(later), 0), here);
  What next;
  next.sequence = 2;
  EXPECT_NE(trace_of(*message(next), 0)->publish, here->publish) << "two publishes of one span";
  What other;
  other.origin = 78;
  EXPECT_NE(trace_of(*message(other), 0)->publish, here->publish);
}

TEST(MessageTrace, IsNoneWithoutASampledParent) {
  What what;
  what.parent = kParent.substr(0, 53) + "00";
  EXPECT_FALSE(trace_of(*message(what), kAll)) << "its publisher doesn't want it";
  what.parent = "x";
  EXPECT_FALSE(trace_of(*message(what), 0));
  what.parent = "";
  EXPECT_FALSE(trace_of(*message(what), 0));
}

TEST(MessageTrace, BeginsForTheFractionThatIsWanted) {
  int followed = 0;
  std::set<std::uint64_t> traces;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    What what;
    what.parent = "";
    what.sequence = i;
    const auto found = trace_of(*message(what), kAll / 10);
    EXPECT_EQ(found, trace_of(*message(what), kAll / 10));
    if (!found) continue;
    ++followed;
    traces.insert(found->trace.low);
    EXPECT_EQ(found->parent, 0u);
  }
  EXPECT_NEAR(followed, 1000, 120);
  EXPECT_EQ(traces.size(), static_cast<std::size_t>(followed));
}

class Spans : public testing::Test {
 protected:
  std::vector<Span> sent() { return queue.take(10'000); }
  static std::string names(const std::vector<Span>& spans) {
    std::string all;
    for (const Span& span : spans) all += std::string(span.name) + ' ';
    return all;
  }

  ManualClock clock;
  SpanQueue queue{10'000, 0};
  CoreSpans spans{queue, clock, 0, 64, 1};
  int waiter = 0;
};

TEST_F(Spans, PublishLastsUntilItsAckAndCommitUntilItIsStored) {
  ASSERT_TRUE(spans.begin({"lamp", false}, *message()));
  spans.wait(&waiter, 5, true);
  clock.advance_ms(10);
  spans.on_commit(&waiter, 4);
  spans.on_commit(&waiter, 5);
  spans.on_commit(&waiter, 5);
  clock.advance_ms(10);
  spans.on_ack(&waiter, 5);
  spans.on_ack(&waiter, 5);
  const auto all = sent();
  ASSERT_EQ(names(all), "commit publish ");
  EXPECT_EQ(all[1].id, trace_of(*message(), 0)->publish);
  EXPECT_EQ(all[1].parent, 0x00f067aa0ba902b7u);
  EXPECT_EQ(all[0].parent, all[1].id);
  EXPECT_EQ(all[0].end_ns - all[0].start_ns, 10'000'000);
  EXPECT_EQ(all[1].end_ns - all[1].start_ns, 20'000'000);
  EXPECT_EQ(all[1].start_ns, 1'700'000'000'000'000'000);
  EXPECT_FALSE(all[1].shard);
}

TEST_F(Spans, WithoutAnythingToWaitForThereIsNoCommit) {
  ASSERT_TRUE(spans.begin({"lamp", false}, *message()));
  spans.end();
  EXPECT_EQ(names(sent()), "publish ");
  ASSERT_TRUE(spans.begin({"lamp", false}, *message()));
  spans.wait(&waiter, 1, false);  // behind another's ack
  spans.on_commit(&waiter, 1);
  spans.on_ack(&waiter, 1);
  EXPECT_EQ(names(sent()), "publish ");
}

TEST_F(Spans, WhoGoesBeforeTheAckLeavesAnError) {
  ASSERT_TRUE(spans.begin({"lamp", false}, *message()));
  spans.wait(&waiter, 1, true);
  int other = 0;
  spans.forget(&other);
  EXPECT_TRUE(sent().empty());
  spans.forget(&waiter);
  const auto all = sent();
  ASSERT_EQ(names(all), "publish ");
  EXPECT_EQ(all[0].fault, "connection_lost");
  spans.on_ack(&waiter, 1);
  EXPECT_TRUE(sent().empty());
}

TEST_F(Spans, ADeliveryShowsHowLongItsMessageWaited) {
  session::QueueEntry entry;
  entry.message = message();
  entry.qos = mqtt::Qos::at_most_once;
  clock.advance_ms(60'000);
  spans.on_deliver({"lamp", true}, entry, true);
  const auto all = sent();
  ASSERT_EQ(names(all), "deliver ");
  EXPECT_EQ(all[0].parent, trace_of(*message(), 0)->publish);
  EXPECT_EQ(all[0].end_ns - all[0].start_ns, 60'000'000'000);
  EXPECT_EQ(all[0].shard, shard_of("lamp", 64).value);
  EXPECT_EQ(all[0].qos, 0);
  EXPECT_TRUE(all[0].dup);
}

TEST_F(Spans, HasBoundsAndCountsWhatIsOverThem) {
  session::QueueEntry entry;
  entry.message = message();
  for (int i = 0; i < 20; ++i) spans.on_deliver({"lamp", false}, entry, false);
  EXPECT_EQ(sent().size(), CoreSpans::kDeliversMax);
  EXPECT_EQ(queue.counters().fan_out, 20 - CoreSpans::kDeliversMax);
  for (std::uint64_t tag = 0; tag < CoreSpans::kOpenMax + 3; ++tag) {
    ASSERT_TRUE(spans.begin({"lamp", false}, *message()));
    spans.wait(&waiter, tag, true);
  }
  EXPECT_EQ(queue.counters().unfinished, 3u * 2);
  spans.forget(&waiter);
  EXPECT_EQ(sent().size(), CoreSpans::kOpenMax);
}

TEST_F(Spans, AsksFurtherOnlyWhereThereAreProperties) {
  What plain;
  plain.parent = "";
  EXPECT_FALSE(spans.may_follow(*message(plain)));
  EXPECT_TRUE(spans.may_follow(*message()));
  EXPECT_TRUE((CoreSpans{queue, clock, 1, 64, 1}.may_follow(*message(plain))));
}

}  // namespace
}  // namespace roost::server
