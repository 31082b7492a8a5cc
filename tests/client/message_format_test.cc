// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/message_format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace roost::cli {
namespace {

constexpr Arrived kArrived{1'795'397'394, 240'113'999};

mqtt::Publish message_of(std::string_view topic, std::string_view payload) {
  mqtt::Publish message;
  message.topic = topic;
  message.payload = as_bytes(payload);
  return message;
}

std::string shown(std::string_view format, const mqtt::Publish& message) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_TRUE(check_format(format)) << format;
  std::string out;
  EXPECT_TRUE(format_message(format, message, kArrived, out)) << format;
  return out;
}

TEST(MessageFormat, FieldsOfAMessage) {
  mqtt::Publish message = message_of("a/b", "hi!");
  message.qos = mqtt::Qos::at_least_once;
  message.packet_id = 7;
  message.retain = true;
  EXPECT_EQ(shown("%t %p", message), "a/b hi!");
  EXPECT_EQ(shown("%q|%r|%l|%m", message), "1|1|3|7");
  EXPECT_EQ(shown("%x %X", message_of("t", "\x0a\xff")), "0aff 0AFF");
  EXPECT_EQ(shown("100%%", message), "100%");
}

TEST(MessageFormat, EscapesAndTimes) {
  const mqtt::Publish message = message_of("t", "p");
  EXPECT_EQ(shown("%t\\t%p\\n\\\\", message), "t\tp\n\\");
  EXPECT_EQ(shown("%I", message), "2026-11-23T01:29:54+0000");
  EXPECT_EQ(shown("%U", message), "1795397394.240113999");
  EXPECT_EQ(shown("@H:@M @@ @N", message), "01:29 @ 240113999");
  EXPECT_EQ(shown("@%p", message), "%p");  // strftime's %%, as mosquitto_sub has it
}

TEST(MessageFormat, WidthsAlignAndPad) {
  const mqtt::Publish message = message_of("t", "123456");
  EXPECT_EQ(shown("%10p|%-10p|%05l|%3t", message), "    123456|123456    |00006|  t");
}

TEST(MessageFormat, JsonQuotesThePayloadOrTrustsIt) {
  mqtt::Publish message = message_of("t", "{\"a\":1}");
  const std::string head =
      "{\"tst\":\"2026-11-23T01:29:54.240113Z+0000\",\"topic\":\"t\",\"qos\":0,\"retain\":0,"
      "\"payloadlen\":7,\"payload\":";
  EXPECT_EQ(shown("%j", message), head + "\"{\\\"a\\\":1}\"}");
  EXPECT_EQ(shown("%J", message), head + "{\"a\":1}}");
}

TEST(MessageFormat, WhatIsNoJsonIsNotShownAsJson) {
  std::string out;
  EXPECT_FALSE(format_message("%J", message_of("t", "not json"), kArrived, out));
  EXPECT_TRUE(format_message("%J", message_of("t", ""), kArrived, out));
}

TEST(MessageFormat, JsonEscapesControlCharacters) {
  std::string out;
  append_json_string("a\x01\n\"\\\xc3\xa9", out);
  EXPECT_EQ(out, "\"a\\u0001\\n\\\"\\\\\xc3\xa9\"");
}

TEST(MessageFormat, PropertiesOfVersion5) {
  mqtt::Publish message = message_of("t", "p");
  message.properties.user_properties = {{"a", "b"}, {"c", "d"}};
  message.properties.content_type = "text/x";
  message.properties.message_expiry_interval_s = 60;
  message.properties.mark(mqtt::PropertyId::message_expiry_interval);
  message.properties.subscription_identifiers = {4, 9};
  EXPECT_EQ(shown("%P|%C|%E|%S|%A|%F", message), "a:b c:d|text/x|60|4 9||");
}

TEST(MessageFormat, RefusesUnknownWords) {
  for (const char* format : {"%Q", "%", "\\q", "\\", "@", "%10"}) {
    EXPECT_FALSE(check_format(format)) << format;
  }
}

}  // namespace
}  // namespace roost::cli
