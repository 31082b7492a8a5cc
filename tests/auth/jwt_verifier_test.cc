// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwt_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "broker/auth/base64url.h"
#include "tests/auth/tokens.h"

namespace roost::auth {
namespace {

using mqtt::ReasonCode;
using testing::ElementsAre;
using testing::Pair;

constexpr std::uint64_t kNow_s = 1'800'000'000;
const std::string kSecret(32, 's');
const std::string kGood =
    R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":1800000060})";

std::string header(std::string_view algorithm, std::string_view more = {}) {
  return R"({"typ":"JWT","alg":")" + std::string(algorithm) + "\"" + std::string(more) + "}";
}

JwtSettings settings_for(JwtAlgorithm algorithm) {
  JwtSettings settings;
  settings.algorithm = algorithm;
  settings.issuer = "https://issuer.test";
  settings.audience = "roost";
  return settings;
}

JwtKeysPtr only(Result<JwtKey> key) {
  EXPECT_TRUE(key) << key.error().message;
  std::vector<JwtKey> keys;
  keys.push_back(std::move(key).value());
  return std::make_shared<const JwtKeys>(std::move(keys), false);
}

// Keys cost a moment to make: once for all tests.
struct Keys {
  TestKey rsa = rsa_key();
  TestKey other_rsa = rsa_key();
  TestKey ec = ec_key();
  TestKey other_ec = ec_key();
};
const Keys& keys() {
  static const Keys kKeys;
  return kKeys;
}

JwtKeysPtr keys_for(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::hs256:
      return only(make_secret_key(kSecret));
    case JwtAlgorithm::rs256:
      return only(read_public_key(public_pem(keys().rsa)));
    case JwtAlgorithm::es256:
      return only(read_public_key(public_pem(keys().ec)));
  }
  return nullptr;
}

JwtVerdict judge(const JwtSettings& settings, const std::string& token,
                 std::uint64_t now_s = kNow_s) {
  auto verifier = JwtVerifier::make(settings);
  EXPECT_TRUE(verifier) << verifier.error().message;
  return verifier->verify(bearer(token), *keys_for(settings.algorithm), now_s);
}

// What settings and claims make of a token that is signed rightly.
JwtVerdict judge_payload(const std::string& payload, const JwtSettings& settings,
                         std::uint64_t now_s = kNow_s) {
  return judge(settings, sign(header("HS256"), payload, kSecret), now_s);
}
JwtVerdict judge_payload(const std::string& payload, std::uint64_t now_s = kNow_s) {
  return judge_payload(payload, settings_for(JwtAlgorithm::hs256), now_s);
}

