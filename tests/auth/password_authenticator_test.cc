// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/password_authenticator.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>

#include "broker/auth/password_file.h"
#include "broker/auth/seen_passwords.h"

namespace roost::auth {
namespace {

using mqtt::ReasonCode;
constexpr HashCost kCheap{8, 1};

AuthResult ask(Authenticator& authenticator, AuthRequest request) {
  std::promise<AuthResult> promise;
  authenticator.authenticate(std::move(request),
                             [&](AuthResult result) { promise.set_value(result); });
  return promise.get_future().get();
}

AuthRequest login(std::optional<std::string> user, std::optional<std::string> password) {
  AuthRequest request;
  request.client_id = "client";
  request.user_name = std::move(user);
  request.password = std::move(password);
  return request;
}

class PasswordAuthenticatorTest : public testing::Test {
 protected:
  PasswordAuthenticatorTest() {
    char name[] = "/tmp/roost-auth-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/passwords";
    EXPECT_TRUE(set_password(path_, "ann", "secret", kCheap));
  }
  ~PasswordAuthenticatorTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<PasswordAuthenticator> open(std::uint32_t threads = 1,
                                              std::uint32_t max_pending = 100) {
    auto opened = PasswordAuthenticator::open({path_, threads, max_pending});
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(opened).value();
  }

