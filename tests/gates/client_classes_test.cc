// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/client_classes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roost::gates {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ClientClasses classes(std::initializer_list<const char*> texts) {
  std::vector<ClientClassRule> rules;
  for (const char* text : texts) rules.push_back(*parse_class_rule(text));
  return ClientClasses(std::move(rules));
}

TEST(ClientClassesTest, TheFirstThatFitsCounts) {
  const ClientClasses all = classes({"meters=certificate:meter-*", "gateways=user:gw-*",
                                     "sensors=client_id:sensor-*", "meters=client_id:m-*"});
  EXPECT_THAT(all.names(), ElementsAre("meters", "gateways", "sensors"));
  auth::Identity identity;
  EXPECT_EQ(all.find("sensor-1", &identity), 2);
  EXPECT_EQ(all.find("m-1", nullptr), 0) << "rules of one name are one class";
  EXPECT_EQ(all.find("x", nullptr), session::kClientClassesMax);
  identity.user_name = "gw-7";
  EXPECT_EQ(all.find("sensor-1", &identity), 1);
  identity.certificate_common_name = "meter-9";
  EXPECT_EQ(all.find("sensor-1", &identity), 0);
}

TEST(ClientClassesTest, WhatIsntThereFitsNothing) {
  const ClientClasses all = classes({"named=user:*"});
  const auth::Identity anonymous;
  EXPECT_EQ(all.find("x", &anonymous), session::kClientClassesMax);
}

TEST(ClientClassesTest, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"sensors", "there is no \"=\""},
      {"=client_id:a", "a name is 1 to 40"},
      {"a b=client_id:a", "a name is 1 to 40"},
      {"other=client_id:a", "\"other\" are those in no class"},
      {"a=topic:b", "not one of client_id, user, certificate"},
      {"a=client_id", "not one of client_id, user, certificate"},
      {"a=client_id:", "the pattern is empty"},
  };
  for (const auto& [text, why] : cases) {
    const auto rule = parse_class_rule(text);
    ASSERT_FALSE(rule.has_value()) << text;
    EXPECT_THAT(rule.error().message, HasSubstr(why));
    EXPECT_THAT(rule.error().message, HasSubstr(text));
  }
}

}  // namespace
}  // namespace roost::gates
