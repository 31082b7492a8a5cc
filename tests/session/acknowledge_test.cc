// SPDX-License-Identifier: Apache-2.0
// When a publisher gets its PUBACK or PUBREC: at once where nothing durable wants the message, else
// when every durable door has committed; and what never comes into the log. Disks are held, so
// that nothing is committed before the test lets them go.
#include <variant>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class Acknowledgement : public Chapter {
 protected:
  void hold() {
    for (std::uint16_t core = 0; core < broker.size(); ++core) broker.disk(CoreId{core}).hold();
  }
  void let_go() {
    for (std::uint16_t core = 0; core < broker.size(); ++core) broker.disk(CoreId{core}).let_go();
    broker.settle();
  }
  std::size_t appended() {
    std::size_t sum = 0;
    for (std::uint16_t core = 0; core < broker.size(); ++core) {
      sum += broker.disk(CoreId{core}).appended();
    }
    return sum;
  }
  template <typename Kind>
  std::size_t appended_of() {
    const std::size_t kind = Record(Kind()).index();
    std::size_t sum = 0;
    for (std::uint16_t core = 0; core < broker.size(); ++core) {
      sum += broker.disk(CoreId{core}).appended(kind);
    }
    return sum;
  }
  static Hello staying() { return Hello().resume().expiry(1000); }

  // A client with a session that stays, subscribed and gone.
  void absent(const std::string& id, std::string_view filter, mqtt::Qos qos = kQos2) {
    Client client(broker, id, staying());
    client.subscribe(Sub(filter, qos));
    client.disconnect();
  }
};

INSTANTIATE_TEST_SUITE_P(Cores, Acknowledgement, testing::Values(1, 3));

TEST_P(Acknowledgement, IsAtOnceWhereNobodyWantsIt) {
  Client source(broker, "source", Hello());
  const std::size_t before = appended();
  hold();
  source.publish(Pub("t", "1", kQos1));
  source.publish(Pub("t", "2", kQos2));
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1 10", "PUBREC 2"));
  EXPECT_EQ(appended(), before);
}

TEST_P(Acknowledgement, IsAtOnceWhereOnlyCleanSessionsWantIt) {
  Client source(broker, "source", Hello());
  Client reader(broker, "reader", Hello());
  Client member(broker, "member", Hello());
  reader.subscribe(Sub("t", kQos2));
  member.subscribe(Sub("$share/group/t", kQos2));
  const std::size_t before = appended();
  hold();
  source.publish(Pub("t", "1", kQos1));
  source.publish(Pub("t", "2", kQos2));
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1", "PUBREC 2"));
  EXPECT_THAT(reader.finish_all(), testing::SizeIs(2));
  EXPECT_EQ(appended(), before);
}

TEST_P(Acknowledgement, WaitsForADurableSession) {
  absent("lamp", "t");
  Client source(broker, "source", Hello());
  hold();
  source.publish(Pub("t", "1", kQos1));
  source.publish(Pub("t", "2", kQos2));
  EXPECT_THAT(source.got(), IsEmpty());
  EXPECT_EQ(broker.queued("lamp"), 0U);
  let_go();
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1", "PUBREC 2"));
  EXPECT_EQ(broker.queued("lamp"), 2U);
}

TEST_P(Acknowledgement, WaitsForADurableSessionThatIsConnected) {
  Client lamp(broker, "lamp", staying());
  lamp.subscribe(Sub("t", kQos1));
  lamp.take();
  Client source(broker, "source", Hello());
  hold();
  source.publish(Pub("t", "1", kQos1));
  EXPECT_THAT(source.got(), IsEmpty());
  EXPECT_THAT(lamp.got(), IsEmpty());
  let_go();
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1"));
  EXPECT_THAT(lamp.got(), ElementsAre("t=1 q1 #1"));
}

TEST_P(Acknowledgement, DoesNotWaitWhereADurableSessionWantsItAtQos0) {
  absent("lamp", "t", kQos0);
  Client source(broker, "source", Hello());
  const std::size_t before = appended();
  hold();
  source.publish(Pub("t", "1", kQos1));
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1"));
  EXPECT_EQ(appended(), before);
}

TEST_P(Acknowledgement, WaitsForAShareGroupWithADurableMember) {
  absent("lamp", "$share/group/t");
  Client source(broker, "source", Hello());
  hold();
  source.publish(Pub("t", "1", kQos1));
  EXPECT_THAT(source.got(), IsEmpty());
  let_go();
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1"));
  EXPECT_EQ(broker.queued("lamp"), 1U);
}

