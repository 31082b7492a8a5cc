// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/scram_authenticator.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>

#include "broker/auth/password_file.h"
#include "tests/auth/scram_client.h"

namespace roost::auth {
namespace {

using mqtt::ReasonCode;
using Kind = EnhancedStep::Kind;

class ScramAuthenticatorTest : public testing::Test {
 protected:
  ScramAuthenticatorTest() {
    char name[] = "/tmp/roost-scram-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/passwords";
    set("ann", "secret");
    EXPECT_TRUE(set_password(path_, "bob", "secret", HashCost{8, 1}));
    auto opened = PasswordAuthenticator::open({path_});
    EXPECT_TRUE(opened) << opened.error().message;
    passwords_ = std::move(opened).value();
    scram_ = std::make_unique<ScramAuthenticator>(*passwords_);
  }
  ~ScramAuthenticatorTest() override { std::filesystem::remove_all(folder_); }

  void set(const std::string& user, const std::string& password) {
    EXPECT_TRUE(set_hash(path_, user, *hash_password(password, ScramCost{4096})));
  }
  EnhancedStep log_in(const std::string& user, const std::string& password) {
    AuthRequest request;
    request.client_id = "client";
    request.listener = "main";
    request.address = "10.0.0.1";
    request.certificate_common_name = "lamp";
    const auto exchange = scram_->begin("SCRAM-SHA-256", request);
    const std::string bare = "n=" + user + ",r=abc";
    const std::string first = "n,," + bare;
    const EnhancedStep challenge = exchange->step(as_bytes(first));
    EXPECT_EQ(challenge.kind, Kind::go_on);
    const std::string reply = scram_final(password, bare, challenge.data).message;
    return exchange->step(as_bytes(reply));
  }

  std::string folder_, path_;
  std::unique_ptr<PasswordAuthenticator> passwords_;
  std::unique_ptr<ScramAuthenticator> scram_;
};

TEST_F(ScramAuthenticatorTest, SaysWhoItLetIn) {
  const EnhancedStep step = log_in("ann", "secret");
  ASSERT_EQ(step.kind, Kind::success);
  EXPECT_TRUE(step.data.starts_with("v="));
  EXPECT_EQ(step.result.code, ReasonCode::success);
  Identity expected;
  expected.user_name = "ann";
  expected.listener = "main";
  expected.address = "10.0.0.1";
  expected.certificate_common_name = "lamp";
  EXPECT_EQ(*step.result.identity, expected);
  EXPECT_EQ(scram_->counters().accepted, 1u);
}

TEST_F(ScramAuthenticatorTest, RefusesWrongPasswordsAndWhoHasNoSecretAlike) {
  for (const char* user : {"ann", "bob", "nobody"}) {
    const EnhancedStep step = log_in(user, std::string(user) == "ann" ? "wrong" : "secret");
    EXPECT_EQ(step.kind, Kind::refusal) << user;
    EXPECT_EQ(step.result.code, ReasonCode::not_authorized);
    EXPECT_EQ(step.data, "e=invalid-proof");
    EXPECT_EQ(step.result.identity, nullptr);
  }
  EXPECT_EQ(scram_->counters().refused_proof, 3u);
}

TEST_F(ScramAuthenticatorTest, KnowsOneMethodAndRefusesNoise) {
  EXPECT_TRUE(scram_->knows_method("SCRAM-SHA-256"));
  EXPECT_FALSE(scram_->knows_method("SCRAM-SHA-1"));
  EXPECT_EQ(scram_->begin("SCRAM-SHA-256-PLUS", {}), nullptr);
  const EnhancedStep step = scram_->begin("SCRAM-SHA-256", {})->step({});
  EXPECT_EQ(step.kind, Kind::refusal);
  EXPECT_EQ(step.result.code, ReasonCode::protocol_error);
  EXPECT_EQ(scram_->counters().refused_garbled, 1u);
}

TEST_F(ScramAuthenticatorTest, SeesAReload) {
  EXPECT_EQ(log_in("carol", "new").kind, Kind::refusal);
  set("carol", "new");
  ASSERT_TRUE(passwords_->reload());
  EXPECT_EQ(log_in("carol", "new").kind, Kind::success);
  ASSERT_TRUE(delete_user(path_, "carol"));
  ASSERT_TRUE(passwords_->reload());
  EXPECT_EQ(log_in("carol", "new").kind, Kind::refusal);
}

TEST_F(ScramAuthenticatorTest, UnknownUsersHaveTheIterationsOfMost) {
  EXPECT_EQ(passwords_->snapshot()->scram_iterations, 4096u);
  for (const char* user : {"c", "d"}) {
    ASSERT_TRUE(set_hash(path_, user, *hash_password("x", ScramCost{5000})));
  }
  ASSERT_TRUE(passwords_->reload());
  EXPECT_EQ(passwords_->snapshot()->scram_iterations, 5000u);
}

TEST_F(ScramAuthenticatorTest, ItsUsersLogInWithTheirPasswordToo) {
  AuthRequest request;
  request.user_name = "ann";
  request.password = "secret";
  std::promise<AuthResult> promise;
  passwords_->authenticate(std::move(request), [&](AuthResult r) { promise.set_value(r); });
  EXPECT_EQ(promise.get_future().get().code, ReasonCode::success);
}

}  // namespace
}  // namespace roost::auth
