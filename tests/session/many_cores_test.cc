// SPDX-License-Identifier: Apache-2.0
// A publish on its way between cores, step by step: what the ack waits for, who holds whom back.
#include <deque>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class ManyCores : public testing::Test {
 protected:
  support::Broker broker{3};
  Client source{broker, broker.id_on(0, "source"), Hello().resume().expiry(100)};
  Client durable{broker, broker.id_on(1, "durable"), Hello().resume().expiry(100)};
  Client passing{broker, broker.id_on(2, "passing"), Hello()};

  void SetUp() override {
    durable.subscribe(Sub("durable", kQos2));
    passing.subscribe(Sub("passing", kQos2));
    durable.subscribe(Sub("both", kQos2));
    passing.subscribe(Sub("both", kQos2));
    for (Client* client : {&durable, &passing, &source}) {
      client->take();
      client->manual = true;
    }
  }
};

// DESIGN section 1: PUBACK means stored where a durable session wants it.
TEST_F(ManyCores, PubackWaitsForTheCoreOfADurableSubscriber) {
  source.publish(Pub("durable", "x", kQos1));
  EXPECT_THAT(source.got(), IsEmpty());
  broker.step(CoreId{0});
  broker.step(CoreId{2});
  EXPECT_THAT(source.got(), IsEmpty());
  broker.step(CoreId{1});
  EXPECT_THAT(durable.got(), IsEmpty());  // appended
  broker.step(CoreId{1});
  EXPECT_THAT(durable.got(), ElementsAre("durable=x q1 #1"));  // committed
  EXPECT_THAT(source.got(), IsEmpty());
  broker.step(CoreId{0});
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1"));
}

TEST_F(ManyCores, PubrecWaitsJustSo) {
  durable.vanish();
  broker.settle();
  Client volatile_source(broker, broker.id_on(0, "volatile"), Hello());
  volatile_source.manual = true;
  volatile_source.publish(Pub("durable", "x", kQos2));
  broker.step(CoreId{1});
  broker.step(CoreId{0});
  EXPECT_THAT(volatile_source.got(), IsEmpty());
  broker.step(CoreId{1});
  broker.step(CoreId{0});
  EXPECT_THAT(volatile_source.got(), ElementsAre("PUBREC 1"));
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 1U);
}

// Of a durable publisher the message is safe in its own shard; the fan-out comes from there.
TEST_F(ManyCores, PubrecOfADurablePublisherWaitsForItsOwnShardOnly) {
  broker.disk(CoreId{1}).hold();
  source.publish(Pub("durable", "x", kQos2));
  EXPECT_THAT(source.got(), IsEmpty());
  broker.step(CoreId{0});
  EXPECT_THAT(source.got(), ElementsAre("PUBREC 1"));
  broker.settle();
  EXPECT_THAT(durable.got(), IsEmpty());
  broker.disk(CoreId{1}).let_go();
  broker.settle();
  EXPECT_THAT(durable.got(), ElementsAre("durable=x q2 #1"));
}

TEST_F(ManyCores, ARepeatedQos2PublishIsNotAnsweredBeforeItsFirstAnswer) {
  broker.disk(CoreId{0}).hold();
  source.publish(Pub("durable", "x", kQos2).id(5));
  source.publish(Pub("durable", "x", kQos2).id(5).again());
  broker.settle();
  EXPECT_THAT(source.got(), IsEmpty());
  broker.disk(CoreId{0}).let_go();
  broker.settle();
  EXPECT_THAT(source.got(), ElementsAre("PUBREC 5"));
  EXPECT_THAT(durable.got(), ElementsAre("durable=x q2 #1"));
}

TEST_F(ManyCores, NobodyWaitsForSessionsInMemoryOnly) {
  source.publish(Pub("passing", "x", kQos1));
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1"));
  broker.settle();
  EXPECT_THAT(passing.got(), ElementsAre("passing=x q1 #1"));
}

TEST_F(ManyCores, PubackWaitsForTheCoreOfTheRetainedTopic) {
  const std::string topic = broker.id_on(2, "kept");
  source.publish(Pub(topic, "x", kQos1).retained());
  EXPECT_THAT(source.got(), IsEmpty());
  broker.step(CoreId{2});
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 0U);
  broker.step(CoreId{2});
  EXPECT_EQ(broker.sum(&SessionCounters::retained), 1U);
  broker.step(CoreId{0});
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1"));
}

