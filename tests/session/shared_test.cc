// SPDX-License-Identifier: Apache-2.0
// Shared subscriptions: one member gets each message, wherever members and group live.
#include <map>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using mqtt::ReasonCode;

class Shared : public Chapter {
 protected:
  Client source{broker, "source", Hello()};
  // Group and members on different cores where there are several.
  const std::string filter_ = "$share/" + broker.id_on(0, "g/t");
  const std::string topic_ = filter_.substr(filter_.find("g/") + 2);
  Client one{broker, broker.id_on(1, "one"), Hello().resume().expiry(100)};
  Client two{broker, broker.id_on(2, "two"), Hello().resume().expiry(100)};

  void join(Client& client, mqtt::Qos qos = kQos2) {
    client.subscribe(Sub(filter_, qos).id(5));
    client.take();
  }
  void SetUp() override {
    join(one);
    join(two);
  }
  void publish(int count, mqtt::Qos qos) {
    for (int i = 1; i <= count; ++i) source.publish(Pub(topic_, std::to_string(i), qos));
    source.finish_all();
  }
  std::string line(const std::string& rest) const { return topic_ + '=' + rest; }
  // How often each payload is among the lines.
  static std::map<std::string, int> payloads(const Lines& lines) {
    std::map<std::string, int> counts;
    for (const std::string& text : lines) {
      const auto begin = text.find('=') + 1;
      ++counts[text.substr(begin, text.find(' ', begin) - begin)];
    }
    return counts;
  }
};
INSTANTIATE_TEST_SUITE_P(Cores, Shared, testing::Values(1, 3));

// [MQTT5-4.8.2]
TEST_P(Shared, GiveEachMessageToOneMemberInTurn) {
  publish(10, kQos1);
  EXPECT_EQ(one.finish_all().size(), 5U);
  EXPECT_EQ(two.finish_all().size(), 5U);
}

TEST_P(Shared, CarryTheMembersQosAndIdentifier) {
  two.unsubscribe({filter_});
  one.subscribe(Sub(filter_, kQos1).id(9));
  one.take();
  publish(1, kQos2);
  EXPECT_THAT(one.got(), ElementsAre(line("1 q1 #1 ids=9")));
}

TEST_P(Shared, GiveToEveryGroupAndToOrdinarySubscriptionsAsWell) {
  Client third(broker, "third", Hello());
  third.subscribe({Sub("$share/h/#"), Sub("#")});
  third.take();
  publish(1, kQos0);
  EXPECT_THAT(third.got(), UnorderedElementsAre(line("1"), line("1")));
  EXPECT_EQ(one.got().size() + two.got().size(), 1U);
}

TEST_P(Shared, PreferConnectedMembers) {
  one.vanish();
  publish(10, kQos1);
  EXPECT_EQ(two.finish_all().size(), 10U);
  one.connect(Hello().resume().expiry(100));
  EXPECT_THAT(one.got(), ElementsAre("CONNACK 00 present"));
  publish(10, kQos1);
  EXPECT_EQ(one.finish_all().size(), 5U);
}

TEST_P(Shared, WaitWithABusyMemberRatherThanWithOneThatIsAway) {
  one.vanish();
  one.connect(Hello().resume().expiry(100).receive_max(1));
  two.vanish();
  publish(10, kQos1);
  EXPECT_EQ(one.finish_all().size(), 10U);
}

TEST_P(Shared, KeepMessagesForOfflineMembersWhereNobodyIsConnected) {
  one.vanish();
  two.vanish();
  publish(4, kQos1);
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 4U);
  one.connect(Hello().resume().expiry(100));
  two.connect(Hello().resume().expiry(100));
  EXPECT_EQ(one.finish_all().size() + two.finish_all().size(), 4U);
}

TEST_P(Shared, PassOverMembersWhoseWindowIsFull) {
  one.vanish();
  one.connect(Hello().resume().expiry(100).receive_max(1));
  publish(10, kQos1);
  EXPECT_EQ(two.finish_all().size(), 9U);
  EXPECT_EQ(one.finish_all().size(), 1U);
}

// [MQTT5-4.8.2]: QoS 1 that a member didn't acknowledge goes to another when its session ends
TEST_P(Shared, HandOnWhatAnEndedSessionDidNotAcknowledge) {
  publish(10, kQos1);
  one.puback(1);
  EXPECT_EQ(one.got().size(), 5U);
  one.disconnect_with_expiry(0);
  const Lines all = two.finish_all();
  EXPECT_EQ(payloads(all).size(), 9U);
  EXPECT_EQ(all.size(), 9U);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_session_end), 0U);
}

