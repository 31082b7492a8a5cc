// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/http_authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "broker/auth/http_auth_message.h"
#include "tests/auth/fake_caller.h"

namespace roost::auth {
namespace {

using mqtt::ReasonCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

AuthRequest login(std::string user = "ann", std::optional<std::string> password = "secret") {
  AuthRequest request;
  request.client_id = "sensor-17";
  request.user_name = std::move(user);
  request.password = std::move(password);
  request.address = "192.0.2.7";
  request.listener = "outside";
  return request;
}

class HttpAuthenticatorTest : public testing::Test {
 protected:
  using Place = std::optional<AuthResult>;

  void open(HttpAuthSettings settings = {}) {
    settings.url = "http://auth.test/check";
    auth_ = std::make_unique<HttpAuthenticator>(settings, caller_, clock_, log_);
  }
  std::shared_ptr<Place> ask(AuthRequest request) {
    auto place = std::make_shared<Place>();
    auth_->authenticate(std::move(request), [place](AuthResult result) {
      EXPECT_FALSE(*place) << "answered twice";
      *place = std::move(result);
    });
    return place;
  }
  // The answer to a question that the service answers so.
  AuthResult ask(AuthRequest request, unsigned status, const std::string& body) {
    const auto place = ask(std::move(request));
    if (caller_.sent.empty()) {
      ADD_FAILURE() << "not asked";
      return {};
    }
    caller_.answer(status, body);
    EXPECT_TRUE(*place);
    return place->value_or(AuthResult{});
  }

