// SPDX-License-Identifier: Apache-2.0
// Messages of the web: what JSON and plain requests mean, and what is refused.
#include "broker/server/web_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace roost::server {
namespace {

namespace json = boost::json;
using mqtt::PropertyId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Result<WebMessage> read(std::string_view text) { return message_of(json::parse(text), {}); }

std::string fault_of(std::string_view text) {
  const auto message = read(text);
  return message ? "none" : message.error().message;
}

http::Request plain(const std::string& query, const std::string& body,
                    const std::string& content_type = {}) {
  http::Request request;
  request.method = "POST";
  request.query = query;
  request.body = body;
  if (!content_type.empty()) request.headers.emplace_back("Content-Type", content_type);
  return request;
}

TEST(WebMessage, ATopicIsEnough) {
  const auto message = read(R"({"topic": "a/b"})");
  ASSERT_TRUE(message) << message.error().message;
  const mqtt::Publish publish = message->publish();
  EXPECT_EQ(publish.topic, "a/b");
  EXPECT_TRUE(publish.payload.empty());
  EXPECT_EQ(publish.qos, mqtt::Qos::at_most_once);
  EXPECT_FALSE(publish.retain);
  EXPECT_EQ(publish.properties.present, 0u);
}

TEST(WebMessage, HasAllPropertiesOfAPublish) {
  const auto message = read(R"({
    "topic": "a", "payload_base64": "AP8=", "qos": 2, "retain": true, "properties": {
      "message_expiry_interval": 60, "payload_format_indicator": 0, "content_type": "x/y",
      "response_topic": "r", "correlation_data": "AQI=", "user_properties": [["k", "1"], ["k", "2"]]
    }})");
  ASSERT_TRUE(message) << message.error().message;
  const mqtt::Publish publish = message->publish();
  EXPECT_EQ(as_text(publish.payload), std::string_view("\0\xFF", 2));
  EXPECT_EQ(publish.qos, mqtt::Qos::exactly_once);
  EXPECT_TRUE(publish.retain);
  const mqtt::Properties& said = publish.properties;
  EXPECT_EQ(said.message_expiry_interval_s, 60u);
  EXPECT_TRUE(said.has(PropertyId::payload_format_indicator));
  EXPECT_EQ(said.content_type, "x/y");
  EXPECT_EQ(said.response_topic, "r");
  EXPECT_EQ(as_text(said.correlation_data), "\x01\x02");
  EXPECT_THAT(said.user_properties, ElementsAre(Pair("k", "1"), Pair("k", "2")));
  const json::object again = json_of(publish);
  EXPECT_EQ(again.at("payload_base64").as_string(), "AP8=");
  EXPECT_EQ(again.at("properties").at("user_properties").at(1).at(1).as_string(), "2");
}

TEST(WebMessage, UserPropertiesMayBeAnObject) {
  const auto message = read(R"({"topic": "a", "properties": {"user_properties": {"x": "y"}}})");
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_THAT(message->user_properties, ElementsAre(Pair("x", "y")));
}

TEST(WebMessage, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "must be an object"},
      {"{}", "needs a topic"},
      {R"({"topic": ""})", "topic must be a topic name"},
      {R"({"topic": "a/#"})", "topic must be a topic name"},
      {R"({"topic": "a+"})", "topic must be a topic name"},
      {R"({"topic": 7})", "topic must be a text"},
      {R"({"topic": "a", "qos": 3})", "qos must be a number from 0 to 2"},
      {R"({"topic": "a", "qos": "1"})", "qos must be a number from 0 to 2"},
      {R"({"topic": "a", "qos": -1})", "qos must be a number from 0 to 2"},
      {R"({"topic": "a", "retain": 1})", "retain must be true or false"},
      {R"({"topic": "a", "payload": {}})", "payload must be a text"},
      {R"({"topic": "a", "payload_base64": "AP8"})", "base64"},
      {R"({"topic": "a", "payload_base64": "A-8="})", "base64"},
      {R"({"topic": "a", "payload_base64": " AP8= "})", "base64"},
      {R"({"topic": "a", "payload": "", "payload_base64": ""})", "exclude each other"},
      {R"({"topic": "a", "pyload": ""})", "there is no \"pyload\" in a message"},
      {R"({"topic": "a", "properties": []})", "properties must be an object"},
      {R"({"topic": "a", "properties": {"x": 1}})", "there is no property \"x\""},
      {R"({"topic": "a", "properties": {"response_topic": "a/+"}})", "response_topic must be"},
      {R"({"topic": "a", "properties": {"message_expiry_interval": 4294967296}})", "4294967295"},
      {R"({"topic": "a", "properties": {"user_properties": [["a"]]}})", "list of pairs"},
      {R"({"topic": "a", "properties": {"user_properties": {"a": 1}}})", "must be a text"},
      {R"({"topic": "a", "payload_base64": "/w==",
           "properties": {"payload_format_indicator": 1}})",
       "isn't UTF-8"},
  };
  for (const auto& [text, what] : cases) EXPECT_THAT(fault_of(text), HasSubstr(what)) << text;
  const std::string deep = R"({"topic": ")" + std::string(128, '/') + "\"}";
  EXPECT_THAT(fault_of(deep), HasSubstr("128 levels")) << "the broker would close the connection";
}

TEST(WebMessage, APlainRequestIsAMessage) {
  const auto message =
      message_of(plain("qos=1&retain=true&timeout_s=5&message_expiry_interval=9&response_topic=1",
                       "raw", "text/plain"),
                 "home%2Flamp/on%20off", {});
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->topic, "home/lamp/on off");
  EXPECT_EQ(message->payload, "raw");
  EXPECT_EQ(message->qos, mqtt::Qos::at_least_once);
  EXPECT_TRUE(message->retain);
  EXPECT_EQ(message->message_expiry_interval_s, 9u);
  EXPECT_EQ(message->response_topic, "1");
  EXPECT_EQ(message->content_type, "text/plain");
}

TEST(WebMessage, WhatCurlSaysOfItselfIsNoContentType) {
  const auto message = message_of(plain("", "on", "application/x-www-form-urlencoded"), "a", {});
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_FALSE(message->content_type);
}

TEST(WebMessage, APlainRequestSaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"qos=3", "qos must be"},     {"retain=yes", "retain must be"},
      {"qos", "qos must be"},       {"qo=1", "there is no \"qo\""},
      {"qos=%2", "two hex digits"}, {"payload_format_indicator=2", "from 0 to 1"},
  };
  for (const auto& [query, what] : cases) {
    const auto message = message_of(plain(query, ""), "a", {});
    ASSERT_FALSE(message) << query;
    EXPECT_THAT(message.error().message, HasSubstr(what)) << query;
  }
  EXPECT_FALSE(message_of(plain("", ""), "a%0", {}));
  EXPECT_FALSE(message_of(plain("", ""), "a/%23", {}));
  EXPECT_FALSE(message_of(plain("", ""), "", {}));
}

TEST(WebMessage, BytesThatAreNoTextAreBase64) {
  mqtt::Publish publish;
  publish.topic = "a";
  publish.payload = as_bytes("line\n\"quoted\"");
  EXPECT_EQ(json::serialize(json_of(publish)),
            R"({"topic":"a","payload":"line\n\"quoted\"","qos":0,"retain":false})");
  publish.payload = as_bytes("\xFF");
  EXPECT_EQ(json::serialize(json_of(publish)),
            R"({"topic":"a","payload_base64":"/w==","qos":0,"retain":false})");
}

}  // namespace
}  // namespace roost::server
