// SPDX-License-Identifier: Apache-2.0
// Each kind of fault that a broker can make is reported, and nothing else is.
#include "broker/cli/bench/verify_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roost::cli::bench {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kMs = 1'000'000;

// Publisher q has QoS q; number n is sent at n ms + 1 s.
class VerifyLedger : public testing::Test {
 protected:
  void send(std::uint32_t publisher, std::uint64_t count) {
    for (std::uint64_t n = sent_[publisher]; n < sent_[publisher] + count; ++n) {
      ledger_.on_sent(publisher, n, at(n));
    }
    sent_[publisher] += count;
  }
  void acknowledge(std::uint32_t publisher, std::uint64_t from, std::uint64_t end) {
    for (std::uint64_t n = from; n < end; ++n) ledger_.on_acknowledged(publisher, n, at(n) + kMs);
  }
  void receive(std::uint32_t subscriber, std::uint32_t publisher,
               const std::vector<std::uint64_t>& numbers) {
    for (const std::uint64_t n : numbers) {
      ledger_.on_received(subscriber, publisher, n, at(n), at(n) + 2 * kMs);
    }
  }
  static std::uint64_t at(std::uint64_t number) { return (1000 + number) * kMs; }
  Verdict verdict() const { return ledger_.verdict(at(100)); }

  std::uint64_t sent_[3] = {};
  Ledger ledger_{{0, 1, 2}, 1, 2};
};

TEST_F(VerifyLedger, AllOfItOnceAndInOrder) {
  for (std::uint32_t qos = 0; qos < 3; ++qos) {
    send(qos, 4);
    if (qos > 0) acknowledge(qos, 0, 4);
    for (std::uint32_t subscriber = 0; subscriber < 2; ++subscriber) {
      EXPECT_FALSE(ledger_.is_complete());
      receive(subscriber, qos, {0, 1, 2, 3});
    }
    EXPECT_TRUE(ledger_.is_complete());
    EXPECT_EQ(ledger_.arrived(qos), 4u);
  }
  const Verdict found = verdict();
  EXPECT_EQ(found.sent, 12u);
  EXPECT_EQ(found.acknowledged, 8u);
  EXPECT_EQ(found.received, 24u);
  EXPECT_EQ(found.lost + found.missing_qos0 + found.reordered + found.foreign, 0u);
  EXPECT_EQ(found.repeats[0] + found.repeats[1] + found.repeats[2], 0u);
  EXPECT_FALSE(found.is_broken());
  EXPECT_THAT(found.examples, IsEmpty());
  EXPECT_EQ(found.ack_pause_ns, kMs);
}

TEST_F(VerifyLedger, WhatWasAcknowledgedAndNeverCameIsLostForEachSubscriber) {
  for (const std::uint32_t qos : {1u, 2u}) {
    send(qos, 4);
    acknowledge(qos, 0, 4);
    receive(0, qos, {0, 2, 3});  // in the middle
    receive(1, qos, {0, 1});     // and at the end
  }
  const Verdict found = verdict();
  EXPECT_EQ(found.lost, 6u);
  EXPECT_TRUE(found.is_broken());
  EXPECT_FALSE(ledger_.is_complete());
  EXPECT_THAT(found.examples,
              Contains("message 1 of publisher 1 (QoS 1, topic 0) never came to subscriber 0"));
}

TEST_F(VerifyLedger, WhatNobodyPromisedMayBeMissing) {
  send(1, 4);
  acknowledge(1, 0, 2);
  ledger_.on_dropped(1);
  receive(0, 1, {0, 1, 3});
  receive(1, 1, {0, 1});
  send(0, 2);
  receive(0, 0, {0, 1});
  receive(1, 0, {1});
  const Verdict found = verdict();
  EXPECT_EQ(found.lost, 0u);
  EXPECT_EQ(found.missing_qos0, 1u);
  EXPECT_FALSE(found.is_broken());
}

TEST_F(VerifyLedger, ALateAcknowledgementIsAPromiseToo) {
  send(1, 2);
  receive(0, 1, {1});
  receive(1, 1, {0, 1});
  EXPECT_EQ(verdict().lost, 0u);
  acknowledge(1, 0, 2);
  EXPECT_EQ(verdict().lost, 1u);
}

TEST_F(VerifyLedger, RepeatsAreCountedByQosAndBreakAtQos2) {
  for (std::uint32_t qos = 0; qos < 3; ++qos) {
    send(qos, 3);
    if (qos > 0) acknowledge(qos, 0, 3);
    receive(0, qos, {0, 1, 2});
    receive(1, qos, {0, 1, 2});
  }
  receive(0, 0, {2});
  receive(0, 1, {0, 1, 2});
  EXPECT_FALSE(verdict().is_broken());
  receive(1, 2, {1});
  const Verdict found = verdict();
  EXPECT_EQ(found.repeats[0], 1u);
  EXPECT_EQ(found.repeats[1], 3u);
  EXPECT_EQ(found.repeats[2], 1u);
  EXPECT_EQ(found.reordered, 0u) << "what came again isn't out of order";
  EXPECT_TRUE(found.is_broken());
  EXPECT_THAT(found.examples,
              Contains("message 1 of publisher 2 (QoS 2, topic 0) came again to subscriber 1"));
}

