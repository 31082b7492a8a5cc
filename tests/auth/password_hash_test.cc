// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/password_hash.h"

#include <gtest/gtest.h>

#include <string>

namespace roost::auth {
namespace {

constexpr HashCost kCheap{8, 1};

TEST(PasswordHash, VerifiesThePasswordItWasMadeOf) {
  const std::string password("with\0zero", 9);
  const auto hash = hash_password(password, kCheap);
  ASSERT_TRUE(hash);
  EXPECT_TRUE(verify_password(*hash, password));
  EXPECT_FALSE(verify_password(*hash, "with"));
  EXPECT_FALSE(verify_password(*hash, ""));
}

TEST(PasswordHash, HasAFreshSaltEachTime) {
  EXPECT_NE(*hash_password("same", kCheap), *hash_password("same", kCheap));
}

TEST(PasswordHash, DefaultCostIsWrittenIntoTheHash) {
  const auto hash = hash_password("x");
  ASSERT_TRUE(hash);
  EXPECT_EQ(hash->rfind("$argon2id$v=19$m=19456,t=2,p=1$", 0), 0u) << *hash;
  const auto cost_ns = check_hash(*hash);
  ASSERT_TRUE(cost_ns);
  EXPECT_EQ(*cost_ns, 19456u * 2 * 500);
}

TEST(PasswordHash, ReadsTheReferenceToolsHash) {
  // printf password | argon2 somesalt -id -t 2 -m 16 -p 1 -e, from the reference's test.c
  const std::string encoded =
      "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  EXPECT_TRUE(verify_password(encoded, "password"));
  EXPECT_FALSE(verify_password(encoded, "Password"));
}

struct BadHash {
  std::string encoded;
  const char* says;
};

TEST(PasswordHash, SaysWhatElseATextIs) {
  const std::string end = "$" + std::string(86, 'a') + "==";  // a hash of 64 bytes
  const BadHash cases[] = {
      {"", "not a hash"},
      {"secret", "not a hash"},
      {"$7$101$abc$def", "mosquitto_passwd"},
      {"$6$abc$def", "mosquitto_passwd"},
      {"$7$0$5CO+FB3/vUSf2Xr8" + end, "$7$iterations$salt$hash"},
      {"$7$10000001$5CO+FB3/vUSf2Xr8" + end, "up to 10000000"},
      {"$7$101$5CO+FB3/vUSf2Xr8", "$7$iterations$salt$hash"},
      {"$7$101$5CO+FB3/vUSf2Xr8$aaaa", "$7$iterations$salt$hash"},
      {"$7$101$" + end, "$7$iterations$salt$hash"},
      {"$6$5CO+FB3/vUSf2Xr8$aaaa", "$6$salt$hash"},
      {"$6$5CO*FB3/vUSf2Xr8" + end, "$6$salt$hash"},
      {"$scrypt$ln=15,r=8$aaaa$aaaa", "ln=, r= and p="},
      {"$scrypt$ln=21,r=8,p=1$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa", "out of bounds"},
      {"$scrypt$ln=20,r=32,p=1$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa", "1 GiB"},
      {"$scrypt$ln=15,r=8,p=1$c29tZXNhbHQ$aaaa", "salt and hash"},
      {"$scrypt$ln=15,r=8,p=1$c29tZXNhbHQ", "salt and hash"},
      {"$2b$12$abc", "a hash of a kind"},
      {"$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa", "not $argon2id$"},
      {"$argon2id$v=19$m=8,t=1$c29tZXNhbHQ$aaaa", "m=, t= and p="},
      {"$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa", "out of bounds"},
      {"$argon2id$v=19$m=8,t=1,p=200$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa", "out of bounds"},
      {"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ", "salt and hash"},
      {"$argon2id$v=19$m=8,t=1,p=1$c29t ZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa", "salt and hash"},
      {"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aaaa", "salt and hash"},
  };
  for (const BadHash& c : cases) {
    const auto checked = check_hash(c.encoded);
    ASSERT_FALSE(checked) << c.encoded;
    EXPECT_NE(checked.error().message.find(c.says), std::string::npos)
        << c.encoded << " -> " << checked.error().message;
    EXPECT_FALSE(verify_password(c.encoded, "x"));
  }
}

}  // namespace
}  // namespace roost::auth
