// SPDX-License-Identifier: Apache-2.0
// What decides: order, defaults, whom a rule is about, placeholders.
#include "broker/auth/rules.h"

#include <gtest/gtest.h>

#include <string>

#include "broker/mqtt/filter_relation.h"
#include "broker/mqtt/topic.h"

namespace roost::auth {
namespace {

RulesPtr rules(std::string_view yaml) {
  auto made = parse_rules(yaml, "acl.yaml");
  EXPECT_TRUE(made) << made.error().message;
  return made ? *made : nullptr;
}

Identity named(std::string user) {
  Identity identity;
  identity.user_name = std::move(user);
  return identity;
}

bool allows(const RulesPtr& rules, Right right, std::string_view topic,
            const Identity& identity = {}, std::string_view client_id = "c1") {
  const bool allowed = rules->allows(right, {client_id, identity}, topic);
  EXPECT_EQ(rules->explain(right, {client_id, identity}, topic).allowed, allowed) << topic;
  return allowed;
}

std::string why(const RulesPtr& rules, Right right, std::string_view topic,
                const Identity& identity = {}, std::string_view client_id = "c1") {
  return rules->explain(right, {client_id, identity}, topic).why;
}

TEST(Rules, TheFirstThatFitsDecides) {
  const auto list = rules(R"(
rules:
  - deny: publish
    topics: home/secret/#
  - allow: [publish, subscribe]
    topics: [home/#, garden/+]
  - deny: publish
    topics: home/lamp
)");
  EXPECT_TRUE(allows(list, Right::publish, "home/lamp"));
  EXPECT_TRUE(allows(list, Right::publish, "home"));
  EXPECT_TRUE(allows(list, Right::publish, "garden/x"));
  EXPECT_FALSE(allows(list, Right::publish, "garden/x/y"));
  EXPECT_FALSE(allows(list, Right::publish, "home/secret"));
  EXPECT_FALSE(allows(list, Right::publish, "home/secret/a"));
  EXPECT_FALSE(allows(list, Right::publish, "attic"));
  EXPECT_EQ(list->size(), 3u);
}

TEST(Rules, TheDefaultDecidesPublishAndSubscribe) {
  const auto closed = rules("rules: []"), open = rules("{default: allow, rules: []}");
  EXPECT_FALSE(allows(closed, Right::publish, "a"));
  EXPECT_FALSE(allows(closed, Right::subscribe, "a"));
  EXPECT_TRUE(allows(open, Right::publish, "a"));
  EXPECT_TRUE(allows(open, Right::subscribe, "#"));
  for (const RulesPtr& each : {closed, open}) {
    EXPECT_TRUE(allows(each, Right::receive, "a"));
    EXPECT_TRUE(allows(each, Right::retain, "a"));
    EXPECT_FALSE(each->asks_on_receive());
  }
}

TEST(Rules, ReceiveAndRetainAreAllowedWhereNoRuleIsAboutThem) {
  const auto list = rules(R"(
- allow: [receive, retain]
  topics: a/free
- deny: [receive, retain]
  topics: a/#
- allow: [publish, subscribe]
  topics: "#"
)");
  EXPECT_TRUE(list->asks_on_receive());
  for (const Right right : {Right::receive, Right::retain}) {
    EXPECT_FALSE(allows(list, right, "a/b")) << to_text(right);
    EXPECT_TRUE(allows(list, right, "a/free")) << to_text(right);
    EXPECT_TRUE(allows(list, right, "b")) << to_text(right);
  }
  EXPECT_TRUE(allows(list, Right::publish, "a/b"));
}

TEST(Rules, OnlyADenyOfReceiveMakesItAsked) {
  EXPECT_FALSE(rules("[{allow: all, topics: a}]")->asks_on_receive());
  EXPECT_TRUE(rules("[{deny: all, topics: a}]")->asks_on_receive());
  EXPECT_FALSE(rules("[{deny: publish, topics: a}]")->asks_on_receive());
}

TEST(Rules, ASubscriptionMustBeCoveredAndNotTouchADeny) {
  const auto list = rules(R"(
- deny: subscribe
  topics: home/secret/#
- allow: subscribe
  topics: ["home/#", "+/news", "$SYS/broker/#"]
)");
  for (const char* good :
       {"home/lamp", "home/lamp/#", "a/news", "+/news", "$SYS/broker/load", "$SYS/broker/+"}) {
    EXPECT_TRUE(allows(list, Right::subscribe, good)) << good;
  }
  for (const char* bad : {"#", "+", "+/#", "home/#", "home/+", "home/secret", "home/+/x", "$SYS/#",
                          "$SYS/+/load", "garden"}) {
    EXPECT_FALSE(allows(list, Right::subscribe, bad)) << bad;
  }
}

TEST(Rules, WildcardsLeaveDollarTopicsAlone) {
  const auto list = rules(R"([{allow: [publish, subscribe], topics: ["#", "+/a"]}])");
  EXPECT_TRUE(allows(list, Right::subscribe, "#"));
  EXPECT_FALSE(allows(list, Right::subscribe, "$SYS/#"));
  EXPECT_FALSE(allows(list, Right::publish, "$SYS/a"));
}

// A SUBACK that grants what never comes would be a lie.
TEST(Rules, AFilterOfWhichNothingMayBeReceivedIsRefused) {
  const auto list = rules(R"(
- {allow: receive, topics: secret/open/+}
- {deny: receive, topics: [secret/#, "+/key", "of/%u/#"]}
- {allow: [subscribe, receive], topics: "#"}
)");
  const Identity ann = named("ann");
  for (const char* refused : {"secret", "secret/a", "secret/a/#", "home/key", "of/ann/+"}) {
    EXPECT_FALSE(allows(list, Right::subscribe, refused, ann)) << refused;
  }
  for (const char* granted : {"#", "secret/#", "secret/+/a", "secret/open/a", "home/+", "of/+"}) {
    EXPECT_TRUE(allows(list, Right::subscribe, granted, ann)) << granted;
  }
  EXPECT_FALSE(allows(list, Right::subscribe, "of/bob")) << "a stranger's is all below";
  EXPECT_EQ(why(list, Right::subscribe, "secret/a"), "acl.yaml:3: deny receive on secret/#");
}

// Every filter against every pair of rules, by what they are about.
TEST(Rules, NobodyIsGrantedATopicThatADenyForbids) {
  const std::vector<std::string> filters = {"#",   "+",     "+/#",  "a",    "a/#",  "a/+",
                                            "+/b", "a/b",   "$s/#", "$s",   "$s/+", "+/+",
                                            "b/#", "+/b/#", "/#",   "$s/b", "a/b/#"};
  for (const std::string& deny : filters) {
    for (const std::string& allow : filters) {
      const auto list = rules("[{deny: subscribe, topics: \"" + deny +
                              "\"}, {allow: subscribe, topics: \"" + allow + "\"}]");
      for (const std::string& filter : filters) {
        EXPECT_EQ(allows(list, Right::subscribe, filter),
                  !mqtt::overlaps(deny, filter) && mqtt::covers(allow, filter))
            << deny << " " << allow << " " << filter;
      }
    }
  }
}

TEST(Rules, AreAboutUsersGroupsAndStrangers) {
  const auto list = rules(R"(
groups:
  staff: [ann, night-*]
  guests: []
rules:
  - {allow: publish, topics: a, users: [bob, "lamp-*"]}
  - {allow: publish, topics: b, groups: staff}
  - {allow: publish, topics: c, groups: guests, users: bob}
  - {allow: publish, topics: d, anonymous: true}
  - {allow: publish, topics: e, users: "*"}
)");
  Identity guest = named("zoe");
  guest.groups = {"other", "guests"};
  EXPECT_TRUE(allows(list, Right::publish, "a", named("bob")));
  EXPECT_TRUE(allows(list, Right::publish, "a", named("lamp-3")));
  EXPECT_FALSE(allows(list, Right::publish, "a", named("lamp")));
  EXPECT_FALSE(allows(list, Right::publish, "a", named("bobby")));
  EXPECT_TRUE(allows(list, Right::publish, "b", named("ann")));
  EXPECT_TRUE(allows(list, Right::publish, "b", named("night-1")));
  EXPECT_FALSE(allows(list, Right::publish, "b", named("bob")));
  EXPECT_TRUE(allows(list, Right::publish, "c", guest));
  EXPECT_TRUE(allows(list, Right::publish, "c", named("bob")));
  EXPECT_FALSE(allows(list, Right::publish, "c", named("ann")));
  EXPECT_TRUE(allows(list, Right::publish, "d"));
  EXPECT_FALSE(allows(list, Right::publish, "d", named("ann")));
  EXPECT_TRUE(allows(list, Right::publish, "e", named("ann")));
  EXPECT_FALSE(allows(list, Right::publish, "e")) << "a star is somebody with a name";
}

TEST(Rules, AllKindsOfConditionsMustFit) {
  const auto list = rules(R"(
- allow: publish
  topics: a
  users: ann
  clients: sensor-*
  common_names: "*.example"
  listeners: main
  networks: [10.0.0.0/8, "fd00::/8", unix]
)");
  Identity who = named("ann");
  who.certificate_common_name = "pump.example";
  who.listener = "main";
  who.address = "10.1.2.3";
  EXPECT_TRUE(allows(list, Right::publish, "a", who, "sensor-1"));
  EXPECT_FALSE(allows(list, Right::publish, "a", who, "lamp-1"));
  for (const char* inside : {"10.255.0.1", "::ffff:10.0.0.1", "fd00::1", "FD12:3::", ""}) {
    who.address = inside;
    EXPECT_TRUE(allows(list, Right::publish, "a", who, "sensor-1")) << inside;
  }
  for (const char* outside : {"11.0.0.1", "::ffff:11.0.0.1", "fe80::1%eth0", "::1", "what"}) {
    who.address = outside;
    EXPECT_FALSE(allows(list, Right::publish, "a", who, "sensor-1")) << outside;
  }
  who.address = "10.1.2.3";
  Identity other = who;
  other.listener = "tls";
  EXPECT_FALSE(allows(list, Right::publish, "a", other, "sensor-1"));
  other = who;
  other.certificate_common_name = "";
  EXPECT_FALSE(allows(list, Right::publish, "a", other, "sensor-1"));
  other = who;
  other.user_name = "bob";
  EXPECT_FALSE(allows(list, Right::publish, "a", other, "sensor-1"));
}

// Rules found by user name, by client id and by neither, between each other.
TEST(Rules, OrderHoldsAcrossTheIndex) {
  const auto list = rules(R"(
- {deny: publish, topics: a/1, users: ann}
- {allow: publish, topics: a/1, clients: c1}
- {deny: publish, topics: a/#}
- {allow: publish, topics: a/2, users: ann}
- {allow: publish, topics: b, clients: c1}
- {deny: publish, topics: b, users: [ann, bob, ann]}
- {allow: publish, topics: "#"}
)");
  EXPECT_FALSE(allows(list, Right::publish, "a/1", named("ann")));
  EXPECT_TRUE(allows(list, Right::publish, "a/1", named("bob")));
  EXPECT_FALSE(allows(list, Right::publish, "a/1", named("bob"), "c2"));
  EXPECT_FALSE(allows(list, Right::publish, "a/2", named("ann")));
  EXPECT_TRUE(allows(list, Right::publish, "b", named("ann")));
  EXPECT_FALSE(allows(list, Right::publish, "b", named("ann"), "c2"));
  EXPECT_TRUE(allows(list, Right::publish, "b", named("zoe"), "c2"));
}

TEST(Rules, NobodyGetsByADenyByHisName) {
  const auto list = rules(R"(
- {deny: [publish, subscribe, receive], topics: ["dev/%c/key/#", "of/x-%u/#"]}
- {deny: [publish, subscribe], topics: "%cn/#", listeners: tls}
- {allow: [publish, subscribe], topics: ["#", "$SYS/#"]}
)");
  const Identity ann = named("ann");
  EXPECT_FALSE(allows(list, Right::publish, "dev/c1/key", ann));
  EXPECT_TRUE(allows(list, Right::publish, "dev/c2/key", ann));
  EXPECT_FALSE(allows(list, Right::subscribe, "dev/+/key", ann)) << "a wildcard neither";
  for (const char* id : {"c/1", "+", "#", "c+", "/"}) {
    const std::string own = "dev/" + std::string(id) + "/key";
    if (own.find_first_of("+#") == std::string::npos) {
      EXPECT_FALSE(allows(list, Right::publish, own, ann, id));
      EXPECT_FALSE(allows(list, Right::receive, own, ann, id));
    }
    EXPECT_FALSE(allows(list, Right::publish, "dev/c1/key", ann, id)) << id;
    EXPECT_FALSE(allows(list, Right::subscribe, "dev/c2/a", ann, id)) << id;
    EXPECT_TRUE(allows(list, Right::publish, "home/dev", ann, id)) << id;
  }
  EXPECT_FALSE(allows(list, Right::publish, "of/x-ann/a")) << "without a name, all below";
  EXPECT_TRUE(allows(list, Right::publish, "of", named("bob")));
  Identity tls = ann;
  tls.listener = "tls";
  for (const char* topic : {"a", "$SYS/a", "$SYS/#", "#"}) {
    EXPECT_FALSE(allows(list, Right::subscribe, topic, tls)) << "no certificate, nothing";
    EXPECT_TRUE(allows(list, Right::subscribe, "$SYS/#", ann));
  }
}

TEST(Rules, AValueNeverAllowsMoreThanItsLevel) {
  const auto list = rules(R"([{allow: all, topics: ["%c/#", "dev/%u/a", "site/%{site}/#"]}])");
  for (const char* id : {"+", "#", "a/b", "$SYS", ""}) {
    Identity who = named(id);
    who.claims = {{"site", id}};
    for (const char* topic : {"#", "+/#", "$SYS/#", "a/#", "a/b/#", "dev/#", "dev/+/a", "dev/a/b/a",
                              "site/+", "site/#", "site/a/b", "/a", "dev//a", "site//a"}) {
      EXPECT_FALSE(allows(list, Right::subscribe, topic, who, id)) << id << " " << topic;
      EXPECT_FALSE(allows(list, Right::publish, topic, who, id)) << id << " " << topic;
    }
  }
}

TEST(Rules, SayWhichDecided) {
  const auto list = rules(
      "rules:\n"
      "  - deny: publish\n"
      "    topics: [other, secret/#]\n"
      "  - {allow: [publish, subscribe], topics: \"dev/%c/#\", users: ann}\n"
      "  - {deny: publish, topics: \"dev/%c/#\"}\n");
  const auto ann = named("ann");
  EXPECT_EQ(why(list, Right::publish, "secret/a"), "acl.yaml:2: deny publish on secret/#");
  EXPECT_EQ(why(list, Right::subscribe, "dev/c1/+", ann),
            "acl.yaml:4: allow subscribe on dev/%c/#");
  EXPECT_EQ(why(list, Right::publish, "a", ann), "no rule of acl.yaml fits: deny");
  EXPECT_EQ(why(list, Right::subscribe, "dev/a", ann, "a/b"),
            "no rule of acl.yaml fits: deny (acl.yaml:4 has no value that can stand in a topic)");
  EXPECT_EQ(why(list, Right::receive, "a"), "no rule of acl.yaml fits: allow");
  EXPECT_EQ(why(list, Right::publish, "dev/a", {}, "a/b"),
            "acl.yaml:5: deny publish on dev/%c/# (a value can't stand in a topic: everything from"
            " its level on)");
}

}  // namespace
}  // namespace roost::auth
