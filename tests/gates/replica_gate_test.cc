// SPDX-License-Identifier: Apache-2.0
// Two nodes share the log of a shard: one leads and serves, the other follows and comes to the same
// state; leadership moves, with everything that had been promised.
#include "tests/gates/replica_stage.h"

namespace roost::gates {
namespace {

TEST_F(ReplicaGates, AFollowerComesToTheSameState) {
  const std::string lamp_id = name_in_shard("lamp"), source_id = name_in_shard("source");
  {
    ReplicaClient lamp(a(), lamp_id);
    lamp.connect();
    commit();
    lamp.subscribe("t/#", kQos2);
    commit();
    EXPECT_THAT(lamp.got(), ElementsAre("CONNACK 00", "SUBACK 1 02"));
  }
  a().append(PublishedRecord{message("t/1", "one", a().clock.steady_ms()), {}});
  a().append(PublishedRecord{message("t/2", std::string(100'000, 'x'), a().clock.steady_ms()),
                             Source::of_node(7, CoreId{0}, 1)});
  a().append(RetainedRecord{message("t/2", "kept", a().clock.steady_ms()), {}});
  commit();
  EXPECT_EQ(b().queued(lamp_id), 2U);
  EXPECT_EQ(b().kept("t/2"), "kept");
  EXPECT_EQ(b().table->live(lamp_id), nullptr);
  expect_same_state();
}

TEST_F(ReplicaGates, NothingIsAppliedBeforeItIsCommitted) {
  a().append(RetainedRecord{message("t", "1", 0), {}});
  a().settle();
  EXPECT_EQ(a().kept("t"), "");
  EXPECT_FALSE(a().gate->is_idle());
  commit();
  EXPECT_EQ(a().kept("t"), "1");
  EXPECT_TRUE(a().gate->is_idle());
}

TEST_F(ReplicaGates, ASessionGoesOnAtTheNextLeader) {
  const std::string id = name_in_shard("lamp");
  ReplicaClient here(a(), id);
  here.connect();
  commit();
  here.subscribe("t", kQos2);
  commit();
  for (const char* payload : {"1", "2", "3"}) {
    const mqtt::Qos qos = payload[0] == '1' ? kQos1 : kQos2;
    a().append(PublishedRecord{message("t", payload, a().clock.steady_ms(), qos), {}});
  }
  commit();
  EXPECT_THAT(here.got(),
              ElementsAre("CONNACK 00", "SUBACK 1 02", "t=1 q1 #1", "t=2 q2 #2", "t=3 q2 #3"));
  here.ack(mqtt::PacketType::pubrec, 2);
  Pub incoming("other", "x", kQos2);
  here.send(incoming.id(77));
  commit();
  EXPECT_THAT(here.got(), ElementsAre("PUBREL 2", "PUBREC 77"));
  move(a(), b());
  EXPECT_THAT(here.got(), ElementsAre("DISCONNECT 8B", "CLOSED"));
  b().append(PublishedRecord{message("t", "4", b().clock.steady_ms()), {}});
  commit();
  ReplicaClient there(b(), id);
  there.connect();
  commit();
  EXPECT_THAT(there.got(), ElementsAre("CONNACK 00 present", "PUBREL 2", "t=1 q1 #1 dup",
                                       "t=3 q2 #3 dup", "t=4 q1 #4"));
  // Its own message under 77 was taken already.
  there.send(incoming.again());
  EXPECT_THAT(there.got(), ElementsAre("PUBREC 77"));
  there.ack(mqtt::PacketType::pubrel, 77);
  there.ack(mqtt::PacketType::pubcomp, 2);
  commit();
  EXPECT_THAT(there.got(), ElementsAre("PUBCOMP 77"));
  expect_same_state();
}

TEST_F(ReplicaGates, GenerationsRiseWithTheEpoch) {
  const session::Generation before = a().table->next_generation(kShard);
  move(a(), b());
  EXPECT_GT(b().table->next_generation(kShard), before);
  EXPECT_GT(b().gate->epoch(kShard), before.epoch);
}

TEST_F(ReplicaGates, WhoWantsToKnowHearsThatItIsOnTheLeadersDisk) {
  bool stored = false, confirmed = false;
  a().run([&] {
    session::Door* door = a().table->open_door(core::Task([&] { confirmed = true; }));
    a().table->keep_in_shard(kShard, message("t", "1", 0), {}, door);
    a().table->keep_in_shard(kShard, message("t", "2", 0), {}, door);
    door->unstored = 2;
    door->stored = [&] { stored = true; };
    a().table->shut_door(door);
  });
  const auto last = log.at(kShard).records.back().position.index;
  a().run([&] { a().gate->on_synced(kShard, last - 1); });
  EXPECT_FALSE(stored);
  a().run([&] { a().gate->on_synced(kShard, last); });
  EXPECT_TRUE(stored);
  EXPECT_FALSE(confirmed);
  commit();
  EXPECT_TRUE(confirmed);
  EXPECT_EQ(b().kept("t"), "2");
}

TEST_F(ReplicaGates, WhatALeaderProposedAndLostConfirmsNothing) {
  bool confirmed = false;
  a().run([&] {
    session::Door* door = a().table->open_door(core::Task([&] { confirmed = true; }));
    a().table->keep_in_shard(kShard, message("t", "1", 0), {}, door);
    EXPECT_FALSE(a().table->shut_door(door));
  });
  move(a(), b());
  EXPECT_FALSE(confirmed);
  EXPECT_EQ(a().kept("t"), "");
  EXPECT_EQ(b().kept("t"), "");
  EXPECT_EQ(a().gate->counters().dropped.value(), 1U);
  EXPECT_TRUE(a().gate->is_idle());
  expect_same_state();
}

TEST_F(ReplicaGates, WhatALeaderProposedMayBeCommittedByTheNext) {
  bool confirmed = false;
  a().run([&] {
    session::Door* door = a().table->open_door(core::Task([&] { confirmed = true; }));
    a().table->keep_in_shard(kShard, message("t", "1", 0), {}, door);
    a().table->shut_door(door);
  });
  move(a(), b(), 1);
  EXPECT_FALSE(confirmed);  // whoever asked for it asks the next leader again
  EXPECT_EQ(a().kept("t"), "1");
  EXPECT_EQ(b().kept("t"), "1");
  expect_same_state();
}

TEST_F(ReplicaGates, WhatIsAppendedAfterwardsIsDropped) {
  a().run([&] { a().hosts.stop_leading(kShard, 0); });
  bool confirmed = false;
  a().run([&] {
    session::Door* door = a().table->open_door(core::Task([&] { confirmed = true; }));
    a().table->keep_in_shard(kShard, message("t", "1", 0), {}, door);
    a().table->shut_door(door);
  });
  EXPECT_EQ(log.uncommitted(kShard), 0U);
  EXPECT_FALSE(confirmed);
  EXPECT_TRUE(a().gate->is_idle());
}

TEST_F(ReplicaGates, RepeatsAreDroppedByWhoeverLeads) {
  const std::string id = name_in_shard("lamp");
  {
    ReplicaClient lamp(a(), id);
    lamp.connect();
    commit();
    lamp.subscribe("t", kQos1);
    commit();
  }
  const auto publish = [&](ReplicaNode& node, const Source& source) {
    node.append(PublishedRecord{message("t", "x", node.clock.steady_ms()), source});
  };
  publish(a(), Source::of_node(7, CoreId{1}, 1));
  publish(a(), Source::of_shard(ShardId{9}, 2, 40));
  commit();
  publish(a(), Source::of_node(7, CoreId{1}, 2));
  move(a(), b(), 1);
  EXPECT_EQ(b().queued(id), 3U);
  for (std::uint64_t number : {1, 2, 3}) publish(b(), Source::of_node(7, CoreId{1}, number));
  publish(b(), Source::of_shard(ShardId{9}, 2, 40));
  commit();
  EXPECT_EQ(b().queued(id), 4U);
  EXPECT_EQ(a().queued(id), 4U);
  expect_same_state();
}

TEST_F(ReplicaGates, ARestartedFollowerCatchesUpAndLeads) {
  const std::string id = name_in_shard("lamp");
  {
    ReplicaClient lamp(a(), id);
    lamp.connect();
    commit();
    lamp.subscribe("t", kQos1);
    commit();
  }
  a().append(PublishedRecord{message("t", "1", a().clock.steady_ms()), {}});
  commit();
  b().checkpoint();
  a().append(PublishedRecord{message("t", "2", a().clock.steady_ms()), {}});
  commit();
  restart(1);
  EXPECT_EQ(b().queued(id), 2U);
  EXPECT_EQ(b().gate->counters().loads.value(), 1U);
  move(a(), b());
  ReplicaClient lamp(b(), id);
  lamp.connect();
  commit();
  EXPECT_THAT(lamp.got(), ElementsAre("CONNACK 00 present", "t=1 q1 #1", "t=2 q1 #2"));
  expect_same_state();
}

TEST_F(ReplicaGates, WhatComesWhileAShardIsLoadedIsKept) {
  a().append(RetainedRecord{message("t", "1", 0), {}});
  commit();
  nodes[1] = nullptr;
  stores[1].hold_reads();
  nodes[1] = std::make_unique<ReplicaNode>(log, stores[1], 9'000);
  EXPECT_TRUE(b().gate->is_loading());
  a().append(RetainedRecord{message("t", "2", 0), {}});
  commit();
  a().run([&] { a().hosts.stop_leading(kShard, 0); });
  b().run([&] { b().hosts.lead(kShard); });
  EXPECT_FALSE(b().table->leads(kShard));
  EXPECT_EQ(b().kept("t"), "");
  stores[1].let_reads_go();
  b().settle();
  EXPECT_FALSE(b().gate->is_loading());
  EXPECT_TRUE(b().table->leads(kShard));
  EXPECT_EQ(b().kept("t"), "2");
  commit();
  expect_same_state();
}

TEST_F(ReplicaGates, AReplacedReplicaIsLoadedAnew) {
  a().append(RetainedRecord{message("t", "1", 0), {}});
  commit();
  a().checkpoint();
  b().run([&] { b().hosts.replace(kShard, stores[0]); });
  b().settle();
  EXPECT_EQ(b().kept("t"), "1");
  a().append(RetainedRecord{message("t", "2", 0), {}});
  commit();
  EXPECT_EQ(b().kept("t"), "2");
  expect_same_state();
}

TEST_F(ReplicaGates, ALeadersReplicaThatIsReplacedEndsItsSessions) {
  ReplicaClient lamp(a(), name_in_shard("lamp"));
  lamp.connect();
  commit();
  b().checkpoint();
  a().run([&] {
    a().hosts.stop_leading(kShard, 0);
    a().hosts.replace(kShard, stores[1]);
  });
  a().clock.advance_ms(64);
  a().settle();
  EXPECT_THAT(lamp.got(), ElementsAre("CONNACK 00", "DISCONNECT 8B", "CLOSED"));
  EXPECT_NE(a().table->stored(name_in_shard("lamp")), nullptr);
}

TEST_F(ReplicaGates, ADroppedReplicaIsForgotten) {
  a().append(RetainedRecord{message("t", "1", 0), {}});
  commit();
  b().run([&] { b().hosts.drop(kShard); });
  EXPECT_EQ(b().kept("t"), "");
  EXPECT_EQ(b().shard().applied(), 0U);
}

TEST_F(ReplicaGates, ARecordOfALaterVersionEndsTheProcess) {
  std::vector<std::string> said;
  b().gate->when_unknown([&](const std::string& why) { said.push_back(why); });
  a().gate->when_unknown([](const std::string&) {});
  auto* const buffer = new cluster::replication::RecordBuffer({200, 1, 2});
  const auto owner = SharedPtr<SharedBlock>::adopt(buffer);
  a().run([&] { a().hosts.propose(kShard, owner, buffer->bytes()); });
  const auto applied = b().shard().applied();
  commit();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("is of type 200, which this version doesn't know"), std::string::npos)
      << said[0];
  EXPECT_EQ(b().shard().applied(), applied);
  EXPECT_EQ(b().gate->counters().unreadable.value(), 0U);
}

TEST_F(ReplicaGates, PublishersWaitWhileALedShardTakesNoMore) {
  EXPECT_FALSE(a().gate->is_congested());
  a().hosts.set_full(true);
  b().hosts.set_full(true);
  EXPECT_FALSE(a().gate->is_congested());  // nothing is under way
  a().append(RetainedRecord{message("t", "1", 0), {}});
  EXPECT_TRUE(a().gate->is_congested());
  EXPECT_FALSE(b().gate->is_congested());  // leads nothing
  commit();
  EXPECT_FALSE(a().gate->is_congested());
}

TEST_F(ReplicaGates, HostsAreToldTheTimeAndWhenSomethingWasProposed) {
  const int turns = a().hosts.turns, ticks = a().hosts.ticks;
  a().settle();
  EXPECT_EQ(a().hosts.turns, turns);
  a().append(RetainedRecord{message("t", "1", 0), {}});
  EXPECT_EQ(a().hosts.turns, turns + 1);
  a().clock.advance_ms(128);
  a().settle();
  EXPECT_EQ(a().hosts.ticks, ticks + 1);
  commit();
}

}  // namespace
}  // namespace roost::gates
