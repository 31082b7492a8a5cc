// SPDX-License-Identifier: Apache-2.0
#include "broker/server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace roost::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Config : public testing::Test {
 protected:
  Config() {
    char name[] = "/tmp/roost-config-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/roost.yaml";
  }
  ~Config() override { std::filesystem::remove_all(folder_); }

  std::string make_file(const std::string& name) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << "x";
    return path;
  }
  ConfigOutcome load(const std::string& yaml) {
    std::ofstream(path_) << yaml;
    sources_.file = path_;
    return load_config(sources_);
  }
  // The errors with the file's folder cut off.
  std::vector<std::string> errors_of(const std::string& yaml) {
    std::vector<std::string> errors = load(yaml).errors;
    for (std::string& line : errors) {
      for (auto at = line.find(folder_); at != std::string::npos; at = line.find(folder_)) {
        line.erase(at, folder_.size() + 1);
      }
    }
    return errors;
  }

  std::string folder_, path_;
  ConfigSources sources_;
};

TEST_F(Config, WithoutAFileServesMqttOn1883AndHttpOnLoopback) {
  const ConfigOutcome outcome = load_config({});
  EXPECT_THAT(outcome.errors, IsEmpty());
  EXPECT_THAT(outcome.config.warnings, IsEmpty());
  ASSERT_EQ(outcome.config.listeners.size(), 1u);
  const ListenerConfig& listener = outcome.config.listeners[0];
  EXPECT_EQ(listener.name, "main");
  EXPECT_EQ(listener.address, "*");
  EXPECT_EQ(listener.port, 1883);
  EXPECT_FALSE(listener.websocket);
  EXPECT_FALSE(listener.allow_anonymous.has_value()) << "loopback only";
  EXPECT_EQ(outcome.config.http.address, "127.0.0.1");
  EXPECT_EQ(outcome.config.http.port, 8080);
  EXPECT_EQ(outcome.config.data_dir, "./roost-data");
  EXPECT_EQ(outcome.config.shards, 64);
}

