// SPDX-License-Identifier: Apache-2.0
// Rules as clients meet them: at their own node, at the leader of their session, and after a
// change.
#include "broker/gates/client_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/gates/client_packets.h"
#include "tests/gates/relay_stage.h"
#include "tests/gates/stage.h"
#include "tests/support/packet_text.h"
#include "tests/support/vector_log.h"

namespace roost::gates {
namespace {

using mqtt::Qos;
using support::RawClient;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kOwnHome =
    "{rules: [{allow: [publish, subscribe], topics: ['home/%u/#']}]}";

auth::RulesPtr rules(std::string_view yaml) { return auth::parse_rules(yaml, "acl.yaml").value(); }

auth::IdentityPtr user(const std::string& name) {
  auto identity = std::make_shared<auth::Identity>();
  identity->user_name = name;
  return identity;
}

class ClientAccessTest : public testing::Test {
 protected:
  std::unique_ptr<ClientAccess> make(auth::IdentityPtr identity) {
    return ClientAccess::make(in_force, "a", std::move(identity), 1000, 60'000, connection_log);
  }

  RulesInForce in_force;
  support::VectorLog log;
  observe::RateBoundLog connection_log{log, "connection", 0};
};

TEST_F(ClientAccessTest, IsNoneWhereNothingIsRestricted) {
  EXPECT_EQ(make(nullptr), nullptr);
  EXPECT_EQ(make(user("ann")), nullptr);
}

TEST_F(ClientAccessTest, KnowsAtOnceThatTheRulesHaveChanged) {
  in_force.rules = rules(kOwnHome);
  const auto access = make(user("ann"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(access->may_publish("home/ann/lamp", false));
    EXPECT_FALSE(access->may_publish("home/bob/lamp", false));
  }
  EXPECT_TRUE(access->may_publish("home/ann/lamp", false));
  in_force.rules = rules("{rules: []}");
  ++in_force.version;
  EXPECT_FALSE(access->may_publish("home/ann/lamp", false));
  in_force.rules = nullptr;
  EXPECT_TRUE(access->may_publish("anything", true));
}

TEST_F(ClientAccessTest, RetainIsAskedBesidePublish) {
  in_force.rules = rules("{rules: [{deny: [retain], topics: [t]}, {allow: all, topics: ['#']}]}");
  const auto access = make(user("ann"));
  EXPECT_TRUE(access->may_publish("t", false));
  EXPECT_FALSE(access->may_publish("t", true));
  EXPECT_TRUE(access->may_publish("t", false));
  EXPECT_TRUE(access->may_publish("u", true));
}

TEST_F(ClientAccessTest, ATokensOwnRulesDecideAlone) {
  in_force.rules = rules("{rules: [{allow: all, topics: ['#']}]}");
  auto identity = std::make_shared<auth::Identity>(*user("ann"));
  identity->own_rules = R"([{"allow": ["publish"], "topics": ["own/%c"]}])";
  const auto access = make(identity);
  EXPECT_TRUE(access->may_publish("own/a", false));
  EXPECT_FALSE(access->may_publish("else", false));
  in_force.rules = nullptr;
  EXPECT_FALSE(access->may_publish("else", false));
}

TEST_F(ClientAccessTest, OwnRulesThatCannotBeReadAllowNothing) {
  auto identity = std::make_shared<auth::Identity>(*user("ann"));
  identity->own_rules = "[{allow: [fly], topics: [t]}]";
  const auto access = make(identity);
  ASSERT_NE(access, nullptr);
  EXPECT_FALSE(access->may_publish("t", false));
  EXPECT_FALSE(access->may_subscribe("t"));
  EXPECT_EQ(log.count("user ann may do nothing"), 1U);
}

TEST_F(ClientAccessTest, EndsWhenItsIdentityDoes) {
  auto identity = std::make_shared<auth::Identity>(*user("ann"));
  identity->expires_at_s = 65;
  EXPECT_EQ(make(identity)->ends_at_ms(), 6000);
  identity->expires_at_s = 5;
  EXPECT_EQ(make(identity)->ends_at_ms(), 1001) << "over already";
  identity->expires_at_s = UINT64_MAX;
  EXPECT_GT(make(identity)->ends_at_ms(), 1'000'000'000'000);
  EXPECT_TRUE(make(identity)->may_publish("t", true));
}

// --- as clients meet it ---

TEST(AccessAtTheDoor, AWillThatMayNotBePublishedIsSaidInConnack) {
  Stage stage;
  for (const auto& gates : stage.gates) gates->use(rules(kOwnHome));
  RawClient client("");
  stage.open(client);
  stage.send(client, {with_will(clean("a"))});
  EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 87"), "END"));
  EXPECT_THAT(stage.log.take(), Contains(HasSubstr("may not publish to its will's topic")));
}

TEST(AccessAtTheDoor, RulesAreAskedForWhoWasLetIn) {
  Stage stage;
  for (const auto& gates : stage.gates) gates->use(rules(kOwnHome));
  stage.authenticator.result.identity = user("ann");
  for (const char* id : {"a", "b", "c", "d"}) {  // on this core, and on others
    RawClient client("");
    stage.open(client);
    stage.send(client, {clean(id), subscribe("home/ann/#", Qos::at_most_once),
                        subscribe("home/#", Qos::at_most_once, 2)});
    EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00"), HasSubstr("SUBACK id=1 00"),
                                              HasSubstr("SUBACK id=2 87")));
  }
}

TEST(AccessAtTheLeader, ARelayedSessionIsJudgedByWhoItsFrontLetIn) {
  RelayStage stage(2);
  stage.lead_all(0);
  for (const auto& gates : stage.at(0).gates) gates->use(rules(kOwnHome));
  stage.at(1).authenticator.result.identity = user("ann");
  RawClient client("");
  stage.come(client, 1, durable("kitchen"));
  stage.send(client, {subscribe("home/ann/#", Qos::at_least_once),
                      subscribe("home/bob/#", Qos::at_least_once, 2)});
  EXPECT_THAT(read_all(client),
              ElementsAre(HasSubstr("SUBACK id=1 01"), HasSubstr("SUBACK id=2 87")));
  stage.send(client, {publish("home/bob/x", "1", Qos::at_least_once, 3)});
  EXPECT_THAT(read_all(client), ElementsAre("PUBACK id=3 87"));
}

TEST(AccessAtTheLeader, NewRulesReachWhoIsConnected) {
  RelayStage stage(2);
  stage.lead_all(0);
  for (const auto& gates : stage.at(0).gates) gates->use(rules(kOwnHome));
  stage.at(1).authenticator.result.identity = user("ann");
  RawClient client("");
  stage.come(client, 1, durable("kitchen"));
  stage.send(client, {subscribe("home/ann/#", Qos::at_least_once)});
  read_all(client);
  const ShardId shard = RelayStage::shard_of("kitchen");
  stage.in_turn(0, shard, [&] {
    stage.at(0).gates[shard.value % RelayStage::kCores]->use(rules("{rules: []}"));
  });
  EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("DISCONNECT 87"), "END"));
  EXPECT_EQ(stage.sessions(0, shard).stored("kitchen")->filters.size(), 0U);
}

}  // namespace
}  // namespace roost::gates