TEST_P(Acknowledgement, OfRetainedMessagesWaitsForTheTopicsShard) {
  Client source(broker, "source", Hello());
  hold();
  source.publish(Pub("t", "1", kQos1).retained());
  source.publish(Pub("u", "2", kQos2).retained());
  EXPECT_THAT(source.got(), IsEmpty());
  let_go();
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1", "PUBREC 2"));
  EXPECT_EQ(appended_of<RetainedRecord>(), 2U);
}

TEST_P(Acknowledgement, OfAClearedRetainedMessageWaitsToo) {
  Client source(broker, "source", Hello());
  source.publish(Pub("t", "1", kQos1).retained());
  source.take();
  hold();
  source.publish(Pub("t", "", kQos1).retained());
  EXPECT_THAT(source.got(), IsEmpty());
  let_go();
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 2"));
  EXPECT_EQ(appended_of<RetainedRecord>(), 2U);
}

TEST_P(Acknowledgement, OfQos0RetainedIsNobodysAndItIsLogged) {
  Client source(broker, "source", Hello());
  Client reader(broker, "reader", Hello());
  reader.subscribe(Sub("t"));
  reader.take();
  hold();
  source.publish(Pub("t", "1").retained());
  EXPECT_THAT(reader.got(), ElementsAre("t=1"));
  EXPECT_EQ(appended_of<RetainedRecord>(), 1U);
  let_go();
  EXPECT_THAT(source.got(), IsEmpty());
}

TEST_P(Acknowledgement, InMemoryModeIsAtOnceAndTheMessageIsStoredAllTheSame) {
  absent("lamp", "t");
  Client source(broker, "source");
  source.ack_mode = AckMode::memory;
  source.connect(Hello());
  source.take();
  hold();
  source.publish(Pub("t", "1", kQos1));
  source.publish(Pub("t", "2", kQos2));
  source.publish(Pub("r", "3", kQos1).retained());
  EXPECT_THAT(source.got(), UnorderedElementsAre("PUBACK 1", "PUBREC 2", "PUBACK 3"));
  let_go();
  EXPECT_EQ(broker.queued("lamp"), 2U);
  EXPECT_EQ(appended_of<RetainedRecord>(), 1U);
}

// [MQTT-4.3.3-12]: behind PUBCOMP the id is another message's.
TEST_P(Acknowledgement, InMemoryModeAPubrelInFrontOfTheLogReleasesItsId) {
  absent("lamp", "t");
  Client source(broker, "source");
  source.ack_mode = AckMode::memory;
  source.connect(Hello().resume().expiry(1000));
  source.take();
  hold();
  source.publish(Pub("t", "1", kQos2).id(1));
  source.publish(Pub("t", "1", kQos2).id(1).again());
  source.pubrel(1);
  EXPECT_THAT(source.got(), ElementsAre("PUBREC 1", "PUBREC 1"));
  let_go();
  EXPECT_THAT(source.got(), ElementsAre("PUBCOMP 1"));
  source.publish(Pub("t", "2", kQos2).id(1));
  source.pubrel(1);
  EXPECT_THAT(source.got(), ElementsAre("PUBREC 1", "PUBCOMP 1"));
  EXPECT_EQ(broker.queued("lamp"), 2U);
}

// [MQTT-4.6.0-2]: those that needn't wait don't overtake one that does.
TEST_P(Acknowledgement, KeepsTheOrderOfThePublishes) {
  absent("lamp", "t", kQos1);
  Client source(broker, "source", Hello());
  hold();
  source.publish(Pub("t", "1", kQos1));
  source.publish(Pub("nobody", "2", kQos1));
  EXPECT_THAT(source.got(), IsEmpty());
  let_go();
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1", "PUBACK 2 10"));
}

TEST_P(Acknowledgement, OfACleanPublishersQos2WaitsForEveryDurableTarget) {
  const std::string near = broker.id_on(0, "near"), far = broker.id_on(1, "far");
  absent(near, "t");
  absent(far, "t");
  Client source(broker, broker.id_on(2, "source"), Hello());
  hold();
  source.publish(Pub("t", "1", kQos2));
  for (std::uint16_t core = 0; core < broker.size(); ++core) {
    EXPECT_THAT(source.got(), IsEmpty());
    broker.disk(CoreId{core}).let_go();
    broker.settle();
    if (core == 1) break;  // both targets are on these
  }
  EXPECT_THAT(source.got(), ElementsAre("PUBREC 1"));
  EXPECT_EQ(broker.queued(near), 1U);
  EXPECT_EQ(broker.queued(far), 1U);
  EXPECT_EQ(appended_of<ReceivedRecord>(), 0U);
}

