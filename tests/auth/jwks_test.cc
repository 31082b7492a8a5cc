// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/auth/jwt_verifier.h"
#include "tests/auth/tokens.h"

namespace roost::auth {
namespace {

using testing::HasSubstr;

const std::string kPayload = R"({"sub":"ann","exp":1800000060})";
const std::string kSecret(32, 's');

struct Pair {
  TestKey rsa = rsa_key();
  TestKey ec = ec_key();
};
const Pair& pair() {
  static const Pair kPair;
  return kPair;
}

JwtFault fault_of(JwtAlgorithm algorithm, const std::string& token, const JwtKeys& keys) {
  JwtSettings settings;
  settings.algorithm = algorithm;
  return JwtVerifier::make(settings)->verify(bearer(token), keys, 1'800'000'000).fault;
}

Jwks parse(const std::string& text) {
  auto parsed = parse_jwks(text);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? std::move(parsed).value() : Jwks{};
}

std::string why_left_out(const std::string& key) {
  const Jwks jwks = parse(jwks_of({key, jwk_of(kSecret, "good")}));
  EXPECT_EQ(jwks.keys->size(), 1u);
  return jwks.left_out.empty() ? "" : jwks.left_out.front();
}

TEST(JwksTest, ItsKeysVerifyTokensThatNameThem) {
  const Jwks jwks =
      parse(jwks_of({jwk_of(pair().rsa, "r", R"(,"use":"sig","alg":"RS256")"),
                     jwk_of(pair().ec, "e", R"(,"key_ops":["verify"])"), jwk_of(kSecret, "s")}));
  EXPECT_EQ(jwks.keys->size(), 3u);
  EXPECT_TRUE(jwks.left_out.empty());
  const auto fault = [&](JwtAlgorithm algorithm, const std::string& header, const auto& key) {
    return fault_of(algorithm, sign(header, kPayload, key), *jwks.keys);
  };
  EXPECT_EQ(fault(JwtAlgorithm::rs256, R"({"alg":"RS256","kid":"r"})", pair().rsa), JwtFault::none);
  EXPECT_EQ(fault(JwtAlgorithm::es256, R"({"alg":"ES256","kid":"e"})", pair().ec), JwtFault::none);
  EXPECT_EQ(fault(JwtAlgorithm::hs256, R"({"alg":"HS256","kid":"s"})", kSecret), JwtFault::none);
}

TEST(JwksTest, AnUnknownKeyIsRefused) {
  const Jwks jwks = parse(jwks_of({jwk_of(pair().rsa, "r")}));
  const auto token = sign(R"({"alg":"RS256","kid":"x"})", kPayload, pair().rsa);
  EXPECT_EQ(fault_of(JwtAlgorithm::rs256, token, *jwks.keys), JwtFault::key);
}

TEST(JwksTest, ATokenWithoutANameIsVerifiedWhereOneKeyFits) {
  const auto token = sign(R"({"alg":"RS256"})", kPayload, pair().rsa);
  const auto fault = [&](const std::string& set) {
    return fault_of(JwtAlgorithm::rs256, token, *parse(set).keys);
  };
  EXPECT_EQ(fault(jwks_of({jwk_of(pair().rsa, "r"), jwk_of(pair().ec, "e")})), JwtFault::none);
  EXPECT_EQ(fault(jwks_of({jwk_of(pair().rsa, "r"), jwk_of(rsa_key(), "r2")})), JwtFault::key);
  EXPECT_EQ(fault(jwks_of({jwk_of(pair().ec, "e")})), JwtFault::key);
}

TEST(JwksTest, APublicKeysNumbersAreNoSecret) {
  const Jwks jwks = parse(jwks_of({jwk_of(pair().rsa, "r")}));
  const auto token = sign(R"({"alg":"HS256","kid":"r"})", kPayload, public_pem(pair().rsa));
  EXPECT_EQ(fault_of(JwtAlgorithm::rs256, token, *jwks.keys), JwtFault::algorithm);
  EXPECT_EQ(fault_of(JwtAlgorithm::hs256, token, *jwks.keys), JwtFault::key);
}

TEST(JwksTest, WhatIsForSomethingElseIsLeftOut) {
  EXPECT_THAT(why_left_out(jwk_of(pair().rsa, "r", R"(,"use":"enc")")), HasSubstr("signatures"));
  EXPECT_THAT(why_left_out(jwk_of(pair().rsa, "r", R"(,"key_ops":["encrypt"])")),
              HasSubstr("signatures"));
  EXPECT_THAT(why_left_out(jwk_of(pair().rsa, "r", R"(,"alg":"PS256")")),
              HasSubstr("another algorithm"));
  EXPECT_THAT(why_left_out(jwk_of(pair().rsa, "r", R"(,"alg":"HS256")")),
              HasSubstr("another algorithm"));
  EXPECT_THAT(why_left_out(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})"), HasSubstr("kty"));
  EXPECT_THAT(why_left_out(jwk_of(ec_key("P-384"), "e")), HasSubstr("P-256"));
}

TEST(JwksTest, WeakKeysAreLeftOut) {
  EXPECT_THAT(why_left_out(jwk_of(rsa_key(1024), "small")),
              testing::AllOf(HasSubstr("key small"), HasSubstr("1024 bits")));
  EXPECT_THAT(why_left_out(jwk_of(std::string(31, 's'), "short")), HasSubstr("too short"));
  std::string one = jwk_of(pair().rsa, "r");
  one.replace(one.find("\"e\":\"AQAB\""), 10, "\"e\":\"AQ\"");
  EXPECT_THAT(why_left_out(one), HasSubstr("n or e"));
}

TEST(JwksTest, APointThatIsNotOnTheCurveIsLeftOut) {
  const std::string bytes = encode_base64url(std::string(32, '\x01'));
  EXPECT_THAT(
      why_left_out(R"({"kty":"EC","crv":"P-256","x":")" + bytes + R"(","y":")" + bytes + R"("})"),
      HasSubstr("no point"));
  EXPECT_THAT(why_left_out(R"({"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"})"),
              HasSubstr("x and y"));
}

TEST(JwksTest, AForeignNameStaysOutOfTheLog) {
  const std::string why = why_left_out("{\"kty\":\"?\",\"kid\":\"a\\nb\"}");
  EXPECT_THAT(why, HasSubstr("key 1 of the set"));
}

TEST(JwksTest, WhatIsNoSetIsAnError) {
  for (const char* text : {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1]}",
                           "{\"keys\":[{}]}", "{\"keys\":[{\"kty\":\"RSA\"}]}", "{\"keys\":["}) {
    const auto parsed = parse_jwks(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::invalid_argument);
  }
  EXPECT_FALSE(parse_jwks("{\"keys\":" + std::string(50, '[') + std::string(50, ']') + "}"));
}

TEST(JwksTest, SizeAndNumberAreBounded) {
  const std::string key = jwk_of(kSecret, "s");
  const auto set_of = [&](std::size_t count) {
    std::string text = "{\"keys\":[" + key;
    for (std::size_t i = 1; i < count; ++i) text += "," + key;
    return text + "]}";
  };
  EXPECT_EQ(parse(set_of(kJwksKeysMax)).keys->size(), kJwksKeysMax);
  EXPECT_EQ(parse_jwks(set_of(kJwksKeysMax + 1)).error().kind, ErrorKind::resource_exhausted);
  std::string large = jwks_of({key});
  large.resize(kJwksBytesMax, ' ');
  EXPECT_TRUE(parse_jwks(large));
  EXPECT_EQ(parse_jwks(large + " ").error().kind, ErrorKind::resource_exhausted);
}

}  // namespace
}  // namespace roost::auth
