// SPDX-License-Identifier: Apache-2.0
// What is told of sessions to people: lists in an order and in pages, one in full, its queue, who
// would get a message.
#include "broker/session/session_view.h"

#include "broker/session/queue_view.h"
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using Ids = std::vector<std::string>;

Hello sleeping() { return Hello().resume().expiry(3600); }

class Views : public Chapter {
 protected:
  SessionPage page(const SessionQuery& query) {
    SessionPage all(query);
    for (std::uint16_t core = 0; core < broker.size(); ++core) {
      SessionPage part(query);
      broker.run_on(CoreId{core}, [&] {
        SessionTable& table = broker.table(CoreId{core});
        for (std::uint16_t id = 0; id < table.router().shard_count(); ++id) {
          if (id % broker.size() == core) table.list(ShardId{id}, part);
        }
        for (std::size_t from = table.list_clean(0, 1, part); from != 0;) {
          from = table.list_clean(from, 1, part);
        }
      });
      matched += part.matched();
      all.merge(part.take());
    }
    return all;
  }
  static Ids ids(const std::vector<SessionPage::Row>& rows) {
    Ids found;
    for (const auto& row : rows) found.push_back(row.view.client_id);
    return found;
  }
  // `id`: sleeps, with `queued` messages.
  void sleeper(const std::string& id, int queued) {
    Client(broker, id, sleeping()).subscribe(Sub("to/" + id, kQos1));
    Client publisher(broker, "publisher", Hello());
    publish_numbered(publisher, queued, "to/" + id, kQos1);
  }
  QueuePage queue(const std::string& id, std::uint64_t from = 0, std::size_t count = 100) {
    Result<QueuePage> found = error(ErrorKind::io, "never told");
    broker.run_on(broker.core_of(id), [&] {
      look_at_queue(broker.home(id), id, from, count,
                    [&found](Result<QueuePage> page) { found = std::move(page); });
    });
    broker.settle();
    EXPECT_TRUE(found.has_value()) << id;
    return found ? std::move(*found) : QueuePage();
  }
  Result<std::uint64_t> purge(const std::string& id, std::uint64_t from, std::uint64_t to) {
    Result<std::uint64_t> count = error(ErrorKind::io, "never told");
    broker.run_on(broker.core_of(id), [&] {
      purge_queue(broker.home(id), id, from, to,
                  [&count](Result<std::uint64_t> purged) { count = std::move(purged); });
    });
    broker.settle();
    return count;
  }
  static std::vector<std::uint64_t> sequences(const QueuePage& page) {
    std::vector<std::uint64_t> all;
    for (const QueuedMessage& one : page.messages) all.push_back(one.sequence);
    return all;
  }

  std::uint64_t matched = 0;
};
INSTANTIATE_TEST_SUITE_P(Cores, Views, testing::Values(1, 3));

TEST_P(Views, ListsWhoIsThereAndWhoSleepsByName) {
  sleeper("b", 0);
  const Client clean(broker, "a", Hello());
  const Client durable(broker, "c", sleeping());
  EXPECT_EQ(ids(page({}).take()), (Ids{"a", "b", "c"}));
  SessionQuery query;
  query.connected = false;
  EXPECT_EQ(ids(page(query).take()), Ids{"b"});
  query = {};
  query.durable = true;
  EXPECT_EQ(ids(page(query).take()), (Ids{"b", "c"}));
  query.client_id = "c*";
  EXPECT_EQ(ids(page(query).take()), Ids{"c"});
  query.user = "somebody";
  EXPECT_TRUE(page(query).take().empty());
}

TEST_P(Views, PagesFollowOneAnotherInEveryOrder) {
  for (int i = 0; i < 7; ++i) sleeper("s" + std::to_string(i), i % 3);
  SessionQuery query;
  query.order = SessionOrder::queued;
  query.limit = 2;
  Ids all;
  std::size_t pages = 0;
  for (bool more = true; more; ++pages) {
    SessionPage one = page(query);
    const auto rows = one.take();
    ASSERT_FALSE(rows.empty());
    more = rows.size() == 2 && all.size() + 2 < 7;
    query.after = rows.back().place;
    for (const std::string& id : ids(rows)) all.push_back(id);
  }
  EXPECT_EQ(all, (Ids{"s2", "s5", "s1", "s4", "s0", "s3", "s6"}));
  EXPECT_EQ(pages, 4U);
  query.after.reset();
  query.is_reversed = true;
  EXPECT_EQ(ids(page(query).take()), (Ids{"s0", "s3"}));
}