  std::string folder_, path_;
};

TEST_F(PasswordAuthenticatorTest, LetsInWhoKnowsThePassword) {
  const auto auth = open();
  EXPECT_EQ(ask(*auth, login("ann", "secret")).code, ReasonCode::success);
  EXPECT_EQ(auth->counters().accepted, 1u);
}

TEST_F(PasswordAuthenticatorTest, RefusesAWrongPasswordAndAnUnknownUserAlike) {
  const auto auth = open();
  for (const auto& [user, password] : {std::pair{"ann", "Secret"}, {"bob", "secret"}}) {
    EXPECT_EQ(ask(*auth, login(user, password)).code, ReasonCode::bad_user_name_or_password);
  }
  EXPECT_FALSE(ask(*auth, login("ann", "Secret")).is_unknown) << "it is nobody else's";
  EXPECT_TRUE(ask(*auth, login("bob", "secret")).is_unknown);
  EXPECT_TRUE(ask(*auth, login(std::nullopt, "secret")).is_unknown);
  EXPECT_EQ(auth->counters().hashes_computed, 4u) << "known or not, each costs a hash";
  EXPECT_EQ(auth->counters().refused_password, 5u);
}

TEST_F(PasswordAuthenticatorTest, ANameWithoutPasswordIsAnEmptyPassword) {
  ASSERT_TRUE(set_password(path_, "blank", "", kCheap));
  const auto auth = open();
  EXPECT_EQ(ask(*auth, login("ann", std::nullopt)).code, ReasonCode::bad_user_name_or_password);
  EXPECT_EQ(ask(*auth, login("blank", std::nullopt)).code, ReasonCode::success);
}

TEST_F(PasswordAuthenticatorTest, ThePasswordOfASecondLoginCostsNoHash) {
  const auto auth = open();
  ASSERT_EQ(ask(*auth, login("ann", "secret")).code, ReasonCode::success);
  bool answered = false;
  auth->authenticate(login("ann", "secret"),
                     [&](AuthResult result) { answered = result.code == ReasonCode::success; });
  EXPECT_TRUE(answered) << "a known digest is answered before authenticate returns";
  EXPECT_EQ(auth->counters().hashes_computed, 1u);
  EXPECT_EQ(auth->counters().cache_hits, 1u);
  EXPECT_NE(ask(*auth, login("ann", "wrong")).code, ReasonCode::success);
}

TEST_F(PasswordAuthenticatorTest, AChangedPasswordIsNotRememberedAfterReload) {
  const auto auth = open();
  ASSERT_EQ(ask(*auth, login("ann", "secret")).code, ReasonCode::success);
  ASSERT_TRUE(set_password(path_, "ann", "changed", kCheap));
  ASSERT_TRUE(auth->reload());
  EXPECT_NE(ask(*auth, login("ann", "secret")).code, ReasonCode::success);
  EXPECT_EQ(ask(*auth, login("ann", "changed")).code, ReasonCode::success);
}

TEST_F(PasswordAuthenticatorTest, ABadFileLeavesTheOldUsers) {
  const auto auth = open();
  std::ofstream(path_) << "nonsense\n";
  const auto reloaded = auth->reload();
  ASSERT_FALSE(reloaded);
  EXPECT_NE(reloaded.error().message.find("passwords:1:"), std::string::npos);
  EXPECT_EQ(auth->user_count(), 1u);
  EXPECT_EQ(auth->counters().reload_failures, 1u);
  EXPECT_EQ(ask(*auth, login("ann", "secret")).code, ReasonCode::success);
}

TEST_F(PasswordAuthenticatorTest, BeyondTheQueueTheServerIsBusy) {
  const auto auth = open(1, 1);
  std::promise<void> entered, leave;
  // The only thread is held inside an answer, so what follows waits in the queue.
  auth->authenticate(login("ann", "wrong"), [&](AuthResult) {
    entered.set_value();
    leave.get_future().wait();
  });
  entered.get_future().wait();
  std::promise<AuthResult> second;
  auth->authenticate(login("ann", "secret"), [&](AuthResult r) { second.set_value(r); });
  EXPECT_EQ(auth->counters().pending, 1u);
  EXPECT_EQ(ask(*auth, login("ann", "secret")).code, ReasonCode::server_busy);
  EXPECT_EQ(auth->counters().refused_busy, 1u);
  leave.set_value();
  EXPECT_EQ(second.get_future().get().code, ReasonCode::success);
  EXPECT_EQ(auth->counters().pending, 0u);
}

TEST_F(PasswordAuthenticatorTest, StopAnswersWhatWaits) {
  const auto auth = open(1, 10);
  std::promise<void> entered;
  std::promise<void> leave;
  auth->authenticate(login("ann", "wrong"), [&](AuthResult) {
    entered.set_value();
    leave.get_future().wait();
  });
  entered.get_future().wait();
  std::atomic<int> shut_down{0};
  for (int i = 0; i < 5; ++i) {
    auth->authenticate(login("ann", "secret"), [&](AuthResult r) {
      if (r.code == ReasonCode::server_shutting_down) ++shut_down;
    });
  }
  auto stopped = std::async(std::launch::async, [&] { auth->stop(); });
  // Queued before stop() or refused after it: this one is answered while the thread is still held.
  EXPECT_EQ(ask(*auth, login("bob", "x")).code, ReasonCode::server_shutting_down);
  leave.set_value();
  stopped.wait();
  EXPECT_EQ(shut_down, 5);
  EXPECT_EQ(ask(*auth, login("ann", "secret")).code, ReasonCode::server_shutting_down);
}

TEST_F(PasswordAuthenticatorTest, ManyThreadsAnswerEachRequestOnce) {
  const auto auth = open(3, 10'000);
  std::atomic<int> good{0}, bad{0};
  std::promise<void> done;
  constexpr int kRequests = 300;
  for (int i = 0; i < kRequests; ++i) {
    const bool right = i % 3 == 0;
    auth->authenticate(login("ann", right ? "secret" : "wrong"), [&](AuthResult r) {
      ++(r.code == ReasonCode::success ? good : bad);
      if (good + bad == kRequests) done.set_value();
    });
    if (i % 50 != 0) continue;
    EXPECT_TRUE(auth->reload());
  }
  done.get_future().wait();
  auth->stop();
  EXPECT_EQ(good, 100);
  EXPECT_EQ(bad, 200);
}

TEST_F(PasswordAuthenticatorTest, AMissingFileIsAnErrorAtOpen) {
  const auto opened = PasswordAuthenticator::open({folder_ + "/none", 1, 1});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::not_found);
}

TEST(SeenPasswords, KnowsOnlyTheSameTriple) {
  SeenPasswords seen;
  seen.remember("ann", "secret", "hash");
  EXPECT_TRUE(seen.contains("ann", "secret", "hash"));
  EXPECT_FALSE(seen.contains("ann", "secret", "other hash"));
  EXPECT_FALSE(seen.contains("ann", "secre", "thash")) << "lengths count";
  EXPECT_FALSE(seen.contains("bob", "secret", "hash"));
  seen.keep_only({{"bob", "hash"}});
  EXPECT_FALSE(seen.contains("ann", "secret", "hash"));
}

TEST(EnhancedAuthentication, KnowsNoMethodYet) {
  EXPECT_FALSE(NoEnhancedAuthenticator().knows_method("SCRAM-SHA-256"));
  EXPECT_EQ(NoEnhancedAuthenticator().begin("SCRAM-SHA-256", {}), nullptr);
}

}  // namespace
}  // namespace roost::auth
