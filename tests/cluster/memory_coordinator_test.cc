// SPDX-License-Identifier: Apache-2.0
#include "cluster/memory_coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace roost::cluster {
namespace {

using Outcome = TxnResult::Outcome;
using testing::ElementsAre;

class ManualTimeline final : public Timeline {
 public:
  std::int64_t now_us() const override { return now_us_; }
  void at(std::int64_t when_us, std::function<void()> run) override {
    due_.emplace(when_us, std::move(run));
  }
  void run_for(std::int64_t span_us) {
    const std::int64_t until_us = now_us_ + span_us;
    while (!due_.empty() && due_.begin()->first <= until_us) {
      auto first = due_.extract(due_.begin());
      now_us_ = first.key();
      first.mapped()();
    }
    now_us_ = until_us;
  }

 private:
  std::int64_t now_us_ = 0;
  std::multimap<std::int64_t, std::function<void()>> due_;
};

class SeenWatcher final : public Watcher {
 public:
  void on_reset(const Listing& all) override {
    seen.push_back("reset " + std::to_string(all.keys.size()));
  }
  void on_change(const std::vector<Event>& events, Revision revision) override {
    for (const Event& event : events) {
      seen.push_back((event.is_erased ? "-" : "+") + event.now.key);
    }
    last = revision;
  }
  std::vector<std::string> seen;
  Revision last = 0;
};

class MemoryCoordinatorTest : public testing::Test {
 protected:
  static constexpr std::int64_t kSecond = 1'000'000;

  // The result, once it is there; `unsettled` stays nullopt.
  void transact(MemoryConnection& from, Txn txn) {
    from.transact(std::move(txn), [this](TxnResult result) { results.push_back(result.outcome); });
  }
  static Txn put(const std::string& key, const std::string& value, Revision modified = -1) {
    Txn txn{{}, {PutKey{key, value, kNoLease}}};
    if (modified >= 0) {
      txn.conditions.push_back({key, Condition::On::modified, modified});
    }
    return txn;
  }
  std::string value_of(const std::string& key) {
    const Listing all = coordinator.keys().list(key);
    return all.keys.empty() ? "none" : all.keys[0].value;
  }

