// SPDX-License-Identifier: Apache-2.0
// SUBSCRIBE, UNSUBSCRIBE, the options of a subscription, overlapping ones.
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using mqtt::ReasonCode;
using mqtt::RetainHandling;

class Subscribe : public Chapter {
 protected:
  Client source{broker, "source", Hello()};
};
INSTANTIATE_TEST_SUITE_P(Cores, Subscribe, testing::Values(1, 3));

// [MQTT-3.8.4-6] one code a filter, in their order
TEST_P(Subscribe, IsAnsweredByOneCodeForEachFilter) {
  Client client(broker, "a", Hello());
  client.subscribe({Sub("a", kQos2), Sub("b/+", kQos0), Sub("#", kQos1)});
  EXPECT_THAT(client.got(), ElementsAre("SUBACK 1 02 00 01"));
  EXPECT_EQ(broker.sum(&SessionCounters::subscriptions), 3U);
}

TEST_P(Subscribe, OrdinaryAndSharedFiltersAreAnsweredTogether) {
  Client client(broker, "a", Hello());
  client.subscribe({Sub("a", kQos2), Sub("$share/g/b", kQos1), Sub("c", kQos0),
                    Sub("$share/h/d", kQos2), Sub("$share/g/e", kQos0)});
  client.subscribe(Sub("f", kQos1));
  EXPECT_THAT(client.got(), ElementsAre("SUBACK 1 02 01 00 02 00", "SUBACK 2 01"));
}

// [MQTT-3.8.4-3]
TEST_P(Subscribe, AgainReplacesTheOptions) {
  Client client(broker, "a", Hello());
  client.subscribe(Sub("t", kQos2).id(1));
  client.subscribe(Sub("t", kQos0).id(2));
  client.take();
  source.publish(Pub("t", "x", kQos2));
  EXPECT_THAT(client.got(), ElementsAre("t=x ids=2"));
  EXPECT_EQ(broker.sum(&SessionCounters::subscriptions), 1U);
}

TEST_P(Subscribe, OverTheLimitOfSubscriptionsIsAnswered97AndCounted) {
  broker.limits().max_subscriptions = 2;
  Client newer(broker, "a", Hello());
  newer.subscribe({Sub("a"), Sub("b"), Sub("c"), Sub("a", kQos1)});
  EXPECT_THAT(newer.got(), ElementsAre("SUBACK 1 00 00 97 01"));
  Client older(broker, "b", Hello().v3());
  older.subscribe({Sub("a"), Sub("b"), Sub("c")});
  EXPECT_THAT(older.got(), ElementsAre("SUBACK 1 00 00 80"));
  EXPECT_EQ(broker.sum(&SessionCounters::refused_subscriptions), 2U);
}

TEST_P(Subscribe, OverTheLengthOfAFilterIsAnswered8FAndCounted) {
  broker.limits().max_topic_bytes = 4;
  Client newer(broker, "a", Hello());
  newer.subscribe({Sub("1234"), Sub("12345"), Sub("123/#")});
  EXPECT_THAT(newer.got(), ElementsAre("SUBACK 1 00 8F 8F"));
  Client older(broker, "b", Hello().v3());
  older.subscribe({Sub("12345")});
  EXPECT_THAT(older.got(), ElementsAre("SUBACK 1 80"));
  EXPECT_EQ(broker.sum(&SessionCounters::refused_filter_length), 3U);
}

// [MQTT-3.10.4-1] [MQTT-3.11.3-1]
TEST_P(Subscribe, UnsubscribeSaysWhetherThereWasOne) {
  Client client(broker, "a", Hello());
  client.subscribe({Sub("a"), Sub("$share/g/a")});
  client.unsubscribe({"a", "b", "$share/g/a", "$share/g/b", "A"});
  EXPECT_THAT(client.got(), ElementsAre("SUBACK 1 00 00", "UNSUBACK 2 00 11 00 11 11"));
  source.publish(Pub("a", "x"));
  EXPECT_THAT(client.got(), IsEmpty());
  EXPECT_EQ(broker.sum(&SessionCounters::subscriptions), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::shared_subscriptions), 0U);
}

// [MQTT-3.10.4-2] [MQTT-3.10.4-3]: what was sent before is finished
TEST_P(Subscribe, UnsubscribeLeavesWhatIsInFlight) {
  Client client(broker, "a", Hello().receive_max(1));
  client.subscribe(Sub("t", kQos2));
  source.publish(Pub("t", "1", kQos2));
  source.publish(Pub("t", "2", kQos2));
  client.unsubscribe({"t"});
  source.publish(Pub("t", "3", kQos2));
  EXPECT_THAT(client.finish_all(), ElementsAre("t=1 q2 #1", "t=2 q2 #2"));
}

TEST_P(Subscribe, LivesAsLongAsThePersistentSession) {
  Client client(broker, "a", Hello().resume().expiry(10));
  client.subscribe(Sub("t/+", kQos1).id(7));
  client.vanish();
  source.publish(Pub("t/1", "x", kQos1));
  source.publish(Pub("t/1", "not kept"));
  client.connect(Hello().resume().expiry(10));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "t/1=x q1 #1 ids=7"));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_offline_qos0), 1U);
}

