// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwt_authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "broker/auth/jwks.h"
#include "tests/auth/tokens.h"

namespace roost::auth {
namespace {

using mqtt::ReasonCode;

// Good for a minute of ManualClock's time.
const std::string kPayload = R"({"sub":"ann","exp":1700000060})";
const std::string kSecret(32, 's');

AuthResult ask(Authenticator& authenticator, AuthRequest request) {
  std::promise<AuthResult> promise;
  authenticator.authenticate(std::move(request),
                             [&](AuthResult result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

class JwtAuthenticatorTest : public testing::Test {
 protected:
  JwtAuthenticatorTest() {
    char name[] = "/tmp/roost-jwt-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~JwtAuthenticatorTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& text) {
    std::ofstream(folder_ + "/key") << text;
    return folder_ + "/key";
  }
  std::unique_ptr<JwtAuthenticator> open(JwtAlgorithm algorithm, JwtKeySource source,
                                         std::uint32_t max_pending = 100) {
    JwtAuthSettings settings;
    settings.token.algorithm = algorithm;
    settings.source = source;
    settings.key_file = folder_ + "/key";
    settings.max_pending = max_pending;
    auto opened = JwtAuthenticator::open(settings, clock_, log_);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(opened).value() : nullptr;
  }
  std::unique_ptr<JwtAuthenticator> open_hmac() {
    write(kSecret + "\n");
    return open(JwtAlgorithm::hs256, JwtKeySource::secret_file);
  }

  std::string folder_;
  ManualClock clock_;
  NullLog log_;
};

std::string hmac_token(std::string_view payload = kPayload) {
  return sign(R"({"alg":"HS256"})", payload, kSecret);
}

TEST_F(JwtAuthenticatorTest, LetsInWithEachKindOfKeyFile) {
  EXPECT_EQ(ask(*open_hmac(), bearer(hmac_token())).code, ReasonCode::success);
  const TestKey rsa = rsa_key();
  write(public_pem(rsa));
  const auto with_pem = open(JwtAlgorithm::rs256, JwtKeySource::public_key_file);
  const AuthResult in = ask(*with_pem, bearer(sign(R"({"alg":"RS256","kid":"x"})", kPayload, rsa)));
  EXPECT_EQ(in.code, ReasonCode::success) << in.reason;
  EXPECT_EQ(in.identity->user_name, "ann");
  EXPECT_EQ(in.identity->address, "192.0.2.7");
  const TestKey ec = ec_key();
  write(jwks_of({jwk_of(rsa, "r"), jwk_of(ec, "e")}));
  const auto with_set = open(JwtAlgorithm::es256, JwtKeySource::jwks_file);
  EXPECT_EQ(with_set->key_count(), 2u);
  EXPECT_EQ(ask(*with_set, bearer(sign(R"({"alg":"ES256","kid":"e"})", kPayload, ec))).code,
            ReasonCode::success);
}

TEST_F(JwtAuthenticatorTest, AKeyFileThatIsNoneIsAnErrorWithItsPath) {
  for (const JwtKeySource source :
       {JwtKeySource::secret_file, JwtKeySource::public_key_file, JwtKeySource::jwks_file}) {
    JwtAuthSettings settings;
    settings.source = source;
    settings.key_file = write("nonsense");
    const auto opened = JwtAuthenticator::open(settings, clock_, log_);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, testing::HasSubstr(settings.key_file));
    EXPECT_THAT(opened.error().message, testing::Not(testing::HasSubstr("nonsense")));
  }
}

TEST_F(JwtAuthenticatorTest, CountsByCause) {
  const auto auth = open_hmac();
  ask(*auth, bearer(hmac_token()));
  ask(*auth, bearer("a password"));
  ask(*auth, bearer(sign(R"({"alg":"HS256"})", kPayload, std::string(32, 'x'))));
  ask(*auth, bearer(sign(R"({"alg":"none"})", kPayload, kSecret)));
  ask(*auth, bearer(hmac_token(R"({"exp":1700000060})")));
  clock_.advance_ms(60'000);
  ask(*auth, bearer(hmac_token()));
  const JwtCounters& counters = auth->counters();
  EXPECT_EQ(counters.accepted, 1u);
  EXPECT_EQ(counters.not_a_token, 1u);
  EXPECT_EQ(counters.refused_signature, 2u);
  EXPECT_EQ(counters.refused_claims, 1u);
  EXPECT_EQ(counters.refused_expired, 1u);
  EXPECT_EQ(counters.refused, 4u);
}

TEST_F(JwtAuthenticatorTest, HmacIsAnsweredAtOnce) {
  const auto auth = open_hmac();
  bool answered = false;
  auth->authenticate(bearer(hmac_token()), [&](const AuthResult&) { answered = true; });
  EXPECT_TRUE(answered);
}

TEST_F(JwtAuthenticatorTest, ReloadTakesNewKeysAndKeepsOldOnesOnAnError) {
  const auto auth = open_hmac();
  write("too short");
  EXPECT_FALSE(auth->reload());
  EXPECT_EQ(ask(*auth, bearer(hmac_token())).code, ReasonCode::success);
  write(std::string(32, 'x'));
  EXPECT_TRUE(auth->reload());
  EXPECT_NE(ask(*auth, bearer(hmac_token())).code, ReasonCode::success);
  EXPECT_EQ(auth->counters().reloads, 1u);
  EXPECT_EQ(auth->counters().reload_failures, 1u);
}

TEST_F(JwtAuthenticatorTest, KeysFromOutsideServeForTheirTime) {
  const TestKey ec = ec_key();
  const std::string token = sign(R"({"alg":"ES256","kid":"e"})", kPayload, ec);
  const auto auth = open(JwtAlgorithm::es256, JwtKeySource::outside);
  const AuthResult early = ask(*auth, bearer(token));
  EXPECT_EQ(early.code, ReasonCode::server_unavailable);
  EXPECT_FALSE(early.is_unknown);
  EXPECT_TRUE(ask(*auth, bearer("a password")).is_unknown) << "needs no keys";
  auth->use_keys(parse_jwks(jwks_of({jwk_of(ec, "e")}))->keys, clock_.steady_ms() + 10'000);
  EXPECT_EQ(ask(*auth, bearer(token)).code, ReasonCode::success);
  clock_.advance_ms(9'999);
  EXPECT_EQ(ask(*auth, bearer(token)).code, ReasonCode::success);
  clock_.advance_ms(1);
  const AuthResult late = ask(*auth, bearer(token));
  EXPECT_EQ(late.code, ReasonCode::server_unavailable);
  EXPECT_EQ(late.reason, "the keys for tokens are too old");
  EXPECT_EQ(auth->counters().refused_key, 2u);
}

TEST_F(JwtAuthenticatorTest, AnUnknownKeyIsToldOnce) {
  const auto auth = open(JwtAlgorithm::es256, JwtKeySource::outside);
  const TestKey ec = ec_key();
  int told = 0;
  auth->on_unknown_key([&] { ++told; });
  auth->use_keys(parse_jwks(jwks_of({jwk_of(ec, "e")}))->keys);
  EXPECT_EQ(ask(*auth, bearer(sign(R"({"alg":"ES256","kid":"e"})", kPayload, ec))).code,
            ReasonCode::success);
  EXPECT_EQ(told, 0);
  EXPECT_EQ(ask(*auth, bearer(sign(R"({"alg":"ES256","kid":"f"})", kPayload, ec))).code,
            ReasonCode::bad_user_name_or_password);
  EXPECT_EQ(told, 1);
}

TEST_F(JwtAuthenticatorTest, BeyondTheQueueItIsBusyAndStopAnswersWhatWaits) {
  const TestKey ec = ec_key();
  write(public_pem(ec));
  const std::string token = sign(R"({"alg":"ES256"})", kPayload, ec);
  const auto auth = open(JwtAlgorithm::es256, JwtKeySource::public_key_file, 1);
  std::promise<void> entered, leave;
  // The only thread is held inside an answer, so what follows waits in the queue.
  auth->authenticate(bearer(token), [&](const AuthResult&) {
    entered.set_value();
    leave.get_future().wait();
  });
  entered.get_future().wait();
  std::promise<AuthResult> waiting;
  auth->authenticate(bearer(token), [&](AuthResult result) { waiting.set_value(result); });
  EXPECT_EQ(auth->counters().pending, 1u);
  EXPECT_EQ(ask(*auth, bearer(token)).code, ReasonCode::server_busy);
  EXPECT_EQ(auth->counters().refused_busy, 1u);
  std::thread stopper([&] { auth->stop(); });
  EXPECT_EQ(waiting.get_future().get().code, ReasonCode::server_shutting_down);
  leave.set_value();
  stopper.join();
  EXPECT_EQ(ask(*auth, bearer(token)).code, ReasonCode::server_shutting_down);
  EXPECT_EQ(auth->counters().pending, 0u);
}

}  // namespace
}  // namespace roost::auth
