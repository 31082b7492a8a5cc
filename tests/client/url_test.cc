// SPDX-License-Identifier: Apache-2.0
#include "broker/client/url.h"

#include <gtest/gtest.h>

namespace roost::client {
namespace {

TEST(Url, TakesItsPortFromTheScheme) {
  EXPECT_EQ(parse_url("mqtt://h/t")->port, 1883);
  EXPECT_EQ(parse_url("mqtts://h/t")->port, 8883);
  EXPECT_EQ(parse_url("ws://h/t")->port, 80);
  EXPECT_EQ(parse_url("wss://h/t")->port, 443);
  EXPECT_EQ(parse_url("wss://h/t")->transport, Transport::secure_websocket);
}

TEST(Url, HasUserPasswordHostPortAndTopic) {
  const auto url = parse_url("mqtts://me:p%40ss:word@broker.example:1234/home/+/temp");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->user_name, "me");
  EXPECT_EQ(url->password, "p@ss:word");
  EXPECT_EQ(url->host, "broker.example");
  EXPECT_EQ(url->port, 1234);
  EXPECT_EQ(url->path, "home/+/temp");
}

TEST(Url, MayDoWithoutUserAndTopic) {
  const auto url = parse_url("mqtt://localhost");
  ASSERT_TRUE(url);
  EXPECT_FALSE(url->user_name);
  EXPECT_FALSE(url->password);
  EXPECT_EQ(url->path, "");
  EXPECT_FALSE(parse_url("mqtt://me@h/t")->password);
}

TEST(Url, KnowsIpv6Brackets) {
  EXPECT_EQ(parse_url("mqtt://[::1]/t")->host, "::1");
  const auto url = parse_url("mqtt://[fe80::2]:99/t");
  EXPECT_EQ(url->host, "fe80::2");
  EXPECT_EQ(url->port, 99);
}

TEST(Url, ASlashMoreBelongsToTheTopic) { EXPECT_EQ(parse_url("mqtt://h//a")->path, "/a"); }

TEST(Url, RefusesWhatIsNone) {
  for (const char* text :
       {"", "h/t", "http://h/t", "mqtt://", "mqtt:///t", "mqtt://h:0/t", "mqtt://h:x/t",
        "mqtt://h:65536/t", "mqtt://[::1/t", "mqtt://[::1]x/t"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
}

}  // namespace
}  // namespace roost::client
