// SPDX-License-Identifier: Apache-2.0
// Idempotency-Key: who gets whose answer, and for how long.
#include "broker/server/kept_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roost::server {
namespace {

using Turn = KeptAnswers::Turn;
using testing::HasSubstr;

class KeptAnswersTest : public testing::Test {
 protected:
  static http::Request request(const std::string& body) {
    http::Request made;
    made.method = "POST";
    made.path = "/api/v1/publish";
    made.body = body;
    return made;
  }
  Turn begin(const std::string& key, const std::string& body = "x") {
    answer_ = {0, ""};
    return kept_.begin(key, KeptAnswers::fingerprint(request(body)),
                       http::Reply([this](http::Response got) { answer_ = std::move(got); }));
  }

  ManualClock clock_;
  KeptAnswers kept_{3, 1000, clock_};
  http::Response answer_{0, ""};
};

TEST_F(KeptAnswersTest, TheSecondGetsTheFirstOnesAnswer) {
  EXPECT_EQ(begin("k"), Turn::yours);
  kept_.finish("k", {200, "first"});
  EXPECT_EQ(begin("k"), Turn::answered);
  EXPECT_EQ(answer_.status, 200u);
  EXPECT_EQ(answer_.body, "first");
  EXPECT_EQ(answer_.headers.at(0).first, "Idempotent-Replayed");
  EXPECT_EQ(kept_.counters().replays, 1u);
  EXPECT_EQ(begin("other"), Turn::yours);
}

TEST_F(KeptAnswersTest, WhoComesMeanwhileWaits) {
  EXPECT_EQ(begin("k"), Turn::yours);
  http::Response waits{0, ""};
  EXPECT_EQ(kept_.begin("k", KeptAnswers::fingerprint(request("x")),
                        http::Reply([&](http::Response got) { waits = std::move(got); })),
            Turn::answered);
  EXPECT_EQ(waits.status, 0u);
  kept_.finish("k", {200, "first"});
  EXPECT_EQ(waits.body, "first");
}

TEST_F(KeptAnswersTest, AnotherRequestUnderTheSameKeyIsRefused) {
  EXPECT_EQ(begin("k", "x"), Turn::yours);
  EXPECT_EQ(begin("k", "y"), Turn::answered);
  EXPECT_EQ(answer_.status, 422u);
  kept_.finish("k", {200, "first"});
  EXPECT_EQ(begin("k", "y"), Turn::answered);
  EXPECT_EQ(answer_.status, 422u);
  EXPECT_EQ(kept_.counters().conflicts, 2u);
}

TEST_F(KeptAnswersTest, WhatIsForgottenIsDoneAgain) {
  EXPECT_EQ(begin("k"), Turn::yours);
  kept_.forget("k", {503, "not now"});
  EXPECT_EQ(begin("k"), Turn::yours);
}

TEST_F(KeptAnswersTest, WhatIsLateIsAConflictUntilItIsKnown) {
  EXPECT_EQ(begin("k"), Turn::yours);
  kept_.late("k", {504, "late"});
  EXPECT_EQ(begin("k"), Turn::answered);
  EXPECT_EQ(answer_.status, 409u);
  kept_.finish("k", {200, "in the end"});
  EXPECT_EQ(begin("k"), Turn::answered);
  EXPECT_EQ(answer_.body, "in the end");
}

TEST_F(KeptAnswersTest, AnswersGrowOld) {
  EXPECT_EQ(begin("k"), Turn::yours);
  kept_.finish("k", {200, "first"});
  clock_.advance_ms(999);
  EXPECT_EQ(begin("k"), Turn::answered);
  clock_.advance_ms(1);
  EXPECT_EQ(begin("k"), Turn::yours);
  EXPECT_EQ(kept_.counters().keys, 1u);
}

TEST_F(KeptAnswersTest, TheOneUsedLongestAgoMakesRoom) {
  for (const char* key : {"a", "b", "c"}) {
    EXPECT_EQ(begin(key), Turn::yours);
    kept_.finish(key, {200, key});
  }
  EXPECT_EQ(begin("a"), Turn::answered) << "used again";
  EXPECT_EQ(begin("d"), Turn::yours);
  EXPECT_EQ(kept_.counters().evicted, 1u);
  EXPECT_EQ(begin("a"), Turn::answered);
  EXPECT_EQ(begin("c"), Turn::answered);
  EXPECT_EQ(begin("b"), Turn::yours) << "gone, and another answer for it";
}

TEST_F(KeptAnswersTest, KeysOfRequestsUnderWayAreNeverGivenUp) {
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(begin(key), Turn::yours);
  EXPECT_EQ(begin("d"), Turn::answered);
  EXPECT_EQ(answer_.status, 503u);
  EXPECT_THAT(answer_.body, HasSubstr("nothing was published"));
  EXPECT_EQ(kept_.counters().refused, 1u);
}

TEST_F(KeptAnswersTest, TheirBytesAreBounded) {
  const std::string large(KeptAnswers::kBytesMax / 2 + 1, 'x');
  for (const char* key : {"a", "b"}) {
    EXPECT_EQ(begin(key), Turn::yours);
    kept_.finish(key, {200, large});
  }
  EXPECT_EQ(kept_.counters().keys, 1u);
  EXPECT_EQ(begin("b"), Turn::answered);
  EXPECT_EQ(begin("a"), Turn::yours);
}

TEST_F(KeptAnswersTest, AnotherTopicIsAnotherRequest) {
  http::Request one = request("x"), other = request("x");
  other.path += "/a";
  EXPECT_NE(KeptAnswers::fingerprint(one), KeptAnswers::fingerprint(other));
  other = one;
  other.query = "qos=1";
  EXPECT_NE(KeptAnswers::fingerprint(one), KeptAnswers::fingerprint(other));
}

}  // namespace
}  // namespace roost::server
