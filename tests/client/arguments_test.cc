// SPDX-License-Identifier: Apache-2.0
// What the command line means: options, properties, where and as whom to connect.
#include "broker/cli/arguments.h"

#include <gtest/gtest.h>

#include "broker/cli/connect_arguments.h"

namespace roost::cli {
namespace {

std::optional<int> parse(Arguments& arguments, std::vector<std::string> words) {
  words.insert(words.begin(), "command");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return arguments.parse(static_cast<int>(argv.size()), argv.data());
}

// Resolves pub's and sub's common options; the error's sentence if they make no sense.
std::string resolve(ConnectArguments& connect, const std::vector<std::string>& words) {
  Arguments arguments("command", "A test.", false);
  connect.declare(arguments);
  EXPECT_FALSE(parse(arguments, words));
  const auto ok = connect.resolve();
  return ok ? "" : ok.error().message;
}

std::string problem(const std::vector<std::string>& words) {
  ConnectArguments connect;
  return resolve(connect, words);
}

TEST(Arguments, ValuesMayBeginWithADash) {
  Arguments arguments("command", "A test.");
  std::string message;
  arguments.option("-m", message, "");
  EXPECT_FALSE(parse(arguments, {"-m", "-5"}));
  EXPECT_EQ(message, "-5");
}

TEST(Arguments, ListsTakeOneValueATime) {
  Arguments arguments("command", "A test.");
  std::vector<std::string> topics;
  std::string rest;
  arguments.list("-t", topics, "");
  arguments.positional("rest", rest, false, "");
  EXPECT_FALSE(parse(arguments, {"-t", "a", "-t", "b", "c"}));
  EXPECT_EQ(topics, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(rest, "c");
}

TEST(Arguments, UnknownOptionsAreUsageErrors) {
  Arguments arguments("command", "A test.");
  testing::internal::CaptureStderr();
  EXPECT_EQ(parse(arguments, {"--nonsense"}), kExitUsage);
  EXPECT_NE(testing::internal::GetCapturedStderr(), "");
}

TEST(Arguments, HelpIsNoError) {
  Arguments arguments("roost command", "A test.");
  testing::internal::CaptureStdout();
  EXPECT_EQ(parse(arguments, {"--help"}), 0);
  EXPECT_NE(testing::internal::GetCapturedStdout().find("roost command"), std::string::npos);
}

TEST(ConnectArguments, DefaultsAreMosquittos) {
  ConnectArguments connect;
  EXPECT_EQ(resolve(connect, {}), "");
  EXPECT_EQ(connect.endpoint.host, "localhost");
  EXPECT_EQ(connect.endpoint.port, 1883);
  EXPECT_EQ(connect.options.version, mqtt::ProtocolVersion::v3_1_1);
  EXPECT_EQ(connect.options.keep_alive_s, 60);
  EXPECT_TRUE(connect.options.clean_start);
  EXPECT_FALSE(connect.options.client_id.empty());
  EXPECT_LE(connect.options.client_id.size(), 23U);
}

TEST(ConnectArguments, TlsOptionsMeanTls) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"--cafile", "x"}, {"--capath", "x"}, {"--cert", "x"}, {"--insecure"}, {"-p", "8883"}}) {
    ConnectArguments connect;
    EXPECT_EQ(resolve(connect, words), "");
    EXPECT_EQ(connect.endpoint.transport, client::Transport::tls) << words[0];
    EXPECT_EQ(connect.endpoint.port, 8883);
  }
}

TEST(ConnectArguments, AUrlSaysItAll) {
  ConnectArguments connect;
  EXPECT_EQ(resolve(connect, {"-L", "wss://me:pw@h:99/a/b", "--ws-path", "/x"}), "");
  EXPECT_EQ(connect.endpoint.transport, client::Transport::secure_websocket);
  EXPECT_EQ(connect.endpoint.host, "h");
  EXPECT_EQ(connect.endpoint.port, 99);
  EXPECT_EQ(connect.endpoint.websocket_path, "/x");
  EXPECT_EQ(connect.options.user_name, "me");
  EXPECT_EQ(connect.url_topic, "a/b");
  EXPECT_NE(problem({"-L", "mqtt://h/t", "-p", "1"}), "");
}

