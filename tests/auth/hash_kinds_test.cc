// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "broker/auth/password_hash.h"

namespace roost::auth {
namespace {

constexpr ScryptCost kCheapScrypt{4, 1, 1};

TEST(ScryptHash, VerifiesThePasswordItWasMadeOf) {
  const std::string password("with\0zero", 9);
  const auto hash = hash_password(password, kCheapScrypt);
  ASSERT_TRUE(hash);
  EXPECT_EQ(hash->rfind("$scrypt$ln=4,r=1,p=1$", 0), 0u) << *hash;
  EXPECT_TRUE(verify_password(*hash, password));
  EXPECT_FALSE(verify_password(*hash, "with"));
  EXPECT_FALSE(verify_password(*hash, ""));
  EXPECT_NE(*hash, *hash_password(password, kCheapScrypt)) << "its salt is fresh";
}

TEST(ScryptHash, ReadsTheVectorOfRfc7914) {
  const std::string encoded =
      "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVY"
      "T8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw";
  EXPECT_TRUE(verify_password(encoded, "pleaseletmein"));
  EXPECT_FALSE(verify_password(encoded, "pleaseletmeout"));
}

// As Debian's mosquitto_passwd 2.0.11 wrote them.
TEST(MosquittoHash, IsReadAsItIs) {
  const std::string pbkdf2 =
      "$7$101$OFDD4Gy1M/PvN34S$y0ee6iBeRP7++BvWojkt40AkeqYLq/1n9CeHKfR5uBhnXS5TpjyiRO0jMSMGeZRM+4BT"
      "SvXhpfVMYSt/hfTT6Q==";
  EXPECT_TRUE(verify_password(pbkdf2, "secret one"));
  EXPECT_FALSE(verify_password(pbkdf2, "secret two"));
  const std::string sha512 =
      "$6$5CO+FB3/vUSf2Xr8$iHUY8YkKlgvtF+XRe1mExEw05RZ8UUTLw2kP6RTF7o1chMJivo8AofHBncVRpY7jvH92Aq/S"
      "v6sW+wiTnzIrjw==";
  EXPECT_TRUE(verify_password(sha512, "secret two"));
  EXPECT_FALSE(verify_password(sha512, "secret one"));
}

TEST(PasswordHash, KnowsWhichKindIsDearer) {
  const auto cost = [](const std::string& encoded) {
    const auto cost_ns = check_hash(encoded);
    return cost_ns ? *cost_ns : 0;
  };
  const std::string sha512 = "$6$5CO+FB3/vUSf2Xr8$" + std::string(86, 'a') + "==";
  const std::string few = "$7$101$5CO+FB3/vUSf2Xr8$" + std::string(86, 'a') + "==";
  const std::string many = "$7$100000$5CO+FB3/vUSf2Xr8$" + std::string(86, 'a') + "==";
  EXPECT_GT(cost(sha512), 0u);
  EXPECT_GT(cost(few), cost(sha512));
  EXPECT_GT(cost(many), cost(few));
  EXPECT_GT(cost(*hash_password("x", ScryptCost{10, 8, 1})),
            cost(*hash_password("x", kCheapScrypt)));
}

}  // namespace
}  // namespace roost::auth
