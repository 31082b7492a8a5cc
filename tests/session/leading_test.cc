// SPDX-License-Identifier: Apache-2.0
// A shard is led here, then elsewhere, then here again: whose connections end, what a follower does
// and doesn't.
#include <memory>
#include <vector>

#include "tests/session/leading_chapter.h"

namespace roost::session {
namespace {

INSTANTIATE_TEST_SUITE_P(Cores, Leading, testing::Values(1, 3));

TEST_P(Leading, IsOfEveryShardWhereANodeIsAlone) {
  for (std::uint16_t id = 0; id < kShardCountDefault; ++id) {
    int leaders = 0;
    for (std::uint16_t core = 0; core < broker.size(); ++core) {
      leaders += broker.table(CoreId{core}).leads(ShardId{id});
    }
    EXPECT_EQ(leaders, 1) << id;
  }
  EXPECT_TRUE(home("a").leads(shard_of("a")));
}

TEST_P(Leading, LostEndsDurableConnectionsWithAReason) {
  Client five(broker, "five", staying());
  Client three(broker, "three", Hello().v3().resume());
  for (const char* id : {"five", "three"}) lose(id);
  broker.advance_ms(kPaceMs);
  EXPECT_THAT(five.got(), ElementsAre("DISCONNECT 8B", "CLOSED"));
  EXPECT_THAT(three.got(), ElementsAre("CLOSED"));
  EXPECT_EQ(five.link().close_reason(), "the session's leader changed");
  EXPECT_FALSE(home("five").leads(shard_of("five")));
  EXPECT_EQ(broker.live("five"), nullptr);
  EXPECT_EQ(broker.sum(&SessionCounters::connected), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::durable_connected), 0U);
}

TEST_P(Leading, LostAppendsNothingAndLetsFallWhatClientsSend) {
  Client source(broker, "source", staying());
  source.subscribe(Sub("t", kQos1));
  source.publish(Pub("t", "1", kQos1));
  source.take();
  const std::size_t before = appended();
  lose("source");
  source.puback(1);
  source.publish(Pub("t", "2", kQos2));
  source.publish(Pub("t", "3", kQos1));
  source.publish(Pub("t", "4"));
  source.subscribe(Sub("u"));
  source.unsubscribe({"t"});
  source.send(mqtt::Pingreq{});
  EXPECT_THAT(source.got(), IsEmpty());
  source.disconnect();
  EXPECT_EQ(appended(), before);
  EXPECT_THAT(source.got(), ElementsAre("CLOSED"));
  broker.advance_ms(kPaceMs);
  EXPECT_EQ(home("source").stranded(), 0U);
  EXPECT_EQ(broker.queued("source"), 1U);
}

TEST_P(Leading, LostTakesConnectionsThatVanishMeanwhile) {
  Client lamp(broker, "lamp", staying());
  lose("lamp");
  EXPECT_EQ(home("lamp").stranded(), 1U);
  lamp.vanish();
  broker.advance_ms(kPaceMs);
  EXPECT_EQ(home("lamp").stranded(), 0U);
}

TEST_P(Leading, LostEndsConnectionsAtAPace) {
  std::vector<std::unique_ptr<Client>> clients;
  const ShardId shard = shard_of("a");
  for (int i = 0; clients.size() < 450; ++i) {
    const std::string id = "client" + std::to_string(i);
    if (shard_of(id) != shard) continue;
    clients.push_back(std::make_unique<Client>(broker, id, staying()));
  }
  lose("a");
  EXPECT_EQ(home("a").stranded(), 450U);
  broker.advance_ms(kPaceMs);
  EXPECT_EQ(home("a").stranded(), 250U);
  broker.advance_ms(kPaceMs / 2);
  EXPECT_EQ(home("a").stranded(), 250U);
  broker.advance_ms(kPaceMs / 2);
  EXPECT_EQ(home("a").stranded(), 50U);
  broker.advance_ms(kPaceMs);
  EXPECT_EQ(home("a").stranded(), 0U);
  for (const auto& client : clients) EXPECT_FALSE(client->is_connected());
}

TEST_P(Leading, LostClosesWhoIsNotAnsweredYet) {
  broker.disk_of("lamp").hold();
  Client lamp(broker, "lamp");
  lamp.manual = true;
  lamp.connect(staying());
  lose("lamp");
  broker.disk_of("lamp").let_go();
  broker.advance_ms(kPaceMs);
  EXPECT_THAT(lamp.got(), ElementsAre("CLOSED"));
  EXPECT_EQ(broker.stored("lamp"), nullptr);
  lead("lamp");
  EXPECT_FALSE(home("lamp").runs_at_leader(Hello().resume(), "lamp"));  // it never was
  Client again(broker, "lamp");
  again.connect(staying());
  EXPECT_THAT(again.got(), ElementsAre("CONNACK 00"));
}

TEST_P(Leading, LostLeavesCleanSessionsAlone) {
  Client clean(broker, "clean", Hello());
  Client with_will(broker, broker.id_on(0, "will"), Hello().last_words("w", "gone"));
  clean.subscribe(Sub("t", kQos1));
  clean.take();
  lose("clean");
  lose(with_will.id());
  clean.publish(Pub("t", "1", kQos1));
  EXPECT_THAT(clean.got(), ElementsAre("t=1 q1 #1", "PUBACK 2"));
  const std::size_t before = appended();
  clean.vanish();
  with_will.vanish();
  broker.settle();
  EXPECT_EQ(appended(), before);
}

TEST_P(Leading, FollowsRecordsAndResumesWithThem) {
  {
    Client lamp(broker, "lamp", staying());
    lamp.subscribe(Sub("t", kQos2));
    lamp.vanish();
  }
  Client source(broker, "source", Hello());
  source.publish(Pub("t", "1", kQos1));
  lose("lamp");
  broker.settle();
  comes("lamp", PublishedRecord{message("t", "2"), Source::of_node(7, CoreId{0}, 1)});
  comes("lamp", PublishedRecord{message("t", "2"), Source::of_node(7, CoreId{0}, 1)});
  EXPECT_EQ(broker.queued("lamp"), 2U);
  lead("lamp");
  Client lamp(broker, "lamp");
  lamp.connect(staying());
  EXPECT_THAT(lamp.got(), ElementsAre("CONNACK 00 present", "t=1 q1 #1", "t=2 q1 #2"));
}

TEST_P(Leading, FollowerHasNoClientsWillsOrDueSessions) {
  Client watcher(broker, broker.id_on(1, "watcher"), Hello());
  watcher.subscribe(Sub("w", kQos1));
  watcher.take();
  lose("lamp");
  const Generation generation{9, 1};
  AttachedRecord attached{"lamp", generation, 0,  false,
                          true,   10,         20, WillRecord{message("w", "gone"), 0}};
  attached.now_ms = home("lamp").shard_time_of("lamp");
  comes("lamp", attached);
  comes("lamp", DetachedRecord{"lamp", generation, attached.now_ms, 10, 0, {}});
  const std::size_t before = appended();
  broker.advance_s(60);
  EXPECT_THAT(watcher.got(), IsEmpty());  // the leader says it
  EXPECT_NE(broker.stored("lamp"), nullptr);
  EXPECT_EQ(broker.sum(&SessionCounters::wills_sent), 0U);
  const bool is_alone = broker.size() == 1;  // others tick
  EXPECT_EQ(appended() - before, is_alone ? 0U : appended() - before);
  lead("lamp");
  EXPECT_THAT(watcher.got(), ElementsAre("w=gone q1 #1"));  // not confirmed: fanned out again
  EXPECT_EQ(broker.stored("lamp"), nullptr);                // long over
}

TEST_P(Leading, ShowsItsFiltersOnlyWhileItLeads) {
  Client lamp(broker, "lamp", staying());
  lamp.subscribe(Sub("only/lamp", kQos1));
  lamp.vanish();
  const std::uint64_t bit = std::uint64_t{1} << lamp.core().value;
  EXPECT_EQ(broker.bits_of_interest("only/lamp"), bit);
  lose("lamp");
  EXPECT_EQ(broker.bits_of_interest("only/lamp"), 0U);
  // What comes meanwhile stands in the state alone.
  comes("lamp", SubscribedRecord{"lamp", broker.stored("lamp")->generation, 0, {{"more", {}}}});
  comes("lamp", UnsubscribedRecord{"lamp", broker.stored("lamp")->generation, {"only/lamp"}});
  EXPECT_EQ(broker.bits_of_interest("more"), 0U);
  lead("lamp");
  EXPECT_EQ(broker.bits_of_interest("more"), bit);
  EXPECT_EQ(broker.bits_of_interest("only/lamp"), 0U);
}

TEST_P(Leading, CountsOnlyWhatItLeads) {
  Client lamp(broker, "lamp", staying());
  lamp.subscribe({Sub("t", kQos1), Sub("$share/g/u", kQos1)});
  Client source(broker, "source", Hello());
  lamp.stop_reading();
  source.publish(Pub("t", "1", kQos1));
  const auto counted = [this] {
    std::vector<std::uint64_t> all;
    for (const auto which : {&SessionCounters::sessions_durable, &SessionCounters::subscriptions,
                             &SessionCounters::shared_subscriptions, &SessionCounters::queued,
                             &SessionCounters::queued_bytes, &SessionCounters::in_flight}) {
      all.push_back(broker.sum(which));
    }
    return all;
  };
  const auto leading = counted();
  EXPECT_THAT(leading, ElementsAre(1, 2, 1, 1, testing::Gt(1), 0));
  lose("lamp");
  broker.settle();
  EXPECT_THAT(counted(), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_EQ(home("lamp").standby_sessions(), 1U);
  lead("lamp");
  EXPECT_EQ(counted(), leading);
}

}  // namespace
}  // namespace roost::session
