// SPDX-License-Identifier: Apache-2.0
// A broker ends without a word, another begins on what its disk holds: with all of it in the log,
// with all of it in the state, and half and half.
#include <map>
#include <memory>
#include <optional>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using support::Remains;

enum class Where { log, state, both };

class Restart : public testing::TestWithParam<Where> {
 protected:
  std::unique_ptr<support::Broker> broker = std::make_unique<support::Broker>(3);

  // Before what follows: is it to be read from the state?
  void half_way() {
    if (GetParam() == Where::both) broker->checkpoint();
  }
  // kill -9, `away_s` seconds, start.
  void restart(std::int64_t away_s = 0) {
    if (GetParam() == Where::state) broker->checkpoint();
    ManualClock clock = broker->clock();
    clock.advance_ms(away_s * 1000);
    Remains remains = broker->crash();
    broker = std::make_unique<support::Broker>(3, std::move(remains), clock);
  }
  static Hello staying() { return Hello().resume().expiry(1000); }
};

INSTANTIATE_TEST_SUITE_P(From, Restart, testing::Values(Where::log, Where::state, Where::both));

TEST_P(Restart, BringsSessionAndQueueBackInOrder) {
  auto source = std::make_unique<Client>(*broker, "source", Hello());
  auto lamp = std::make_unique<Client>(*broker, "lamp", staying());
  lamp->subscribe(Sub("home/+/set", kQos1));
  lamp->vanish();
  for (int i = 1; i <= 10; ++i) {
    source->publish(Pub("home/lamp/set", std::to_string(i), kQos1));
    if (i == 5) half_way();
  }
  source.reset();
  lamp.reset();
  restart();
  EXPECT_EQ(broker->queued("lamp"), 10U);
  Client back(*broker, "lamp");
  back.connect(staying());
  Lines wanted{"CONNACK 00 present"};
  for (int i = 1; i <= 10; ++i) {
    wanted.push_back("home/lamp/set=" + std::to_string(i) + " q1 #" + std::to_string(i));
  }
  EXPECT_EQ(back.got(), wanted);
}

// FIELD 5: restored, but not routed to.
TEST_P(Restart, ASessionThatIsPresentIsRoutedTo) {
  {
    Client lamp(*broker, "lamp", staying());
    lamp.subscribe({Sub("exact", kQos1), Sub("wild/#", kQos1), Sub("$share/g/shared", kQos1)});
    lamp.disconnect();
  }
  restart();
  Client source(*broker, "source", Hello());
  for (const char* topic : {"exact", "wild/x", "shared"}) source.publish(Pub(topic, "1", kQos1));
  EXPECT_EQ(broker->queued("lamp"), 3U);
  Client back(*broker, "lamp");
  back.connect(staying());
  EXPECT_THAT(back.finish_all(), testing::SizeIs(3));
}

TEST_P(Restart, ResendsWhatWasInFlightUnderTheSameIds) {
  {
    Client source(*broker, "source", Hello());
    Client lamp(*broker, "lamp", staying());
    lamp.subscribe(Sub("t", kQos2));
    for (int i = 1; i <= 4; ++i) source.publish(Pub("t", std::to_string(i), kQos2));
    lamp.take();
    half_way();
    lamp.pubrec(2);
    lamp.pubrec(1);
    lamp.pubcomp(1);
    lamp.take();
    lamp.vanish();
  }
  restart();
  Client back(*broker, "lamp");
  EXPECT_EQ(broker->queued("lamp"), 3U);
  EXPECT_TRUE(broker->stored("lamp")->was_received(1));
}

TEST_P(Restart, KnowsIncomingQos2IdsAgain) {
  {
    Client watcher(*broker, "watcher", staying());
    watcher.subscribe(Sub("t", kQos2));
    watcher.disconnect();
    Client source(*broker, "source", staying());
    source.publish(Pub("t", "once", kQos2).id(7));
    EXPECT_THAT(source.got(), ElementsAre("PUBREC 7"));
    half_way();
    source.vanish();
  }
  restart();
  Client source(*broker, "source");
  source.connect(staying());
  source.take();
  source.publish(Pub("t", "once", kQos2).id(7).again());
  source.pubrel(7);
  EXPECT_THAT(source.got(), ElementsAre("PUBREC 7", "PUBCOMP 7"));
  EXPECT_EQ(broker->queued("watcher"), 1U);
}

