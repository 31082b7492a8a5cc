// SPDX-License-Identifier: Apache-2.0
// Retained messages: kept, cleared, expired, gathered from all cores, paced.
#include <algorithm>
#include <thread>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class RetainedMessages : public Chapter {
 protected:
  Client source{broker, "source", Hello()};

  // Topics t/..., at least one on each core.
  std::string topic_on(unsigned core) { return broker.id_on(core, "t/" + std::to_string(core)); }
};
INSTANTIATE_TEST_SUITE_P(Cores, RetainedMessages, testing::Values(1, 3));

// [MQTT-3.3.1-5]
TEST_P(RetainedMessages, TheLastOneOfATopicIsSentToNewSubscribers) {
  for (unsigned core = 0; core < 3; ++core) {
    const std::string topic = topic_on(core);
    source.publish(Pub(topic, "1").retained());
    source.publish(Pub(topic, "2", kQos2).retained());
    source.publish(Pub(topic, "3"));
    Client client(broker, "a", Hello());
    client.subscribe(Sub(topic, kQos1).id(4));
    EXPECT_THAT(client.got(), ElementsAre("SUBACK 1 01", topic + "=2 q1 #1 retain ids=4"));
  }
}

// [MQTT-3.3.1-6] [MQTT-3.3.1-7]: cleared; who listens gets it like any other
TEST_P(RetainedMessages, AnEmptyOneClearsAndIsDeliveredWithoutTheFlag) {
  Client live(broker, "live", Hello());
  live.subscribe(Sub("t"));
  live.take();
  source.publish(Pub("t", "x", kQos1).retained());
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 1U);
  source.publish(Pub("t", "", kQos1).retained());
  EXPECT_THAT(live.got(), ElementsAre("t=x", "t="));
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 0U);
  Client late(broker, "late", Hello());
  late.subscribe(Sub("t"));
  EXPECT_THAT(late.got(), ElementsAre("SUBACK 1 00"));
}

TEST_P(RetainedMessages, OutliveTheirPublisher) {
  source.publish(Pub("t", "x", kQos1).retained());
  source.disconnect();
  Client late(broker, "late", Hello());
  late.subscribe(Sub("t"));
  EXPECT_THAT(late.got(), ElementsAre("SUBACK 1 00", "t=x retain"));
}

TEST_P(RetainedMessages, AreGatheredFromAllCores) {
  Lines expected;
  for (int i = 0; i < 100; ++i) {
    const std::string topic = "t/" + std::to_string(i);
    source.publish(Pub(topic, "x").retained());
    expected.push_back(topic + "=x retain");
  }
  Client client(broker, "a", Hello());
  client.subscribe(Sub("t/+"));
  Lines got = client.got();
  EXPECT_EQ(got.front(), "SUBACK 1 00");
  got.erase(got.begin());
  EXPECT_THAT(got, testing::UnorderedElementsAreArray(expected));
}

// Overlapping filters are subscriptions of their own here. [MQTT-3.3.1-9]
TEST_P(RetainedMessages, ComeOnceForEachNewSubscription) {
  source.publish(Pub("t", "x").retained());
  Client client(broker, "a", Hello());
  client.subscribe({Sub("t"), Sub("#")});
  EXPECT_THAT(client.got(), ElementsAre("SUBACK 1 00 00", "t=x retain", "t=x retain"));
}

// [MQTT-3.8.4-4] 4.8.2: shared subscriptions get none
TEST_P(RetainedMessages, DoNotComeForASharedSubscription) {
  source.publish(Pub("t", "x").retained());
  Client client(broker, "a", Hello());
  client.subscribe(Sub("$share/g/t"));
  EXPECT_THAT(client.got(), ElementsAre("SUBACK 1 00"));
}

TEST_P(RetainedMessages, OfTheirOwnClientAreKeptFromNoLocal) {
  source.publish(Pub("t", "x").retained());
  source.subscribe(Sub("t").no_local());
  EXPECT_THAT(source.got(), ElementsAre("SUBACK 1 00"));
}