TEST_F(VerifyLedger, AFirstTimeBehindALaterOneIsOutOfOrder) {
  send(1, 4);
  acknowledge(1, 0, 4);
  receive(0, 1, {0, 2, 1, 3});
  receive(1, 1, {0, 1, 2, 3});
  const Verdict found = verdict();
  EXPECT_EQ(found.reordered, 1u);
  EXPECT_EQ(found.lost, 0u);
  EXPECT_TRUE(found.is_broken());
  EXPECT_THAT(found.examples,
              Contains("message 1 of publisher 1 (QoS 1, topic 0) came late to subscriber 0"));
}

TEST(VerifyLedgerTopics, OrderIsPerTopicOnly) {
  Ledger ledger({1}, 3, 1);
  for (std::uint64_t n = 0; n < 7; ++n) {
    ledger.on_sent(0, n, kMs);
    ledger.on_acknowledged(0, n, kMs);
  }
  // Topic 0 has 0, 3, 6; topic 1 has 1, 4; topic 2 has 2, 5.
  for (const std::uint64_t n : {2, 5, 0, 3, 1}) ledger.on_received(0, 0, n, kMs, kMs);
  EXPECT_EQ(ledger.verdict(kMs).reordered, 0u);
  EXPECT_EQ(ledger.verdict(kMs).lost, 2u);
  ledger.on_received(0, 0, 6, kMs, kMs);
  EXPECT_FALSE(ledger.is_complete());
  ledger.on_received(0, 0, 4, kMs, kMs);
  EXPECT_TRUE(ledger.is_complete());
  EXPECT_EQ(ledger.verdict(kMs).reordered, 0u);
  EXPECT_EQ(ledger.verdict(kMs).lost, 0u);
}

TEST_F(VerifyLedger, WhatNobodySentIsForeign) {
  send(1, 1);
  receive(0, 1, {1});
  receive(0, 7, {0});
  EXPECT_EQ(verdict().foreign, 2u);
  EXPECT_EQ(verdict().received, 0u);
}

TEST_F(VerifyLedger, SessionsThatAreGoneAreCounted) {
  ledger_.on_session_gone("lamp");
  EXPECT_EQ(verdict().sessions_gone, 1u);
  EXPECT_THAT(verdict().examples, Contains(HasSubstr("the session of lamp was not resumed")));
}

TEST_F(VerifyLedger, APauseIsFromOneAcknowledgementToTheNextThatIsWaitedFor) {
  ledger_.on_sent(1, 0, 1000 * kMs);
  ledger_.on_sent(1, 1, 1001 * kMs);
  ledger_.on_acknowledged(1, 0, 1005 * kMs);
  EXPECT_EQ(ledger_.verdict(1005 * kMs).ack_pause_ns, 5 * kMs);
  ledger_.on_acknowledged(1, 1, 1012 * kMs);
  EXPECT_EQ(ledger_.verdict(1012 * kMs).ack_pause_ns, 7 * kMs);
  ledger_.on_sent(1, 2, 2000 * kMs);  // nothing was waited for in between
  ledger_.on_acknowledged(1, 2, 2001 * kMs);
  EXPECT_EQ(ledger_.verdict(3000 * kMs).ack_pause_ns, 7 * kMs);
  ledger_.on_sent(2, 0, 3000 * kMs);  // of one that never comes
  EXPECT_EQ(ledger_.verdict(3100 * kMs).ack_pause_ns, 100 * kMs);
}

TEST_F(VerifyLedger, ARecoveryIsFromTheMarkToTheFirstThatWasSentAfterIt) {
  send(1, 10);
  ledger_.mark(at(5));
  receive(0, 1, {4});  // sent before
  EXPECT_EQ(verdict().recoveries.at(0).waiting, 2u);
  ledger_.on_received(0, 1, 5, at(5), at(5) + 3 * kMs);
  ledger_.on_received(0, 1, 6, at(6), at(6) + 90 * kMs);
  EXPECT_EQ(verdict().recoveries.at(0).waiting, 1u);
  ledger_.on_received(1, 1, 7, at(7), at(5) + 800 * kMs);
  const Verdict found = verdict();
  ASSERT_THAT(found.recoveries, SizeIs(1));
  EXPECT_EQ(found.recoveries[0].waiting, 0u);
  EXPECT_EQ(found.recoveries[0].first_ns, 3 * kMs);
  EXPECT_EQ(found.recoveries[0].last_ns, 800 * kMs);
}

}  // namespace
}  // namespace roost::cli::bench