// [MQTT-3.3.4-3] [MQTT-3.3.4-4]
TEST_P(Subscribe, OverlappingFiltersGiveOneCopyWithTheHighestQosAndAllIdentifiers) {
  for (const bool durable : {false, true}) {
    Client client(broker, durable ? "d" : "v", durable ? Hello().resume().expiry(9) : Hello());
    client.subscribe(Sub("a/b", kQos0).id(11));
    client.subscribe(Sub("a/+", kQos2).id(12));
    client.subscribe(Sub("#", kQos1));
    client.subscribe(Sub("+/b", kQos0).id(13));
    client.subscribe(Sub("a/#", kQos0).id(268'435'455));
    client.take();
    source.publish(Pub("a/b", "x", kQos2));
    const auto packets = client.take();
    ASSERT_EQ(packets.size(), 1U);
    const auto& publish = std::get<mqtt::Publish>(packets[0]);
    EXPECT_EQ(publish.qos, kQos2);
    EXPECT_THAT(publish.properties.subscription_identifiers,
                UnorderedElementsAre(11, 12, 13, 268'435'455));
  }
}

TEST_P(Subscribe, IdentifiersAreNotSentToV3) {
  Client client(broker, "a", Hello().resume().expiry(9));
  client.subscribe(Sub("t", kQos1).id(5));
  client.vanish();
  client.connect(Hello().v3().resume());
  source.publish(Pub("t", "x", kQos1));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present", "t=x q1 #1"));
}

// [MQTT-3.8.3-3]
TEST_P(Subscribe, NoLocalKeepsOwnMessagesAway) {
  Client client(broker, "a", Hello());
  client.subscribe(Sub("t", kQos2).no_local());
  client.take();
  client.publish(Pub("t", "own"));
  source.publish(Pub("t", "other"));
  EXPECT_THAT(client.got(), ElementsAre("t=other"));
}

TEST_P(Subscribe, NoLocalIsOfItsSubscriptionOnly) {
  Client client(broker, "a", Hello());
  client.subscribe(Sub("t", kQos2).no_local().id(1));
  client.subscribe(Sub("#", kQos0).id(2));
  client.take();
  client.publish(Pub("t", "own"));
  EXPECT_THAT(client.got(), ElementsAre("t=own ids=2"));
}

// [MQTT-3.3.1-12] [MQTT-3.3.1-13]
TEST_P(Subscribe, RetainAsPublishedKeepsTheFlag) {
  Client kept(broker, "a", Hello());
  kept.subscribe(Sub("t").as_published());
  Client cleared(broker, "b", Hello());
  cleared.subscribe(Sub("t"));
  Client older(broker, "c", Hello().v3());
  older.subscribe(Sub("t"));
  source.publish(Pub("t", "x").retained());
  source.publish(Pub("t", "y"));
  EXPECT_THAT(kept.got(), ElementsAre("SUBACK 1 00", "t=x retain", "t=y"));
  EXPECT_THAT(cleared.got(), ElementsAre("SUBACK 1 00", "t=x", "t=y"));
  EXPECT_THAT(older.got(), ElementsAre("SUBACK 1 00", "t=x", "t=y"));
}

// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
TEST_P(Subscribe, RetainHandlingSaysWhetherRetainedOnesAreSent) {
  source.publish(Pub("t", "x").retained());
  Client always(broker, "a", Hello());
  Client if_new(broker, "b", Hello());
  Client never(broker, "c", Hello());
  for (int i = 0; i < 2; ++i) {
    always.subscribe(Sub("t").retain_handling(RetainHandling::send));
    if_new.subscribe(Sub("t").retain_handling(RetainHandling::send_if_new));
    never.subscribe(Sub("t").retain_handling(RetainHandling::do_not_send));
  }
  EXPECT_THAT(always.got(), ElementsAre("SUBACK 1 00", "t=x retain", "SUBACK 2 00", "t=x retain"));
  EXPECT_THAT(if_new.got(), ElementsAre("SUBACK 1 00", "t=x retain", "SUBACK 2 00"));
  EXPECT_THAT(never.got(), ElementsAre("SUBACK 1 00", "SUBACK 2 00"));
  if_new.unsubscribe({"t"});
  if_new.subscribe(Sub("t").retain_handling(RetainHandling::send_if_new));  // new again
  EXPECT_THAT(if_new.got(), ElementsAre("UNSUBACK 3 00", "SUBACK 4 00", "t=x retain"));
}

TEST_P(Subscribe, ResumingASessionIsNoSubscribing) {
  source.publish(Pub("t", "x").retained());
  Client client(broker, "a", Hello().resume().expiry(9));
  client.subscribe(Sub("t"));
  client.vanish();
  client.connect(Hello().resume().expiry(9));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present"));
}

