// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/ban_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roost::auth {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BanListTest : public testing::Test {
 protected:
  Ban ban(BanKind kind, const std::string& what, WallMs for_ms = 0) {
    return {kind, what, for_ms == 0 ? 0 : clock_.wall_ms() + for_ms, "because"};
  }

  ManualClock clock_;
  BanList bans_{clock_};
};

TEST_F(BanListTest, KeepsOutByIdNameAndAddress) {
  ASSERT_TRUE(bans_.add(ban(BanKind::client, "lamp")));
  ASSERT_TRUE(bans_.add(ban(BanKind::user, "ann")));
  ASSERT_TRUE(bans_.add(ban(BanKind::address, "192.0.2.7")));
  ASSERT_TRUE(bans_.add(ban(BanKind::address, "2001:db8::/32")));
  EXPECT_TRUE(bans_.has_client("lamp"));
  EXPECT_FALSE(bans_.has_client("ann"));
  EXPECT_TRUE(bans_.has_user("ann"));
  EXPECT_FALSE(bans_.has_user("lamp"));
  EXPECT_TRUE(bans_.has_address("192.0.2.7"));
  EXPECT_TRUE(bans_.has_address("::ffff:192.0.2.7"));
  EXPECT_FALSE(bans_.has_address("192.0.2.8"));
  EXPECT_TRUE(bans_.has_address("2001:db8:1::5"));
  EXPECT_FALSE(bans_.has_address("no address"));
}

TEST_F(BanListTest, EndsInItsTime) {
  ASSERT_TRUE(bans_.add(ban(BanKind::client, "lamp", 1000)));
  ASSERT_TRUE(bans_.add(ban(BanKind::address, "192.0.2.0/24", 1000)));
  clock_.advance_ms(999);
  EXPECT_TRUE(bans_.has_client("lamp"));
  EXPECT_TRUE(bans_.has_address("192.0.2.9"));
  clock_.advance_ms(1);
  EXPECT_FALSE(bans_.has_client("lamp"));
  EXPECT_FALSE(bans_.has_address("192.0.2.9"));
  EXPECT_THAT(bans_.all(), IsEmpty());
}

TEST_F(BanListTest, TheLaterOneOfTheSameCounts) {
  ASSERT_TRUE(bans_.add(ban(BanKind::address, "192.0.2.7")));
  ASSERT_TRUE(bans_.add(ban(BanKind::address, "192.0.2.7", 1000)));
  EXPECT_EQ(bans_.all().size(), 1U);
  clock_.advance_ms(1000);
  EXPECT_FALSE(bans_.has_address("192.0.2.7"));
}

TEST_F(BanListTest, CanBeTakenBack) {
  ASSERT_TRUE(bans_.add(ban(BanKind::user, "ann")));
  EXPECT_FALSE(bans_.remove(BanKind::client, "ann"));
  EXPECT_TRUE(bans_.remove(BanKind::user, "ann"));
  EXPECT_FALSE(bans_.has_user("ann"));
}

TEST_F(BanListTest, RefusesWhatIsNobody) {
  EXPECT_FALSE(bans_.add(ban(BanKind::client, "")));
  const auto added = bans_.add(ban(BanKind::address, "192.0.2.7/24"));
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().message, HasSubstr("192.0.2.0/24"));
}

TEST_F(BanListTest, IsBounded) {
  for (std::size_t i = 0; i < kBansMax; ++i) {
    ASSERT_TRUE(bans_.add(ban(BanKind::client, std::to_string(i), i == 0 ? 10 : 0)));
  }
  const auto added = bans_.add(ban(BanKind::client, "one more"));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, ErrorKind::resource_exhausted);
  clock_.advance_ms(10);
  EXPECT_TRUE(bans_.add(ban(BanKind::client, "one more"))) << "the first has run out";
}

TEST_F(BanListTest, OutlivesARestartAsText) {
  ASSERT_TRUE(bans_.add(ban(BanKind::client, "a \"lamp\"", 1000)));
  ASSERT_TRUE(bans_.add(ban(BanKind::address, "192.0.2.0/24")));
  const auto read = read_bans(to_json(bans_.all()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, bans_.all());
  for (const char* bad : {"", "{}", "[1]", "[{\"kind\":\"client\"}]",
                          "[{\"kind\":\"moon\",\"what\":\"x\",\"until_ms\":0}]"}) {
    EXPECT_FALSE(read_bans(bad)) << bad;
  }
}

}  // namespace
}  // namespace roost::auth
