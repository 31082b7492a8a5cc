// SPDX-License-Identifier: Apache-2.0
// The YAML file: what may stand in it and what is said of what may not.
#include <gtest/gtest.h>

#include <string>

#include "broker/auth/rules.h"

namespace roost::auth {
namespace {

std::string fault_of(std::string_view yaml) {
  const auto made = parse_rules(yaml, "acl.yaml");
  if (made) return "";
  EXPECT_EQ(made.error().kind, ErrorKind::invalid_argument);
  return made.error().message;
}

TEST(RulesYaml, TakesWordsAndListsOfWords) {
  EXPECT_EQ(fault_of("rules: [{allow: all, topics: a}]"), "");
  EXPECT_EQ(fault_of("rules: [{allow: [publish, retain], topics: [a, 'b/#']}]"), "");
  EXPECT_EQ(fault_of("{default: deny, groups: {}, rules: []}"), "");
  EXPECT_EQ(fault_of("groups: {staff: ann, none: []}\nrules: []"), "");
}

TEST(RulesYaml, ATokensRulesAreAListOrJson) {
  EXPECT_EQ(fault_of("[]"), "");
  EXPECT_EQ(fault_of(R"([{"allow": ["publish"], "topics": ["dev/%c/#"]}])"), "");
  EXPECT_EQ(fault_of("[{allow: all, topics: a, groups: whatever}]"), "")
      << "groups are those of the token";
  const auto made = parse_rules(R"([{"deny": "publish", "topics": "\u0061/#"}])", "token");
  ASSERT_TRUE(made);
  const Identity nobody;
  EXPECT_EQ((*made)->explain(Right::publish, {"c", nobody}, "a/b").why,
            "token:1: deny publish on a/#");
}

TEST(RulesYaml, AnchorsAreFine) {
  const auto made = parse_rules(
      "rules:\n  - {allow: publish, topics: &both [a, b], users: ann}\n"
      "  - {allow: publish, topics: *both, users: bob}\n",
      "acl.yaml");
  ASSERT_TRUE(made);
  Identity bob;
  bob.user_name = "bob";
  EXPECT_TRUE((*made)->allows(Right::publish, {"c", bob}, "b"));
}

struct Row {
  const char* yaml;
  const char* fault;
};

TEST(RulesYaml, SaysWhatIsWrongAndWhere) {
  for (const Row& row : {
           Row{"", "acl.yaml:1: expected \"rules:\" and a list, or a list of rules alone"},
           Row{"word", "acl.yaml:1: expected \"rules:\" and a list, or a list of rules alone"},
           Row{"default: deny", "acl.yaml:1: rules is missing"},
           Row{"rules: []\nrule: []",
               "acl.yaml:2: rule is not known; allowed is groups, default, rules"},
           Row{"rules: []\nrules: []", "acl.yaml:2: rules is given twice, first in line 1"},
           Row{"rules: a", "acl.yaml:1: rules: expected a list"},
           Row{"rules:", "acl.yaml:1: rules: expected a list"},
           Row{"rules: []\ndefault: maybe",
               "acl.yaml:2: default is \"maybe\"; allowed is allow, deny"},
           Row{"rules: []\ndefault: [deny]", "acl.yaml:2: default is \"\"; allowed is allow, deny"},
           Row{"rules: []\ngroups: a", "acl.yaml:2: groups: expected names with a list of users"},
           Row{"rules: []\ngroups: {a: {b: c}}", "acl.yaml:2: groups.a has a list or map where"},
           Row{"rules:\n- a", "acl.yaml:2: rules.0: expected \"allow:\" or \"deny:\" and"},
           Row{"- {topics: a}", "acl.yaml:1: rules.0.allow or rules.0.deny: expected one of them"},
           Row{"- {allow: all, deny: all, topics: a}",
               "acl.yaml:1: rules.0.allow or rules.0.deny: expected one of them"},
           Row{"- allow: all", "acl.yaml:1: rules.0.topics is missing"},
           Row{"- allow: all\n  topics: []",
               "acl.yaml:2: rules.0.topics is empty; allowed is to leave it out"},
           Row{"- allow: all\n  topics: a\n  users: []", "acl.yaml:3: rules.0.users is empty"},
           Row{"- allow: publsh\n  topics: a",
               "acl.yaml:1: rules.0.allow is \"publsh\"; allowed is publish, subscribe, receive,"
               " retain, all"},
           Row{"- allow: all\n  topic: a",
               "acl.yaml:2: rules.0.topic is not known; allowed is allow, deny, topics, users,"},
           Row{"- allow: all\n  topics:\n    - #\n",
               "rules.0.topics has nothing where a word is expected; # begins a comment: quote it"},
           Row{"- allow: all\n  topics: [a, 'b/#/c']",
               "acl.yaml:2: rules.0.topics: \"b/#/c\" is no topic filter:"},
           Row{"- allow: all\n  topics: ['a/%x']",
               "acl.yaml:2: rules.0.topics: \"a/%x\" has a placeholder that is none: allowed are"},
           Row{"- allow: all\n  topics: $share/g/a",
               "acl.yaml:2: rules.0.topics: \"$share/g/a\" is shared"},
           Row{"- allow: all\n  topics: a\n  anonymous: false",
               "acl.yaml:3: rules.0.anonymous: allowed is true"},
           Row{"- allow: all\n  topics: a\n  users: ['']",
               "acl.yaml:3: rules.0.users has an empty name"},
           Row{"- allow: all\n  topics: a\n  networks: 10.0.0.1/8",
               "acl.yaml:3: rules.0.networks has \"10.0.0.1/8\"; allowed is 10.0.0.0/8"},
           Row{"rules:\n- allow: all\n  topics: a\n  groups: staff",
               "acl.yaml:4: rules.0.groups has \"staff\", which groups: doesn't know"},
           Row{"- [a", "acl.yaml:1: not YAML: "},
           Row{"rules: *nothing", "acl.yaml:1: not YAML: "},
           Row{"? [a]\n: b\nrules: []", "a key must be a plain word"},
       }) {
    EXPECT_NE(fault_of(row.yaml).find(row.fault), std::string::npos)
        << row.yaml << "\n  says: " << fault_of(row.yaml);
  }
}

TEST(RulesYaml, SaysAllThatIsWrongUpToTenLines) {
  std::string yaml;
  for (int i = 0; i < 12; ++i) yaml += "- {allow: all, topics: a#}\n";
  const std::string fault = fault_of(yaml);
  EXPECT_NE(fault.find("acl.yaml:10: "), std::string::npos) << fault;
  EXPECT_EQ(fault.find("acl.yaml:11: "), std::string::npos) << fault;
  EXPECT_NE(fault.find("acl.yaml: and 2 more"), std::string::npos) << fault;
}

TEST(RulesYaml, BoundsWhatItReads) {
  EXPECT_EQ(fault_of(std::string(4 * 1024 * 1024 + 1, ' ')), "acl.yaml: larger than 4 MiB");
  const auto repeated = [](std::string_view part, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += part;
    return text;
  };
  for (const char* tower : {"[", "{a: ", "[ ", "[\n", "[{a: ", "['a[', ", "[\"\\\"\", "}) {
    EXPECT_EQ(fault_of(repeated(tower, 100'000)), "acl.yaml: brackets are nested too deeply")
        << tower;
  }
  // Those that yaml-cpp stops by itself.
  for (const char* tower : {"- ", "? ", "!a [", "&a ["}) {
    EXPECT_NE(fault_of(repeated(tower, 100'000)), "") << tower;
  }
  EXPECT_EQ(fault_of("rules: []  # " + repeated("[", 100)), "");
  EXPECT_EQ(fault_of("- {allow: all, topics: [\"" + repeated("[", 100) + "\", '[[''[[']}"), "");
}

TEST(RulesYaml, AnchorsDontMakeAMountainOfAMolehill) {
  std::string yaml = "- {allow: all, topics: &many [";
  for (int i = 0; i < 20'000; ++i) yaml += "a,";
  yaml += "a]}\n";
  for (int i = 0; i < 60; ++i) yaml += "- {allow: all, topics: *many}\n";
  EXPECT_NE(fault_of(yaml).find("more than 1000000 words in all lists"), std::string::npos);
}

TEST(RulesYaml, AFileThatIsNotThereIsNotFound) {
  const auto made = read_rules("/nowhere/acl.yaml");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace roost::auth
