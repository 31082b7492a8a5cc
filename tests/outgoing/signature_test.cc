// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/signature.h"

#include <gtest/gtest.h>

namespace roost::outgoing {
namespace {

// The example of Standard Webhooks' own libraries.
TEST(WebhookSignature, IsWhatTheirLibrariesMake) {
  const std::string secret = *secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  EXPECT_EQ(secret.size(), 24U);
  EXPECT_EQ(webhook_signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                              "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookSignature, DependsOnAllThatItSigns) {
  const std::string one = webhook_signature("key", "id", 1, "body");
  EXPECT_NE(one, webhook_signature("kez", "id", 1, "body"));
  EXPECT_NE(one, webhook_signature("key", "ie", 1, "body"));
  EXPECT_NE(one, webhook_signature("key", "id", 2, "body"));
  EXPECT_NE(one, webhook_signature("key", "id", 1, "bodz"));
}

TEST(WebhookSecret, OfAnotherKindIsItsOwnBytes) {
  EXPECT_EQ(*secret_bytes("plain words"), "plain words");
  EXPECT_EQ(*secret_bytes("whsec_YQ=="), "a");
  EXPECT_EQ(*secret_bytes("whsec_YWI="), "ab");
}

TEST(WebhookSecret, NeedsNoPadding) {
  EXPECT_EQ(*secret_bytes("whsec_YQ"), "a");
  EXPECT_EQ(*secret_bytes("whsec_YWI"), "ab");
  EXPECT_EQ(*secret_bytes("whsec_YWJj"), "abc");
}

TEST(WebhookSecret, ThatIsNoneIsAnErrorThatDoesNotTellIt) {
  for (const char* const bad : {"", "whsec_", "whsec_%%%%", "whsec_Y", "whsec_YQ==YQ=="}) {
    const auto secret = secret_bytes(bad);
    ASSERT_FALSE(secret) << bad;
    EXPECT_EQ(secret.error().message.find("%%"), std::string::npos);
  }
}

}  // namespace
}  // namespace roost::outgoing