// What comes behind a page is the same when time goes on between the two.
TEST_P(Views, PagesFollowOneAnotherWhileTimeGoesOn) {
  for (int i = 0; i < 6; ++i) {
    sleeper("s" + std::to_string(i), 0);
    broker.advance_s(i % 2 == 0 ? 10 : 0);
  }
  SessionQuery query;
  query.order = SessionOrder::offline;
  query.limit = 2;
  Ids all;
  for (int pages = 0; pages < 3; ++pages) {
    const auto rows = page(query).take();
    ASSERT_EQ(rows.size(), 2U);
    query.after = rows.back().place;
    for (const std::string& id : ids(rows)) all.push_back(id);
    broker.advance_ms(7'300);  // seconds of the two clocks begin at different moments
  }
  EXPECT_EQ(all, (Ids{"s0", "s1", "s2", "s3", "s4", "s5"}));
  EXPECT_TRUE(page(query).take().empty());
}

TEST_P(Views, SaysWhatMattersOfEach) {
  sleeper("lamp", 2);
  broker.advance_s(60);
  const SessionView lamp = page({}).take().at(0).view;
  EXPECT_FALSE(lamp.is_connected);
  EXPECT_TRUE(lamp.is_durable);
  EXPECT_EQ(lamp.queued, 2U);
  EXPECT_EQ(lamp.subscriptions, 1U);
  EXPECT_EQ(lamp.expiry_s, 3600U);
  EXPECT_NEAR(static_cast<double>(lamp.offline_ms), 60'000, 1'001);
  Client back(broker, "lamp", sleeping());
  broker.advance_s(5);
  const SessionView there = page({}).take().at(0).view;
  EXPECT_TRUE(there.is_connected);
  EXPECT_EQ(there.in_flight, 2U);
  EXPECT_EQ(there.connected_ms, 5'000);
  EXPECT_GE(there.oldest_unacked_ms, 65'000);
  EXPECT_EQ(there.last_drop, DropCause::none);
}

TEST_P(Views, WhoLeftInOneSecondIsListedOnceWheneverOneAsks) {
  for (int i = 0; i < 6; ++i) sleeper("s" + std::to_string(i), 0);
  SessionQuery query;
  query.order = SessionOrder::offline;
  query.limit = 1;
  Ids all;
  for (int pages = 0; pages < 6; ++pages) {
    const auto rows = page(query).take();
    ASSERT_EQ(rows.size(), 1U);
    query.after = rows.back().place;
    all.push_back(ids(rows)[0]);
    broker.advance_ms(500);
  }
  EXPECT_EQ(all, (Ids{"s0", "s1", "s2", "s3", "s4", "s5"}));
}

TEST_P(Views, SaysOfACleanSessionThatItHasAWill) {
  Client lamp(broker, "lamp", Hello().last_words("gone", "x"));
  EXPECT_TRUE(page({}).take().at(0).view.has_will);
  Client other(broker, "other", Hello());
  EXPECT_FALSE(page({}).take().at(1).view.has_will);
}

TEST_P(Views, RemembersWhyTheLastMessageWasDropped) {
  broker.limits().max_queued_messages = 1;
  broker.limits_changed();
  sleeper("lamp", 3);
  const SessionView lamp = page({}).take().at(0).view;
  EXPECT_EQ(lamp.dropped, 2U);
  EXPECT_EQ(lamp.last_drop, DropCause::queue_full);
}

TEST_P(Views, OneInFullHasItsFilters) {
  sleeper("lamp", 0);
  std::optional<SessionDetails> lamp, nobody;
  broker.run_on(broker.core_of("lamp"),
                [&] { lamp = look_at_session(broker.home("lamp"), "lamp"); });
  broker.run_on(broker.core_of("nobody"),
                [&] { nobody = look_at_session(broker.home("nobody"), "nobody"); });
  ASSERT_TRUE(lamp.has_value());
  ASSERT_EQ(lamp->filters.size(), 1U);
  EXPECT_EQ(lamp->filters[0].filter, "to/lamp");
  EXPECT_FALSE(nobody.has_value());
}

// --- queues ---

TEST_P(Views, AQueueIsSeenPageByPageOnDiskAndNot) {
  sleeper("lamp", 3);
  broker.checkpoint();
  Client publisher(broker, "publisher", Hello());
  publish_numbered(publisher, 2, "to/lamp", kQos1, 4);
  const QueuePage all = queue("lamp");
  EXPECT_EQ(all.total, 5U);
  EXPECT_EQ(all.next, 0U);
  ASSERT_EQ(all.messages.size(), 5U);
  EXPECT_EQ(as_text(all.messages[0].message->payload()), "1");
  EXPECT_EQ(as_text(all.messages[4].message->payload()), "5");
  EXPECT_FALSE(all.messages[0].is_in_flight);
  Ids payloads;
  std::uint64_t from = 0;
  do {
    const QueuePage part = queue("lamp", from, 2);
    for (const QueuedMessage& one : part.messages) {
      payloads.emplace_back(as_text(one.message->payload()));
    }
    from = part.next;
  } while (from != 0);
  EXPECT_EQ(payloads, (Ids{"1", "2", "3", "4", "5"}));
}

TEST_P(Views, AQueueIsSeenWholeWhileACheckpointEnds) {
  sleeper("lamp", 3);
  broker.checkpoint();
  Client publisher(broker, "publisher", Hello());
  publish_numbered(publisher, 2, "to/lamp", kQos1, 4);
  Result<QueuePage> found = error(ErrorKind::io, "never told");
  broker.run_on(broker.core_of("lamp"), [&] {
    broker.home("lamp").checkpoint([] {});  // is done after the page was read
    look_at_queue(broker.home("lamp"), "lamp", 0, 100,
                  [&found](Result<QueuePage> page) { found = std::move(page); });
  });
  broker.settle();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->messages.size(), 5U);
  EXPECT_EQ(found->messages.back().sequence + 1, found->end);
}

TEST_P(Views, APurgeDropsWhatWaitsAndItsClientNeverSeesIt) {
  sleeper("lamp", 3);
  broker.checkpoint();
  Client publisher(broker, "publisher", Hello());
  publish_numbered(publisher, 2, "to/lamp", kQos1, 4);
  const std::vector<std::uint64_t> all = sequences(queue("lamp"));
  EXPECT_EQ(purge("lamp", all[1], all[4]).value(), 3U);
  EXPECT_EQ(sequences(queue("lamp")), (std::vector<std::uint64_t>{all[0], all[4]}));
  EXPECT_EQ(broker.sum(&SessionCounters::dropped_purged), 3U);
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 2U);
  Client lamp(broker, "lamp");
  lamp.connect(sleeping());
  EXPECT_THAT(lamp.finish_all(), ElementsAre("to/lamp=1 q1 #1", "to/lamp=5 q1 #5"));
  EXPECT_EQ(purge("lamp", 0, UINT64_MAX).error().kind, ErrorKind::already_exists);
  EXPECT_EQ(purge("nobody", 0, UINT64_MAX).error().kind, ErrorKind::not_found);
}

// Its CONNECT is on its way to the log: what were said now would be void when it is told.
TEST_P(Views, APurgeIsRefusedToWhoIsComing) {
  sleeper("lamp", 2);
  Client lamp(broker, "lamp");
  lamp.manual = true;
  lamp.connect(sleeping());
  ASSERT_FALSE(broker.stored("lamp")->attached);
  Result<std::uint64_t> told = 0;
  broker.run_on(broker.core_of("lamp"), [&] {
    purge_queue(broker.home("lamp"), "lamp", 0, UINT64_MAX,
                [&told](Result<std::uint64_t> purged) { told = std::move(purged); });
  });
  EXPECT_EQ(told.error().kind, ErrorKind::already_exists);
  lamp.manual = false;
  EXPECT_THAT(lamp.finish_all(), ElementsAre("to/lamp=1 q1 #1", "to/lamp=2 q1 #2"));
}

TEST_P(Views, APurgeLeavesWhatItsClientMayHave) {
  sleeper("lamp", 2);
  {
    Client lamp(broker, "lamp");
    lamp.connect(sleeping());
    EXPECT_EQ(lamp.take().size(), 3U);  // CONNACK, and two that it doesn't acknowledge
  }
  Client publisher(broker, "publisher", Hello());
  publish_numbered(publisher, 1, "to/lamp", kQos1, 3);
  const QueuePage all = queue("lamp");
  ASSERT_EQ(all.messages.size(), 3U);
  EXPECT_TRUE(all.messages[0].is_in_flight);
  EXPECT_FALSE(all.messages[2].is_in_flight);
  EXPECT_EQ(purge("lamp", 0, UINT64_MAX).value(), 1U);
  EXPECT_EQ(queue("lamp").total, 2U);
}

TEST_P(Views, ARemovedSessionIsGone) {
  sleeper("lamp", 2);
  Client other(broker, "clean", Hello());
  const auto remove = [&](const std::string& id) {
    Result<void> done = error(ErrorKind::io, "never told");
    broker.run_on(broker.core_of(id), [&] {
      remove_session(broker.home(id), id, [&done](Result<void> told) { done = std::move(told); });
    });
    broker.settle();
    return done;
  };
  EXPECT_TRUE(remove("lamp"));
  EXPECT_TRUE(remove("clean"));
  EXPECT_EQ(remove("lamp").error().kind, ErrorKind::not_found);
  EXPECT_FALSE(broker.knows("lamp"));
  EXPECT_FALSE(other.is_connected());
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 0U);
}

// --- routes ---

TEST_P(Views, ARouteNamesWhoWouldGetAMessage) {
  sleeper("lamp", 0);
  Client viewer(broker, "viewer", Hello());
  viewer.subscribe(Sub("to/#", kQos0));
  Client worker(broker, "worker", Hello());
  worker.subscribe(Sub("$share/g/to/+", kQos1));
  std::vector<std::string> found;
  for (std::uint16_t core = 0; core < broker.size(); ++core) {
    broker.run_on(CoreId{core}, [&] {
      const Route route = broker.table(CoreId{core}).route_of("to/lamp");
      for (const auto& one : route.receivers) {
        found.push_back(one.client_id + (one.is_durable ? " durable" : " clean") +
                        (one.is_connected ? " here" : " away"));
      }
      for (const auto& one : route.groups) {
        found.push_back("group " + one.name + " " + std::to_string(one.members));
      }
    });
  }
  EXPECT_THAT(found, UnorderedElementsAre("lamp durable away", "viewer clean here", "group g 1"));
}

}  // namespace
}  // namespace roost::session
