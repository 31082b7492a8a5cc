// SPDX-License-Identifier: Apache-2.0
#include "broker/session/shard_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/session/state_codec.h"

namespace roost::session {
namespace {

using Change = ShardGroups::Change;
using testing::ElementsAre;
using testing::IsEmpty;

class GroupsOfAShard : public testing::Test {
 protected:
  static ShareStep step(std::string_view client_id, std::uint64_t counter, std::uint64_t life = 0,
                        bool connected = true, std::string_view share = "g/t/+") {
    ShareStep step;
    step.share = share;
    step.client_id = client_id;
    step.generation = {1, counter};
    step.life = life;
    step.connected = connected;
    step.qos = mqtt::Qos::at_least_once;
    return step;
  }
  static std::string choose(ShardGroups& groups, std::string_view except = {},
                            std::string_view share = "g/t/+") {
    routing::ShareGroup* group = groups.find(share);
    if (group == nullptr) return "no group";
    const routing::ShareMember* chosen = groups.choose(*group, except);
    return chosen == nullptr ? "nobody" : chosen->client_id;
  }
  std::vector<std::string> matching(std::string_view topic) {
    std::vector<std::string> names;
    for (const auto* group : groups.matching(topic)) names.push_back(ShardGroups::name_of(*group));
    return names;
  }
  ShardGroups groups;
};

TEST_F(GroupsOfAShard, BeginWithTheFirstMemberAndEndWithTheLast) {
  EXPECT_EQ(groups.joined(step("a", 1)), Change::began);
  EXPECT_EQ(groups.joined(step("b", 1)), Change::nothing);
  EXPECT_TRUE(groups.matches_any("t/1"));
  EXPECT_EQ(groups.left(step("a", 1)), Change::nothing);
  EXPECT_EQ(groups.left(step("b", 1)), Change::ended);
  EXPECT_FALSE(groups.matches_any("t/1"));
  EXPECT_TRUE(groups.empty());
}

TEST_F(GroupsOfAShard, AreFoundByNameInOneOrder) {
  for (const char* const share : {"z/t/+", "a/t/+", "m/t/1", "m/#"}) {
    groups.joined(step("x", 1, 0, true, share));
  }
  EXPECT_THAT(matching("t/1"), ElementsAre("a/t/+", "m/#", "m/t/1", "z/t/+"));
  EXPECT_THAT(matching("u"), ElementsAre("m/#"));
}

TEST_F(GroupsOfAShard, PreferConnectedMembersAndNotWhoLeftIt) {
  groups.joined(step("away", 1, 0, false));
  groups.joined(step("a", 1));
  groups.joined(step("b", 1));
  EXPECT_EQ(choose(groups), "a");
  EXPECT_EQ(choose(groups), "b");
  EXPECT_EQ(choose(groups, "a"), "b");
  groups.joined(step("b", 2, 0, false));
  EXPECT_EQ(choose(groups), "a");
  EXPECT_NE(choose(groups, "a"), "a");
  groups.left(step("a", 1));
  groups.left(step("b", 2));
  EXPECT_EQ(choose(groups, "away"), "away") << "the only one";
}

// A client that moved to another node says so there, and leaves here perhaps later.
TEST_F(GroupsOfAShard, AreNotLeftByAnOlderConnection) {
  groups.joined(step("a", 7, 71));
  groups.joined(step("a", 8, 72));
  EXPECT_EQ(groups.left(step("a", 7)), Change::nothing);
  EXPECT_EQ(groups.joined(step("a", 7, 71)), Change::nothing);
  EXPECT_THAT(groups.lives(), ElementsAre(72u));
  EXPECT_EQ(groups.left(step("a", 8)), Change::ended);
  EXPECT_THAT(groups.lives(), IsEmpty());
}

TEST_F(GroupsOfAShard, LoseTheMembersOfAProcessThatIsOver) {
  groups.joined(step("a", 1, 71));
  groups.joined(step("b", 1, 72));
  groups.joined(step("c", 1, 71, true, "h/u"));
  EXPECT_TRUE(groups.has(71));
  EXPECT_THAT(groups.gone(71), ElementsAre("u"));
  EXPECT_FALSE(groups.has(71));
  EXPECT_EQ(choose(groups), "b");
  EXPECT_THAT(groups.gone(71), IsEmpty());
}

// Whoever loads it goes on with the choices that its leader would have made.
TEST_F(GroupsOfAShard, GoOnFromDiskWhereTheyWere) {
  for (const char* const name : {"a", "b", "c", "d", "e"}) {
    groups.joined(step(name, 1, name[0] == 'c' ? 71 : 0, name[0] != 'b'));
  }
  groups.left(step("a", 1));
  choose(groups);
  EXPECT_THAT(groups.take_dirty(), ElementsAre("g/t/+"));
  EXPECT_THAT(groups.take_dirty(), IsEmpty());
  const auto stored = groups.stored("g/t/+");
  ASSERT_TRUE(stored);
  std::vector<std::uint8_t> bytes;
  encode_value(*stored, bytes);
  const auto decoded = decode_group(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  ShardGroups loaded;
  loaded.load("g/t/+", *decoded);
  EXPECT_THAT(loaded.take_dirty(), IsEmpty());
  EXPECT_THAT(loaded.lives(), ElementsAre(71u));
  EXPECT_TRUE(loaded.matches_any("t/1"));
  for (int i = 0; i < 12; ++i) {
    const std::string except = i % 3 == 0 ? "d" : "";
    if (i == 6) {
      groups.joined(step("b", 2));
      loaded.joined(step("b", 2));
    }
    EXPECT_EQ(choose(loaded, except), choose(groups, except)) << i;
  }
  groups.left(step("b", 2));
  groups.left(step("c", 1));
  groups.left(step("d", 1));
  EXPECT_EQ(groups.left(step("e", 1)), Change::ended);
  EXPECT_FALSE(groups.stored("g/t/+"));
}

// QoS 0 is chosen by the leader alone: that must not move what all replicas choose.
TEST_F(GroupsOfAShard, ChooseAtQos0ByAnotherTurn) {
  groups.joined(step("a", 1));
  groups.joined(step("b", 1));
  routing::ShareGroup* group = groups.find("g/t/+");
  EXPECT_EQ(group->next_once()->client_id, "a");
  EXPECT_EQ(group->next_once()->client_id, "b");
  EXPECT_EQ(group->next_once()->client_id, "a");
  EXPECT_EQ(choose(groups), "a");
}

}  // namespace
}  // namespace roost::session
