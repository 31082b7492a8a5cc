// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/etcd/await.h"
#include "tests/etcd/cut_proxy.h"
#include "tests/etcd/etcd_cluster.h"

namespace roost::cluster {
namespace {

using Outcome = TxnResult::Outcome;
using Told = Recorder::Told;

bool has_begun(const Told& told) { return !told.resets.empty(); }

TEST(EtcdWatch, TellsWhatIsThereAndThenEachChangeInOrder) {
  EtcdCluster etcd;
  const auto coordinator = connect(etcd.options());
  write(*coordinator, "/a/1", "one");
  write(*coordinator, "/b/1", "elsewhere");
  Recorder recorder;
  const auto watch = coordinator->watch("/a/", recorder);
  ASSERT_TRUE(recorder.wait_for(has_begun));
  const Listing first = recorder.told().resets[0];
  ASSERT_EQ(first.keys.size(), 1u);
  EXPECT_EQ(first.keys[0].value, "one");

  const TxnResult both =
      transact(*coordinator, {{}, {PutKey{"/a/2", "two"}, PutKey{"/b/2", "x"}, EraseKey{"/a/1"}}});
  write(*coordinator, "/a/2", "three");
  ASSERT_TRUE(recorder.wait_for([](const Told& told) { return told.events.size() == 3; }));
  const Told told = recorder.told();
  EXPECT_THAT(told.revisions, testing::ElementsAre(both.revision, both.revision + 1));
  EXPECT_EQ(told.events[0].now.key, "/a/2");
  EXPECT_EQ(told.events[0].now.created, both.revision);
  EXPECT_TRUE(told.events[1].is_erased);
  EXPECT_EQ(told.events[1].now.key, "/a/1");
  EXPECT_EQ(told.events[1].now.modified, both.revision);
  EXPECT_EQ(told.events[2].now.value, "three");
}

// Every revision is a change of the one key, so that a gap would show.
TEST(EtcdWatch, MissesAndRepeatsNothingWhileMembersDieAndReturn) {
  EtcdCluster etcd;
  const auto coordinator = connect(etcd.options());
  write(*coordinator, "/a", "0");
  Recorder recorder;
  const auto watch = coordinator->watch("/a", recorder);
  ASSERT_TRUE(recorder.wait_for(has_begun));
  const auto writer = connect(etcd.options());
  for (int round = 0; round < 4; ++round) {
    const std::size_t victim = round % 2 ? etcd.leader() : static_cast<std::size_t>(round / 2);
    for (int i = 0; i < 20; ++i) write(*writer, "/a", std::to_string(round * 100 + i));
    etcd.kill(victim);
    for (int i = 20; i < 40; ++i) write(*writer, "/a", std::to_string(round * 100 + i));
    etcd.start(victim);
  }
  const auto listing = list(*writer, "/a");
  ASSERT_TRUE(listing);
  ASSERT_TRUE(recorder.wait_for([&](const Told& told) {
    return !told.revisions.empty() && told.revisions.back() == listing->revision;
  }));
  const Told told = recorder.told();
  ASSERT_EQ(told.resets.size(), 1u);
  Revision expected = told.resets[0].revision;
  for (const Revision revision : told.revisions) EXPECT_EQ(revision, ++expected);
  EXPECT_GE(told.revisions.size(), 160u);
}

TEST(EtcdWatch, LeavesAMemberThatFellSilent) {
  EtcdCluster etcd;
  const auto coordinator = connect(etcd.options());
  Recorder recorder;
  const auto watch = coordinator->watch("/", recorder);
  ASSERT_TRUE(recorder.wait_for(has_begun));
  const auto writer = connect(etcd.options());
  for (std::size_t i = 0; i < etcd.size(); ++i) {
    const std::string value = "while " + std::to_string(i) + " is silent";
    etcd.pause(i);
    write(*writer, "/a", value);
    EXPECT_TRUE(recorder.wait_for([&](const Told& told) { return told.has_seen("/a", value); }));
    etcd.resume(i);
  }
  EXPECT_EQ(recorder.told().resets.size(), 1u);
}

TEST(EtcdWatch, SaysAllAgainWhenItsPlaceWasCompacted) {
  EtcdCluster etcd({.members = 1});
  CutProxy proxy(etcd.port(0));
  EtcdOptions options = etcd.options();
  options.endpoints = {proxy.endpoint()};
  const auto away = connect(options);
  const auto writer = connect(etcd.options());
  Recorder recorder;
  const auto watch = away->watch("/", recorder);
  write(*writer, "/a", "1");
  ASSERT_TRUE(recorder.wait_for([](const Told& told) { return told.value_of("/a") == "1"; }));

  proxy.set(CutProxy::Mode::refuse);
  write(*writer, "/a", "2");
  write(*writer, "/b", "gone");
  write(*writer, "/a", "3");
  const TxnResult last = transact(*writer, erase("/b"));
  etcd.control({"compact", std::to_string(last.revision)});
  const std::size_t resets = recorder.told().resets.size();
  proxy.set(CutProxy::Mode::pass);
  ASSERT_TRUE(
      recorder.wait_for([&](const Told& told) { return told.resets.size() == resets + 1; }));
  const Listing again = recorder.told().resets.back();
  EXPECT_EQ(again.revision, last.revision);
  ASSERT_EQ(again.keys.size(), 1u);
  EXPECT_EQ(again.keys[0].value, "3");
  write(*writer, "/a", "4");
  ASSERT_TRUE(recorder.wait_for([](const Told& told) { return told.value_of("/a") == "4"; }));
  EXPECT_EQ(recorder.told().events.size(), 1u);
}

TEST(EtcdWatch, SaysAllAgainWhenTheStoreWasPutBack) {
  EtcdCluster etcd({.members = 1});
  const auto coordinator = connect(etcd.options());
  Recorder recorder;
  const auto watch = coordinator->watch("/", recorder);
  write(*coordinator, "/a", "yesterday");
  etcd.control({"snapshot", "save", etcd.folder() + "/backup"});
  for (int i = 0; i < 10; ++i) write(*coordinator, "/a", std::to_string(i));
  ASSERT_TRUE(recorder.wait_for([](const Told& told) { return told.value_of("/a") == "9"; }));
  etcd.restore(etcd.folder() + "/backup");
  ASSERT_TRUE(
      recorder.wait_for([](const Told& told) { return told.value_of("/a") == "yesterday"; }));
  write(*coordinator, "/a", "today");
  EXPECT_TRUE(recorder.wait_for([](const Told& told) { return told.value_of("/a") == "today"; }));
}

TEST(EtcdWatch, TellsNothingOnceDestroyed) {
  EtcdCluster etcd({.members = 1});
  const auto coordinator = connect(etcd.options());
  Recorder ended, other;
  auto watch = coordinator->watch("/", ended);
  const auto second = coordinator->watch("/", other);
  ASSERT_TRUE(ended.wait_for(has_begun) && other.wait_for(has_begun));
  watch.reset();
  write(*coordinator, "/a", "x");
  EXPECT_TRUE(other.wait_for([](const Told& told) { return told.events.size() == 1; }));
  EXPECT_TRUE(ended.told().events.empty());
}

// Ends its watch from within its own callback.
class Once final : public Watcher {
 public:
  void on_reset(const Listing&) override {
    ready_.get_future().wait();
    begun_.set_value();
  }
  void on_change(const std::vector<Event>&, Revision) override {
    ++changes;
    watch_.reset();
  }
  void hold(std::unique_ptr<Watch> watch) {
    watch_ = std::move(watch);
    ready_.set_value();
    begun_.get_future().wait();  // what is written before is in the listing
  }
  std::atomic<int> changes = 0;

 private:
  std::promise<void> ready_, begun_;
  std::unique_ptr<Watch> watch_;
};

TEST(EtcdWatch, MayBeEndedFromItsOwnCallback) {
  EtcdCluster etcd({.members = 1});
  const auto coordinator = connect(etcd.options());
  Once once;
  once.hold(coordinator->watch("/", once));
  Recorder other;
  const auto second = coordinator->watch("/", other);
  ASSERT_TRUE(other.wait_for(has_begun));
  write(*coordinator, "/a", "1");
  write(*coordinator, "/a", "2");
  EXPECT_TRUE(other.wait_for([](const Told& told) { return told.value_of("/a") == "2"; }));
  EXPECT_EQ(once.changes, 1);
}

}  // namespace
}  // namespace roost::cluster