// mosquitto's bridges say so by their protocol level: no echo, retained stays retained.
TEST_P(Subscribe, ABridgeGetsNoEchoAndTheRetainFlagAsPublished) {
  Hello hello = Hello().v3();
  hello.bridge = true;
  Client bridge(broker, "a", hello);
  bridge.subscribe(Sub("t", kQos1));
  bridge.publish(Pub("t", "own", kQos1).retained());
  source.publish(Pub("t", "other", kQos1).retained());
  EXPECT_THAT(bridge.got(), ElementsAre("SUBACK 1 01", "PUBACK 2", "t=other q1 #1 retain"));
}

// [MQTT-4.7.2-1]
TEST_P(Subscribe, WildcardsAtTheFrontDoNotMatchDollarTopics) {
  Client client(broker, "a", Hello());
  client.subscribe({Sub("#"), Sub("+/x"), Sub("$dev/#").id(1)});
  client.take();
  source.publish(Pub("$dev/x", "1").retained());
  EXPECT_THAT(client.got(), ElementsAre("$dev/x=1"));
  Client late(broker, "b", Hello());
  late.subscribe({Sub("#"), Sub("+/x")});
  EXPECT_THAT(late.got(), ElementsAre("SUBACK 1 00 00"));
  late.subscribe(Sub("$dev/+"));
  EXPECT_THAT(late.got(), ElementsAre("SUBACK 2 00", "$dev/x=1 retain"));
}

TEST_P(Subscribe, ReachesTopicsAsDeepAsTheLimit) {
  std::string deep = "l";
  for (int i = 1; i < 128; ++i) deep += "/l";
  Client client(broker, "a", Hello());
  client.subscribe(Sub("l/+/#"));
  client.take();
  source.publish(Pub(deep, "x"));
  EXPECT_EQ(client.take().size(), 1U);
  source.publish(Pub(deep + "/l", "x"));
  EXPECT_THAT(source.got(), ElementsAre("DISCONNECT 90", "CLOSED"));
}

TEST_P(Subscribe, InterestIsGoneWithTheLastSubscriber) {
  const std::string ids[] = {broker.id_on(0, "a"), broker.id_on(1, "b"), broker.id_on(2, "c")};
  {
    Client one(broker, ids[0], Hello());
    Client two(broker, ids[1] + "2", Hello().resume().expiry(5));
    Client three(broker, ids[2] + "3", Hello());
    one.subscribe({Sub("t/1"), Sub("t/#")});
    one.subscribe(Sub("t/1"));  // twice is once
    two.subscribe(Sub("t/1", kQos1));
    three.subscribe(Sub("$share/g/t/1"));
    EXPECT_NE(broker.bits_of_interest("t/1"), 0U);
    one.unsubscribe({"t/1"});
    EXPECT_NE(broker.bits_of_interest("t/1"), 0U);
  }
  broker.settle();
  broker.advance_s(6);
  EXPECT_EQ(broker.bits_of_interest("t/1"), 0U);
  source.publish(Pub("t/1", "x", kQos1));
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1 10"));
}

// Keeps what waits for other nodes until the test lets it go.
struct HeldGate final : SubscribedGate {
  void when_seen(core::Core& core, core::Task task) override {
    waiting.emplace_back(&core, std::move(task));
  }
  void let_go() {
    for (auto& [core, task] : std::exchange(waiting, {})) core->post(std::move(task));
  }
  std::vector<std::pair<core::Core*, core::Task>> waiting;
};

// In a cluster: who publishes on another node after SUBACK finds the filter. Retained messages come
// behind it, and live ones behind those.
TEST_P(Subscribe, IsAnsweredWhenOtherNodesHaveSeenTheFilter) {
  HeldGate gate;
  for (std::uint16_t id = 0; id < broker.size(); ++id) broker.table(CoreId{id}).use(gate);
  source.publish(Pub("t", "kept", kQos0).retained());
  for (const bool durable : {false, true}) {
    Client client(broker, durable ? "d" : "v", durable ? Hello().expiry(100) : Hello());
    client.subscribe({Sub("t", kQos0), Sub("$share/g/s", kQos1)});
    client.subscribe(Sub("u", kQos0));
    source.publish(Pub("t", "live", kQos0));
    EXPECT_THAT(client.got(), IsEmpty());
    EXPECT_EQ(gate.waiting.size(), 2U);
    gate.let_go();
    broker.settle();
    EXPECT_THAT(client.got(),
                ElementsAre("SUBACK 1 00 01", "t=kept retain", "SUBACK 2 00", "t=live"));
  }
}

TEST_P(Subscribe, AClientThatLeftMeanwhileIsNotAnswered) {
  HeldGate gate;
  for (std::uint16_t id = 0; id < broker.size(); ++id) broker.table(CoreId{id}).use(gate);
  {
    Client client(broker, "v", Hello());
    client.subscribe(Sub("t", kQos0));
    client.disconnect();
  }
  gate.let_go();
  broker.settle();
  EXPECT_FALSE(broker.knows("v"));
}

}  // namespace
}  // namespace roost::session
