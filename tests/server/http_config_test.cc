// SPDX-License-Identifier: Apache-2.0
// The settings of HTTP: what must fit together, and that its token is never shown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "broker/server/config.h"
#include "tests/server/running_server.h"

namespace roost::server {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kToken = "0123456789abcdef";

class HttpConfigTest : public testing::Test {
 protected:
  HttpConfigTest() {
    char name[] = "/tmp/roost-http-config-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~HttpConfigTest() override { std::filesystem::remove_all(folder_); }

  std::string make_file(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  ConfigOutcome load(const std::string& yaml) {
    sources_.file = make_file("roost.yaml", yaml);
    ConfigOutcome outcome = load_config(sources_);
    for (std::string& line : outcome.errors) {
      for (auto at = line.find(folder_); at != std::string::npos; at = line.find(folder_)) {
        line.erase(at, folder_.size() + 1);
      }
    }
    return outcome;
  }

  std::string folder_;
  ConfigSources sources_;
};

TEST_F(HttpConfigTest, SaysWhatDoesNotFit) {
  const std::string file = make_file("x", "short\n");
  const std::pair<std::string, std::string> cases[] = {
      {"http: {tls: {cert: " + file + "}}",
       "roost.yaml:1: http.tls.cert: a certificate needs its private key in http.tls.key"},
      {"http: {tls: {key: " + file + "}}",
       "roost.yaml:1: http.tls.key: a private key needs its certificate in http.tls.cert"},
      {"http: {tls: {ca: " + file + "}}",
       "roost.yaml:1: http.tls.ca: client certificates need http.tls.cert and http.tls.key"},
      {"http:\n  token_file: " + file,
       "roost.yaml:2: http.token_file: x:1: a token has at least 16 characters"},
      {"http: {token: abc}", "roost.yaml:1: http.token: a token has at least 16 characters"},
      {"http: {allowed_hosts: 'a.example, http://b.example'}",
       "roost.yaml:1: http.allowed_hosts: \"http://b.example\" is no host name; without scheme, "
       "port "
       "and path, like roost.example"},
      {"http: {allowed_origins: [console.example]}",
       "roost.yaml:1: http.allowed_origins: \"console.example\" is no origin; scheme and host, "
       "with "
       "a port where it isn't the usual one, like https://console.example:8443"},
      {"http: {allowed_origins: https://console.example/}",
       "roost.yaml:1: http.allowed_origins: \"https://console.example/\" is no origin; scheme and "
       "host, with a port where it isn't the usual one, like https://console.example:8443"},
  };
  for (const auto& [yaml, expected] : cases) EXPECT_THAT(load(yaml).errors, ElementsAre(expected));
}

TEST_F(HttpConfigTest, TakesATokenFromFileOrEnvironmentOnly) {
  EXPECT_EQ(load(std::string("http: {token: ") + kToken + "}").config.http.token, kToken);
  sources_.environment = {std::string("ROOST_HTTP_TOKEN=") + kToken};
  const ConfigOutcome outcome = load("");
  EXPECT_THAT(outcome.errors, IsEmpty());
  EXPECT_EQ(outcome.config.http.token, kToken);
  sources_.overrides = {{"http.token", "fedcba9876543210"}};
  const ConfigOutcome refused = load("");
  ASSERT_EQ(refused.errors.size(), 1u);
  EXPECT_THAT(refused.errors[0], HasSubstr("ROOST_HTTP_TOKEN"));
  EXPECT_THAT(refused.errors[0], Not(HasSubstr("fedcba")));
}

TEST_F(HttpConfigTest, ATokenThatIsNotGoodIsNotShown) {
  sources_.environment = {"ROOST_HTTP_TOKEN=tooshort"};
  for (const std::string& line : load("").errors) EXPECT_THAT(line, Not(HasSubstr("tooshort")));
  sources_.environment = {std::string("ROOST_HTTP_TOKEN=secret\0x", 25)};
  const ConfigOutcome outcome = load("");
  ASSERT_EQ(outcome.errors.size(), 1u);
  EXPECT_THAT(outcome.errors[0], Not(HasSubstr("secret")));
}

TEST_F(HttpConfigTest, WarnsOfTokensInClear) {
  const std::string token = std::string("token: ") + kToken;
  const auto warning = HasSubstr("tokens travel in clear");
  EXPECT_THAT(load("http: {address: '*', " + token + "}").config.warnings, Contains(warning));
  EXPECT_THAT(load("http: {" + token + "}").config.warnings, Not(Contains(warning)));
  EXPECT_THAT(load("http: {address: '*'}").config.warnings, Not(Contains(warning)));
}

TEST(HttpDoor, IsClosedForTheApiAndOpenForMetrics) {
  const RunningServer running(test_config({{"http.port", std::to_string(free_port())}}));
  EXPECT_THAT(running.get("/api/v1/status"), HasSubstr("403 Forbidden"));
  EXPECT_THAT(running.get("/metrics"), HasSubstr("200 OK"));
  EXPECT_EQ(running.metric("roost_http_refused_requests_total{reason=\"closed\"}"), 1);
}

TEST(HttpDoor, DoesNotOpenWithBrokenFiles) {
  const std::string port = std::to_string(free_port());
  support::VectorLog log;
  Config config = test_config({{"http.port", port}});
  config.http.token_file = "/nowhere/tokens";
  EXPECT_FALSE(Server::open(config, log));
  config = test_config({{"http.port", port}});
  config.http.tls.certificate_file = "/nowhere/cert.pem";
  const auto opened = Server::open(config, log);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("/nowhere/cert.pem"));
}

}  // namespace
}  // namespace roost::server