TEST(JwtVerifier, LetsInARightTokenOfEachAlgorithm) {
  const std::pair<JwtAlgorithm, std::string> tokens[] = {
      {JwtAlgorithm::hs256, sign(header("HS256"), kGood, kSecret)},
      {JwtAlgorithm::rs256, sign(header("RS256"), kGood, keys().rsa)},
      {JwtAlgorithm::es256, sign(header("ES256"), kGood, keys().ec)}};
  for (const auto& [algorithm, token] : tokens) {
    const JwtVerdict verdict = judge(settings_for(algorithm), token);
    EXPECT_EQ(verdict.fault, JwtFault::none) << to_text(algorithm) << ": " << verdict.result.reason;
    EXPECT_EQ(verdict.result.code, ReasonCode::success);
    ASSERT_NE(verdict.result.identity, nullptr);
    EXPECT_EQ(verdict.result.identity->user_name, "ann");
    EXPECT_EQ(verdict.result.identity->expires_at_s, 1'800'000'060u);
    EXPECT_EQ(verdict.result.identity->listener, "outside");
    EXPECT_EQ(verdict.result.identity->address, "192.0.2.7");
  }
}

struct Attack {
  const char* name;
  JwtAlgorithm algorithm;
  JwtFault fault;
  std::function<std::string()> token;
};

std::string with_payload(const std::string& payload) {
  return sign(header("HS256"), payload, kSecret);
}

std::string without_signature(const std::string& token) {
  return token.substr(0, token.rfind('.') + 1);
}

// One character of the signature, so that it is still base64.
std::string bent(std::string token) {
  char& c = token[token.size() - 10];
  c = c == 'A' ? 'B' : 'A';
  return token;
}

const Attack kAttacks[] = {
    {"AlgorithmNone", JwtAlgorithm::hs256, JwtFault::algorithm,
     [] { return without_signature(sign(header("none"), kGood, kSecret)); }},
    {"AlgorithmNoneWithSignature", JwtAlgorithm::rs256, JwtFault::algorithm,
     [] { return sign(header("none"), kGood, keys().rsa); }},
    {"AlgorithmNoneInOtherCase", JwtAlgorithm::rs256, JwtFault::algorithm,
     [] { return without_signature(sign(header("nOnE"), kGood, kSecret)); }},
    {"Hs256WithThePublicRsaKey", JwtAlgorithm::rs256, JwtFault::algorithm,
     [] { return sign(header("HS256"), kGood, public_pem(keys().rsa)); }},
    {"Hs256WithThePublicEcKey", JwtAlgorithm::es256, JwtFault::algorithm,
     [] { return sign(header("HS256"), kGood, public_pem(keys().ec)); }},
    {"Hs256UnderTheNameOfRs256", JwtAlgorithm::rs256, JwtFault::signature,
     [] { return sign(header("RS256"), kGood, public_pem(keys().rsa)); }},
    {"Rs256WhereHs256IsConfigured", JwtAlgorithm::hs256, JwtFault::algorithm,
     [] { return sign(header("RS256"), kGood, keys().rsa); }},
    {"Es256WhereRs256IsConfigured", JwtAlgorithm::rs256, JwtFault::algorithm,
     [] { return sign(header("ES256"), kGood, keys().ec); }},
    {"Hs512WhereHs256IsConfigured", JwtAlgorithm::hs256, JwtFault::algorithm,
     [] { return sign(header("HS512"), kGood, kSecret); }},
    {"AlgorithmInSmallLetters", JwtAlgorithm::hs256, JwtFault::algorithm,
     [] { return sign(header("hs256"), kGood, kSecret); }},
    {"AlgorithmWithAZeroBehind", JwtAlgorithm::hs256, JwtFault::algorithm,
     [] { return sign(header("HS256\\u0000"), kGood, kSecret); }},
    {"AlgorithmTwiceTheLastOneForeign", JwtAlgorithm::hs256, JwtFault::algorithm,
     [] { return sign(header("HS256", R"(,"alg":"none")"), kGood, kSecret); }},
    {"ExtensionThatMustBeUnderstood", JwtAlgorithm::hs256, JwtFault::algorithm,
     [] { return sign(header("HS256", R"(,"crit":["b64"],"b64":false)"), kGood, kSecret); }},
    {"AnotherKindOfToken", JwtAlgorithm::hs256, JwtFault::algorithm,
     [] { return sign(R"({"alg":"HS256","typ":"at+jwt"})", kGood, kSecret); }},
    {"NoSignature", JwtAlgorithm::hs256, JwtFault::signature,
     [] { return without_signature(sign(header("HS256"), kGood, kSecret)); }},
    {"NoSignatureOfRsa", JwtAlgorithm::rs256, JwtFault::signature,
     [] { return without_signature(sign(header("RS256"), kGood, keys().rsa)); }},
    {"NoPayload", JwtAlgorithm::hs256, JwtFault::signature,
     [] { return sign(header("HS256"), "", kSecret); }},
    {"AnotherSecret", JwtAlgorithm::hs256, JwtFault::signature,
     [] { return sign(header("HS256"), kGood, std::string(32, 'x')); }},
    {"EmptySecret", JwtAlgorithm::hs256, JwtFault::signature,
     [] { return sign(header("HS256"), kGood, ""); }},
    {"AnotherRsaKey", JwtAlgorithm::rs256, JwtFault::signature,
     [] { return sign(header("RS256"), kGood, keys().other_rsa); }},
    {"AnotherEcKey", JwtAlgorithm::es256, JwtFault::signature,
     [] { return sign(header("ES256"), kGood, keys().other_ec); }},
    {"BentSignatureOfHmac", JwtAlgorithm::hs256, JwtFault::signature,
     [] { return bent(sign(header("HS256"), kGood, kSecret)); }},
    {"BentSignatureOfRsa", JwtAlgorithm::rs256, JwtFault::signature,
     [] { return bent(sign(header("RS256"), kGood, keys().rsa)); }},
    {"BentSignatureOfEc", JwtAlgorithm::es256, JwtFault::signature,
     [] { return bent(sign(header("ES256"), kGood, keys().ec)); }},
    {"ZeroSignatureOfEc", JwtAlgorithm::es256, JwtFault::signature,  // CVE-2022-21449
     [] {
       return without_signature(sign(header("ES256"), kGood, keys().ec)) +
              encode_base64url(std::string(64, '\0'));
     }},
    {"PayloadOfAnotherToken", JwtAlgorithm::hs256, JwtFault::signature,
     [] {
       const std::string mine = sign(header("HS256"), kGood, kSecret);
       return mine.substr(0, mine.find('.') + 1) + encode_base64url(R"({"sub":"root"})") +
              mine.substr(mine.rfind('.'));
     }},
    {"NoExpiry", JwtAlgorithm::hs256, JwtFault::expired,
     [] { return with_payload(R"({"sub":"ann","iss":"https://issuer.test","aud":"roost"})"); }},
    {"Expired", JwtAlgorithm::hs256, JwtFault::expired,
     [] {
       return with_payload(
           R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":1800000000})");
     }},
    {"ExpiryAsText", JwtAlgorithm::hs256, JwtFault::expired,
     [] {
       return with_payload(
           R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":"1800000060"})");
     }},
    {"ExpiryBeyondAllNumbers", JwtAlgorithm::hs256, JwtFault::expired,
     [] {
       return with_payload(
           R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":1e300})");
     }},
    {"NegativeExpiry", JwtAlgorithm::hs256, JwtFault::expired,
     [] {
       return with_payload(R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":-1})");
     }},
    {"NotYetValid", JwtAlgorithm::hs256, JwtFault::expired,
     [] {
       return with_payload(
           R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":1800000060,)"
           R"("nbf":1800000001})");
     }},
    {"AnotherIssuer", JwtAlgorithm::hs256, JwtFault::claims,
     [] {
       return with_payload(
           R"({"sub":"ann","iss":"https://issuer.test.evil","aud":"roost","exp":1800000060})");
     }},
    {"NoIssuer", JwtAlgorithm::hs256, JwtFault::claims,
     [] { return with_payload(R"({"sub":"ann","aud":"roost","exp":1800000060})"); }},
    {"AnotherAudience", JwtAlgorithm::hs256, JwtFault::claims,
     [] {
       return with_payload(
           R"({"sub":"ann","iss":"https://issuer.test","aud":["shop","ROOST"],"exp":1800000060})");
     }},
    {"NoAudience", JwtAlgorithm::hs256, JwtFault::claims,
     [] { return with_payload(R"({"sub":"ann","iss":"https://issuer.test","exp":1800000060})"); }},
    {"NoUserName", JwtAlgorithm::hs256, JwtFault::claims,
     [] {
       return with_payload(R"({"iss":"https://issuer.test","aud":"roost","exp":1800000060})");
     }},
    {"EmptyUserName", JwtAlgorithm::hs256, JwtFault::claims,
     [] {
       return with_payload(
           R"({"sub":"","iss":"https://issuer.test","aud":"roost","exp":1800000060})");
     }},
    {"UserNameWithALineEnd", JwtAlgorithm::hs256, JwtFault::claims,
     [] {
       return with_payload(
           R"({"sub":"a\nb","iss":"https://issuer.test","aud":"roost","exp":1800000060})");
     }},
    {"ClaimsThatAreNoObject", JwtAlgorithm::hs256, JwtFault::signature,
     [] { return with_payload(R"(["sub","ann"])"); }},
    {"OneMegabyte", JwtAlgorithm::hs256, JwtFault::too_long,
     [] { return with_payload(R"({"sub":")" + std::string(1 << 20, 'a') + R"("})"); }},
    {"OneByteTooLong", JwtAlgorithm::hs256, JwtFault::too_long,
     [] { return std::string(8 * 1024 + 1, 'a'); }},
};

class JwtAttack : public testing::TestWithParam<Attack> {};

TEST_P(JwtAttack, IsRefused) {
  const Attack& attack = GetParam();
  const JwtVerdict verdict = judge(settings_for(attack.algorithm), attack.token());
  EXPECT_EQ(verdict.fault, attack.fault) << verdict.result.reason;
  EXPECT_EQ(verdict.result.code, ReasonCode::bad_user_name_or_password);
  EXPECT_FALSE(verdict.result.reason.empty());
  EXPECT_FALSE(verdict.result.is_unknown) << "it is a token: nobody else may take it";
  EXPECT_EQ(verdict.result.identity, nullptr);
}

INSTANTIATE_TEST_SUITE_P(All, JwtAttack, testing::ValuesIn(kAttacks),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(JwtVerifier, WhatIsNoTokenIsLeftToTheNextOne) {
  const std::string good = sign(header("HS256"), kGood, kSecret);
  for (const std::string& password :
       {std::string(), std::string("secret"), std::string("a.b.c"), std::string("..."),
        std::string(".."), "x" + good, good + ".", good + "=", good + " ",
        encode_base64url("{}") + ".e30.e30", encode_base64url(R"({"alg":1})") + ".e30.e30",
        encode_base64url("[]") + ".e30.e30", std::string(5000, '.'),
        encode_base64url(std::string(4000, '[')) + ".e30.e30"}) {
    const JwtVerdict verdict = judge(settings_for(JwtAlgorithm::hs256), password);
    EXPECT_EQ(verdict.fault, JwtFault::not_a_token) << password;
    EXPECT_TRUE(verdict.result.is_unknown);
    EXPECT_NE(verdict.result.code, ReasonCode::success);
  }
  AuthRequest request = bearer("");
  request.password.reset();
  const auto verifier = JwtVerifier::make(settings_for(JwtAlgorithm::hs256));
  EXPECT_TRUE(verifier->verify(request, *keys_for(JwtAlgorithm::hs256), kNow_s).result.is_unknown);
}

TEST(JwtVerifier, TimesHaveTheLeewayThatIsSetAndNoMore) {
  const std::string payload =
      R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":1000,"nbf":900.5})";
  JwtSettings settings = settings_for(JwtAlgorithm::hs256);
  EXPECT_EQ(judge_payload(payload, settings, 999).fault, JwtFault::none);
  EXPECT_EQ(judge_payload(payload, settings, 1000).fault, JwtFault::expired);
  EXPECT_EQ(judge_payload(payload, settings, 901).fault, JwtFault::none);
  EXPECT_EQ(judge_payload(payload, settings, 900).fault, JwtFault::expired);
  settings.leeway_s = 60;
  const JwtVerdict late = judge_payload(payload, settings, 1059);
  EXPECT_EQ(late.fault, JwtFault::none);
  EXPECT_EQ(late.result.identity->expires_at_s, 1060u);
  EXPECT_EQ(judge_payload(payload, settings, 1060).fault, JwtFault::expired);
  EXPECT_EQ(judge_payload(payload, settings, 841).fault, JwtFault::none);
  EXPECT_EQ(judge_payload(payload, settings, 840).fault, JwtFault::expired);
}

TEST(JwtVerifier, ATokenForAnAudienceIsRefusedWhereNoneIsConfigured) {
  JwtSettings settings = settings_for(JwtAlgorithm::hs256);
  settings.audience.clear();
  EXPECT_EQ(judge_payload(kGood, settings).fault, JwtFault::claims);
  settings.issuer.clear();
  EXPECT_EQ(judge_payload(R"({"sub":"ann","exp":1800000060})", settings).fault, JwtFault::none);
}

TEST(JwtVerifier, OneOfSeveralAudiencesIsEnough) {
  EXPECT_EQ(judge_payload(R"({"sub":"ann","iss":"https://issuer.test","aud":["shop","roost"],)"
                          R"("exp":1800000060})")
                .fault,
            JwtFault::none);
}

TEST(JwtVerifier, ATokenOfOneClientIsNoneForAnother) {
  JwtSettings settings = settings_for(JwtAlgorithm::hs256);
  settings.client_id_claim = "client_id";
  const auto payload = [](std::string_view value) {
    return R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":1800000060,)"
           R"("client_id":)" +
           std::string(value) + "}";
  };
  EXPECT_EQ(judge_payload(payload("\"sensor-17\""), settings).fault, JwtFault::none);
  EXPECT_EQ(judge_payload(payload("\"sensor-1\""), settings).fault, JwtFault::claims);
  EXPECT_EQ(judge_payload(payload("17"), settings).fault, JwtFault::claims);
  EXPECT_EQ(judge_payload(kGood, settings).fault, JwtFault::claims) << "no such claim";
}

TEST(JwtVerifier, GroupsClaimsAndRulesAreTheIdentitys) {
  JwtSettings settings = settings_for(JwtAlgorithm::hs256);
  settings.issuer.clear();
  settings.audience.clear();
  settings.user_name_claim = "name";
  const JwtVerdict verdict = judge_payload(
      R"({"exp":1800000060,"name":"ann","groups":["ops","dev"],"site":"north","floor":3,)"
      R"("ok":true,"acl":[{"allow":"publish","topics":["a/#"]}]})",
      settings);
  ASSERT_EQ(verdict.fault, JwtFault::none) << verdict.result.reason;
  const Identity& who = *verdict.result.identity;
  EXPECT_EQ(who.user_name, "ann");
  EXPECT_THAT(who.groups, ElementsAre("ops", "dev"));
  EXPECT_EQ(who.own_rules, R"([{"allow":"publish","topics":["a/#"]}])");
  EXPECT_THAT(who.claims,
              testing::UnorderedElementsAre(Pair("exp", "1800000060"), Pair("floor", "3"),
                                            Pair("name", "ann"), Pair("site", "north")));
}

TEST(JwtVerifier, AGroupMayStandAlone) {
  const JwtVerdict verdict =
      judge_payload(R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":1800000060,)"
                    R"("groups":"ops"})");
  ASSERT_EQ(verdict.fault, JwtFault::none);
  EXPECT_THAT(verdict.result.identity->groups, ElementsAre("ops"));
}

TEST(JwtVerifier, GroupsAndClaimsAreBounded) {
  const auto payload = [](std::string_view more) {
    return R"({"sub":"ann","iss":"https://issuer.test","aud":"roost","exp":1800000060)" +
           std::string(more) + "}";
  };
  std::string groups, claims;
  for (std::size_t i = 0; i < kTokenGroupsMax; ++i) groups += "\"g\",";
  for (std::size_t i = 4; i < kTokenClaimsMax; ++i) claims += ",\"c" + std::to_string(i) + "\":1";
  const auto fault = [&](const std::string& more) { return judge_payload(payload(more)).fault; };
  EXPECT_EQ(fault(",\"groups\":[" + groups.substr(0, groups.size() - 1) + "]"), JwtFault::none);
  EXPECT_EQ(fault(",\"groups\":[" + groups + "\"g\"]"), JwtFault::claims);
  EXPECT_EQ(fault(",\"groups\":[1]"), JwtFault::claims);
  EXPECT_EQ(fault(",\"groups\":{}"), JwtFault::claims);
  EXPECT_EQ(fault(claims), JwtFault::none);
  EXPECT_EQ(fault(claims + ",\"d\":1"), JwtFault::claims);
}

TEST(JwtVerifier, SettingsHaveLimits) {
  JwtSettings settings;
  settings.leeway_s = 61;
  EXPECT_FALSE(JwtVerifier::make(settings));
  settings = {};
  settings.token_bytes_max = kTokenBytesMost + 1;
  EXPECT_FALSE(JwtVerifier::make(settings));
  settings = {};
  settings.user_name_claim.clear();
  EXPECT_FALSE(JwtVerifier::make(settings));
  EXPECT_TRUE(JwtVerifier::make({}));
}

}  // namespace
}  // namespace roost::auth
