// SPDX-License-Identifier: Apache-2.0
// What waits for a client: slow readers, limits of the queue, message expiry, what is counted.
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class Queue : public Chapter {
 protected:
  Client source{broker, "source", Hello()};
  Client client{broker, "client", staying()};

  static Hello staying() { return Hello().resume().expiry(1000); }
  void SetUp() override {
    client.subscribe(Sub("t", kQos2));
    client.take();
  }
  void return_with(const Hello& hello = staying()) {
    client.connect(hello);
    EXPECT_THAT(client.link().take().size(), testing::Ge(1U));
  }
};
INSTANTIATE_TEST_SUITE_P(Cores, Queue, testing::Values(1, 3));

TEST_P(Queue, OfASlowReaderDropsQos0AndCountsIt) {
  client.stop_reading(2);
  for (int i = 0; i < 10; ++i) source.publish(Pub("t", std::to_string(i)));
  EXPECT_THAT(client.got(), ElementsAre("t=0", "t=1"));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_slow_reader), 8U);
  client.read_on();
  source.publish(Pub("t", "again"));
  EXPECT_THAT(client.got(), ElementsAre("t=again"));
}

TEST_P(Queue, OfASlowReaderKeepsQos1And2InOrder) {
  client.stop_reading(1);
  publish_numbered(source, 3, "t", kQos1);
  publish_numbered(source, 3, "t", kQos2, 4);
  EXPECT_THAT(client.got(), ElementsAre("t=1 q1 #1"));
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 5U);
  client.read_on(2);
  EXPECT_THAT(client.got(), ElementsAre("t=2 q1 #2", "t=3 q1 #3"));
  client.read_on();
  EXPECT_THAT(client.finish_all(), ElementsAre("t=4 q2 #4", "t=5 q2 #5", "t=6 q2 #6"));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_slow_reader), 0U);
}

TEST_P(Queue, AnAckFromASlowReaderSendsNothingBeforeItReads) {
  client.stop_reading(1);
  publish_numbered(source, 2, "t", kQos1);
  client.puback(1);
  EXPECT_THAT(client.got(), ElementsAre("t=1 q1 #1"));
  client.read_on();
  EXPECT_THAT(client.got(), ElementsAre("t=2 q1 #2"));
}

TEST_P(Queue, ResendingIsPacedToo) {
  publish_numbered(source, 6, "t", kQos1);
  client.take();
  client.vanish();
  client.manual = true;  // so that reading can stop before anything settles
  client.connect(staying().receive_max(2));
  client.manual = false;
  broker.settle();
  EXPECT_EQ(client.got().size(), 3U);
  client.stop_reading();
  client.puback(1);
  client.puback(2);
  EXPECT_THAT(client.got(), IsEmpty());
  client.read_on(1);
  EXPECT_THAT(client.got(), ElementsAre("t=3 q1 #3 dup"));
  client.read_on();
  EXPECT_THAT(client.finish_all(), ElementsAre("t=4 q1 #4 dup", "t=5 q1 #5 dup", "t=6 q1 #6 dup"));
}

TEST_P(Queue, IsLimitedInMessages) {
  client.vanish();
  broker.limits().max_queued_messages = 3;
  broker.limits_changed();
  publish_numbered(source, 5, "t", kQos1);
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 3U);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_queue_full), 2U);
  client.connect(staying());
  EXPECT_EQ(client.finish_all(), numbered(3, "t", 1));  // the oldest are kept
}

TEST_P(Queue, IsLimitedInBytes) {
  client.vanish();
  broker.limits().max_queued_bytes = 3000;
  broker.limits_changed();
  for (int i = 0; i < 5; ++i) source.publish(Pub("t", std::string(1000, 'x'), kQos1));
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 2U);
  EXPECT_LE(broker.sum(&SessionCounters::queued_bytes), 3000U);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_queue_full), 3U);
}

TEST_P(Queue, IsLimitedInBytesOfAllSessionsOfACore) {
  broker.limits().max_queued_bytes_core = 3000;
  client.vanish();
  const std::string ids[] = {broker.id_on(client.core().value, "one"),
                             broker.id_on(client.core().value, "two")};
  Client one(broker, ids[0], Hello()), two(broker, ids[1], Hello());
  for (Client* each : {&one, &two}) {  // their queues are in memory
    each->subscribe(Sub("t", kQos1));
    each->take();
    each->stop_reading();
  }
  for (int i = 0; i < 5; ++i) source.publish(Pub("t", std::string(1000, 'x'), kQos1));
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 2U + 5U);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_queue_full), 8U);
}

