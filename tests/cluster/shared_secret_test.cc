// SPDX-License-Identifier: Apache-2.0
#include "cluster/shared_secret.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "cluster/memory_coordinator.h"

namespace roost::cluster {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

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

struct Member {
  Member(MemoryCoordinator& coordinator, const std::string& name)
      : connection(coordinator.connect(name)),
        secret(
            *connection, "/c/secret", [this, name] { return name + std::to_string(++made); },
            [this](const std::string& text) { told.push_back(text); }) {}

  int made = 0;
  std::vector<std::string> told;
  std::unique_ptr<MemoryConnection> connection;
  SharedSecret secret;
};

class SharedSecretTest : public testing::Test {
 protected:
  ManualTimeline timeline_;
  MemoryCoordinator coordinator_{timeline_, {}};
};

TEST_F(SharedSecretTest, AllHaveTheOneThatWasMadeFirst) {
  Member a(coordinator_, "a");
  Member b(coordinator_, "b");
  timeline_.run_for(kSecond);
  ASSERT_EQ(a.told.size(), 1U);
  EXPECT_EQ(a.told, b.told);
  Member late(coordinator_, "late");
  timeline_.run_for(kSecond);
  EXPECT_EQ(late.told, a.told);
  EXPECT_EQ(late.made, 0);
}

TEST_F(SharedSecretTest, OneThatIsErasedIsReplaced) {
  Member a(coordinator_, "a");
  Member b(coordinator_, "b");
  timeline_.run_for(kSecond);
  a.connection->transact({{}, {EraseKey{"/c/secret"}}}, [](const TxnResult&) {});
  timeline_.run_for(kSecond);
  ASSERT_EQ(a.told.size(), 2U);
  EXPECT_EQ(a.told, b.told);
  EXPECT_NE(a.told[0], a.told[1]);
}

TEST_F(SharedSecretTest, IsMadeWhenTheCoordinatorIsBack) {
  coordinator_.set_away(true);
  Member a(coordinator_, "a");
  timeline_.run_for(kSecond);
  EXPECT_TRUE(a.told.empty());
  coordinator_.set_away(false);
  timeline_.run_for(10 * kSecond);
  EXPECT_EQ(a.told.size(), 1U);
}

}  // namespace
}  // namespace roost::cluster
