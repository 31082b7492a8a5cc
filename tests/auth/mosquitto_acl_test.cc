// SPDX-License-Identifier: Apache-2.0
// mosquitto's ACL files. The table is proven on mosquitto itself by tests/system/acl_test.py.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "broker/auth/rules.h"

namespace roost::auth {
namespace {

struct Ask {
  std::string user, client_id, what, topic, answer;
};

struct Case {
  std::string name, text;
  std::vector<Ask> asked;
  bool is_refused = false;
};

void replace_all(std::string& text, std::string_view old, std::string_view put) {
  for (std::size_t at = 0; (at = text.find(old, at)) != std::string::npos; at += put.size()) {
    text.replace(at, old.size(), put);
  }
}

std::vector<std::string> split(std::string_view text, std::string_view by) {
  std::vector<std::string> parts;
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = text.find(by);
    parts.emplace_back(text.substr(0, end));
    if (end != std::string_view::npos) text.remove_prefix(end + by.size());
  }
  return parts;
}

std::vector<Case> read_table() {
  std::vector<Case> cases;
  std::ifstream file("tests/support/mosquitto_acl_cases.txt");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    const std::string key = line.substr(0, colon);
    std::string value = line.size() > colon + 2 ? line.substr(colon + 2) : "";
    if (key == "case") {
      cases.push_back({value, "", {}, false});
    } else if (key == "acl") {
      replace_all(value, "\\s", " ");
      replace_all(value, "\\t", "\t");
      cases.back().text += value + "\n";
    } else if (key == "ask") {
      const auto parts = split(value, " | ");
      EXPECT_EQ(parts.size(), 5u) << line;
      cases.back().asked.push_back({parts[0], parts[1], parts[2], parts[3], parts[4]});
    } else if (key == "refused") {
      cases.back().is_refused = true;
    }
  }
  return cases;
}

TEST(MosquittoAcl, IsReadAsMosquittoReadsIt) {
  const auto cases = read_table();
  ASSERT_GT(cases.size(), 20u) << "run from the repository's root";
  for (const Case& each : cases) {
    const auto made = parse_mosquitto_acl(each.text, "acl");
    ASSERT_EQ(made.has_value(), !each.is_refused) << each.name;
    for (const Ask& ask : each.asked) {
      Identity identity;
      if (ask.user != "-") identity.user_name = ask.user;
      const Right right = ask.what == "read" ? Right::receive : Right::publish;
      const Subject who{ask.client_id, identity};
      EXPECT_EQ((*made)->allows(right, who, ask.topic), ask.answer == "yes")
          << each.name << ": " << ask.user << " " << ask.client_id << " " << ask.what << " "
          << ask.topic << ": " << (*made)->explain(right, who, ask.topic).why;
    }
  }
}

RulesPtr acl(std::string_view text) {
  auto made = parse_mosquitto_acl(text, "acl");
  EXPECT_TRUE(made) << made.error().message;
  return made ? *made : nullptr;
}

TEST(MosquittoAcl, AFilterIsRefusedOnlyWhereNothingOfItMayBeRead) {
  const auto rules =
      acl("topic read a/#\n"
          "topic read +/news\n"
          "topic write w\n"
          "topic deny a/secret/#\n"
          "topic deny b/news\n"
          "pattern read dev/%c\n");
  const Identity nobody;
  for (const char* granted : {"#", "+/#", "a", "a/#", "a/+", "+", "+/news", "c/news", "dev/+",
                              "dev/c1", "a/+/x", "+/+/x"}) {
    EXPECT_TRUE(rules->allows(Right::subscribe, {"c1", nobody}, granted)) << granted;
  }
  for (const char* refused : {"a/secret", "a/secret/#", "a/secret/x/+", "b/news", "b/+", "w",
                              "dev/c2", "$SYS/#", "x/y/z"}) {
    EXPECT_FALSE(rules->allows(Right::subscribe, {"c1", nobody}, refused)) << refused;
  }
  EXPECT_TRUE(rules->asks_on_receive());
}

TEST(MosquittoAcl, RetainNeedsNoMoreThanWrite) {
  const Identity nobody;
  EXPECT_TRUE(acl("topic write a")->allows(Right::retain, {"c1", nobody}, "a"));
}

TEST(MosquittoAcl, SaysWhichLineDecided) {
  const auto rules = acl("topic read a/#\n# the cellar\ntopic deny a/b\npattern write dev/%c\n");
  const Identity nobody;
  const Subject who{"c1", nobody};
  EXPECT_EQ(rules->explain(Right::receive, who, "a/b").why, "acl:3: deny receive on a/b");
  EXPECT_EQ(rules->explain(Right::subscribe, who, "a/b").why, "acl:3: deny receive on a/b");
  EXPECT_EQ(rules->explain(Right::subscribe, who, "#").why, "acl:1: allow receive on a/#");
  EXPECT_EQ(rules->explain(Right::publish, who, "dev/c1").why, "acl:4: allow publish on dev/%c");
  EXPECT_EQ(rules->explain(Right::publish, who, "x").why, "no rule of acl fits: deny");
  EXPECT_EQ(rules->size(), 3u);
}

TEST(MosquittoAcl, SaysWhatIsWrongAndWhere) {
  struct Row {
    const char* text;
    const char* fault;
  };
  for (const Row& row : {
           Row{"\ntopics a",
               "acl:2: a line begins with \"topics\"; allowed is user, topic, pattern, and # for a"
               " comment"},
           Row{"topic readonly a",
               "acl:1: topic is \"readonly\"; allowed is read, write, readwrite, deny"},
           Row{"pattern", "acl:1: pattern: expected a topic"},
           Row{"user", "acl:1: user: expected a name"},
           Row{"topic read a#", "acl:1: \"a#\" is no topic filter: + and # fill their level"},
       }) {
    const auto made = parse_mosquitto_acl(row.text, "acl");
    ASSERT_FALSE(made) << row.text;
    EXPECT_EQ(made.error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ(made.error().message.substr(0, std::string_view(row.fault).size()), row.fault);
  }
}

TEST(MosquittoAcl, BoundsWhatItReads) {
  const auto made = parse_mosquitto_acl(std::string(16 * 1024 * 1024 + 1, '\n'), "acl");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "acl: larger than 16 MiB");
}

TEST(MosquittoAcl, ManyUsersAreFoundByName) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "user" + std::to_string(i);
    text += "user " + name + "\ntopic readwrite home/" + name + "/#\n";
  }
  const auto rules = acl(text);
  Identity who;
  for (int i = 0; i < 20'000; i += 7) {
    who.user_name = "user" + std::to_string(i);
    EXPECT_TRUE(rules->allows(Right::publish, {"c", who}, "home/" + who.user_name + "/x"));
    EXPECT_FALSE(rules->allows(Right::publish, {"c", who}, "home/user1/x") && i != 1);
  }
}

}  // namespace
}  // namespace roost::auth
