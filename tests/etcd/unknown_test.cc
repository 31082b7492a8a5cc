// SPDX-License-Identifier: Apache-2.0
// Transactions whose answers are lost after etcd executed them, under leaders that die and freeze:
// none may be lost, none applied twice. Unknown outcomes are settled as R5 says.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "tests/etcd/await.h"
#include "tests/etcd/cut_proxy.h"
#include "tests/etcd/etcd_cluster.h"

namespace roost::cluster {
namespace {

using Outcome = TxnResult::Outcome;

constexpr int kWriters = 4;
constexpr int kEach = 125;  // transactions that must come to be done, of each writer

struct Counts {
  std::atomic<int> done = 0;
  std::atomic<int> failed = 0;
  std::atomic<int> unknown_done = 0;      // unknown, and in force
  std::atomic<int> unknown_not_done = 0;  // unknown, and barred by the settling write
  std::atomic<int> unsettled = 0;         // settling writes that have to be made again
};

// One key that nobody else writes: "<how many are done> <name of the transaction>".
class Writer {
 public:
  // `reader`: another way to the same etcd, so that a settling read ends while answers get lost.
  Writer(Coordinator& coordinator, Coordinator& reader, int number, Counts& counts)
      : coordinator_(coordinator),
        reader_(reader),
        key_("/writer/" + std::to_string(number)),
        name_(std::to_string(number) + "-"),
        counts_(counts) {}

  void run() {
    while (count_ < kEach && !has_failed_) {
      const std::string name = name_ + std::to_string(++attempts_);
      const std::string value = std::to_string(count_ + 1) + " " + name;
      if (is_done(value)) {
        value_ = value;
        ++count_;
        done_.insert(name);
      }
    }
  }

  const std::string& key() const { return key_; }
  const std::set<std::string>& done() const { return done_; }

 private:
  bool is_done(const std::string& value) {
    const TxnResult result = transact(coordinator_, replace(key_, value, revision_));
    switch (result.outcome) {
      case Outcome::done:
        ++counts_.done;
        revision_ = result.revision;
        return true;
      case Outcome::refused:
        ADD_FAILURE() << key_ << " was written by somebody else";
        has_failed_ = true;
        return false;
      case Outcome::failed:
        ++counts_.failed;
        return false;
      case Outcome::unknown:
        break;
    }
    const bool is_in_force = settle() == value;
    ++(is_in_force ? counts_.unknown_done : counts_.unknown_not_done);
    return is_in_force;
  }

  // R5: a linearizable read; where it shows the old revision, the record is written unchanged on
  // condition of that revision, and whichever wins settles it. Returns what then stands there.
  std::string settle() {
    const Revision before = revision_;
    while (true) {
      auto listing = list(reader_, key_);
      if (!listing) continue;
      const KeyValue now = listing->keys.empty() ? KeyValue{key_, ""} : listing->keys[0];
      if (now.modified != before) {
        revision_ = now.modified;
        return now.value;
      }
      const TxnResult barred = transact(coordinator_, replace(key_, value_, before));
      if (barred.outcome != Outcome::done) {
        ++counts_.unsettled;
        continue;
      }
      revision_ = barred.revision;
      return value_;
    }
  }

  Coordinator& coordinator_;
  Coordinator& reader_;
  const std::string key_;
  const std::string name_;
  Counts& counts_;
  std::string value_;
  Revision revision_ = 0;
  int count_ = 0;
  int attempts_ = 0;
  bool has_failed_ = false;
  std::set<std::string> done_;
};

// What a watch of the whole history says of one key: each transaction that was done stands there in
// a run of its own, counted up by one; none else stands there.
void check_history(const Recorder::Told& told, const Writer& writer) {
  int count = 0;
  std::set<std::string> seen;
  std::string last;
  for (const Watcher::Event& event : told.events) {
    if (event.now.key != writer.key()) continue;
    EXPECT_FALSE(event.is_erased);
    if (event.now.value == last) continue;  // written unchanged
    last = event.now.value;
    std::istringstream fields(last);
    int number = 0;
    std::string name;
    fields >> number >> name;
    EXPECT_EQ(number, ++count) << last;
    EXPECT_TRUE(seen.insert(name).second) << name << " was applied twice";
  }
  EXPECT_EQ(seen, writer.done());
}

class UnknownOutcomes : public testing::Test {
 protected:
  UnknownOutcomes() {
    EtcdOptions options = etcd_.options();
    options.endpoints.clear();
    for (std::size_t i = 0; i < etcd_.size(); ++i) {
      proxies_.push_back(std::make_unique<CutProxy>(etcd_.port(i)));
      options.endpoints.push_back(proxies_.back()->endpoint());
    }
    options.answer_ms = 1000;
    options.timeout_ms = 2000;
    through_proxies_ = connect(options);
    direct_ = connect(etcd_.options());
    watch_ = direct_->watch("/writer/", history_);
    EXPECT_TRUE(history_.wait_for([](const auto& told) { return !told.resets.empty(); }));
  }