TEST_P(Acknowledgement, ACleanPublishersQos2IdEndsWithItsConnection) {
  absent("lamp", "t");
  Client source(broker, "source", Hello());
  source.publish(Pub("t", "first", kQos2).id(7));
  source.publish(Pub("t", "first", kQos2).id(7).again());
  EXPECT_EQ(broker.queued("lamp"), 1U);
  source.vanish();
  source.connect(Hello().resume());
  source.publish(Pub("t", "second", kQos2).id(7).again());
  EXPECT_EQ(broker.queued("lamp"), 2U);
}

TEST_P(Acknowledgement, OfADurablePublishersQos2WaitsForItsOwnShard) {
  Client source(broker, "source", staying());
  hold();
  source.publish(Pub("t", "1", kQos2));
  EXPECT_THAT(source.got(), IsEmpty());
  let_go();
  EXPECT_EQ(source.got().size(), 1U);
  EXPECT_EQ(appended_of<ReceivedRecord>(), 1U);
}

// What nothing waits for is one record for many. The limits' default is none, the server's 10 ms.
TEST_P(Acknowledgement, OfDurableSubscribersIsCommittedTogether) {
  broker.limits().ack_delay_ms = 10;
  Client reader(broker, "reader", staying());
  reader.subscribe(Sub("t", kQos2));
  reader.got();
  Client source(broker, "source", Hello());
  for (int i = 0; i < 3; ++i) source.publish(Pub("t", "x", kQos1));
  ASSERT_THAT(reader.got(), testing::SizeIs(3));
  reader.puback(1);
  reader.puback(2);
  broker.advance_ms(9);
  EXPECT_EQ(appended_of<AckedRecord>(), 0u);
  reader.puback(3);
  broker.advance_ms(20);
  EXPECT_EQ(appended_of<AckedRecord>(), 1u);
  broker.advance_ms(100);
  EXPECT_EQ(appended_of<AckedRecord>(), 1u);
}

TEST_P(Acknowledgement, IsCommittedAtOnceWhereSomebodyWaitsForIt) {
  broker.limits().ack_delay_ms = 10;
  Client reader(broker, "reader", staying());
  reader.subscribe(Sub("t", kQos2));
  reader.got();
  Client source(broker, "source", Hello());
  source.publish(Pub("t", "1", kQos1));
  source.publish(Pub("t", "2", kQos2));
  ASSERT_THAT(reader.got(), testing::SizeIs(2));
  reader.puback(1);
  reader.pubrec(2);
  EXPECT_EQ(appended_of<AckedRecord>(), 1u) << "PUBREL waits for it";
  EXPECT_THAT(reader.got(), ElementsAre("PUBREL 2"));
  reader.pubcomp(2);
  EXPECT_EQ(appended_of<AckedRecord>(), 1u);
  reader.disconnect();
  EXPECT_EQ(appended_of<AckedRecord>(), 2u) << "before it is detached";
  broker.advance_ms(100);
  EXPECT_EQ(appended_of<AckedRecord>(), 2u);
}

// A client that may have one message open gets the next one without the delay.
TEST_P(Acknowledgement, NeverHoldsBackWhatWaitsForTheWindow) {
  broker.limits().ack_delay_ms = 10;
  broker.limits().max_inflight = 1;
  Client reader(broker, "reader", staying());
  reader.subscribe(Sub("t", kQos1));
  reader.got();
  Client source(broker, "source", Hello());
  for (int i = 0; i < 10; ++i) source.publish(Pub("t", std::to_string(i), kQos1));
  for (mqtt::PacketId id = 1; id <= 10; ++id) {
    ASSERT_THAT(reader.got(), testing::SizeIs(1)) << id;
    reader.puback(id);
  }
}

// Nothing but its will, and those of its publishes that something durable wants.
TEST_P(Acknowledgement, TheLogHoldsNothingElseOfACleanSession) {
  absent("lamp", "wanted", kQos1);
  const std::size_t before = appended();
  Client reader(broker, "reader", Hello());
  reader.subscribe({Sub("#", kQos2), Sub("$share/group/#", kQos1)});
  Client source(broker, "source", Hello());
  for (const mqtt::Qos qos : {kQos0, kQos1, kQos2}) source.publish(Pub("t", "x", qos));
  source.finish_all();
  reader.finish_all();
  reader.unsubscribe({"#"});
  source.disconnect();
  reader.vanish();
  EXPECT_EQ(appended(), before);

  Client mortal(broker, "mortal", Hello().last_words("w", "gone").will_qos(kQos1));
  EXPECT_EQ(appended(), before + 1);
  mortal.publish(Pub("wanted", "x", kQos1));
  EXPECT_EQ(appended(), before + 2);
}

}  // namespace
}  // namespace roost::session
