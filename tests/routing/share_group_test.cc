// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/share_group.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace roost::routing {
namespace {

ShareMember member(std::string_view client_id, bool connected = true) {
  ShareMember made;
  made.client_id = client_id;
  made.connected = connected;
  return made;
}

std::string next_id(ShareGroup& group, std::string_view except = {}) {
  const ShareMember* found = group.next(except);
  return found == nullptr ? "nobody" : found->client_id;
}

std::map<std::string, int> turns(ShareGroup& group, int count) {
  std::map<std::string, int> taken;
  for (int i = 0; i < count; ++i) ++taken[next_id(group)];
  return taken;
}

using Turns = std::map<std::string, int>;

TEST(ShareGroup, KnowsItsNameAndFilter) {
  const ShareGroup group("readers", "home/+/temp");
  EXPECT_EQ(group.name(), "readers");
  EXPECT_EQ(group.filter(), "home/+/temp");
  EXPECT_TRUE(group.empty());
}

TEST(ShareGroup, ServesItsMembersInTurn) {
  ShareGroup group("g", "f");
  for (const char* id : {"a", "b", "c"}) EXPECT_TRUE(group.join(member(id)));
  EXPECT_EQ(turns(group, 3), (Turns{{"a", 1}, {"b", 1}, {"c", 1}}));
  EXPECT_EQ(turns(group, 30), (Turns{{"a", 10}, {"b", 10}, {"c", 10}}));
}

TEST(ShareGroup, PrefersConnectedMembers) {
  ShareGroup group("g", "f");
  for (const char* id : {"a", "b", "c", "d"}) group.join(member(id, id[0] > 'b'));
  EXPECT_TRUE(group.has_connected());
  EXPECT_EQ(turns(group, 10), (Turns{{"c", 5}, {"d", 5}}));
  group.set_connected("c", false);
  EXPECT_EQ(turns(group, 4), (Turns{{"d", 4}}));
  group.set_connected("d", false);
  EXPECT_FALSE(group.has_connected());
  EXPECT_EQ(turns(group, 8), (Turns{{"a", 2}, {"b", 2}, {"c", 2}, {"d", 2}}));
  group.set_connected("a", true);
  EXPECT_EQ(turns(group, 3), (Turns{{"a", 3}}));
}

TEST(ShareGroup, LeavesOutTheExceptedMember) {
  ShareGroup group("g", "f");
  EXPECT_EQ(next_id(group), "nobody");
  group.join(member("a"));
  EXPECT_EQ(next_id(group, "a"), "nobody");
  group.join(member("b", false));
  EXPECT_EQ(next_id(group, "a"), "b");
  EXPECT_EQ(next_id(group, "b"), "a");
  group.join(member("c"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(next_id(group, "a"), "c");
}

TEST(ShareGroup, JoiningAgainReplaces) {
  ShareGroup group("g", "f");
  EXPECT_TRUE(group.join(member("a", false)));
  ShareMember again = member("a", true);
  again.subscription_id = 12;
  again.core = CoreId{3};
  EXPECT_FALSE(group.join(again));
  EXPECT_EQ(group.size(), 1u);
  EXPECT_TRUE(group.has_connected());
  EXPECT_EQ(group.next()->subscription_id, 12u);
  EXPECT_EQ(group.next()->core, CoreId{3});
}

TEST(ShareGroup, LeavingIsKnownOnce) {
  ShareGroup group("g", "f");
  group.join(member("a"));
  group.join(member("b", false));
  EXPECT_TRUE(group.leave("a"));
  EXPECT_FALSE(group.leave("a"));
  EXPECT_FALSE(group.has_connected());
  EXPECT_EQ(next_id(group), "b");
  EXPECT_TRUE(group.leave("b"));
  EXPECT_TRUE(group.empty());
  group.set_connected("b", true);
  EXPECT_FALSE(group.has_connected());
}

// Turns are counted over everything that a large group goes through.
TEST(ShareGroup, StaysFairWhileThousandsComeAndGo) {
  constexpr int kMembers = 5'000;
  ShareGroup group("g", "f");
  for (int i = 0; i < kMembers; ++i) group.join(member(std::to_string(i), i % 2 == 0));
  for (int i = 0; i < kMembers; ++i) {
    if (i % 5 == 0) {
      EXPECT_TRUE(group.leave(std::to_string(i)));
    } else {
      group.set_connected(std::to_string(i), i % 2 != 0);
    }
  }
  EXPECT_EQ(group.size(), 4'000u);
  const Turns taken = turns(group, 3 * 2'000);
  EXPECT_EQ(taken.size(), 2'000u);
  for (const auto& [id, count] : taken) {
    EXPECT_EQ(count, 3) << id;
    EXPECT_EQ(std::stoi(id) % 2, 1);
  }
}

}  // namespace
}  // namespace roost::routing