  // Lets etcd execute one more of them whose answer is lost, and cuts. No more can come where a
  // connection was lost before: one that is made now never becomes ready, and what fails on it is
  // all that can be waited for.
  void lose_answers() {
    for (auto& proxy : proxies_) proxy->set(CutProxy::Mode::lose_answers);
    const std::size_t before = history_.told().events.size();
    const int failed = counts_.failed + counts_.unsettled;
    EXPECT_TRUE(history_.wait_for([&](const auto& told) {
      return are_finished_ || told.events.size() > before ||
             counts_.failed + counts_.unsettled > failed;
    }));
    for (auto& proxy : proxies_) proxy->cut();
  }

  std::size_t lost() const {
    std::size_t sum = 0;
    for (const auto& proxy : proxies_) sum += proxy->lost();
    return sum;
  }

  // Requests are lost on their way to etcd.
  void lose_requests() {
    for (auto& proxy : proxies_) proxy->set(CutProxy::Mode::lose_requests);
    const std::size_t before = lost();
    while (lost() == before && !are_finished_) std::this_thread::yield();
    for (auto& proxy : proxies_) proxy->cut();
  }

  void kill_leader() {
    const std::size_t leader = etcd_.leader();
    etcd_.kill(leader);
    wait_for_changes(20);
    etcd_.start(leader);
  }

  // What it was sent before may land when it goes on.
  void freeze_leader() {
    const std::size_t leader = etcd_.leader();
    etcd_.pause(leader);
    wait_for_changes(10);
    etcd_.resume(leader);
  }

  void wait_for_changes(std::size_t count) {
    const std::size_t before = history_.told().events.size();
    EXPECT_TRUE(history_.wait_for(
        [&](const auto& told) { return are_finished_ || told.events.size() >= before + count; }));
  }

  EtcdCluster etcd_;
  std::vector<std::unique_ptr<CutProxy>> proxies_;
  std::unique_ptr<Coordinator> through_proxies_, direct_;
  Recorder history_;
  std::unique_ptr<Watch> watch_;
  Counts counts_;
  std::atomic<bool> are_finished_ = false;
};

TEST_F(UnknownOutcomes, LoseNoneOf500TransactionsAndApplyNoneTwice) {
  std::vector<std::unique_ptr<Writer>> writers;
  std::vector<std::thread> threads;
  std::atomic<int> running = kWriters;
  for (int i = 0; i < kWriters; ++i) {
    writers.push_back(std::make_unique<Writer>(*through_proxies_, *direct_, i, counts_));
    threads.emplace_back([&, i] {
      writers[static_cast<std::size_t>(i)]->run();
      if (--running == 0) are_finished_ = true;
    });
  }
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 5; ++i) {
      lose_answers();
      wait_for_changes(4);
    }
    lose_requests();
    round % 2 ? freeze_leader() : kill_leader();
  }
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(counts_.done + counts_.unknown_done, kWriters * kEach);
  EXPECT_GT(counts_.unknown_done, 0);
  EXPECT_GT(counts_.unknown_not_done, 0);
  const auto listing = list(*direct_, "/writer/");
  ASSERT_TRUE(listing);
  ASSERT_TRUE(history_.wait_for([&](const auto& told) {
    return !told.revisions.empty() && told.revisions.back() == listing->revision;
  }));
  EXPECT_EQ(history_.told().resets.size(), 1u);
  for (const auto& writer : writers) check_history(history_.told(), *writer);
  std::printf("done %d, unknown and done %d, unknown and not done %d, failed %d\n",
              counts_.done.load(), counts_.unknown_done.load(), counts_.unknown_not_done.load(),
              counts_.failed.load());
}

}  // namespace
}  // namespace roost::cluster
