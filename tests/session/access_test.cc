// SPDX-License-Identifier: Apache-2.0
// What a client may not do is refused in the protocol's words, and rules that change reach who is
// there already.
#include "broker/session/access.h"

#include <set>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

class FakeAccess final : public Access {
 public:
  bool may_publish(std::string_view topic, bool retain) override {
    return !no_publish.contains(std::string(topic)) && !(retain && no_retain);
  }
  bool may_subscribe(std::string_view filter) override {
    return !no_subscribe.contains(std::string(filter));
  }
  bool may_receive(std::string_view topic) override {
    return !no_receive.contains(std::string(topic));
  }
  SteadyMs ends_at_ms() const override { return ends_at; }

  std::set<std::string> no_publish, no_subscribe, no_receive;
  bool no_retain = false;
  SteadyMs ends_at = 0;
};

class Allowed : public Chapter {
 protected:
  void SetUp() override { witness.subscribe(Sub("#", kQos2)); }
  void come(Client& who, const Hello& hello) {
    who.access = &access;
    who.connect(hello);
    who.take();
  }

  FakeAccess access;  // of the client under test
  Client witness{broker, "witness", Hello()};
  Client client{broker, "a"};
};
INSTANTIATE_TEST_SUITE_P(Cores, Allowed, testing::Values(1, 3));

TEST_P(Allowed, APublishThatIsNotIsToldSoAndReachesNobody) {
  access.no_publish = {"secret"};
  come(client, Hello());
  witness.take();
  client.publish(Pub("secret", "0"));
  client.publish(Pub("secret", "1", kQos1));
  client.publish(Pub("secret", "2", kQos2));
  EXPECT_THAT(client.got(), ElementsAre("PUBACK 1 87", "PUBREC 2 87"));
  client.publish(Pub("open", "3", kQos1));
  EXPECT_THAT(client.got(), ElementsAre("PUBACK 3"));
  EXPECT_THAT(witness.got(), ElementsAre("open=3 q1 #1"));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_not_authorized), 3U);
}

// 3.x can't be told: acknowledged, and dropped.
TEST_P(Allowed, AnOldClientsPublishIsAcknowledgedAndDropped) {
  access.no_publish = {"secret"};
  come(client, Hello().v3());
  witness.take();
  client.publish(Pub("secret", "1", kQos1));
  client.publish(Pub("secret", "2", kQos2));
  client.pubrel(2);
  EXPECT_THAT(client.got(), ElementsAre("PUBACK 1", "PUBREC 2", "PUBCOMP 2"));
  EXPECT_THAT(witness.got(), IsEmpty());
}

TEST_P(Allowed, RetainIsARightOfItsOwn) {
  access.no_retain = true;
  come(client, Hello());
  client.publish(Pub("t", "kept", kQos1).retained());
  client.publish(Pub("t", "said", kQos1));
  EXPECT_THAT(client.got(), ElementsAre("PUBACK 1 87", "PUBACK 2"));
  Client late(broker, "late", Hello());
  late.subscribe(Sub("t"));
  EXPECT_THAT(late.got(), ElementsAre("SUBACK 1 00"));
}

TEST_P(Allowed, SubackTellsTheTruth) {
  access.no_subscribe = {"secret", "inner"};
  come(client, Hello());
  client.subscribe({Sub("open", kQos1), Sub("secret", kQos1), Sub("$share/g/inner")});
  EXPECT_THAT(client.got(), ElementsAre("SUBACK 1 01 87 87"));
  EXPECT_EQ(broker.sum(&SessionCounters::refused_filters), 2U);
  witness.publish(Pub("secret", "x"));
  witness.publish(Pub("inner", "x"));
  witness.publish(Pub("open", "x"));
  EXPECT_THAT(client.got(), ElementsAre("open=x"));
  Client old(broker, "old");
  come(old, Hello().v3());
  old.subscribe({Sub("open"), Sub("secret")});
  EXPECT_THAT(old.got(), ElementsAre("SUBACK 1 00 80"));
}