  ManualTimeline time;
  MemoryTrip trip{1000, 1000};
  MemoryCoordinator coordinator{time, [this](std::string_view, MemoryRequest) { return trip; }};
  std::unique_ptr<MemoryConnection> one = coordinator.connect("one");
  std::unique_ptr<MemoryConnection> two = coordinator.connect("two");
  std::vector<Outcome> results;
};

TEST_F(MemoryCoordinatorTest, SecondWriterOfARevisionIsRefused) {
  transact(*one, put("a", "1", 0));
  transact(*two, put("a", "2", 0));
  EXPECT_TRUE(results.empty());  // never inside the call
  time.run_for(kSecond);
  EXPECT_THAT(results, ElementsAre(Outcome::done, Outcome::refused));
  EXPECT_EQ(value_of("a"), "1");
}

TEST_F(MemoryCoordinatorTest, CreatedStaysWhereModifiedMoves) {
  transact(*one, put("a", "1"));
  transact(*one, put("a", "2"));
  time.run_for(kSecond);
  const KeyValue kept = coordinator.keys().list("a").keys.at(0);
  EXPECT_LT(kept.created, kept.modified);
  Txn by_creation{{{"a", Condition::On::created, kept.created}}, {EraseKey{"a"}}};
  transact(*one, by_creation);
  time.run_for(kSecond);
  EXPECT_EQ(results.back(), Outcome::done);
  EXPECT_EQ(value_of("a"), "none");
}

TEST_F(MemoryCoordinatorTest, AnswerThatIsLostIsUnknownThoughItWasExecuted) {
  trip = {1000, std::nullopt};
  transact(*one, put("a", "1"));
  time.run_for(kSecond);
  EXPECT_TRUE(results.empty());
  time.run_for(2 * kSecond);
  EXPECT_THAT(results, ElementsAre(Outcome::unknown));
  EXPECT_EQ(value_of("a"), "1");
}

TEST_F(MemoryCoordinatorTest, ExecutesLongAfterItWasGivenUpEvenOfADeadProcess) {
  trip = {60 * kSecond, 1000};
  transact(*one, put("a", "1"));
  time.run_for(3 * kSecond);
  EXPECT_THAT(results, ElementsAre(Outcome::unknown));
  one.reset();
  EXPECT_EQ(value_of("a"), "none");
  time.run_for(60 * kSecond);
  EXPECT_EQ(value_of("a"), "1");
  EXPECT_EQ(results.size(), 1U);
}

TEST_F(MemoryCoordinatorTest, RefusesWhileItIsAway) {
  coordinator.set_away(true);
  transact(*one, put("a", "1"));
  time.run_for(kSecond);
  EXPECT_THAT(results, ElementsAre(Outcome::failed));
  EXPECT_EQ(value_of("a"), "none");
}

TEST_F(MemoryCoordinatorTest, ListingIsTriedAgainUntilItsDeadline) {
  std::vector<bool> answered;
  const auto note = [&](Result<Listing> all) { answered.push_back(all.has_value()); };
  coordinator.set_away(true);
  one->list("", note);
  time.run_for(kSecond);
  coordinator.set_away(false);
  time.run_for(kSecond);
  EXPECT_THAT(answered, ElementsAre(true));
  trip = {std::nullopt, 1000};
  one->list("", note);
  time.run_for(3 * kSecond);
  EXPECT_THAT(answered, ElementsAre(true, false));
}

TEST_F(MemoryCoordinatorTest, KeysVanishWithTheLeaseOfADeadProcess) {
  SeenWatcher watcher;
  const auto watch = two->watch("nodes/", watcher);
  std::unique_ptr<Lease> lease;
  bool is_lost = false;
  one->grant(
      3000, [&] { is_lost = true; },
      [&](Result<std::unique_ptr<Lease>> granted) { lease = std::move(granted).value(); });
  time.run_for(kSecond);
  ASSERT_TRUE(lease);
  transact(*one, {{}, {PutKey{"nodes/one", "", lease->id()}}});
  time.run_for(20 * kSecond);
  EXPECT_EQ(value_of("nodes/one"), "");
  one.reset();
  time.run_for(4 * kSecond);
  EXPECT_EQ(value_of("nodes/one"), "none");
  EXPECT_FALSE(is_lost);  // the dead are told nothing
  EXPECT_THAT(watcher.seen, ElementsAre("reset 0", "+nodes/one", "-nodes/one"));
}

TEST_F(MemoryCoordinatorTest, LeaseIsLostWithoutAnswersAndRunsOutWhenLetGo) {
  std::vector<std::unique_ptr<Lease>> leases;
  std::vector<int> lost;
  for (int i = 0; i < 2; ++i) {
    one->grant(
        3000, [&lost, i] { lost.push_back(i); },
        [&](Result<std::unique_ptr<Lease>> granted) {
          leases.push_back(std::move(granted).value());
        });
  }
  time.run_for(kSecond);
  leases[1]->let_run_out();
  time.run_for(4 * kSecond);
  EXPECT_THAT(lost, ElementsAre(1));
  trip.back_us = std::nullopt;
  time.run_for(4 * kSecond);
  EXPECT_THAT(lost, ElementsAre(1, 0));
}

TEST_F(MemoryCoordinatorTest, RevokesALeaseThatIsGivenBackAndGrantsNoneTooShort) {
  std::unique_ptr<Lease> lease;
  one->grant(3000, {},
             [&](Result<std::unique_ptr<Lease>> granted) { lease = std::move(granted).value(); });
  bool is_refused = false;
  one->grant(10, {}, [&](Result<std::unique_ptr<Lease>> granted) {
    is_refused = granted.error().kind == ErrorKind::invalid_argument;
  });
  time.run_for(kSecond);
  EXPECT_TRUE(is_refused);
  transact(*one, {{}, {PutKey{"a", "", lease->id()}}});
  time.run_for(kSecond / 10);
  lease.reset();
  time.run_for(kSecond / 10);
  EXPECT_EQ(value_of("a"), "none");
  transact(*one, {{}, {PutKey{"a", "", 1}}});
  time.run_for(kSecond / 10);
  EXPECT_EQ(results.back(), Outcome::failed);  // no such lease
}

TEST_F(MemoryCoordinatorTest, LeaseThatRanOutWhileTheProcessWasStoppedIsGrantedAndThenLost) {
  std::vector<std::string> told;
  std::unique_ptr<Lease> lease;
  one->grant(
      3000, [&] { told.push_back("lost"); },
      [&](Result<std::unique_ptr<Lease>> granted) {
        told.push_back("granted");
        lease = std::move(granted).value();
      });
  one->pause();
  time.run_for(30 * kSecond);
  one->go_on();
  time.run_for(kSecond);
  EXPECT_THAT(told, ElementsAre("granted", "lost"));
}

TEST_F(MemoryCoordinatorTest, StoppedProcessHearsEverythingWhenItGoesOn) {
  SeenWatcher watcher;
  const auto watch = one->watch("", watcher);
  transact(*one, put("a", "1"));
  one->pause();
  transact(*two, put("b", "1"));
  time.run_for(30 * kSecond);
  EXPECT_EQ(results.size(), 1U);
  EXPECT_TRUE(watcher.seen.empty());
  one->go_on();
  EXPECT_EQ(results.size(), 2U);
  EXPECT_THAT(watcher.seen, ElementsAre("reset 0", "+a", "+b"));
}

TEST_F(MemoryCoordinatorTest, WatchCatchesUpAfterAnOutageAndBeginsAnewAfterCompaction) {
  SeenWatcher watcher;
  const auto watch = one->watch("", watcher);
  time.run_for(kSecond);
  trip.back_us = std::nullopt;
  transact(*two, put("a", "1"));
  time.run_for(kSecond);
  trip.back_us = 1000;
  time.run_for(kSecond);
  EXPECT_THAT(watcher.seen, ElementsAre("reset 0", "+a"));
  EXPECT_EQ(watcher.last, coordinator.keys().revision());
  trip.back_us = std::nullopt;
  transact(*two, put("b", "1"));
  transact(*two, put("c", "1"));
  time.run_for(kSecond);
  coordinator.compact();
  trip.back_us = 1000;
  time.run_for(kSecond);
  EXPECT_EQ(watcher.seen.back(), "reset 3");
}

TEST_F(MemoryCoordinatorTest, ClosedWatchIsToldNoMore) {
  SeenWatcher watcher;
  auto watch = one->watch("", watcher);
  time.run_for(kSecond);
  transact(*two, put("a", "1"));
  time.run_for(1500);  // executed, and the watcher's event is under way
  watch.reset();
  time.run_for(kSecond);
  EXPECT_THAT(watcher.seen, ElementsAre("reset 0"));
}

TEST_F(MemoryCoordinatorTest, BackupGoesBackInRevisionsAndForgetsLeasesMadeSince) {
  SeenWatcher watcher;
  const auto watch = two->watch("", watcher);
  transact(*one, put("a", "old"));
  time.run_for(kSecond);
  const MemoryKeys backup = coordinator.keys();
  std::unique_ptr<Lease> lease;
  bool is_lost = false;
  one->grant(
      3000, [&] { is_lost = true; },
      [&](Result<std::unique_ptr<Lease>> granted) { lease = std::move(granted).value(); });
  transact(*one, put("a", "new"));
  time.run_for(kSecond);
  const Revision before = coordinator.keys().revision();
  coordinator.restore(backup);
  time.run_for(4 * kSecond);
  EXPECT_EQ(value_of("a"), "old");
  EXPECT_LT(coordinator.keys().revision(), before);
  EXPECT_TRUE(is_lost);
  EXPECT_EQ(watcher.seen.back(), "reset 1");
}

}  // namespace
}  // namespace roost::cluster
