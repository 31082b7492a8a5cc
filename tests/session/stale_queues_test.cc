// SPDX-License-Identifier: Apache-2.0
// A long queue of an absent client makes room when its messages expire or grow too old.
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class StaleQueue : public Chapter {
 protected:
  Client source{broker, "source", Hello()};
  Client client{broker, "client", staying()};

  static Hello staying() { return Hello().resume().expiry(100'000); }
  void SetUp() override {
    client.subscribe(Sub("t", kQos2));
    client.take();
    client.vanish();
    broker.limits().max_queued_messages = 8;
    broker.limits_changed();
  }
  void publish(int first, int last, std::uint32_t expiry_s = 0) {
    for (int i = first; i <= last; ++i) {
      const std::string text = std::to_string(i);
      Pub pub("t", text, kQos1);
      if (expiry_s > 0) pub.expiry(expiry_s);
      source.publish(pub);
    }
    source.finish_all();
  }
  Lines payloads() {
    client.connect(staying());
    Lines lines;
    for (const std::string& line : client.finish_all()) {
      if (line.starts_with("t=")) lines.push_back(line.substr(2, line.find(' ') - 2));
    }
    return lines;
  }
};
INSTANTIATE_TEST_SUITE_P(Cores, StaleQueue, testing::Values(1, 3));

// Some on disk, some not yet.
TEST_P(StaleQueue, GivesTheRoomOfExpiredMessagesToNewOnes) {
  publish(1, 5, 60);
  broker.checkpoint();
  publish(6, 7, 60);
  publish(8, 8);
  broker.advance_s(50);
  publish(9, 9);  // full: refused
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_queue_full), 1U);
  broker.advance_s(20);
  EXPECT_EQ(broker.queued("client"), 1U);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_expired), 7U);
  publish(10, 12);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_queue_full), 1U);
  EXPECT_EQ(payloads(), (Lines{"8", "10", "11", "12"}));
}

TEST_P(StaleQueue, GivesTheRoomOfOldMessagesToNewOnes) {
  broker.limits().max_queued_age_s = 60;
  publish(1, 4);
  broker.checkpoint();
  broker.advance_s(30);
  publish(5, 8);
  broker.advance_s(45);
  EXPECT_EQ(broker.queued("client"), 4U);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_old), 4U);
  publish(9, 9);
  EXPECT_EQ(payloads(), (Lines{"5", "6", "7", "8", "9"}));
}

TEST_P(StaleQueue, LeavesWhatMayBeInFlight) {
  client.connect(staying());
  publish(1, 6, 60);
  client.take();
  client.vanish();
  broker.checkpoint();
  publish(7, 14, 60);
  broker.advance_s(80);
  EXPECT_EQ(broker.queued("client"), 6U);
  EXPECT_EQ(payloads(), (Lines{"1", "2", "3", "4", "5", "6"}));
}

TEST_P(StaleQueue, LeavesAShortQueueAlone) {
  publish(1, 5, 60);
  broker.advance_s(80);
  EXPECT_EQ(broker.queued("client"), 5U);
  EXPECT_THAT(payloads(), IsEmpty());
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_expired), 5U);
}

TEST_P(StaleQueue, StopsWhenItsClientComes) {
  publish(1, 8, 60);
  broker.checkpoint();
  broker.advance_s(15);  // it is known by now when they expire
  EXPECT_EQ(broker.home("client").stale_queues().size(), 1U);
  EXPECT_EQ(payloads().size(), 8U);
  client.vanish();
  broker.advance_s(60);
  EXPECT_EQ(broker.home("client").stale_queues().size(), 0U);
}

}  // namespace
}  // namespace roost::session
