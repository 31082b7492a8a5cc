// SPDX-License-Identifier: Apache-2.0
// How long the oldest message waits, of connected and of absent clients.
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class QueueAgeTest : public Chapter {
 protected:
  Client source{broker, "source", Hello()};
  Client client{broker, "client", staying()};

  static Hello staying() { return Hello().resume().expiry(100'000); }
  void SetUp() override {
    client.subscribe(Sub("t", kQos1));
    client.take();
  }
  void publish(const char* text) {
    source.publish(Pub("t", text, kQos1));
    source.finish_all();
  }
  // In ms, -1: nothing waits. Whole rounds have gone by.
  std::int64_t age_ms(SteadyMs (QueueAge::*came)() const) {
    std::int64_t oldest = -1;
    for (std::uint16_t core = 0; core < broker.size(); ++core) {
      const SteadyMs came_ms = (broker.table(CoreId{core}).stale_queues().age().*came)();
      if (came_ms != 0) oldest = std::max(oldest, broker.clock().steady_ms() - came_ms);
    }
    return oldest;
  }
  std::int64_t absent_ms() { return age_ms(&QueueAge::absent_ms); }
  std::int64_t connected_ms() { return age_ms(&QueueAge::connected_ms); }
  // Every shard is looked at twice.
  void go_round() {
    for (int s = 0; s < 300; ++s) broker.advance_s(1);
  }
};
INSTANTIATE_TEST_SUITE_P(Cores, QueueAgeTest, testing::Values(1, 3));

TEST_P(QueueAgeTest, NothingWaits) {
  go_round();
  EXPECT_EQ(absent_ms(), -1);
  EXPECT_EQ(connected_ms(), -1);
}

TEST_P(QueueAgeTest, OfAnAbsentClient) {
  client.vanish();
  publish("1");
  broker.advance_s(100);
  publish("2");
  go_round();
  EXPECT_EQ(absent_ms(), 400'000);
  EXPECT_EQ(connected_ms(), -1);
}

TEST_P(QueueAgeTest, OfWhatIsOnDisk) {
  client.vanish();
  publish("1");
  broker.checkpoint();
  broker.advance_s(100);
  publish("2");
  go_round();
  EXPECT_EQ(absent_ms(), 400'000);
}

TEST_P(QueueAgeTest, OfAClientThatDoesntAcknowledge) {
  publish("1");
  EXPECT_THAT(client.take(), testing::SizeIs(1));
  go_round();
  EXPECT_EQ(connected_ms(), 300'000);
  EXPECT_EQ(absent_ms(), -1);
}

TEST_P(QueueAgeTest, IsOverWhenAllIsAcknowledged) {
  client.vanish();
  publish("1");
  go_round();
  EXPECT_EQ(absent_ms(), 300'000);
  client.connect(staying());
  client.finish_all();
  go_round();
  EXPECT_EQ(absent_ms(), -1);
  EXPECT_EQ(connected_ms(), -1);
}

}  // namespace
}  // namespace roost::session