// [MQTT-3.3.2-5] [MQTT-3.3.2-6]
TEST_P(RetainedMessages, ExpireAndSayWhatTimeIsLeft) {
  source.publish(Pub("t", "x").retained().expiry(10));
  broker.advance_ms(4'500);
  Client first(broker, "a", Hello());
  first.subscribe(Sub("t"));
  EXPECT_THAT(first.got(), ElementsAre("SUBACK 1 00", "t=x retain expiry=6"));
  broker.advance_ms(5'499);
  Client second(broker, "b", Hello().v3());
  second.subscribe(Sub("t"));
  EXPECT_THAT(second.got(), ElementsAre("SUBACK 1 00", "t=x retain"));
  broker.advance_ms(1);
  Client third(broker, "c", Hello());
  third.subscribe(Sub("t"));
  EXPECT_THAT(third.got(), ElementsAre("SUBACK 1 00"));
}

TEST_P(RetainedMessages, GiveTheirMemoryBackWhenTheyExpire) {
  for (int i = 0; i < 50; ++i) {
    source.publish(Pub("t/" + std::to_string(i), "x").retained().expiry(i % 2 == 0 ? 5 : 500));
  }
  for (int i = 0; i < 20; ++i) broker.advance_s(1);
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 25U);
  for (int i = 0; i < 600; ++i) broker.advance_s(1);
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 0U);
}

// A client that reads slowly gets them at its pace: none is dropped, QoS 0 or not, and what is
// published meanwhile comes behind them.
TEST_P(RetainedMessages, ArePacedForASlowReaderNotDropped) {
  for (int i = 0; i < 50; ++i) {
    source.publish(Pub("t/" + std::to_string(i), "old", i % 2 == 0 ? kQos0 : kQos1).retained());
  }
  source.finish_all();
  Client client(broker, "a", Hello());
  client.stop_reading(5);
  client.subscribe(Sub("t/#", kQos1));
  EXPECT_EQ(client.take().size(), 5U);
  source.publish(Pub("t/0", "new"));
  Lines got;
  for (int i = 0; i < 100; ++i) {
    client.read_on(3);
    for (const std::string& line : client.finish_all()) got.push_back(line);
  }
  ASSERT_EQ(got.size(), 47U);  // 4 came at once
  EXPECT_EQ(got.back(), "t/0=new");
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_slow_reader), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 0U);
}

TEST_P(RetainedMessages, AreNotLimitedByTheQueue) {
  for (int i = 0; i < 50; ++i) {
    source.publish(Pub("t/" + std::to_string(i), "x").retained());
  }
  broker.limits().max_queued_messages = 10;
  Client client(broker, "a", Hello().receive_max(1));
  client.stop_reading();
  client.subscribe(Sub("t/#", kQos1));
  client.read_on();
  EXPECT_EQ(client.finish_all().size(), 50U);
}

// What waits of them belongs to the connection: at QoS 0 it goes with it, at QoS 1 it stays.
TEST_P(RetainedMessages, ThatStillWaitStayAtQos1AndGoAtQos0) {
  source.publish(Pub("t/0", "x").retained());
  source.publish(Pub("t/1", "x", kQos1).retained());
  source.take();
  Client client(broker, "a", Hello().resume().expiry(100));
  client.stop_reading();
  client.subscribe(Sub("t/#", kQos1));
  client.vanish();
  client.connect(Hello().resume().expiry(100));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "t/1=x q1 #1 retain"));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_offline_qos0), 1U);
}

// --- gathering over three cores while messages are published: step by step ---

class Gathering : public testing::Test {
 protected:
  support::Broker broker{3};
  const std::string topic_ = broker.id_on(1, "t/");
  Client source_{broker, broker.id_on(2, "source"), Hello()};
  Client client_{broker, broker.id_on(0, "client"), Hello()};

  void SetUp() override { source_.publish(Pub(topic_, "old", kQos1).retained()); }
  void begin(const std::vector<Sub>& subs) {
    client_.manual = source_.manual = true;
    client_.subscribe(subs);  // core 0 asks core 1 and 2
  }
};

