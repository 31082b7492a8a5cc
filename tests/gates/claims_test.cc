// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace roost::gates {
namespace {

using session::Generation;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsNull;
using Names = std::vector<std::string>;

constexpr PeerId kFront{1};
constexpr PeerId kOther{2};

Claim claim(PeerId front, RelayNumber relay, Generation generation, std::uint64_t incarnation = 1) {
  return {.front = front, .incarnation = incarnation, .relay = relay, .generation = generation};
}

Names names(const std::vector<Claims::Named>& claims) {
  Names names;
  for (const Claims::Named& each : claims) {
    names.push_back(each.client_id + "@" + std::to_string(each.claim.relay));
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Claims, AreFoundByClientId) {
  Claims claims;
  EXPECT_THAT(claims.find("a"), IsNull());
  EXPECT_THAT(claims.add("a", claim(kFront, 10, {1, 1})), IsEmpty());
  ASSERT_NE(claims.find("a"), nullptr);
  EXPECT_EQ(*claims.find("a"), claim(kFront, 10, {1, 1}));
  EXPECT_THAT(claims.find("b"), IsNull());
}

TEST(Claims, ANewerGenerationSendsTheOlderOff) {
  Claims claims;
  claims.add("a", claim(kFront, 10, {1, 1}));
  EXPECT_THAT(names(claims.add("a", claim(kOther, 20, {1, 2}))), ElementsAre("a@10"));
  EXPECT_EQ(claims.find("a")->front, kOther);
  EXPECT_THAT(names(claims.add("a", claim(kFront, 30, {2, 1}))), ElementsAre("a@20"));
}

TEST(Claims, AnOlderGenerationIsTheOneThatGoes) {
  Claims claims;
  claims.add("a", claim(kFront, 10, {2, 1}));
  EXPECT_THAT(names(claims.add("a", claim(kOther, 20, {1, 9}))), ElementsAre("a@20"));
  EXPECT_EQ(claims.find("a")->relay, 10U);
  EXPECT_EQ(claims.size(), 1U);
}

TEST(Claims, TheSameConnectionAgainChangesNothing) {
  Claims claims;
  claims.add("a", claim(kFront, 10, {1, 1}));
  EXPECT_THAT(claims.add("a", claim(kFront, 10, {1, 1})), IsEmpty());
  EXPECT_EQ(claims.size(), 1U);
}

TEST(Claims, AreRemovedByTheirGenerationOnly) {
  Claims claims;
  claims.add("a", claim(kFront, 10, {1, 2}));
  EXPECT_FALSE(claims.remove("a", {1, 1}));
  EXPECT_FALSE(claims.remove("b", {1, 2}));
  EXPECT_TRUE(claims.remove("a", {1, 2}));
  EXPECT_TRUE(claims.empty());
}

TEST(Claims, OfAProcessThatIsOverGo) {
  Claims claims;
  claims.add("a", claim(kFront, 10, {1, 1}));
  claims.add("b", claim(kFront, 11, {1, 2}, 2));
  claims.add("c", claim(kOther, 10, {1, 3}));
  EXPECT_THAT(names(claims.remove_front(kFront, 1)), ElementsAre("a@10"));
  EXPECT_EQ(claims.size(), 2U);
  EXPECT_THAT(claims.remove_front(kFront, 1), IsEmpty());
}

TEST(Claims, AreRemovedByTheirRelayToo) {
  Claims claims;
  claims.add("a", claim(kFront, 10, {1, 1}));
  claims.add("b", claim(kOther, 10, {1, 2}));
  EXPECT_THAT(claims.remove_relay(kFront, 11), IsEmpty());
  EXPECT_THAT(names(claims.remove_relay(kFront, 10)), ElementsAre("a@10"));
  EXPECT_EQ(claims.size(), 1U);
}

TEST(Claims, WhoIsNotAnnouncedAnyMoreIsGone) {
  Claims claims;
  claims.add("a", claim(kFront, 10, {1, 1}));
  claims.add("b", claim(kFront, 11, {1, 2}));
  claims.add("c", claim(kOther, 10, {1, 3}));
  claims.begin_announcement(kFront);
  EXPECT_THAT(claims.add("b", claim(kFront, 11, {1, 2})), IsEmpty());
  EXPECT_THAT(claims.add("d", claim(kFront, 12, {1, 4})), IsEmpty());
  EXPECT_THAT(names(claims.end_announcement(kFront)), ElementsAre("a@10"));
  EXPECT_EQ(claims.size(), 3U);
}

TEST(Claims, AnnouncedOfAnEarlierProcessAreGone) {
  Claims claims;
  claims.add("a", claim(kFront, 10, {1, 1}, 1));
  claims.begin_announcement(kFront);
  EXPECT_THAT(names(claims.add("a", claim(kFront, 10, {1, 2}, 2))), ElementsAre("a@10"));
  EXPECT_THAT(claims.end_announcement(kFront), IsEmpty());
  EXPECT_EQ(claims.find("a")->incarnation, 2U);
}

TEST(Claims, GrantedWhileAFrontAnnouncesStay) {
  Claims claims;
  claims.begin_announcement(kFront);
  claims.add("a", claim(kFront, 10, {1, 1}));
  EXPECT_THAT(claims.end_announcement(kFront), IsEmpty());
}

}  // namespace
}  // namespace roost::gates
