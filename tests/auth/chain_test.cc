// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/chain.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace roost::auth {
namespace {

using mqtt::ReasonCode;

// Knows one user by one password, and says later what it thinks where `later` is set.
class One final : public Authenticator {
 public:
  One(std::string user, std::string password)
      : user_(std::move(user)), password_(std::move(password)) {}

  void authenticate(AuthRequest request, Answer answer) override {
    asked.push_back(request);
    AuthResult result;
    if (request.user_name != user_) {
      result = {ReasonCode::bad_user_name_or_password, "unknown user"};
      result.is_unknown = true;
    } else if (request.password != password_) {
      result = {ReasonCode::bad_user_name_or_password, "wrong password"};
    } else if (!groups.empty()) {
      auto identity = std::make_shared<Identity>();
      identity->user_name = user_;
      identity->groups = groups;
      result.identity = identity;
    }
    if (!later) {
      answer(result);
      return;
    }
    waiting.push_back([answer, result] { answer(result); });
  }

  std::vector<AuthRequest> asked;
  std::vector<std::string> groups;
  bool later = false;
  std::vector<std::function<void()>> waiting;

 private:
  const std::string user_, password_;
};

AuthRequest login(std::optional<std::string> user, std::optional<std::string> password) {
  AuthRequest request;
  request.client_id = "client";
  request.user_name = std::move(user);
  request.password = std::move(password);
  request.listener = "main";
  request.address = "192.0.2.7";
  return request;
}

AuthRequest anonymous(bool loopback, std::optional<bool> allow) {
  AuthRequest request = login(std::nullopt, std::nullopt);
  request.peer_is_loopback = loopback;
  request.allow_anonymous = allow;
  return request;
}

// Nothing where it hasn't answered yet.
std::optional<AuthResult> ask(Authenticator& chain, AuthRequest request) {
  auto heard = std::make_shared<std::optional<AuthResult>>();
  chain.authenticate(std::move(request), [heard](AuthResult result) {
    EXPECT_FALSE(*heard) << "answered twice";
    *heard = std::move(result);
  });
  return *heard;
}

class ChainTest : public testing::Test {
 protected:
  One first_{"ann", "a"}, second_{"bob", "b"};
  Chain chain_{{&first_, &second_}};
};

TEST_F(ChainTest, TheFirstWhoKnowsTheClientDecides) {
  EXPECT_EQ(ask(chain_, login("ann", "a"))->code, ReasonCode::success);
  EXPECT_TRUE(second_.asked.empty());
  EXPECT_EQ(ask(chain_, login("ann", "b"))->code, ReasonCode::bad_user_name_or_password);
  EXPECT_TRUE(second_.asked.empty()) << "a wrong password isn't tried elsewhere";
  EXPECT_EQ(ask(chain_, login("bob", "b"))->code, ReasonCode::success);
  EXPECT_EQ(second_.asked.size(), 1u);
  EXPECT_EQ(second_.asked[0].password, "b");
  EXPECT_EQ(chain_.counters().accepted, 2u);
  EXPECT_EQ(chain_.counters().refused, 1u);
}

TEST_F(ChainTest, WhomNobodyKnowsIsRefused) {
  const auto result = ask(chain_, login("eve", "e"));
  EXPECT_EQ(result->code, ReasonCode::bad_user_name_or_password);
  EXPECT_EQ(result->reason, "unknown user");
  EXPECT_EQ(chain_.counters().refused, 1u);
  AuthRequest allowed = login("eve", "e");
  allowed.allow_anonymous = true;
  EXPECT_NE(ask(chain_, allowed)->code, ReasonCode::success)
      << "allow_anonymous doesn't excuse a wrong name";
}

TEST_F(ChainTest, AnswersMayComeLater) {
  first_.later = true;
  std::optional<AuthResult> heard;
  chain_.authenticate(login("bob", "b"), [&](AuthResult result) { heard = result; });
  EXPECT_FALSE(heard);
  first_.waiting.at(0)();
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->code, ReasonCode::success);
}

