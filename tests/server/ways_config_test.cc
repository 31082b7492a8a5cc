// SPDX-License-Identifier: Apache-2.0
// Bridges and webhooks in the settings: what they mean, and what is wrong with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "broker/server/config.h"
#include "broker/server/settings.h"
#include "broker/server/ways_check.h"

namespace roost::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ConfigOutcome load(const std::string& yaml) {
  const std::string path = testing::TempDir() + "/ways-" + std::to_string(::getpid()) + ".yaml";
  std::ofstream(path) << yaml;
  ConfigSources sources;
  sources.file = path;
  ConfigOutcome outcome = load_config(sources);
  std::filesystem::remove(path);
  for (std::string& line : outcome.errors) {
    if (line.starts_with(path)) line = "roost.yaml" + line.substr(path.size());
  }
  return outcome;
}

TEST(WaysConfig, ReadsABridge) {
  const auto [config, errors] = load(R"(bridges:
  - name: cloud
    url: mqtts://broker.example:8884
    version: 3.1.1
    user: home
    max_inflight: 7
    retry_max: 5m
    topics:
      - home/# out 1 "" site/
      - "cmd/# in 2"
  - {name: other, url: "ws://h/path", topics: "# both 0"}
)");
  ASSERT_THAT(errors, ElementsAre());
  ASSERT_EQ(config.bridges.size(), 2U);
  const outgoing::BridgeSettings cloud = settings_of(config.bridges[0]);
  EXPECT_EQ(cloud.remote.transport, client::Transport::tls);
  EXPECT_EQ(cloud.remote.host, "broker.example");
  EXPECT_EQ(cloud.remote.port, 8884);
  EXPECT_EQ(cloud.version, mqtt::ProtocolVersion::v3_1_1);
  EXPECT_EQ(cloud.client_id, "roost-cloud");
  EXPECT_EQ(cloud.window, 7);
  EXPECT_EQ(cloud.retry_max_ms, 300'000U);
  EXPECT_EQ(cloud.session_expiry_s, 30U * 24 * 3600);
  ASSERT_EQ(cloud.topics.size(), 2U);
  EXPECT_EQ(cloud.topics[0].remote_prefix, "site/");
  EXPECT_EQ(cloud.topics[1].direction, outgoing::Direction::in);
  const outgoing::BridgeSettings other = settings_of(config.bridges[1]);
  EXPECT_EQ(other.remote.websocket_path, "/path");
  EXPECT_EQ(other.remote.port, 80);
}

TEST(WaysConfig, ReadsAWebhook) {
  const auto [config, errors] = load(R"(webhooks:
  - name: orders
    url: https://shop.example/hook
    events: [client.connected, session.expired]
    filters: ["orders/#", "a,b/+"]
    batch_max: 5
)");
  ASSERT_THAT(errors, ElementsAre());
  const outgoing::WebhookSettings hook = settings_of(config.webhooks.at(0));
  EXPECT_THAT(hook.events, ElementsAre(outgoing::EventKind::client_connected,
                                       outgoing::EventKind::session_expired));
  EXPECT_THAT(hook.filters, ElementsAre("orders/#", "a,b/+"));
  EXPECT_EQ(hook.batch_max, 5U);
}

TEST(WaysConfig, SaysWhatIsWrong) {
  const struct {
    const char* yaml;
    const char* says;
  } kCases[] = {
      {"bridges: [{url: 'mqtt://h', topics: a}]", "bridges.0.name: \"\" is no name"},
      {"bridges: [{name: 'a b', url: 'mqtt://h', topics: a}]", "\"a b\" is no name"},
      {"bridges: [{name: a, url: 'http://h', topics: a}]", "bridges.0.url: "},
      {"bridges: [{name: a, url: 'mqtt://u:secret@h', topics: a}]", "take user and password_file"},
      {"bridges: [{name: a, url: 'mqtt://h'}]", "without topics nothing goes over it"},
      {"bridges: [{name: a, url: 'mqtt://h', topics: [b up]}]", "\"b up\": \"up\" is no direction"},
      {"bridges: [{name: a, url: 'mqtt://h', topics: b, retry_min: 2m}]", "longer than retry_max"},
      {"bridges: [{name: a, url: 'mqtt://h', topics: b, version: 4}]",
       "allowed is one of 5, 3.1.1"},
      {"bridges: [{name: a, url: 'mqtt://h', topics: b, state_topic: '+'}]", "\"+\" is no topic"},
      {"bridges: [{name: a, url: 'mqtt://h', topics: b}, {name: a, url: 'mqtt://h', topics: b}]",
       "the name a is taken already"},
      {"bridges: {name: a}", "bridges is a list of groups"},
      {"bridges: [{name: a, url: 'mqtt://h', topics: b, topic: c}]",
       "did you mean bridges.0.topics?"},
      {"webhooks: [{name: a, url: 'mqtt://h', filters: [b]}]", "webhooks.0.url: "},
      {"webhooks: [{name: a, url: 'http://h'}]", "without filters and events nothing is sent"},
      {"webhooks: [{name: a, url: 'http://h', events: [x.y]}]", "\"x.y\" is no event"},
      {"webhooks: [{name: a, url: 'http://h', filters: ['b/#/c']}]", "is no topic filter"},
      {"webhooks: [{name: a, url: 'http://h', filters: ['$share/g/a']}]", "joins no share group"},
  };
  for (const auto& one : kCases) {
    const auto outcome = load(one.yaml);
    ASSERT_FALSE(outcome.errors.empty()) << one.yaml;
    EXPECT_THAT(outcome.errors.front(), HasSubstr(one.says)) << one.yaml;
    EXPECT_THAT(outcome.errors.front(), testing::Not(HasSubstr("secret"))) << one.yaml;
    EXPECT_THAT(outcome.errors.front(), HasSubstr("roost.yaml:1")) << one.yaml;
  }
}

TEST(WaysConfig, EnvironmentHasThemToo) {
  ConfigSources sources;
  sources.environment = {"ROOST_BRIDGES_0_NAME=cloud", "ROOST_BRIDGES_0_URL=mqtt://h",
                         "ROOST_BRIDGES_0_TOPICS=a out 1\nb in 2"};
  const auto [config, errors] = load_config(sources);
  ASSERT_THAT(errors, ElementsAre());
  EXPECT_EQ(settings_of(config.bridges.at(0)).topics.size(), 2U);
}

}  // namespace
}  // namespace roost::server