TEST_P(Allowed, WhatMayNotBeReceivedIsDroppedAtEachQos) {
  access.no_receive = {"t/secret"};
  come(client, Hello());
  client.subscribe(Sub("t/#", kQos2));
  client.take();
  for (const auto qos : {kQos0, kQos1, kQos2}) {
    witness.publish(Pub("t/secret", "x", qos));
    witness.publish(Pub("t/open", "x", qos));
  }
  EXPECT_THAT(client.finish_all(), ElementsAre("t/open=x", "t/open=x q1 #1", "t/open=x q2 #2"));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_not_receivable), 3U);
}

TEST_P(Allowed, WhatADurableSessionMayNotReceiveLeavesItsQueue) {
  access.no_receive = {"t/secret"};
  come(client, Hello().resume().expiry(100));
  client.subscribe(Sub("t/#", kQos1));
  client.vanish();
  witness.publish(Pub("t/secret", "1", kQos1));
  witness.publish(Pub("t/open", "2", kQos1));
  ASSERT_EQ(broker.queued("a"), 2U);
  client.connect(Hello().resume().expiry(100));
  EXPECT_THAT(client.finish_all(), ElementsAre("t/open=2 q1 #2"));
  EXPECT_EQ(broker.queued("a"), 0U);
}

TEST_P(Allowed, RetainedMessagesThatMayNotBeReceivedDoNotCome) {
  access.no_receive = {"t/secret"};
  witness.publish(Pub("t/secret", "kept", kQos1).retained());
  witness.publish(Pub("t/open", "kept", kQos1).retained());
  come(client, Hello());
  client.subscribe(Sub("t/#", kQos1));
  EXPECT_THAT(client.finish_all(), ElementsAre("t/open=kept q1 #1 retain"));
}

TEST_P(Allowed, WhoHasAFilterThatIsForbiddenNowLosesItAndIsSentOff) {
  come(client, Hello());
  client.subscribe({Sub("a"), Sub("b")});
  Client other(broker, "other");
  FakeAccess others;
  other.access = &others;
  other.connect(Hello());
  other.subscribe(Sub("a"));
  other.take();
  client.take();
  access.no_subscribe = {"a"};
  for (std::uint16_t core = 0; core < broker.size(); ++core) {
    broker.run_on(CoreId{core}, [&] { broker.table(CoreId{core}).look_at_access(); });
  }
  broker.settle();
  EXPECT_THAT(client.got(), ElementsAre("DISCONNECT 87", "CLOSED"));
  witness.publish(Pub("a", "x"));
  EXPECT_THAT(other.got(), ElementsAre("a=x"));
  EXPECT_EQ(broker.sum(&SessionCounters::filters_taken_away), 1U);
}

TEST_P(Allowed, ADurableSessionsForbiddenFilterIsGoneWhenItComesBack) {
  come(client, Hello().resume().expiry(100));
  client.subscribe({Sub("a", kQos1), Sub("b", kQos1)});
  client.vanish();
  access.no_subscribe = {"a"};
  client.connect(Hello().resume().expiry(100));
  EXPECT_THAT(client.got(), ElementsAre("CONNACK 00 present"));
  EXPECT_EQ(broker.stored("a")->filters.size(), 1U);
  witness.publish(Pub("a", "x", kQos1));
  witness.publish(Pub("b", "x", kQos1));
  EXPECT_THAT(client.finish_all(), ElementsAre("b=x q1 #1"));
  client.subscribe(Sub("c"));
  client.unsubscribe({"c"});
  EXPECT_THAT(client.got(), ElementsAre("SUBACK 2 00", "UNSUBACK 3 00"))
      << "nobody else's answer was taken for it";
}

TEST_P(Allowed, WhoseTokenEndsIsSentOff) {
  access.ends_at = broker.clock().steady_ms() + 5000;
  come(client, Hello().keep_alive(60));
  broker.advance_ms(4900);
  EXPECT_THAT(client.got(), IsEmpty());
  broker.advance_ms(200);
  EXPECT_THAT(client.got(), ElementsAre("DISCONNECT 87", "CLOSED"));
  EXPECT_EQ(broker.sum(&SessionCounters::access_ended), 1U);
}

}  // namespace
}  // namespace roost::session
