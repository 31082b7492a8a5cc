// SPDX-License-Identifier: Apache-2.0
// What is counted by class of clients, and how long messages are on their way.
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class ClassCounts : public Chapter {
 protected:
  // Of those in no class, as all clients of these tests are.
  std::uint64_t sum(Counter ClassCounters::*counter) {
    std::uint64_t all = 0;
    for (std::uint16_t core = 0; core < broker.size(); ++core) {
      all += (broker.table(CoreId{core}).class_counters(kClientClassesMax).*counter).value();
    }
    return all;
  }
  std::uint64_t measured() {
    std::uint64_t all = 0;
    for (std::uint16_t core = 0; core < broker.size(); ++core) {
      const DurationCounts& counts = broker.table(CoreId{core}).deliveries();
      for (std::size_t i = 0; i <= DurationCounts::kBounds; ++i) all += counts.count(i);
    }
    return all;
  }
};
INSTANTIATE_TEST_SUITE_P(Cores, ClassCounts, testing::Values(1, 3));

TEST_P(ClassCounts, ConnectionsAndMessages) {
  const std::uint64_t before = sum(&ClassCounters::connected);
  Client a(broker, "a", Hello());
  Client b(broker, "b", Hello().resume().expiry(100));
  EXPECT_EQ(sum(&ClassCounters::connected), before + 2);
  b.subscribe(Sub("t", kQos1));
  const std::uint64_t out = sum(&ClassCounters::messages_out);
  a.publish(Pub("t", "x", kQos1));
  b.finish_all();
  EXPECT_EQ(sum(&ClassCounters::messages_in), 1U);
  EXPECT_GT(sum(&ClassCounters::messages_out), out);
  b.vanish();
  EXPECT_EQ(sum(&ClassCounters::connected), before + 1);
}

TEST_P(ClassCounts, WhatAConnectedClientDoesntGet) {
  Client small(broker, "small", Hello().packet_max(40));
  small.subscribe(Sub("t", kQos1));
  Client a(broker, "a", Hello());
  a.publish(Pub("t", std::string(100, 'x'), kQos1));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_too_large), 1U);
  EXPECT_EQ(sum(&ClassCounters::dropped), 1U);
}

TEST_P(ClassCounts, OneMessageIn64IsMeasuredAtEachSubscriber) {
  Client a(broker, "a", Hello());
  Client b(broker, "b", Hello());
  Client c(broker, "c", Hello());
  b.subscribe(Sub("t", kQos0));
  c.subscribe(Sub("t", kQos1));
  const std::uint64_t before = measured();
  for (std::uint64_t i = 0; i < 2 * routing::kMeasuredOneIn; ++i) {
    a.publish(Pub("t", "x", kQos1));
    c.finish_all();
    a.finish_all();
  }
  EXPECT_EQ(measured(), before + 4);
}

TEST_P(ClassCounts, WhatWaitedForItsClientIsNotMeasured) {
  Client b(broker, "b", Hello().resume().expiry(1000));
  b.subscribe(Sub("t", kQos1));
  b.take();
  b.vanish();
  Client a(broker, "a", Hello());
  const std::uint64_t before = measured();
  for (std::uint64_t i = 0; i < routing::kMeasuredOneIn; ++i) {
    a.publish(Pub("t", "x", kQos1));
    a.finish_all();
  }
  broker.advance_s(10);
  b.connect(Hello().resume().expiry(1000));
  EXPECT_GE(b.finish_all().size(), routing::kMeasuredOneIn);
  EXPECT_EQ(measured(), before);
}

}  // namespace
}  // namespace roost::session
