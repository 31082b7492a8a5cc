// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwt_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/auth/base64url.h"
#include "tests/auth/tokens.h"

namespace roost::auth {
namespace {

using testing::HasSubstr;

TEST(JwtKeys, APublicKeyIsNoSecret) {
  const auto key = make_secret_key(public_pem(ec_key()));
  ASSERT_FALSE(key);
  EXPECT_THAT(key.error().message, HasSubstr("PEM"));
}

TEST(JwtKeys, AShortSecretIsRefused) {
  EXPECT_FALSE(make_secret_key(std::string(31, 's')));
  EXPECT_TRUE(make_secret_key(std::string(32, '\0')));
}

TEST(JwtKeys, AKeysKindGivesItsAlgorithm) {
  EXPECT_EQ(read_public_key(public_pem(rsa_key()))->algorithm, JwtAlgorithm::rs256);
  EXPECT_EQ(read_public_key(public_pem(ec_key()))->algorithm, JwtAlgorithm::es256);
}

TEST(JwtKeys, WeakAndForeignKeysAreRefused) {
  const auto small = read_public_key(public_pem(rsa_key(1024)));
  ASSERT_FALSE(small);
  EXPECT_THAT(small.error().message, HasSubstr("1024 bits"));
  const auto curve = read_public_key(public_pem(ec_key("P-384")));
  ASSERT_FALSE(curve);
  EXPECT_THAT(curve.error().message, HasSubstr("P-256"));
  const TestKey edwards(::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &::EVP_PKEY_free);
  EXPECT_FALSE(read_public_key(public_pem(edwards)));
  EXPECT_FALSE(read_public_key("no key"));
  EXPECT_FALSE(read_public_key(""));
}

TEST(JwtKeys, AnswerByNameOrWhereOnlyOneFits) {
  const auto key = [](JwtAlgorithm algorithm, const char* id) {
    return JwtKey{algorithm, id, "material"};
  };
  const JwtKeys set(
      {key(JwtAlgorithm::rs256, "a"), key(JwtAlgorithm::rs256, "b"), key(JwtAlgorithm::es256, "c"),
       key(JwtAlgorithm::rs256, "twice"), key(JwtAlgorithm::rs256, "twice")},
      true);
  EXPECT_EQ(set.find(JwtAlgorithm::rs256, "b")->id, "b");
  EXPECT_EQ(set.find(JwtAlgorithm::rs256, "d"), nullptr) << "unknown";
  EXPECT_EQ(set.find(JwtAlgorithm::rs256, "c"), nullptr) << "of another kind";
  EXPECT_EQ(set.find(JwtAlgorithm::rs256, std::nullopt), nullptr) << "several fit";
  EXPECT_EQ(set.find(JwtAlgorithm::rs256, "twice"), nullptr);
  EXPECT_EQ(set.find(JwtAlgorithm::es256, std::nullopt)->id, "c");
  const JwtKeys alone({key(JwtAlgorithm::rs256, "")}, false);
  EXPECT_NE(alone.find(JwtAlgorithm::rs256, "any"), nullptr);
  EXPECT_EQ(alone.find(JwtAlgorithm::hs256, std::nullopt), nullptr);
}

TEST(Base64Url, TakesWhatItsEncoderWrites) {
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("ab"), std::string("abc"),
        std::string("\xFF\xFE\x00\x3F", 4), std::string(1000, '\xFB')}) {
    EXPECT_EQ(decode_base64url(encode_base64url(text)), text);
  }
}

TEST(Base64Url, IsNotLenient) {
  for (const char* text :
       {"A", "AAAAA", "YQ==", "YR", "YWJ", "Y+==", "Y/A", "YQ\n", " YQ", "YW.J"}) {
    EXPECT_EQ(decode_base64url(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace roost::auth