TEST(ConnectArguments, VersionsHaveTwoNamesEach) {
  for (const char* name : {"mqttv5", "5"}) {
    ConnectArguments connect;
    EXPECT_EQ(resolve(connect, {"-V", name}), "");
    EXPECT_EQ(connect.options.version, mqtt::ProtocolVersion::v5);
  }
  EXPECT_NE(problem({"-V", "6"}), "");
}

TEST(ConnectArguments, PersistentSessionsNeedAnIdAndNeverExpire) {
  EXPECT_NE(problem({"-c"}), "");
  ConnectArguments connect;
  EXPECT_EQ(resolve(connect, {"-c", "-i", "me", "-V", "5"}), "");
  EXPECT_FALSE(connect.options.clean_start);
  EXPECT_EQ(connect.options.properties.session_expiry_interval_s, mqtt::kNeverExpires);
  ConnectArguments bounded;
  EXPECT_EQ(resolve(bounded, {"-c", "-i", "me", "-x", "60"}), "");
  EXPECT_EQ(bounded.options.version, mqtt::ProtocolVersion::v5);
  EXPECT_EQ(bounded.options.properties.session_expiry_interval_s, 60U);
}

TEST(ConnectArguments, AWillNeedsATopicWithoutWildcards) {
  EXPECT_NE(problem({"--will-payload", "x"}), "");
  EXPECT_NE(problem({"--will-topic", "a/#"}), "");
  ConnectArguments connect;
  EXPECT_EQ(resolve(connect, {"--will-topic", "w", "--will-payload", "gone", "--will-qos", "2",
                              "--will-retain"}),
            "");
  ASSERT_TRUE(connect.options.will);
  EXPECT_EQ(connect.options.will->payload, "gone");
  EXPECT_EQ(connect.options.will->qos, mqtt::Qos::exactly_once);
  EXPECT_TRUE(connect.options.will->retain);
}

TEST(ConnectArguments, QosGoesToTwo) { EXPECT_NE(problem({"-q", "3"}), ""); }

TEST(PropertyArguments, SeveralOfDifferentLength) {
  ConnectArguments connect;
  EXPECT_EQ(resolve(connect, {"-D", "publish", "user-property", "k", "v", "-D", "publish",
                              "content-type", "text/x", "-D", "publish", "message-expiry-interval",
                              "60", "-D", "connect", "receive-maximum", "5", "-q", "1"}),
            "");
  const mqtt::Properties& publish = connect.properties.publish;
  ASSERT_EQ(publish.user_properties.size(), 1U);
  EXPECT_EQ(publish.user_properties[0].second, "v");
  EXPECT_EQ(publish.content_type, "text/x");
  EXPECT_EQ(publish.message_expiry_interval_s, 60U);
  EXPECT_EQ(connect.options.properties.receive_maximum, 5);
  EXPECT_EQ(connect.options.version, mqtt::ProtocolVersion::v5);
}

TEST(PropertyArguments, RefuseWhatAPacketCantCarry) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"publish", "receive-maximum", "5"},
                                             {"nowhere", "content-type", "x"},
                                             {"publish", "no-such-thing", "x"},
                                             {"publish", "topic-alias", "65536"},
                                             {"publish", "topic-alias", "x"},
                                             {"publish", "user-property", "k"},
                                             {"publish", "content-type", "x", "y"}}) {
    PropertyArguments properties;
    EXPECT_FALSE(properties.add(words)) << words[0] << " " << words[1];
  }
}

TEST(ExitCodes, OfARefusalAreTheProtocols) {
  using mqtt::ProtocolVersion;
  EXPECT_EQ(exit_code_of(mqtt::ReasonCode::not_authorized, ProtocolVersion::v3_1_1), 5);
  EXPECT_EQ(exit_code_of(mqtt::ReasonCode::not_authorized, ProtocolVersion::v5), 135);
}

}  // namespace
}  // namespace roost::cli
