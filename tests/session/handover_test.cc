// SPDX-License-Identifier: Apache-2.0
// What is on its way when a shard's leader changes: records, members' messages, fan-out, clocks,
// checkpoints.
#include <memory>
#include <utility>

#include "broker/session/shard_start.h"
#include "tests/session/leading_chapter.h"
#include "tests/support/fake_link.h"

namespace roost::session {
namespace {

class LeadingHandover : public Leading {};
INSTANTIATE_TEST_SUITE_P(Cores, LeadingHandover, testing::Values(1, 3));

TEST_P(LeadingHandover, DroppedRecordsConfirmNothing) {
  Client lamp(broker, "lamp", staying());
  lamp.subscribe(Sub("t", kQos1));
  Client source(broker, broker.id_on(1, "source"), Hello());
  source.manual = true;
  broker.disk_of("lamp").hold();
  source.publish(Pub("t", "1", kQos1));
  for (int i = 0; i < 3; ++i) broker.settle();
  lose("lamp");
  broker.disk_of("lamp").let_go();
  broker.settle();
  EXPECT_THAT(source.got(), IsEmpty());
  EXPECT_EQ(broker.queued("lamp"), 0U);
}

TEST_P(LeadingHandover, OneDroppedRecordOfSeveralConfirmsNothing) {
  Client one(broker, broker.id_on(0, "one"), staying());
  Client two(broker, broker.id_on(0, "two2"), staying());
  ASSERT_NE(shard_of(one.id()), shard_of(two.id()));
  one.subscribe(Sub("t", kQos1));
  two.subscribe(Sub("t", kQos1));
  Client source(broker, broker.id_on(1, "source"), Hello());
  broker.disk(CoreId{0}).hold();
  source.publish(Pub("t", "1", kQos1));
  lose(one.id());
  broker.disk(CoreId{0}).let_go();
  broker.settle();
  EXPECT_THAT(source.got(), IsEmpty());
  EXPECT_EQ(broker.queued(two.id()), 1U);
}

TEST_P(LeadingHandover, MembersLeaveTheirGroupsAndComeBack) {
  const std::string group = broker.id_on(0, "g/t");
  const std::string topic = group.substr(2);
  Client one(broker, broker.id_on(1, "one"), staying());
  Client two(broker, broker.id_on(2, "two"), staying());
  ASSERT_NE(shard_of(one.id()), shard_of(two.id()));
  one.subscribe(Sub("$share/" + group, kQos1));
  two.subscribe(Sub("$share/" + group, kQos1));
  one.take();
  two.take();
  Client source(broker, "source", Hello());
  lose(one.id());
  broker.settle();
  for (int i = 0; i < 4; ++i) source.publish(Pub(topic, "x", kQos1));
  EXPECT_EQ(two.finish_all().size(), 4U);
  broker.advance_ms(kPaceMs);
  lead(one.id());
  one.connect(staying());
  one.take();
  for (int i = 0; i < 4; ++i) source.publish(Pub(topic, "x", kQos1));
  EXPECT_EQ(two.finish_all().size(), 2U);
  EXPECT_EQ(one.finish_all().size(), 2U);
}

TEST_P(LeadingHandover, WhatAMemberDidNotGetAnotherGets) {
  const std::string group = broker.id_on(0, "g/t");
  const std::string topic = group.substr(2);
  Client one(broker, broker.id_on(1, "one"), staying());
  Client two(broker, broker.id_on(2, "two"), staying());
  one.subscribe(Sub("$share/" + group, kQos1));
  two.subscribe(Sub("$share/" + group, kQos1));
  one.take();
  two.take();
  Client source(broker, "source", Hello());
  for (const Client* client : {&one, &two}) broker.disk_of(client->id()).hold();
  source.publish(Pub(topic, "1", kQos1));
  source.publish(Pub(topic, "2", kQos1));
  broker.settle();
  EXPECT_THAT(source.got(), IsEmpty());
  lose(one.id());
  for (const Client* client : {&one, &two}) broker.disk_of(client->id()).let_go();
  broker.settle();
  EXPECT_EQ(two.finish_all().size(), 2U);
  EXPECT_THAT(source.got(), ElementsAre("PUBACK 1", "PUBACK 2"));
}

TEST_P(LeadingHandover, ForwardsGoOnUnderTheirOldNumbers) {
  Client lamp(broker, broker.id_on(1, "lamp"), staying());
  lamp.subscribe(Sub("t", kQos2));
  lamp.take();
  Client source(broker, broker.id_on(2, "source"), staying());
  ASSERT_NE(shard_of(lamp.id()), shard_of(source.id()));
  source.publish(Pub("t", "1", kQos2));
  broker.settle();
  // Published, and the leader doesn't learn that it is confirmed.
  const auto generation = broker.stored(source.id())->generation;
  lose(source.id());
  comes(source.id(), ReceivedRecord{source.id(), generation, 5, message("t", "2")});
  EXPECT_EQ(lamp.finish_all().size(), 1U);
  lead(source.id());
  EXPECT_EQ(lamp.finish_all().size(), 1U);
  lose(source.id());
  lead(source.id());
  EXPECT_THAT(lamp.finish_all(), IsEmpty());
}

TEST_P(LeadingHandover, AcksOfTheSameTurnAreNotAppended) {
  Client lamp(broker, "lamp", staying());
  lamp.subscribe(Sub("t", kQos1));
  Client source(broker, "source", Hello());
  source.publish(Pub("t", "1", kQos1));
  const std::size_t before = appended();
  broker.run_on(broker.core_of("lamp"), [&] {
    mqtt::Ack ack;
    ack.type = mqtt::PacketType::puback;
    ack.packet_id = 1;
    lamp.session().handle(ack);
    home("lamp").follow(shard_of("lamp"));
  });
  broker.settle();
  EXPECT_EQ(appended(), before);
}

TEST(LeadingAgain, AppendsNothingForWhatIsConfirmedLate) {
  support::Broker broker(3);
  const Hello hello = Hello().resume().expiry(1000);
  Client lamp(broker, broker.id_on(1, "lamp"), hello);
  lamp.subscribe(Sub("t", kQos2));
  Client source(broker, broker.id_on(2, "source"), hello);
  broker.disk_of(lamp.id()).hold();
  source.publish(Pub("t", "1", kQos2));
  SessionTable& home = broker.home(source.id());
  broker.run_on(source.core(), [&] { home.follow(home.shard_of(source.id())); });
  const std::size_t before = broker.disk_of(source.id()).appended();
  broker.disk_of(lamp.id()).let_go();
  broker.settle();
  EXPECT_EQ(broker.queued(lamp.id()), 1U);
  EXPECT_EQ(broker.disk_of(source.id()).appended(), before);
}

// What the beginning of an epoch brings comes behind what was waiting, or targets would take the
// older one for a repeat.
TEST(LeadingAgain, FansOutOlderMessagesBeforeTheWillsOfThoseItFindsAttached) {
  support::Broker broker(3);
  const std::string lamp_id = broker.id_on(1, "lamp"), source_id = broker.id_on(2, "source");
  const Hello hello = Hello().resume().expiry(1000);
  Client lamp(broker, lamp_id, hello);
  lamp.subscribe({Sub("t", kQos1), Sub("w", kQos1)});
  lamp.vanish();
  Client source(broker, source_id, Hello(hello).last_words("w", "gone").will_qos(kQos1));
  broker.disk_of(lamp_id).hold();
  source.publish(Pub("t", "1", kQos2));
  support::Broker next(3, broker.crash(), broker.clock());
  Client back(next, lamp_id);
  back.connect(hello);
  EXPECT_THAT(back.got(), ElementsAre("CONNACK 00 present", "t=1 q1 #1", "w=gone q1 #2"));
}

TEST_P(LeadingHandover, ForgetsAndLoadsAgain) {
  {
    Client lamp(broker, "lamp", staying());
    lamp.subscribe(Sub("t", kQos1));
    lamp.vanish();
  }
  Client source(broker, "source", Hello());
  source.publish(Pub("t", "1", kQos1));
  broker.checkpoint();
  lose("lamp");
  broker.run_on(broker.core_of("lamp"), [&] { home("lamp").forget(shard_of("lamp")); });
  EXPECT_EQ(broker.stored("lamp"), nullptr);
  EXPECT_EQ(home("lamp").standby_sessions(), 0U);
  support::Remains remains = broker.crash();
  support::Remains::Shard& left = remains.shards[shard_of("lamp").value];
  ASSERT_GT(left.applied, 0U);
  broker.run_on(broker.core_of("lamp"), [&] {
    const auto none = [](const LogVisit&) {};
    start_shard(home("lamp"), shard_of("lamp"), support::RemainsReader(left), left.applied, none,
                broker.clock());
  });
  EXPECT_EQ(broker.queued("lamp"), 1U);
  lead("lamp");
  Client lamp(broker, "lamp");
  lamp.connect(staying());
  EXPECT_THAT(lamp.got(), ElementsAre("CONNACK 00 present", "t=1 q1 #1"));
}

TEST_P(LeadingHandover, ForgottenWhileItWritesWritesNothingMore) {
  {
    Client lamp(broker, "lamp", staying());
    lamp.subscribe(Sub("t", kQos1));
    lamp.vanish();
    Client source(broker, "source", Hello());
    source.publish(Pub("t", std::string(100'000, 'x'), kQos1));  // a body by itself
    broker.checkpoint();
    lamp.connect(staying());
    lamp.finish_all();
    lamp.vanish();
  }
  const auto before = broker.crash().shards[shard_of("lamp").value];
  bool done = false;
  broker.run_on(broker.core_of("lamp"), [&] {
    // Reads first: what was finished may have had a body.
    home("lamp").shard(shard_of("lamp")).checkpoint(broker.disk_of("lamp"), [&] { done = true; });
    home("lamp").follow(shard_of("lamp"));
    home("lamp").forget(shard_of("lamp"));
  });
  broker.settle();
  EXPECT_TRUE(done);
  const auto after = broker.crash().shards[shard_of("lamp").value];
  EXPECT_EQ(after.state, before.state);
  EXPECT_EQ(after.applied, before.applied);
}

TEST_P(LeadingHandover, CleanSessionsRunHereUnderAnothersGeneration) {
  lose("clean");
  const Hello hello = [] {
    Hello one;
    one.client_id = "clean";
    one.last_words("w", "gone");
    return one;
  }();
  support::FakeLink older(mqtt::ProtocolVersion::v5), newer(mqtt::ProtocolVersion::v5);
  const std::size_t before = appended();
  broker.run_on(broker.core_of("clean"), [&] {
    home("clean").connect_here(hello, older, {}, AckMode::quorum, {9, 1});
    Session& session = home("clean").connect_here(hello, newer, {}, AckMode::quorum, {9, 2});
    EXPECT_EQ(session.generation(), (Generation{9, 2}));
    EXPECT_FALSE(session.is_opening());
    EXPECT_TRUE(older.is_closed());
    session.kick(mqtt::ReasonCode::success, "end of the test");
  });
  EXPECT_EQ(appended(), before);
}

TEST_P(LeadingHandover, WhoMissedMessagesEndsIfThatWasPromised) {
  Client sure(broker, "sure", Hello());
  Client quick(broker, "quick", Hello());
  Client lasts(broker, "lasts", staying());
  sure.subscribe({Sub("a", kQos0), Sub("b", kQos1)});
  quick.subscribe(Sub("a", kQos0));
  lasts.subscribe(Sub("b", kQos1));
  for (const std::string_view id : {"sure", "quick", "lasts"}) {
    broker.run_on(broker.core_of(id), [&] { home(id).end_missed(); });
  }
  broker.settle();
  EXPECT_FALSE(sure.is_connected());
  EXPECT_TRUE(quick.is_connected());
  EXPECT_TRUE(lasts.is_connected());
}

TEST_P(LeadingHandover, SaysWhoseSessionRunsAtTheLeader) {
  Client lamp(broker, "lamp", staying());
  lamp.vanish();
  const auto runs = [&](const Hello& hello, std::string_view id) {
    return home(id).runs_at_leader(hello, id);
  };
  EXPECT_TRUE(runs(staying(), "new"));
  EXPECT_TRUE(runs(Hello().v3().resume(), "new"));
  EXPECT_FALSE(runs(Hello(), "new"));
  EXPECT_FALSE(runs(Hello().resume(), "new"));
  EXPECT_FALSE(runs(Hello(), "lamp"));
  EXPECT_TRUE(runs(Hello().resume(), "lamp"));
}

TEST_P(LeadingHandover, GenerationsRise) {
  const ShardId shard = shard_of("a");
  const Generation first = home("a").next_generation(shard);
  EXPECT_LT(first, home("a").next_generation(shard));
}

// The clock on the wall says nothing while anybody runs: neither to the leader, nor to the replica
// that takes over.
TEST_P(LeadingHandover, AJumpOfTheWallClockExpiresNothing) {
  for (const std::int64_t jump_ms : {3'600'000, -7'200'000}) {
    const std::string id = "lamp " + std::to_string(jump_ms);
    Client lamp(broker, id, Hello().resume().expiry(100));
    lamp.subscribe(Sub("t", kQos1));
    lamp.disconnect();
    Client source(broker, "source", Hello());
    source.publish(Pub("t", "x", kQos1).expiry(90));
    source.disconnect();
    broker.clock().step_wall_ms(jump_ms);
    broker.advance_s(10);
    const ShardMs before = home(id).shard_time_of(id);
    lose(id);
    comes(id, TickRecord{before, broker.clock().wall_ms()});  // of the next leader
    broker.clock().step_wall_ms(jump_ms);
    broker.advance_s(10);
    lead(id);
    EXPECT_EQ(home(id).shard_time_of(id), before + 10'000);
    broker.advance_s(50);
    EXPECT_TRUE(broker.knows(id));
    lamp.connect(Hello().resume().expiry(100));
    EXPECT_THAT(lamp.finish_all(), ElementsAre("t=x q1 #1 expiry=20"));
    lamp.disconnect();
    broker.advance_s(101);
    EXPECT_FALSE(broker.knows(id));
  }
}

// Its first record says how late it is in the shard.
TEST_P(LeadingHandover, AnEmptyReplicaTakesTheTimeFromItsLeader) {
  lose("lamp");
  broker.run_on(broker.core_of("lamp"), [&] {
    home("lamp").forget(shard_of("lamp"));
    support::Remains::Shard empty;
    start_shard(
        home("lamp"), shard_of("lamp"), support::RemainsReader(empty), 0, [](const LogVisit&) {},
        broker.clock());
  });
  StartedRecord started = broker.started();
  started.now_ms = 777'000'000;
  started.wall_ms = broker.clock().wall_ms();
  comes("lamp", started);
  EXPECT_EQ(home("lamp").shard_time_of("lamp"), 777'000'000);
  broker.advance_ms(500);
  comes("lamp", TickRecord{777'000'400, broker.clock().wall_ms()});
  EXPECT_EQ(home("lamp").shard_time_of("lamp"), 777'000'500);  // once
  comes("lamp", TickRecord{777'100'000, broker.clock().wall_ms()});
  lead("lamp");
  EXPECT_GE(home("lamp").shard_time_of("lamp"), 777'100'000);  // a leader's never goes back
}

}  // namespace
}  // namespace roost::session