TEST_F(ChainTest, SaysWhoItIs) {
  AuthRequest request = login("ann", "a");
  request.certificate_common_name = "sensor";
  const auto plain = ask(chain_, request);
  ASSERT_NE(plain->identity, nullptr);
  EXPECT_EQ(plain->identity->user_name, "ann");
  EXPECT_EQ(plain->identity->listener, "main");
  EXPECT_EQ(plain->identity->address, "192.0.2.7");
  EXPECT_EQ(plain->identity->certificate_common_name, "sensor");
  first_.groups = {"staff"};
  EXPECT_EQ(ask(chain_, request)->identity->groups, std::vector<std::string>{"staff"});
}

TEST_F(ChainTest, ACertificateNamesItsUserBeforeAnybodyIsAsked) {
  AuthRequest request = login("ann", "wrong");
  request.certificate_user = "lamp-17";
  const auto result = ask(chain_, request);
  EXPECT_EQ(result->code, ReasonCode::success);
  EXPECT_EQ(result->identity->user_name, "lamp-17") << "not what CONNECT says";
  EXPECT_TRUE(first_.asked.empty());
  EXPECT_EQ(chain_.counters().accepted_certificate, 1u);
}

TEST_F(ChainTest, ACertificateWithoutTheNameIsRefused) {
  AuthRequest request = login("ann", "a");
  request.certificate_user = "";
  EXPECT_EQ(ask(chain_, request)->code, ReasonCode::not_authorized);
  EXPECT_EQ(chain_.counters().refused_certificate, 1u);
}

TEST_F(ChainTest, WhoNamesNobodyNeedsPermission) {
  EXPECT_EQ(ask(chain_, anonymous(true, std::nullopt))->code, ReasonCode::not_authorized);
  EXPECT_EQ(ask(chain_, anonymous(true, false))->code, ReasonCode::not_authorized);
  EXPECT_FALSE(ask(chain_, anonymous(false, std::nullopt))->door_closed);
  const auto result = ask(chain_, anonymous(false, true));
  EXPECT_EQ(result->code, ReasonCode::success);
  EXPECT_EQ(result->identity->user_name, "");
  EXPECT_EQ(chain_.counters().accepted_anonymous, 1u);
  EXPECT_TRUE(first_.asked.empty());
}

TEST_F(ChainTest, APasswordWithoutANameIsAskedAbout) {
  EXPECT_NE(ask(chain_, login(std::nullopt, "token"))->code, ReasonCode::success);
  EXPECT_EQ(first_.asked.size(), 1u);
  EXPECT_EQ(second_.asked.size(), 1u);
}

TEST(EmptyChain, LoopbackIsServedAndTheRestFindsAClosedDoor) {
  Chain chain({});
  EXPECT_EQ(ask(chain, anonymous(true, std::nullopt))->code, ReasonCode::success);
  const auto remote = ask(chain, anonymous(false, std::nullopt));
  EXPECT_EQ(remote->code, ReasonCode::not_authorized);
  EXPECT_TRUE(remote->door_closed);
  EXPECT_EQ(ask(chain, anonymous(false, true))->code, ReasonCode::success);
  EXPECT_EQ(ask(chain, anonymous(true, false))->code, ReasonCode::not_authorized);
}

TEST(EmptyChain, ANameProvesNothing) {
  Chain chain({});
  AuthRequest request = login("ann", "anything");
  EXPECT_EQ(ask(chain, request)->code, ReasonCode::not_authorized);
  request.peer_is_loopback = true;
  const auto result = ask(chain, request);
  EXPECT_EQ(result->code, ReasonCode::success);
  EXPECT_EQ(result->identity->user_name, "") << "nothing may be granted to a name without proof";
}

}  // namespace
}  // namespace roost::auth