// Published after the retained one was read for the snapshot: both come, in that order.
TEST_F(Gathering, AMessageBehindTheSnapshotComesAfterIt) {
  begin({Sub(topic_, kQos1)});
  broker.step(CoreId{1});
  source_.publish(Pub(topic_, "new", kQos1).retained());
  broker.step(CoreId{0});
  broker.settle();
  EXPECT_THAT(client_.got(),
              ElementsAre("SUBACK 1 01", topic_ + "=old q1 #1 retain", topic_ + "=new q1 #2"));
}

// No filter of core 0 was known when it was published, and the snapshot of the first is older than
// it: it comes live. The snapshot of the second holds it, and it comes live: once.
TEST_F(Gathering, AMessageOnItsWayWhileTwoSubscribeComesOnceToEach) {
  Client second(broker, broker.id_on(0, "second"), Hello());
  second.manual = true;
  broker.run_on(CoreId{2}, [&] {
    Pub publish(topic_, "new", kQos1);
    source_.session().handle(publish.retained().id(2));
    // Another thread stands for the others' turns in the middle of this one.
    std::thread([&] { begin({Sub(topic_, kQos1)}); }).join();
  });
  second.subscribe({Sub(topic_, kQos0).id(7), Sub("x/#", kQos0), Sub("t/#", kQos1)});
  broker.settle();
  EXPECT_THAT(client_.got(),
              ElementsAre("SUBACK 1 01", topic_ + "=old q1 #1 retain", topic_ + "=new q1 #2"));
  // ... with the QoS and the identifiers of all its filters.
  EXPECT_THAT(second.got(), ElementsAre("SUBACK 1 00 00 01", topic_ + "=new q1 #1 ids=7,7"));
}

TEST_F(Gathering, OfAConnectionThatIsGoneHarmsNobody) {
  begin({Sub("t/#", kQos1)});
  broker.step(CoreId{1});
  source_.publish(Pub(topic_, "new").retained());
  client_.vanish();
  client_.connect(Hello());
  broker.settle();
  EXPECT_THAT(client_.got(), ElementsAre("CONNACK 00"));
}

TEST_F(Gathering, HoldsLiveMessagesOfOtherTopicsInOrderToo) {
  client_.subscribe(Sub("u", kQos1));
  client_.finish_all();
  begin({Sub("t/#", kQos1)});
  source_.publish(Pub("u", "1", kQos1));
  source_.publish(Pub("u", "2", kQos0));
  broker.settle();
  EXPECT_THAT(client_.got(),
              ElementsAre("SUBACK 2 01", topic_ + "=old q1 #1 retain", "u=1 q1 #2", "u=2"));
}

// A message that isn't retained is no newer value of what is kept. [MQTT-3.3.1-8]
TEST_F(Gathering, AnEventOnTheTopicDoesNotStandForItsRetainedMessage) {
  Client durable(broker, broker.id_on(0, "durable"), Hello().resume().expiry(1000));
  durable.manual = source_.manual = true;
  durable.subscribe(Sub(topic_, kQos1));
  for (int i = 0; i < 2; ++i) broker.step(CoreId{0});  // it is committed, core 1 is asked
  source_.publish(Pub(topic_, "event", kQos1));
  broker.step(CoreId{2});
  broker.step(CoreId{0});
  broker.settle();
  EXPECT_THAT(durable.got(), UnorderedElementsAre("SUBACK 1 01", topic_ + "=event q1 #1",
                                                  topic_ + "=old q1 #2 retain"));
}

// Everything is somewhere: delivered, or counted as dropped.
TEST_F(Gathering, CountsTheQos0ThatItHeldWhenTheConnectionGoes) {
  client_.subscribe(Sub("u"));
  client_.take();
  begin({Sub("t/#", kQos1)});
  source_.publish(Pub("u", "1"));
  broker.step(CoreId{0});
  client_.vanish();
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_offline_qos0), 1U);
}

}  // namespace
}  // namespace roost::session