TEST_F(ManyCores, PubackWaitsForAllOfThem) {
  const std::string topic = broker.id_on(2, "kept");
  durable.manual = false;
  durable.subscribe(Sub(topic, kQos1));
  source.publish(Pub(topic, "x", kQos1).retained());
  for (int i = 0; i < 2; ++i) broker.step(CoreId{2});
  broker.step(CoreId{0});
  EXPECT_THAT(source.got(), IsEmpty());
  for (int i = 0; i < 2; ++i) broker.step(CoreId{1});
  broker.step(CoreId{0});
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1"));
}

// [MQTT-4.6.0-2]: what is confirmed already waits for what came before it
TEST_F(ManyCores, AcksStayInOrderBehindOneThatWaits) {
  source.publish(Pub("durable", "1", kQos1).id(1));
  source.publish(Pub("passing", "2", kQos1).id(2));
  source.publish(Pub("nobody", "3", kQos2).id(3));
  EXPECT_THAT(source.got(), IsEmpty());
  broker.settle();
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1", "PUBACK 2", "PUBREC 3"));
}

TEST_F(ManyCores, ConfirmationsForAConnectionThatIsGoneHarmNobody) {
  source.publish(Pub("durable", "1", kQos1));
  source.vanish();
  source.connect(Hello().resume().expiry(100));
  source.publish(Pub("durable", "2", kQos1).id(9));
  broker.settle();
  EXPECT_THAT(source.got(), ElementsAre("CONNACK 00 present", "PUBACK 9"));
  source.publish(Pub("durable", "3", kQos1));
  source.disconnect_with_expiry(0);  // the session itself is gone
  broker.settle();
  EXPECT_EQ(durable.got().size(), 3U);
}

TEST_F(ManyCores, OneMessageGoesToACoreOnceHoweverManyWantIt) {
  std::deque<Client> crowd;
  for (int i = 0; i < 20; ++i) {
    crowd.emplace_back(broker, broker.id_on(2, "crowd" + std::to_string(i) + "/"), Hello());
    crowd.back().subscribe(Sub("both"));
    crowd.back().take();
  }
  const auto& counters = broker.table(CoreId{0}).router().counters();
  const auto before = counters.sent_to_cores.value();
  source.publish(Pub("both", "x"));
  EXPECT_EQ(counters.sent_to_cores.value() - before, 2U);
  broker.settle();
  for (Client& client : crowd) EXPECT_THAT(client.got(), ElementsAre("both=x"));
}

TEST_F(ManyCores, OrderOfAPublisherHoldsAcrossCores) {
  for (int i = 1; i <= 100; ++i) {
    source.publish(Pub("both", std::to_string(i), i % 3 == 0 ? kQos2 : kQos1));
    if (i % 7 == 0) broker.step(CoreId{1});
    if (i % 11 == 0) broker.step(CoreId{2});
  }
  broker.settle();
  for (Client* client : {&durable, &passing}) {
    client->manual = false;
    const Lines lines = client->finish_all();
    ASSERT_EQ(lines.size(), 100U);
    for (int i = 1; i <= 100; ++i) {
      EXPECT_TRUE(lines[i - 1U].starts_with("both=" + std::to_string(i) + " "));
    }
  }
}

// Back-pressure: a core that doesn't get round to its mail makes the others' readers wait.
TEST_F(ManyCores, ARouterIsCongestedWhileAnotherCoreHasMuchMail) {
  routing::Router& router = broker.table(CoreId{0}).router();
  EXPECT_FALSE(router.is_congested());
  for (int i = 0; i < 100; ++i) source.publish(Pub("passing", "x"));
  EXPECT_TRUE(router.is_congested());
  EXPECT_FALSE(broker.table(CoreId{2}).router().is_congested());  // its own mail
  broker.step(CoreId{2});
  EXPECT_FALSE(router.is_congested());
  EXPECT_EQ(passing.got().size(), 100U);
}

TEST_F(ManyCores, ASubscriptionIsSeenByThePublisherOnceItsSubackIsSent) {
  Client late(broker, broker.id_on(1, "late"), Hello());
  late.manual = true;
  late.subscribe(Sub("late", kQos1));
  EXPECT_THAT(late.got(), ElementsAre("SUBACK 1 01"));  // at once
  source.publish(Pub("late", "x", kQos1));
  broker.settle();
  EXPECT_THAT(late.got(), ElementsAre("late=x q1 #1"));
}

}  // namespace
}  // namespace roost::session