TEST_P(Shared, KeepWhatAMemberHasNotAcknowledgedWhileItsSessionLasts) {
  publish(2, kQos1);
  one.take();
  one.vanish();
  EXPECT_EQ(two.finish_all().size(), 1U);
  one.connect(Hello().resume().expiry(100));
  EXPECT_THAT(one.got(), ElementsAre("CONNACK 00 present", testing::HasSubstr(" q1 #1 dup")));
}

// [MQTT5-4.8.2]: QoS 2 must not go to another once it was sent
TEST_P(Shared, NeverHandOnQos2ThatWasSent) {
  publish(2, kQos2);
  one.take();
  one.disconnect_with_expiry(0);
  EXPECT_EQ(two.finish_all().size(), 1U);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_session_end), 1U);
}

TEST_P(Shared, HandOnQos2ThatStillWaited) {
  one.vanish();
  two.vanish();
  publish(4, kQos2);
  two.connect(Hello().resume().expiry(100));
  EXPECT_EQ(two.finish_all().size(), 2U);
  broker.advance_s(101);  // one's session is over
  EXPECT_EQ(two.finish_all().size(), 2U);
}

TEST_P(Shared, CountWhatNobodyIsLeftToTake) {
  two.unsubscribe({filter_});
  one.vanish();
  publish(3, kQos1);
  broker.advance_s(101);
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_session_end), 3U);
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 0U);
}

// [MQTT5-4.8.2]: a rejected message is gone
TEST_P(Shared, DoNotHandOnWhatWasRefused) {
  publish(1, kQos2);
  Client& got = one.got().empty() ? two : one;
  got.ack(mqtt::PacketType::pubrec, 1, ReasonCode::unspecified_error);
  one.vanish();
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
}

// A publish made after SUBACK is seen: SUBACK waits until the group knows.
TEST_P(Shared, AnswerSubackOnlyWhenTheGroupHasTheMember) {
  if (broker.size() == 1) GTEST_SUCCEED();
  Client third(broker, broker.id_on(1, "third"), Hello());
  third.manual = true;
  const std::string fresh = "$share/" + broker.id_on(0, "new/n");
  third.subscribe(Sub(fresh, kQos1));
  const std::size_t at_once = third.got().size();
  EXPECT_EQ(at_once, broker.size() == 1 ? 1U : 0U);
  EXPECT_EQ(broker.bits_of_interest(fresh.substr(11)) != 0, broker.size() == 1);
  broker.settle();
  EXPECT_EQ(third.got().size(), 1U - at_once);
  EXPECT_NE(broker.bits_of_interest(fresh.substr(11)), 0U);
}

TEST_P(Shared, SubacksStayInOrderBehindOneThatWaits) {
  Client third(broker, broker.id_on(1, "third"), Hello());
  third.manual = true;
  third.subscribe(Sub(filter_, kQos1));
  third.subscribe(Sub("x", kQos0));
  broker.settle();
  EXPECT_THAT(third.got(), ElementsAre("SUBACK 1 01", "SUBACK 2 00"));
}

// The member leaves while a message is on its way to it: somebody else gets it.
TEST_P(Shared, LoseNothingWhenAMemberLeavesMeanwhile) {
  Lines all;
  for (int i = 0; i < 20; ++i) {
    one.subscribe(Sub(filter_, kQos1));
    one.manual = two.manual = source.manual = true;
    source.publish(Pub(topic_, std::to_string(i), kQos1));
    source.publish(Pub(topic_, std::to_string(i) + "b", kQos1));
    broker.step(CoreId{0});
    one.unsubscribe({filter_});
    broker.settle();
    one.manual = two.manual = source.manual = false;
    for (Client* member : {&one, &two}) {
      for (const std::string& text : member->finish_all()) all.push_back(text);
    }
  }
  EXPECT_EQ(all.size(), 40U);
  EXPECT_EQ(payloads(all).size(), 40U);
}

TEST_P(Shared, AreCountedAndForgotten) {
  EXPECT_EQ(broker.sum(&SessionCounters::shared_subscriptions), 2U);
  one.disconnect_with_expiry(0);
  EXPECT_EQ(broker.sum(&SessionCounters::shared_subscriptions), 1U);
  two.vanish();
  broker.advance_s(101);
  EXPECT_EQ(broker.sum(&SessionCounters::shared_subscriptions), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::subscriptions), 0U);
  EXPECT_EQ(broker.bits_of_interest(topic_), 0U);
}

TEST_P(Shared, ServeCleanSessionsToo) {
  Client third(broker, "third", Hello().v3());
  join(third);
  publish(9, kQos1);
  EXPECT_EQ(third.finish_all().size(), 3U);
  third.vanish();
  publish(10, kQos1);
  EXPECT_EQ(one.finish_all().size() + two.finish_all().size(), 16U);
}

}  // namespace
}  // namespace roost::session
