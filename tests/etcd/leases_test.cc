// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <iomanip>
#include <sstream>

#include "tests/etcd/await.h"
#include "tests/etcd/etcd_cluster.h"

namespace roost::cluster {
namespace {

using Outcome = TxnResult::Outcome;

// A promise that is kept when the lease is lost.
class Loss {
 public:
  std::function<void()> callback() {
    return [lost = lost_] { lost->set_value(); };
  }
  bool came() { return future_.wait_for(kPatience) == std::future_status::ready; }
  bool is_there() { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }

 private:
  std::shared_ptr<std::promise<void>> lost_ = std::make_shared<std::promise<void>>();
  std::future<void> future_ = lost_->get_future();
};

std::unique_ptr<Lease> granted(Coordinator& coordinator, std::int64_t ttl_ms, Loss& loss) {
  auto lease = grant(coordinator, ttl_ms, loss.callback());
  EXPECT_TRUE(lease) << lease.error().message;
  return lease ? std::move(*lease) : nullptr;
}

class EtcdLeases : public testing::Test {
 protected:
  explicit EtcdLeases(EtcdCluster::Settings settings = {.members = 1})
      : etcd_(settings),
        coordinator_(connect(etcd_.options())),
        watch_(coordinator_->watch("/", recorder_)) {
    EXPECT_TRUE(recorder_.wait_for([](const auto& told) { return !told.resets.empty(); }));
  }

  void put(const std::string& key, const Lease& lease) {
    const TxnResult result = transact(*coordinator_, create(key, "x", lease.id()));
    EXPECT_EQ(result.outcome, Outcome::done) << result.why;
  }
  bool exists(const std::string& key) { return !list(*coordinator_, key)->keys.empty(); }
  bool vanishes(const std::string& key) {
    return recorder_.wait_for([&](const Recorder::Told& told) {
      return std::any_of(told.events.begin(), told.events.end(), [&](const Watcher::Event& event) {
        return event.is_erased && event.now.key == key;
      });
    });
  }

  EtcdCluster etcd_;
  std::unique_ptr<Coordinator> coordinator_;
  Recorder recorder_;
  std::unique_ptr<Watch> watch_;
};

TEST_F(EtcdLeases, OneThatIsLetRunOutTakesItsKeysAlong) {
  Loss kept_loss, left_loss;
  const auto kept = granted(*coordinator_, 3000, kept_loss);
  const auto left = granted(*coordinator_, 3000, left_loss);
  ASSERT_TRUE(kept && left);
  EXPECT_NE(kept->id(), left->id());
  put("/kept", *kept);
  put("/left", *left);
  const auto listing = list(*coordinator_, "/left");
  ASSERT_EQ(listing->keys.size(), 1u);
  EXPECT_EQ(listing->keys[0].lease, left->id());
  // Each of these takes as long as both live without being renewed.
  left->let_run_out();
  EXPECT_TRUE(vanishes("/left"));
  EXPECT_TRUE(left_loss.came());
  EXPECT_TRUE(exists("/kept"));
  EXPECT_FALSE(kept_loss.is_there());
}

TEST_F(EtcdLeases, OneThatIsDestroyedIsRevoked) {
  Loss loss;
  auto lease = granted(*coordinator_, 600'000, loss);
  put("/a", *lease);
  lease.reset();
  EXPECT_TRUE(vanishes("/a"));
  EXPECT_FALSE(loss.is_there());
}

TEST_F(EtcdLeases, TheLastOneIsRevokedBeforeTheCoordinatorEnds) {
  auto other = connect(etcd_.options());
  Loss loss;
  auto lease = granted(*other, 600'000, loss);
  put("/a", *lease);
  lease.reset();
  other.reset();
  EXPECT_TRUE(vanishes("/a"));
}

TEST_F(EtcdLeases, OneThatEtcdEndsIsLost) {
  Loss loss;
  const auto lease = granted(*coordinator_, 2000, loss);
  put("/a", *lease);
  std::ostringstream id;
  id << std::hex << lease->id();
  etcd_.control({"lease", "revoke", id.str()});
  EXPECT_TRUE(loss.came());
  // Nothing can be put with it any more, which is certain at once.
  const TxnResult late = transact(*coordinator_, create("/b", "x", lease->id()));
  EXPECT_EQ(late.outcome, Outcome::failed) << late.why;
  EXPECT_THAT(late.why, testing::HasSubstr("lease not found"));
  EXPECT_EQ(transact(*coordinator_, create("/b", "x")).outcome, Outcome::done);
}

TEST_F(EtcdLeases, OneIsLostWhenNobodyAnswers) {
  Loss loss;
  const auto lease = granted(*coordinator_, 1000, loss);
  etcd_.kill(0);
  EXPECT_TRUE(loss.came());
}

class EtcdLeasesOfThree : public EtcdLeases {
 protected:
  EtcdLeasesOfThree() : EtcdLeases({.members = 3}) {}
};

TEST_F(EtcdLeasesOfThree, OneOutlivesTheMembersThatServeIt) {
  Loss kept_loss, left_loss;
  const auto kept = granted(*coordinator_, 10'000, kept_loss);
  put("/kept", *kept);
  const auto left = granted(*coordinator_, 2000, left_loss);
  put("/left", *left);
  for (std::size_t i = 0; i < etcd_.size(); ++i) {
    etcd_.kill(etcd_.leader());
    etcd_.start_all();
    etcd_.leader();
  }
  left->let_run_out();
  EXPECT_TRUE(vanishes("/left"));
  EXPECT_TRUE(exists("/kept"));
  EXPECT_FALSE(kept_loss.is_there());
}

class SlowElection : public EtcdLeases {
 protected:
  SlowElection() : EtcdLeases({.members = 1, .election_ms = 2000}) {}
};

// 1.5 elections are the least.
TEST_F(SlowElection, GrantsNoShortLease) {
  Loss loss;
  const auto lease = grant(*coordinator_, 1000, loss.callback());
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().kind, ErrorKind::invalid_argument);
  EXPECT_THAT(lease.error().message, testing::HasSubstr("3 s"));
  EXPECT_TRUE(grant(*coordinator_, 3000, loss.callback()));
  EXPECT_FALSE(grant(*coordinator_, 0, loss.callback()));
}

}  // namespace
}  // namespace roost::cluster