// Committed in its publisher's shard, and the broker died before its target had it.
TEST_P(Restart, GoesOnWithAFanOutAndTargetsDropRepeats) {
  const std::string near = broker->id_on(0, "near"), far = broker->id_on(1, "far");
  {
    Client one(*broker, near, staying()), two(*broker, far, staying());
    one.subscribe(Sub("t", kQos2));
    two.subscribe(Sub("t", kQos2));
    one.disconnect();
    two.disconnect();
    half_way();
    Client source(*broker, broker->id_on(2, "source"), staying());
    broker->disk(CoreId{1}).hold();
    source.publish(Pub("t", "x", kQos2));
    EXPECT_THAT(source.got(), ElementsAre("PUBREC 1"));
    EXPECT_EQ(broker->queued(near), 1U);
    EXPECT_EQ(broker->queued(far), 0U);
    source.vanish();
  }
  ManualClock clock = broker->clock();
  Remains remains = broker->crash();
  broker = std::make_unique<support::Broker>(3, std::move(remains), clock);
  EXPECT_EQ(broker->queued(near), 1U);
  EXPECT_EQ(broker->queued(far), 1U);
}

TEST_P(Restart, KeepsRetainedMessagesAndTheirClearing) {
  {
    Client source(*broker, "source", Hello());
    source.publish(Pub("a", "1", kQos1).retained());
    source.publish(Pub("b", "1", kQos1).retained());
    half_way();
    source.publish(Pub("b", "", kQos1).retained());
    source.publish(Pub("c", "3").retained());
  }
  restart();
  Client reader(*broker, "reader", Hello());
  reader.subscribe(Sub("#"));
  EXPECT_THAT(reader.got(), UnorderedElementsAre("SUBACK 1 00", "a=1 retain", "c=3 retain"));
}

// One record brought them all; each has a body of its own.
TEST_P(Restart, WhatWasGatheredKeepsItsBodies) {
  {
    Client source(*broker, "source", Hello());
    for (int i = 1; i <= 4; ++i) {
      const std::string topic = "keep/" + std::to_string(i);
      source.publish(Pub(topic, std::to_string(i), kQos1).retained());
    }
    Client lamp(*broker, "lamp", staying());
    lamp.stop_reading(1);  // SUBACK
    lamp.subscribe(Sub("keep/#", kQos1));
    half_way();
    lamp.vanish();
  }
  restart();
  Client back(*broker, "lamp");
  back.connect(staying());
  Lines bodies;
  for (const std::string& line : back.finish_all()) bodies.push_back(line.substr(0, 8));
  EXPECT_THAT(bodies, UnorderedElementsAre("keep/1=1", "keep/2=2", "keep/3=3", "keep/4=4"));
}

TEST_P(Restart, PublishesTheWillOfWhoWasConnected) {
  {
    Client watcher(*broker, "watcher", staying());
    watcher.subscribe(Sub("w/#", kQos1));
    watcher.disconnect();
    Client clean(*broker, "clean", Hello().last_words("w/clean", "gone").will_qos(kQos1));
    Client stays(*broker, "stays",
                 staying().last_words("w/stays", "gone").will_qos(kQos1).will_delay(30));
    Client said_bye(*broker, "bye", Hello().last_words("w/bye", "gone").will_qos(kQos1));
    said_bye.disconnect();
    half_way();
    ManualClock clock = broker->clock();
    if (GetParam() == Where::state) broker->checkpoint();
    Remains remains = broker->crash();  // with both connected
    auto next = std::make_unique<support::Broker>(3, std::move(remains), clock);
    EXPECT_EQ(next->queued("watcher"), 1U);
    next->advance_s(31);
    EXPECT_EQ(next->queued("watcher"), 2U);
  }
}

TEST_P(Restart, SessionsAndMessagesExpireMeanwhile) {
  {
    Client source(*broker, "source", Hello());
    Client brief(*broker, "brief", Hello().resume().expiry(100));
    Client lamp(*broker, "lamp", staying());
    for (Client* each : {&brief, &lamp}) each->subscribe(Sub("t", kQos1));
    brief.disconnect();
    lamp.disconnect();
    half_way();
    source.publish(Pub("t", "old", kQos1).expiry(100));
    source.publish(Pub("t", "new", kQos1).expiry(900));
  }
  restart(200);
  EXPECT_FALSE(broker->knows("brief"));
  Client lamp(*broker, "lamp");
  lamp.connect(staying());
  EXPECT_THAT(lamp.finish_all(), ElementsAre("t=new q1 #2 expiry=700"));
}

// A wall clock that went back tells nothing about how long nobody ran.
TEST_P(Restart, AClockThatStepsBackExpiresNothing) {
  {
    Client lamp(*broker, "lamp", Hello().resume().expiry(100));
    lamp.subscribe(Sub("t", kQos1));
    lamp.disconnect();
    half_way();
  }
  broker->clock().step_wall_ms(-3600 * 1000);
  restart(50);
  EXPECT_TRUE(broker->knows("lamp"));
  broker->advance_s(101);
  EXPECT_FALSE(broker->knows("lamp"));
}