// [MQTT-3.3.2-5]
TEST_P(Queue, DropsWhatExpiredAndCountsIt) {
  client.vanish();
  source.publish(Pub("t", "1", kQos1).expiry(10));
  source.publish(Pub("t", "2", kQos1).expiry(100));
  source.publish(Pub("t", "3", kQos1));
  broker.advance_s(10);
  client.connect(staying());
  EXPECT_THAT(client.finish_all(), ElementsAre("t=2 q1 #2 expiry=90", "t=3 q1 #3"));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_expired), 1U);
}

// [MQTT-3.3.2-6]: what is left, counted from when the broker got it
TEST_P(Queue, SaysTheTimeThatIsLeft) {
  source.publish(Pub("t", "now", kQos1).expiry(10));
  EXPECT_THAT(client.finish_all(), ElementsAre("t=now q1 #1 expiry=10"));
  client.vanish();
  source.publish(Pub("t", "later", kQos1).expiry(10));
  broker.advance_ms(9'001);
  client.connect(staying());
  EXPECT_THAT(client.finish_all(), ElementsAre("t=later q1 #2 expiry=1"));
}

TEST_P(Queue, DropsAMessageThatExpiredForV3Too) {
  client.vanish();
  source.publish(Pub("t", "1", kQos1).expiry(10));
  broker.advance_s(11);
  client.connect(Hello().v3().resume());
  EXPECT_THAT(client.finish_all(), IsEmpty());
}

// In flight nothing expires. [MQTT-4.4.0-1]
TEST_P(Queue, ResendsWhatIsInFlightHoweverOld) {
  source.publish(Pub("t", "x", kQos2).expiry(5));
  client.take();
  client.vanish();
  broker.advance_s(50);
  client.connect(staying());
  EXPECT_THAT(client.finish_all(), ElementsAre("t=x q2 #1 dup expiry=0"));
}

TEST_P(Queue, OfAnEndedSessionIsCounted) {
  broker.limits().max_inflight = 1;
  client.vanish();
  return_with();
  publish_numbered(source, 4, "t", kQos1);
  client.vanish();
  broker.advance_s(1001);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_session_end), 4U);
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::queued_bytes), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
}

// PUBREC said that the client has it: nothing was lost.
TEST_P(Queue, AnEndedSessionDidNotLoseWhatItsClientReceived) {
  source.publish(Pub("t", "x", kQos2));
  client.pubrec(1);
  client.disconnect_with_expiry(0);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_session_end), 0U);
}

TEST_P(Queue, KeepsIdsAndOrderFromWindowIntoQueue) {
  broker.limits().max_inflight = 3;
  client.vanish();
  publish_numbered(source, 8, "t", kQos1);
  client.connect(staying());
  EXPECT_THAT(client.got().size(), 4U);
  client.vanish();
  publish_numbered(source, 2, "t", kQos1, 9);
  client.connect(staying());
  EXPECT_THAT(client.finish_all(), ElementsAre("t=1 q1 #1 dup", "t=2 q1 #2 dup", "t=3 q1 #3 dup",
                                               "t=4 q1 #4", "t=5 q1 #5", "t=6 q1 #6", "t=7 q1 #7",
                                               "t=8 q1 #8", "t=9 q1 #9", "t=10 q1 #10"));
}

// Gauges are back at nothing once everybody is gone.
TEST_P(Queue, LeavesNothingCountedWhenAllSessionsEnded) {
  for (int i = 0; i < 6; ++i) {
    const std::string id = "c" + std::to_string(i);
    Client extra(broker, id, i % 2 == 0 ? Hello() : staying());
    extra.subscribe({Sub("t", kQos2), Sub("t/#", kQos1), Sub("$share/g/t", kQos1)});
    publish_numbered(source, 3, "t", kQos2);
    if (i % 3 == 0) extra.finish_all();
  }
  EXPECT_GT(broker.sum(&SessionCounters::queued), 0U);
  client.vanish();
  source.vanish();
  broker.advance_s(2000);
  for (const auto gauge : {&SessionCounters::connected, &SessionCounters::sessions_durable,
                           &SessionCounters::durable_connected, &SessionCounters::subscriptions,
                           &SessionCounters::shared_subscriptions, &SessionCounters::queued,
                           &SessionCounters::queued_bytes, &SessionCounters::in_flight}) {
    EXPECT_EQ(broker.sum(gauge), 0U);
  }
  EXPECT_EQ(broker.bits_of_interest("t"), 0U);
}

}  // namespace
}  // namespace roost::session
