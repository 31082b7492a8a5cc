// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwks_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "broker/auth/jwt_authenticator.h"
#include "tests/auth/fake_caller.h"
#include "tests/auth/tokens.h"

namespace roost::auth {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kSet = jwks_of({jwk_of(std::string(32, 's'), "one")});
const std::string kNewSet =
    jwks_of({jwk_of(std::string(32, 's'), "one"), jwk_of(std::string(32, 't'), "two")});

class JwksKeeperTest : public testing::Test {
 protected:
  JwksKeeper make(JwksKeeperSettings settings = {.url = "https://issuer.test/keys"}) {
    return JwksKeeper(
        settings, caller_,
        [this](JwtKeysPtr keys, SteadyMs until) {
          keys_ = std::move(keys);
          valid_until_ms_ = until;
        },
        clock_, log_);
  }
  std::size_t keys() const { return keys_ ? keys_->size() : 0; }

  ManualClock clock_;
  FakeCaller caller_;
  LogLines log_;
  JwtKeysPtr keys_;
  SteadyMs valid_until_ms_ = 0;
};

TEST_F(JwksKeeperTest, FetchesAtOnceAndAtEveryInterval) {
  JwksKeeper keeper = make();
  keeper.step();
  ASSERT_EQ(caller_.sent.size(), 1u);
  EXPECT_EQ(caller_.sent[0].request.url, "https://issuer.test/keys");
  EXPECT_EQ(caller_.sent[0].request.method, "GET");
  caller_.answer(200, kSet);
  EXPECT_EQ(keys(), 1u);
  EXPECT_EQ(keeper.step(), 300'000);
  clock_.advance_ms(299'999);
  EXPECT_EQ(keeper.step(), 1);
  EXPECT_EQ(caller_.total, 1);
  clock_.advance_ms(1);
  keeper.step();
  EXPECT_EQ(caller_.total, 2);
  caller_.answer(200, kNewSet);
  EXPECT_EQ(keys(), 2u);
  EXPECT_EQ(keeper.counters().fetches, 2u);
  EXPECT_EQ(keeper.counters().failures, 0u);
}

TEST_F(JwksKeeperTest, OneFetchAtATime) {
  JwksKeeper keeper = make();
  keeper.step();
  clock_.advance_ms(1'000'000);
  keeper.hurry();
  keeper.step();
  EXPECT_EQ(caller_.total, 1);
}

TEST_F(JwksKeeperTest, AnUnknownKeyHurriesItAtMostOnceInTenSeconds) {
  JwksKeeper keeper = make();
  keeper.step();
  caller_.answer(200, kSet);
  keeper.hurry();
  EXPECT_EQ(keeper.step(), 10'000);
  clock_.advance_ms(10'000);
  keeper.step();
  ASSERT_EQ(caller_.total, 2);
  caller_.answer(200, kNewSet);
  EXPECT_EQ(keys(), 2u);
  EXPECT_EQ(keeper.step(), 300'000) << "nobody asked since";
  for (int i = 0; i < 20; ++i) {
    keeper.hurry();
    clock_.advance_ms(1'000);
    keeper.step();
    if (!caller_.sent.empty()) caller_.answer(200, kNewSet);
  }
  EXPECT_EQ(caller_.total, 4);
  EXPECT_EQ(keeper.counters().hurried, 3u);
}

TEST_F(JwksKeeperTest, OldKeysServeForTheirTimeWhileTheServerIsAway) {
  JwksKeeper keeper = make();
  keeper.step();
  const SteadyMs success_ms = clock_.steady_ms();
  caller_.answer(200, kSet);
  EXPECT_EQ(valid_until_ms_, success_ms + 86'400'000);
  clock_.advance_ms(300'000);
  const auto fail_next = [&](auto how) {
    keeper.step();
    ASSERT_EQ(caller_.sent.size(), 1u);
    how();
    clock_.advance_ms(10'000);
  };
  fail_next([&] { caller_.fail(); });
  fail_next([&] { caller_.answer(500, kNewSet); });
  fail_next([&] { caller_.answer(302, kNewSet); });
  fail_next([&] { caller_.answer(200, "nonsense"); });
  fail_next([&] { caller_.answer(200, "{\"keys\":[]}"); });
  EXPECT_EQ(keys(), 1u);
  EXPECT_EQ(valid_until_ms_, success_ms + 86'400'000);
  EXPECT_EQ(keeper.counters().failures, 5u);
  EXPECT_EQ(keeper.age_ms(), 350'000);
  keeper.step();
  caller_.answer(200, kNewSet);
  EXPECT_EQ(keys(), 2u);
  EXPECT_EQ(valid_until_ms_, success_ms + 350'000 + 86'400'000);
  EXPECT_EQ(keeper.age_ms(), 0);
}

TEST_F(JwksKeeperTest, AnAbsenceIsTwoLinesInTheLog) {
  JwksKeeper keeper = make();
  for (int i = 0; i < 3; ++i) {
    keeper.step();
    caller_.fail();
    clock_.advance_ms(10'000);
  }
  EXPECT_EQ(keeper.age_ms(), std::nullopt);
  keeper.step();
  caller_.answer(200, kSet);
  EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("away.test"), HasSubstr("is back")));
}

TEST_F(JwksKeeperTest, WhatIsLeftOutIsSaidOnce) {
  JwksKeeper keeper = make();
  for (int i = 0; i < 3; ++i) {
    keeper.step();
    caller_.answer(200, jwks_of({jwk_of(std::string(32, 's'), "one"), R"({"kty":"OKP"})"}));
    clock_.advance_ms(300'000);
  }
  EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("kty")));
}

TEST_F(JwksKeeperTest, AnAnswerAfterStopChangesNothing) {
  {
    JwksKeeper keeper = make();
    keeper.step();
    keeper.stop();
  }
  caller_.answer(200, kSet);
  EXPECT_EQ(keys(), 0u);
}

// Keeper and authenticator together: a key is rotated, then the set's server goes for good.
TEST(JwksRotation, NewKeysComeOldOnesGoAndAllEndAtTheirTime) {
  ManualClock clock;
  FakeCaller caller;
  NullLog log;
  const std::string old_secret(32, 's'), new_secret(32, 't');
  const auto token = [&](const std::string& id, const std::string& secret) {
    return sign(R"({"alg":"HS256","kid":")" + id + "\"}", R"({"sub":"ann","exp":1800000000})",
                secret);
  };
  JwtAuthSettings settings;
  settings.source = JwtKeySource::outside;
  const auto auth = std::move(JwtAuthenticator::open(settings, clock, log)).value();
  JwksKeeper keeper(
      {.url = "https://issuer.test/keys"}, caller,
      [&](JwtKeysPtr keys, SteadyMs until) { auth->use_keys(keys, until); }, clock, log);
  auth->on_unknown_key([&] { keeper.hurry(); });
  const auto code = [&](const std::string& password) {
    auto answered = mqtt::ReasonCode::unspecified_error;
    auth->authenticate(bearer(password), [&](const AuthResult& result) { answered = result.code; });
    return answered;
  };
  const std::string old_token = token("old", old_secret), new_token = token("new", new_secret);
  EXPECT_EQ(code(old_token), mqtt::ReasonCode::server_unavailable);
  keeper.step();
  caller.answer(200, jwks_of({jwk_of(old_secret, "old")}));
  EXPECT_EQ(code(old_token), mqtt::ReasonCode::success);
  clock.advance_ms(20'000);
  EXPECT_EQ(code(new_token), mqtt::ReasonCode::bad_user_name_or_password);
  keeper.step();
  ASSERT_EQ(caller.sent.size(), 1u) << "an unknown key hurries";
  caller.answer(200, jwks_of({jwk_of(new_secret, "new")}));
  EXPECT_EQ(code(new_token), mqtt::ReasonCode::success);
  EXPECT_EQ(code(old_token), mqtt::ReasonCode::bad_user_name_or_password);
  for (int minute = 0; minute < 24 * 60 - 1; ++minute) {
    clock.advance_ms(60'000);
    keeper.step();
    if (!caller.sent.empty()) caller.fail();
    ASSERT_EQ(code(new_token), mqtt::ReasonCode::success) << minute;
  }
  clock.advance_ms(60'000);
  EXPECT_EQ(code(new_token), mqtt::ReasonCode::server_unavailable);
}

// The thread itself: it fetches, sleeps, and wakes to stop. An answer may be there before it
// sleeps.
TEST(JwksKeeperThread, FetchesSleepsAndStops) {
  class Jumping final : public Clock {
   public:
    SteadyMs steady_ms() const override { return now_ms; }
    WallMs wall_ms() const override { return now_ms; }
    std::atomic<SteadyMs> now_ms{1'000'000};
  };
  class AtOnce final : public WebCaller {
   public:
    explicit AtOnce(Jumping& c) : clock(c) {}
    void send(WebRequest, Done done) override {
      done(WebAnswer{200, kSet});
      if (++count < 3) clock.now_ms += 300'000;
      if (count == 3) third.set_value();
    }
    Jumping& clock;
    std::atomic<int> count{0};
    std::promise<void> third;
  };
  Jumping clock;
  NullLog log;
  AtOnce caller(clock);
  std::atomic<int> received{0};
  {
    JwksKeeper keeper(
        {.url = "https://issuer.test/keys"}, caller,
        [&](const JwtKeysPtr&, SteadyMs) { ++received; }, clock, log);
    keeper.start();
    ASSERT_EQ(caller.third.get_future().wait_for(std::chrono::seconds(20)),
              std::future_status::ready);
    keeper.hurry();
  }
  EXPECT_EQ(received, 3);
  EXPECT_EQ(caller.count, 3) << "no busy turns";
}

}  // namespace
}  // namespace roost::auth