TEST_P(Restart, EndedSessionsStayEnded) {
  {
    Client lamp(*broker, "lamp", staying());
    lamp.subscribe(Sub("t", kQos1));
    lamp.vanish();
    Client source(*broker, "source", Hello());
    source.publish(Pub("t", "1", kQos1));
    half_way();
    Client again(*broker, "lamp", Hello().expiry(1000));  // clean start
    again.disconnect();
  }
  restart();
  Client lamp(*broker, "lamp");
  lamp.connect(staying());
  EXPECT_THAT(lamp.got(), ElementsAre("CONNACK 00 present"));
  EXPECT_EQ(broker->sum(&SessionCounters::subscriptions), 0U);
}

// Each has its own body, although one record brought them all.
TEST_P(Restart, KeepsRetainedMessagesThatWaitInAQueueApart) {
  const std::string large(100'000, 'L'), larger(70'000, 'M');
  {
    Client source(*broker, "source", Hello());
    source.publish(Pub("s/a", "A", kQos1).retained());
    source.publish(Pub("s/b", "B", kQos1).retained());
    source.publish(Pub("s/large", large, kQos1).retained());
    source.publish(Pub("s/larger", larger, kQos1).retained());
    Client reader(*broker, "reader", staying());
    reader.subscribe({Sub("s/#", kQos1), Sub("s/+", kQos1)});
    half_way();
    reader.vanish();
  }
  restart();
  Client reader(*broker, "reader");
  reader.was_sent(8);
  reader.connect(staying());
  std::map<std::string, int> got;
  for (const std::string& line : reader.got()) {
    if (line.find('=') != line.npos) ++got[line.substr(0, line.find(' '))];
  }
  const std::map<std::string, int> wanted{
      {"s/a=A", 2}, {"s/b=B", 2}, {"s/large=<100000", 2}, {"s/larger=<70000", 2}};
  EXPECT_EQ(got, wanted);
}

std::size_t count_keys(const Remains& remains, char kind) {
  std::size_t count = 0;
  for (const auto& [id, shard] : remains.shards) {
    for (const auto& [key, value] : shard.state) count += key[0] == kind;
  }
  return count;
}

// The bodies of a checkpoint are on disk, and nothing that names them.
TEST(Checkpoint, CutOffBehindItsBodiesLeavesNothingBehind) {
  const std::string large(100'000, 'L');
  auto broker = std::make_unique<support::Broker>(1);
  const Hello staying = Hello().resume().expiry(1000);
  {
    Client reader(*broker, "reader", staying);
    reader.subscribe(Sub("t", kQos1));
    reader.disconnect();
    Client source(*broker, "source", Hello());
    source.publish(Pub("t", large, kQos1));
    source.publish(Pub("kept", large, kQos1).retained());
  }
  broker->disk(CoreId{0}).write_only_ahead();
  broker->checkpoint();
  Remains remains = broker->crash();
  EXPECT_EQ(count_keys(remains, 'P'), 1U) << "one shard's: its checkpoint never ends";
  EXPECT_GT(count_keys(remains, 'M'), 0U);
  ManualClock clock = broker->clock();
  broker = std::make_unique<support::Broker>(1, std::move(remains), clock);
  {
    Client source(*broker, "source", Hello());
    source.publish(Pub("kept", "", kQos1).retained());
    Client reader(*broker, "reader");
    reader.connect(staying);
    EXPECT_THAT(reader.finish_all(), ElementsAre("t=<100000 B> q1 #1"));
  }
  broker->checkpoint();
  remains = broker->crash();
  EXPECT_EQ(count_keys(remains, 'P'), 0U);
  EXPECT_EQ(count_keys(remains, 'M'), 0U);
  EXPECT_EQ(count_keys(remains, 'R'), 0U);
}

TEST_P(Restart, FansOutALargeQos2MessageThatWasOnItsWay) {
  const std::string far = broker->id_on(1, "far"), publisher = broker->id_on(0, "pub");
  const std::string large(1'100'000, 'L');
  {
    Client reader(*broker, far, staying());
    reader.subscribe(Sub("t", kQos2));
    reader.disconnect();
    Client source(*broker, publisher, staying());
    broker->disk(CoreId{1}).hold();
    source.publish(Pub("t", large, kQos2).id(7));
    EXPECT_THAT(source.got(), ElementsAre("PUBREC 7"));
    source.vanish();
  }
  half_way();
  restart();
  EXPECT_EQ(broker->queued(far), 1U);
  broker->checkpoint();
  Client reader(*broker, far);
  reader.connect(staying());
  EXPECT_THAT(reader.finish_all(), ElementsAre("t=<1100000 B> q2 #1"));
  broker->checkpoint();
  broker->checkpoint();
  EXPECT_EQ(count_keys(broker->crash(), 'M'), 0U);
}

}  // namespace
}  // namespace roost::session
