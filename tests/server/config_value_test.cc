// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "broker/server/settings_value.h"

namespace roost::server {
namespace {

TEST(SettingValue, SizesTakeUnitsOf1000And1024) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("1500"), 1500u);
  EXPECT_EQ(parse_size("10MB"), 10'000'000u);
  EXPECT_EQ(parse_size("10 mb"), 10'000'000u);
  EXPECT_EQ(parse_size("1GiB"), 1u << 30);
  EXPECT_EQ(parse_size("16TiB"), 1ULL << 44);
  for (const char* bad : {"", "MB", "10XB", "-1", "1.5GB", "10  MB", "10M", "1 ",
                          "18446744073709551616", "99999999999TB"}) {
    EXPECT_EQ(parse_size(bad), std::nullopt) << bad;
  }
}

TEST(SettingValue, DurationsAreSecondsUnlessTheySayOtherwise) {
  EXPECT_EQ(parse_duration_ms("90"), 90'000u);
  EXPECT_EQ(parse_duration_ms("90s"), 90'000u);
  EXPECT_EQ(parse_duration_ms("250ms"), 250u);
  EXPECT_EQ(parse_duration_ms("5m"), 300'000u);
  EXPECT_EQ(parse_duration_ms("2 h"), 7'200'000u);
  EXPECT_EQ(parse_duration_ms("1w"), 604'800'000u);
  for (const char* bad : {"", "s", "1h30m", "5 minutes", "1y", "-3s"}) {
    EXPECT_EQ(parse_duration_ms(bad), std::nullopt) << bad;
  }
}

TEST(SettingValue, BooleansTakeTheWordsPeopleUse) {
  for (const char* yes : {"true", "yes", "on", "True", "YES"}) EXPECT_EQ(parse_bool(yes), true);
  for (const char* no : {"false", "no", "off"}) EXPECT_EQ(parse_bool(no), false);
  for (const char* bad : {"", "1", "y", "maybe"}) EXPECT_EQ(parse_bool(bad), std::nullopt) << bad;
}

TEST(SettingValue, AHostAndAPortAreBothThere) {
  for (const auto& [text, host] : {std::pair("node1:7883", "node1"),
                                   {"127.0.0.1:7883", "127.0.0.1"},
                                   {"[::1]:7883", "::1"},
                                   {"*:7883", "*"}}) {
    const auto parsed = parse_host_port(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->host, host);
    EXPECT_EQ(parsed->port, 7883);
  }
  for (const char* bad : {"", "a", "a:", ":1", "a:0", "a:65536", "::1:5", "a b:1", "http://a:1",
                          "a:1/", "[]:1", "[a:1", "a:-1", "a:1 "}) {
    EXPECT_FALSE(parse_host_port(bad).has_value()) << bad;
  }
}

TEST(SettingValue, ListsAreSeparatedByCommas) {
  EXPECT_EQ(split_list(" a , b,,c,"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(split_list(" , ").empty());
}

TEST(SettingValue, NumbersComeBackInTheLargestWholeUnit) {
  EXPECT_EQ(format_size(10 << 20), "10MiB");
  EXPECT_EQ(format_size(268'435'460), "268435460");
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_duration_ms(90'000), "90s");
  EXPECT_EQ(format_duration_ms(86'400'000), "1d");
  EXPECT_EQ(format_duration_ms(1), "1ms");
}

}  // namespace
}  // namespace roost::server