  ManualClock clock_;
  FakeCaller caller_;
  LogLines log_;
  std::unique_ptr<HttpAuthenticator> auth_;
};

TEST_F(HttpAuthenticatorTest, AsksWithAllThatIsKnown) {
  HttpAuthSettings settings;
  settings.headers = {{"Authorization", "Bearer x"}};
  open(settings);
  ask(login());
  ASSERT_EQ(caller_.sent.size(), 1u);
  const WebRequest& question = caller_.sent[0].request;
  EXPECT_EQ(question.method, "POST");
  EXPECT_EQ(question.url, "http://auth.test/check");
  EXPECT_EQ(question.body, R"({"client_id":"sensor-17","user_name":"ann","password":"secret",)"
                           R"("listener":"outside","address":"192.0.2.7","common_name":null})");
  EXPECT_THAT(question.headers, testing::Contains(testing::Pair("Authorization", "Bearer x")));
}

TEST(HttpAuthQuestion, EveryByteOfAPasswordArrives) {
  EXPECT_THAT(http_auth_question(login("ann", "a\"b\\c\n\x7F\xC3\xA4"), ""),
              HasSubstr("\"password\":\"a\\\"b\\\\c\\u000a\x7F\xC3\xA4\""));
  EXPECT_THAT(http_auth_question(login("ann", std::string("\xFF\x00", 2)), ""),
              HasSubstr(R"("password_base64":"/wA=")"));
  EXPECT_THAT(http_auth_question(login("ann", std::nullopt), ""), HasSubstr(R"("password":null)"));
}

TEST_F(HttpAuthenticatorTest, AllowLetsInWithWhatTheServiceSays) {
  open();
  const AuthResult in =
      ask(login(), 200,
          R"({"result":"allow","user_name":"Ann","groups":["ops"],"acl":[{"allow":"all"}],)"
          R"("expires_in":90})");
  EXPECT_EQ(in.code, ReasonCode::success);
  ASSERT_NE(in.identity, nullptr);
  EXPECT_EQ(in.identity->user_name, "Ann");
  EXPECT_THAT(in.identity->groups, ElementsAre("ops"));
  EXPECT_EQ(in.identity->own_rules, R"([{"allow":"all"}])");
  EXPECT_EQ(in.identity->expires_at_s, 1'700'000'090u);
  EXPECT_EQ(in.identity->listener, "outside");
  EXPECT_EQ(in.identity->address, "192.0.2.7");
}

TEST_F(HttpAuthenticatorTest, AllowAloneIsEnough) {
  open();
  const AuthResult in = ask(login(), 200, R"({"result":"allow"})");
  EXPECT_EQ(in.code, ReasonCode::success);
  EXPECT_EQ(in.identity->user_name, "ann");
  EXPECT_EQ(in.identity->expires_at_s, 0u);
}

TEST_F(HttpAuthenticatorTest, DenyRefusesAndIgnoreLeavesItToTheNextOne) {
  open();
  const AuthResult denied = ask(login("ann"), 200, R"({"result":"deny"})");
  EXPECT_EQ(denied.code, ReasonCode::not_authorized);
  EXPECT_FALSE(denied.is_unknown);
  const AuthResult ignored = ask(login("bob"), 200, R"({"result":"ignore"})");
  EXPECT_NE(ignored.code, ReasonCode::success);
  EXPECT_TRUE(ignored.is_unknown);
  EXPECT_EQ(auth_->counters().denied, 1u);
  EXPECT_EQ(auth_->counters().ignored, 1u);
}

TEST_F(HttpAuthenticatorTest, WhateverIsNotAsAgreedIsAway) {
  const std::pair<unsigned, std::string> answers[] = {
      {500, R"({"result":"allow"})"},
      {204, ""},
      {302, R"({"result":"allow"})"},
      {403, R"({"result":"deny"})"},
      {200, ""},
      {200, "allow"},
      {200, R"(["allow"])"},
      {200, "{}"},
      {200, R"({"result":true})"},
      {200, R"({"result":"ALLOW"})"},
      {200, R"({"result":"allow","groups":"ops"})"},
      {200, R"({"result":"allow","groups":[1]})"},
      {200, R"({"result":"allow","user_name":1})"},
      {200, R"({"result":"allow","user_name":"a\u0000b"})"},
      {200, R"({"result":"allow","expires_in":0})"},
      {200, R"({"result":"allow","expires_in":-5})"},
      {200, R"({"result":"allow","expires_in":1.5})"},
      {200, R"({"result":"allow","expires_in":"90"})"},
      {200, R"({"result":"allow","expires_in":315360001})"},
      {200, R"({"result":"allow"} )" + std::string(kHttpAnswerBytesMax, ' ')},
  };
  for (const WhenAway when_away : {WhenAway::refuse, WhenAway::ignore}) {
    HttpAuthSettings settings;
    settings.when_away = when_away;
    open(settings);
    for (const auto& [status, body] : answers) {
      const AuthResult result = ask(login(), status, body);
      EXPECT_EQ(result.code, ReasonCode::server_unavailable) << body;
      EXPECT_EQ(result.is_unknown, when_away == WhenAway::ignore) << body;
    }
    EXPECT_EQ(auth_->counters().away, std::size(answers));
  }
}

TEST_F(HttpAuthenticatorTest, NoAnswerAtAllIsAwayAndSaidOnceInTheLog) {
  open();
  for (int i = 0; i < 3; ++i) {
    const auto place = ask(login());
    caller_.fail();
    EXPECT_EQ((*place)->code, ReasonCode::server_unavailable);
  }
  ask(login(), 200, R"({"result":"allow"})");
  EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("away.test"), HasSubstr("is back")));
  EXPECT_THAT(log_.lines[0], Not(HasSubstr("secret")));
}

TEST_F(HttpAuthenticatorTest, AllowIsRememberedForItsTime) {
  open();
  ask(login(), 200, R"({"result":"allow"})");
  clock_.advance_ms(59'999);
  AuthRequest same = login();
  const auto again = ask(same);
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->code, ReasonCode::success);
  EXPECT_EQ((*again)->identity->user_name, "ann");
  EXPECT_EQ(auth_->counters().cache_hits, 1u);
  EXPECT_EQ(auth_->counters().accepted, 2u);
  clock_.advance_ms(1);
  ask(login());
  EXPECT_EQ(caller_.total, 2);
}

TEST_F(HttpAuthenticatorTest, AnyOtherFieldIsAnotherQuestion) {
  open();
  ask(login(), 200, R"({"result":"allow"})");
  std::vector<AuthRequest> others(7, login());
  others[0].password = "Secret";
  others[1].password.reset();
  others[2].user_name = "bob";
  others[3].client_id = "sensor-18";
  others[4].listener = "inside";
  others[5].address = "192.0.2.8";
  others[6].certificate_common_name = "ann";
  for (const AuthRequest& other : others) ask(other, 200, R"({"result":"deny"})");
  EXPECT_EQ(caller_.total, 8);
  AuthRequest nobody = login();
  nobody.user_name.reset();
  nobody.password = "";
  ask(nobody, 200, R"({"result":"deny"})");
  nobody.user_name = "";
  nobody.password.reset();
  ask(nobody, 200, R"({"result":"deny"})");
  EXPECT_EQ(auth_->counters().cache_hits, 0u);
}

TEST_F(HttpAuthenticatorTest, NothingIsRememberedLongerThanItHolds) {
  open();
  ask(login(), 200, R"({"result":"allow","expires_in":10})");
  clock_.advance_ms(10'000);
  ask(login());
  EXPECT_EQ(caller_.total, 2);
}

TEST_F(HttpAuthenticatorTest, DenyAndIgnoreAreRememberedForAShortTime) {
  open();
  for (const char* body : {R"({"result":"deny"})", R"({"result":"ignore"})"}) {
    const AuthResult first = ask(login(body), 200, body);
    clock_.advance_ms(4'999);
    const auto again = ask(login(body));
    ASSERT_TRUE(*again);
    EXPECT_EQ((*again)->is_unknown, first.is_unknown);
    clock_.advance_ms(1);
    ask(login(body), 200, body);
  }
  EXPECT_EQ(caller_.total, 4);
}

TEST_F(HttpAuthenticatorTest, AwayIsNotRemembered) {
  open();
  ask(login(), 500, "");
  EXPECT_EQ(ask(login(), 200, R"({"result":"allow"})").code, ReasonCode::success);
}

TEST_F(HttpAuthenticatorTest, NothingIsRememberedWhereTheTimesAreZero) {
  HttpAuthSettings settings;
  settings.cache_ttl_s = 0;
  settings.deny_ttl_s = 0;
  open(settings);
  for (int i = 0; i < 2; ++i) ask(login("ann"), 200, R"({"result":"allow"})");
  for (int i = 0; i < 2; ++i) ask(login("bob"), 200, R"({"result":"deny"})");
  EXPECT_EQ(caller_.total, 4);
}

TEST_F(HttpAuthenticatorTest, TheOldestAnswerGoesWhereThereAreTooMany) {
  HttpAuthSettings settings;
  settings.cache_entries_max = 2;
  open(settings);
  for (const char* user : {"a", "b", "c"}) ask(login(user), 200, R"({"result":"allow"})");
  // Wrong passwords push nobody out who was right.
  for (const char* user : {"x", "y", "z"}) ask(login(user), 200, R"({"result":"deny"})");
  EXPECT_TRUE(*ask(login("b")));
  EXPECT_TRUE(*ask(login("c")));
  EXPECT_FALSE(*ask(login("a")));
}

TEST_F(HttpAuthenticatorTest, ForgetAsksAgain) {
  open();
  ask(login(), 200, R"({"result":"allow"})");
  auth_->forget();
  ask(login());
  EXPECT_EQ(caller_.total, 2);
}

TEST_F(HttpAuthenticatorTest, WhoAsksTheSameWaitsForTheSameAnswer) {
  open();
  const auto first = ask(login());
  const auto second = ask(login());
  const auto other = ask(login("bob"));
  EXPECT_EQ(caller_.total, 2);
  EXPECT_EQ(auth_->counters().pending, 3u);
  caller_.answer(200, R"({"result":"allow"})");
  EXPECT_TRUE(*first);
  EXPECT_TRUE(*second);
  EXPECT_FALSE(*other);
  EXPECT_EQ(auth_->counters().shared, 1u);
  EXPECT_EQ(auth_->counters().accepted, 2u);
  EXPECT_EQ(auth_->counters().pending, 1u);
}

TEST_F(HttpAuthenticatorTest, WhoWaitsIsBounded) {
  HttpAuthSettings settings;
  settings.max_pending = 2;
  open(settings);
  const auto first = ask(login("a"));
  ask(login("b"));
  const auto busy = ask(login("a"));
  ASSERT_TRUE(*busy);
  EXPECT_EQ((*busy)->code, ReasonCode::server_busy);
  EXPECT_EQ(auth_->counters().refused_busy, 1u);
  caller_.answer(200, R"({"result":"allow"})");
  EXPECT_EQ((*first)->code, ReasonCode::success);
}

TEST_F(HttpAuthenticatorTest, StopAnswersWhoWaitsAndALateAnswerNobody) {
  open();
  const auto waiting = ask(login());
  auth_->stop();
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->code, ReasonCode::server_shutting_down);
  EXPECT_EQ((*ask(login()))->code, ReasonCode::server_shutting_down);
  EXPECT_EQ(auth_->counters().pending, 0u);
  auth_.reset();
  caller_.answer(200, R"({"result":"allow"})");
}

}  // namespace
}  // namespace roost::auth