TEST_F(Config, ReadsEveryKind) {
  const auto [config, errors] = load(R"(
listeners:
  - name: inside
    protocol: ws
    address: 127.0.0.1
    port: 8083
    websocket_path: /mqtt
    max_connections: 7
    max_packet_size: 1MB
  - unix: /run/roost.sock
    allow_anonymous: yes
auth: {allow_anonymous: false}
http: {port: 0}
threads: 3
mqtt:
  max_packet_size: 2 KiB
  keep_alive_max: 5m
  connect_timeout: 1500ms
  session_expiry_max: never
  persistent_session_expiry: 7d
  max_queued_bytes: 1GiB
  sys_interval: 30
log: {level: warn, format: json}
)");
  ASSERT_THAT(errors, IsEmpty());
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_EQ(config.listeners[0].name, "inside");
  EXPECT_TRUE(config.listeners[0].websocket);
  EXPECT_EQ(config.listeners[0].websocket_path, "/mqtt");
  EXPECT_EQ(config.listeners[0].max_connections, 7u);
  EXPECT_EQ(config.listeners[0].max_packet_size, 1'000'000u);
  EXPECT_EQ(config.listeners[0].allow_anonymous, false) << "auth's value";
  EXPECT_EQ(config.listeners[1].unix_path, "/run/roost.sock");
  EXPECT_EQ(config.listeners[1].name, "unix:/run/roost.sock");
  EXPECT_EQ(config.listeners[1].allow_anonymous, true) << "its own value";
  EXPECT_EQ(config.listeners[1].max_packet_size, 2048u) << "mqtt's value";
  EXPECT_EQ(config.http.port, 0);
  EXPECT_EQ(config.threads, 3u);
  EXPECT_EQ(config.mqtt.keep_alive_max_s, 300);
  EXPECT_EQ(config.mqtt.connect_timeout_ms, 1500u);
  EXPECT_EQ(config.mqtt.session_expiry_max_s, mqtt::kNeverExpires);
  EXPECT_EQ(config.mqtt.persistent_session_expiry_s, 7u * 86'400);
  EXPECT_EQ(config.mqtt.max_queued_bytes, 1u << 30);
  EXPECT_EQ(config.mqtt.sys_interval_ms, 30'000u);
  EXPECT_EQ(config.mqtt.limits().packet_size_max, 2048u);
  EXPECT_EQ(config.log.level, LogLevel::warn);
  EXPECT_TRUE(config.log.json);
}

TEST_F(Config, WhatIsAutomaticIsANumberAfterLoading) {
  const auto [config, errors] = load_config({});
  EXPECT_GT(config.mqtt.max_queued_bytes_total, 1u << 20);
  EXPECT_EQ(config.mqtt.max_queued_bytes, config.mqtt.max_queued_bytes_total / 8);
  EXPECT_GE(config.threads, 1u);
  EXPECT_GE(config.auth.threads, 1u);
}

TEST_F(Config, TheEnvironmentBeatsTheFileAndFlagsBeatBoth) {
  sources_.environment = {"ROOST_HTTP_PORT=2", "ROOST_LOG_LEVEL=error", "PATH=/bin",
                          "ROOST_LISTENERS_0_PORT=22", "ROOST_LISTENERS_1_PROTOCOL=ws"};
  sources_.overrides = {{"http.port", "3"}, {"http.port", "4"}};
  const auto [config, errors] = load(
      "http: {port: 1}\nlog: {level: debug}\nthreads: 9\n"
      "listeners: [{port: 11, name: x}]\n");
  ASSERT_THAT(errors, IsEmpty());
  EXPECT_EQ(config.http.port, 4) << "the last flag";
  EXPECT_EQ(config.log.level, LogLevel::error) << "the environment";
  EXPECT_EQ(config.threads, 9u) << "the file";
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_EQ(config.listeners[0].name, "x");
  EXPECT_EQ(config.listeners[0].port, 22);
  EXPECT_TRUE(config.listeners[1].websocket) << "one more by the environment alone";
}

TEST_F(Config, AFlagChangesTheListenerThatIsThereWithoutAFile) {
  sources_.overrides = {{"listeners.0.port", "1884"}};
  const auto [config, errors] = load_config(sources_);
  ASSERT_THAT(errors, IsEmpty());
  ASSERT_EQ(config.listeners.size(), 1u);
  EXPECT_EQ(config.listeners[0].port, 1884);
  EXPECT_EQ(config.listeners[0].name, "main");
}

TEST_F(Config, TheEnvironmentMayNameTheFile) {
  std::ofstream(path_) << "threads: 5\n";
  sources_.environment = {"ROOST_CONFIG=" + path_};
  EXPECT_EQ(load_config(sources_).config.threads, 5u);
}

TEST_F(Config, AnUnknownVariableIsAWarningAndKubernetesOnesAreNothing) {
  sources_.environment = {
      "ROOST_SERVICE_HOST=10.0.0.1",         "ROOST_SERVICE_PORT_MQTT=1883",
      "ROOST_PORT=tcp://10.0.0.1:1883",      "ROOST_PORT_1883_TCP_ADDR=10.0.0.1",
      "ROOST_HTTP_PORT=tcp://10.0.0.1:8080", "ROOST_LOG_LEVLE=debug"};
  const auto [config, errors] = load_config(sources_);
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_EQ(config.http.port, 8080);
  EXPECT_THAT(config.warnings,
              ElementsAre("environment variable ROOST_LOG_LEVLE is not a setting of Roost; did "
                          "you mean ROOST_LOG_LEVEL?"));
}

TEST_F(Config, NamesWithoutValuesSayNothing) {
  const auto [config, errors] =
      load("listeners:\n  - port: 1\n    unix:\n    tls:\n  -\nhttp:\nmqtt: {sys_interval: }\n");
  EXPECT_THAT(errors, IsEmpty());
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_EQ(config.listeners[1].port, 1883);
  EXPECT_EQ(config.http.port, 8080);
  EXPECT_EQ(config.mqtt.sys_interval_ms, 10'000u);
  EXPECT_THAT(load("").errors, IsEmpty());
  EXPECT_THAT(load("# nothing\n").errors, IsEmpty());
}

struct ErrorCase {
  const char* yaml;
  std::vector<std::string> errors;
};

TEST_F(Config, ErrorsNameFileLineKeyWhatWasFoundAndWhatIsAllowed) {
  const std::vector<ErrorCase> cases = {
      {"http:\n  port: 70000\n",
       {"roost.yaml:2: http.port is \"70000\"; allowed is a number from 0 to 65535"}},
      {"http: {port: -1}\n",
       {"roost.yaml:1: http.port is \"-1\"; allowed is a number from 0 to 65535"}},
      {"mqtt: {max_packet_size: 10XB}\n",
       {"roost.yaml:1: mqtt.max_packet_size is \"10XB\"; allowed is a size like 10MB from 1KiB to "
        "268435460"}},
      {"mqtt: {connect_timeout: soon}\n",
       {"roost.yaml:1: mqtt.connect_timeout is \"soon\"; allowed is a duration like 90s or 5m from "
        "100ms to 1d"}},
      {"mqtt: {session_expiry_max: 1500ms}\n",
       {"roost.yaml:1: mqtt.session_expiry_max is \"1500ms\"; allowed is a duration like 90s or "
        "5m, or never"}},
      {"auth: {allow_anonymous: maybe}\n",
       {"roost.yaml:1: auth.allow_anonymous is \"maybe\"; allowed is true or false"}},
      {"log: {level: loud}\n",
       {"roost.yaml:1: log.level is \"loud\"; allowed is one of trace, debug, info, warn, error"}},
      {"listeners:\n  - port: 1\n  - protocol: tcp\n",
       {"roost.yaml:3: listeners.1.protocol is \"tcp\"; allowed is one of mqtt, ws"}},
  };
  for (const ErrorCase& c : cases) EXPECT_EQ(errors_of(c.yaml), c.errors) << c.yaml;
}

TEST_F(Config, UnknownNamesComeWithTheNearestKnownOne) {
  const std::vector<ErrorCase> cases = {
      {"htpp: {port: 3}\n", {"roost.yaml:1: there is no setting htpp; did you mean http?"}},
      {"data-dir: /x\n", {"roost.yaml:1: there is no setting data-dir; did you mean data_dir?"}},
      {"port: 1884\n",
       {"roost.yaml:1: there is no setting port; did you mean "
        "listeners.0.port or http.port?"}},
      {"listeners:\n  - port: 1\n  - prot: 2\n",
       {"roost.yaml:3: there is no setting listeners.1.prot; did you mean listeners.1.port?"}},
      {"listeners: [{tls: {crt: x}}]\n",
       {"roost.yaml:1: there is no setting listeners.0.tls.crt; did you mean "
        "listeners.0.tls.cert or listeners.0.tls.crl?"}},
      {"htpp:\n", {"roost.yaml:1: there is no setting htpp; did you mean http?"}},
      {"listners:\n  - port: 1\n",
       {"roost.yaml:1: there is no setting listners; did you mean listeners?"}},
      {"listeners:\n  - port: 1\n    tsl: {}\n",
       {"roost.yaml:3: there is no setting listeners.0.tsl; did you mean listeners.0.tls?"}},
      {"persistence: true\n", {"roost.yaml:1: there is no setting persistence"}},
  };
  for (const ErrorCase& c : cases) EXPECT_EQ(errors_of(c.yaml), c.errors) << c.yaml;
}

TEST_F(Config, ShapesThatDontFitAreSaid) {
  const std::vector<ErrorCase> cases = {
      {"http: 5\n",
       {"roost.yaml:1: http is a group of settings: address, port, max_connections, max_streams, "
        "max_body, threads, idempotency_keys, idempotency_age, token_file, token, allowed_hosts, "
        "allowed_origins, tls.cert, tls.key, tls.ca"}},
      {"listeners: {port: 1}\n",
       {"roost.yaml:1: listeners is a list of groups, each beginning with \"- \": - port: 1883"}},
      {"listeners: [1883]\n",
       {"roost.yaml:1: listeners is a list of groups, each beginning with \"- \": - port: 1883"}},
      {"listeners: []\n", {"roost.yaml:1: listeners: at least one listener is needed"}},
      {"threads: [1, 2]\n", {"roost.yaml:1: threads takes one value: a number from 0 to 64"}},
      {"threads: {}\nhttp: {port: []}\n",
       {"roost.yaml:1: threads takes one value: a number from 0 to 64",
        "roost.yaml:2: http.port takes one value: a number from 0 to 65535"}},
      {"- a\n", {"roost.yaml:1: expected settings as \"name: value\""}},
      {"a: [1\nb: 2\n", {"roost.yaml:2: not YAML: end of sequence flow not found"}},
      {"threads: 1\nthreads: 2\n", {"roost.yaml:2: threads is given twice, first in line 1"}},
  };
  for (const ErrorCase& c : cases) EXPECT_EQ(errors_of(c.yaml), c.errors) << c.yaml;
}

TEST_F(Config, AllErrorsAreSaidAtOnceWithTheirSource) {
  sources_.environment = {"ROOST_HTTP_PORT=x"};
  sources_.overrides = {{"log.levle", "info"}, {"listeners.4.port", "1"}};
  EXPECT_EQ(errors_of("threads: many\nshards: 0\n"),
            (std::vector<std::string>{
                "roost.yaml:1: threads is \"many\"; allowed is a number from 0 to 64",
                "roost.yaml:2: shards is \"0\"; allowed is a number from 1 to 4096",
                "environment variable ROOST_HTTP_PORT: http.port is \"x\"; allowed is a number "
                "from 0 to 65535",
                "--set log.levle=info: there is no setting log.levle; did you mean log.level?",
                "--set listeners.4.port=1: listeners.4 doesn't exist; the next one would be "
                "listeners.1"}));
}

TEST_F(Config, SettingsThatBelongTogetherAreChecked) {
  const std::string cert = make_file("cert"), key = make_file("key");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{tls: {cert: " + cert + "}}", "listeners.0.tls.cert: a certificate needs its private key"},
      {"{tls: {key: " + key + "}}", "listeners.0.tls.key: a private key needs its certificate"},
      {"{tls: {cert: " + cert + ", key: " + key + ", client_certificate: required}}",
       "\"required\" needs tls.ca"},
      {"{tls: {client_certificate: optional}}", "only a listener with tls.cert and tls.key"},
      {"{websocket_path: /mqtt}", "only a listener with protocol: ws has it"},
      {"{protocol: ws, websocket_path: mqtt}", "\"mqtt\" must begin with \"/\""},
      {"{unix: /" + std::string(200, 'x') + "}", "at most 107 bytes, this one has 201"},
      {"{address: \"\"}", "listeners.0.address: is empty"},
      {"{tls: {cert: /nowhere, key: " + key + "}}", "\"/nowhere\" can't be read: No such file"},
      {"{name: a}, {name: a, port: 2}", "the name a is taken by listeners.0.name already"},
      {"{port: 5}, {port: 5}", "the address * port 5 is taken by listeners.0.port already"},
      {"{address: 127.0.0.1, port: 8080}", "127.0.0.1 port 8080 is taken by listeners.0.port"},
  };
  for (const auto& [listeners, says] : cases) {
    const auto errors = errors_of("listeners: [" + listeners + "]\n");
    EXPECT_FALSE(errors.empty()) << listeners;
    EXPECT_THAT(testing::PrintToString(errors), HasSubstr(testing::PrintToString(says).substr(
                                                    1, testing::PrintToString(says).size() - 2)))
        << listeners;
  }
}

TEST_F(Config, APasswordFileThatIsMissingSaysHowToMakeIt) {
  const auto errors = errors_of("auth:\n  password_file: /no/such\n");
  EXPECT_EQ(errors, (std::vector<std::string>{
                        "roost.yaml:2: auth.password_file: \"/no/such\" can't be read: No such "
                        "file or directory; make it with: roost passwd /no/such USER"}));
}

TEST_F(Config, AFileThatIsMissingIsAnError) {
  sources_.file = folder_ + "/none.yaml";
  const auto errors = load_config(sources_).errors;
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0], HasSubstr("none.yaml can't be read: No such file"));
}

TEST_F(Config, ADoorThatNobodyCanOpenIsAWarning) {
  EXPECT_THAT(load("auth: {allow_anonymous: false}").config.warnings,
              ElementsAre(HasSubstr("nobody can connect")));
  EXPECT_THAT(
      load("listeners: [{allow_anonymous: true}]\nauth: {allow_anonymous: false}").config.warnings,
      IsEmpty());
}

TEST_F(Config, ListenersWithoutNamesGetDifferentOnes) {
  const auto [config, errors] =
      load("listeners: [{address: 127.0.0.1}, {address: \"::1\"}, {protocol: ws, port: 8083}]");
  ASSERT_THAT(errors, IsEmpty());
  EXPECT_EQ(config.listeners[0].name, "mqtt-1883");
  EXPECT_EQ(config.listeners[1].name, "mqtt-1883-2");
  EXPECT_EQ(config.listeners[2].name, "ws-8083");
}

}  // namespace
}  // namespace roost::server
