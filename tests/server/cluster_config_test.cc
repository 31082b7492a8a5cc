// SPDX-License-Identifier: Apache-2.0
// The settings of a cluster: defaults, what is derived, what is refused and in which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "broker/server/config.h"

namespace roost::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kThree =
    "cluster: {name: home}\netcd: {endpoints: \"a:4001, b:4001,[::1]:4001\"}\n";

class ClusterConfig : public testing::Test {
 protected:
  ClusterConfig() {
    char name[] = "/tmp/roost-config-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~ClusterConfig() override { std::filesystem::remove_all(folder_); }

  std::string make_file(const std::string& name) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << "x";
    return path;
  }
  ConfigOutcome load(const std::string& yaml) {
    ConfigSources sources;
    sources.file = folder_ + "/roost.yaml";
    std::ofstream(*sources.file) << yaml;
    return load_config(sources);
  }
  // The errors with the file's folder cut off.
  std::vector<std::string> errors_of(const std::string& yaml) {
    std::vector<std::string> errors = load(yaml).errors;
    for (std::string& line : errors) {
      if (line.starts_with(folder_)) line.erase(0, folder_.size() + 1);
    }
    return errors;
  }

  std::string folder_;
};

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof(name) - 1);
  return name;
}

TEST_F(ClusterConfig, WithoutANameANodeIsAlone) {
  const auto [config, errors] = load("");
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_THAT(config.warnings, IsEmpty());
  EXPECT_FALSE(config.is_cluster());
  EXPECT_THAT(config.etcd.endpoints, IsEmpty());
}

TEST_F(ClusterConfig, ANameAndEtcdAreEnough) {
  const auto [config, errors] = load(kThree);
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_TRUE(config.is_cluster());
  EXPECT_EQ(config.cluster.nodes, 3u);
  EXPECT_EQ(config.cluster.lease_ms, 3000u);
  EXPECT_THAT(config.etcd.endpoints, ElementsAre("a:4001", "b:4001", "[::1]:4001"));
  EXPECT_EQ(config.node.name, host_name());
  EXPECT_EQ(config.node.listen, "*:7883");
  EXPECT_EQ(config.node.advertise, host_name() + ":7883");
  EXPECT_EQ(config.drain.rate, 200u);
  EXPECT_EQ(config.drain.timeout_ms, 60000u);
  EXPECT_THAT(config.drain.server_reference, IsEmpty());
  EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("without TLS")));
}

TEST_F(ClusterConfig, ReadsAllOfIt) {
  const std::string pem = make_file("pem");
  const auto [config, errors] = load(R"(
cluster:
  name: home
  nodes: 5
  lease: 5s
  tls: {ca: )" + pem + ", cert: " + pem +
                                     ", key: " + pem + R"(}
node: {name: attic, listen: "[::1]:7000", advertise: attic.example:7001, zone: upstairs}
etcd:
  endpoints: [one:4001, two:4001]
  username: roost
  password_file: )" + pem + R"(
  ca: )" + pem + R"(
drain: {rate: 50, timeout: 5m, server_reference: other.example:4002}
listeners: [{ack: local}]
)");
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_THAT(config.warnings, IsEmpty());
  EXPECT_EQ(config.cluster.nodes, 5u);
  EXPECT_EQ(config.cluster.lease_ms, 5000u);
  EXPECT_TRUE(config.cluster.tls.is_on());
  EXPECT_EQ(config.node.name, "attic");
  EXPECT_EQ(config.node.listen, "[::1]:7000");
  EXPECT_EQ(config.node.advertise, "attic.example:7001");
  EXPECT_EQ(config.node.zone, "upstairs");
  EXPECT_THAT(config.etcd.endpoints, ElementsAre("one:4001", "two:4001"));
  EXPECT_EQ(config.etcd.user_name, "roost");
  EXPECT_EQ(config.etcd.password_file, pem);
  EXPECT_EQ(config.etcd.tls.ca_file, pem);
  EXPECT_EQ(config.drain.rate, 50u);
  EXPECT_EQ(config.drain.timeout_ms, 300000u);
  EXPECT_EQ(config.drain.server_reference, "other.example:4002");
  EXPECT_EQ(config.listeners.at(0).ack, Ack::local);
}

TEST_F(ClusterConfig, AnAcknowledgementMeansQuorumUnlessOneSaysOtherwise) {
  EXPECT_EQ(load("").config.listeners.at(0).ack, Ack::quorum);
  EXPECT_EQ(load("listeners: [{ack: memory}]\n").config.listeners.at(0).ack, Ack::memory);
  EXPECT_THAT(errors_of("listeners: [{ack: all}]\n"),
              ElementsAre("roost.yaml:1: listeners.0.ack is \"all\"; allowed is one of quorum, "
                          "local, memory"));
}

TEST_F(ClusterConfig, TheAdvertisedPortIsTheOneThatIsListenedOn) {
  const auto outcome = load(std::string(kThree) + "node: {listen: \"*:7900\"}\n");
  EXPECT_THAT(outcome.errors, IsEmpty());
  EXPECT_EQ(outcome.config.node.advertise, host_name() + ":7900");
}

TEST_F(ClusterConfig, EndpointsWithoutANameAreAWarning) {
  const auto [config, errors] = load("etcd: {endpoints: \"a:4001\"}\n");
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("cluster.name is not")));
}

TEST_F(ClusterConfig, ErrorsNameFileLineKeyWhatWasFoundAndWhatIsAllowed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"cluster:\n  name: home\n",
       "roost.yaml:2: cluster.name: is \"home\", and a cluster needs etcd.endpoints; allowed there "
       "is a list of host:port, like node1:7883 or [::1]:7883"},
      {std::string(kThree) + "shards: 65\n",
       "roost.yaml:3: shards: is \"65\"; allowed in a cluster is a number from 1 to 64"},
      {std::string(kThree) + "node:\n  name: at/tic\n",
       "roost.yaml:4: node.name: is \"at/tic\"; allowed are the characters A-Z a-z 0-9 . _ -, at "
       "most 64"},
      {std::string(kThree) + "node: {zone: \"a b\"}\n",
       "roost.yaml:3: node.zone: is \"a b\"; allowed are the characters A-Z a-z 0-9 . _ -, at most "
       "64"},
      {"cluster: {name: my home}\netcd: {endpoints: \"a:1\"}\n",
       "roost.yaml:1: cluster.name: is \"my home\"; allowed are the characters A-Z a-z 0-9 . _ -, "
       "at most 64"},
      {std::string(kThree) + "node: {listen: \"7883\"}\n",
       "roost.yaml:3: node.listen: is \"7883\"; allowed is address:port, like *:7883 or "
       "[::1]:7883"},
      {std::string(kThree) + "node: {advertise: attic}\n",
       "roost.yaml:3: node.advertise: is \"attic\"; allowed is host:port, like node1:7883 or "
       "[::1]:7883"},
      {std::string(kThree) + "node: {advertise: \"0.0.0.0:7883\"}\n",
       "roost.yaml:3: node.advertise: is \"0.0.0.0:7883\", which the other nodes can't connect to; "
       "allowed is host:port, like node1:7883 or [::1]:7883"},
      {"cluster: {name: home}\netcd: {endpoints: \"http://a:4001\"}\n",
       "roost.yaml:2: etcd.endpoints: has \"http://a:4001\"; allowed is host:port, like node1:7883 "
       "or [::1]:7883 without a scheme (etcd.ca switches TLS on)"},
      {"cluster: {name: home}\netcd: {endpoints: \"a:70000\"}\n",
       "roost.yaml:2: etcd.endpoints: has \"a:70000\"; allowed is host:port, like node1:7883 or "
       "[::1]:7883"},
      {"cluster: {nodes: 65}\n",
       "roost.yaml:1: cluster.nodes is \"65\"; allowed is a number from 1 to 64"},
      {"cluster: {lease: 100ms}\n",
       "roost.yaml:1: cluster.lease is \"100ms\"; allowed is a duration like 90s or 5m from 1s to "
       "1m"},
      {"drain: {rate: 0}\n", "roost.yaml:1: drain.rate is \"0\"; allowed is a number from 1 up"},
      {std::string(kThree) + "node: {listen: \"*:4003\"}\nlisteners: [{port: 4003}]\n",
       "roost.yaml:3: node.listen: the address * port 4003 is taken by listeners.0.port already"},
  };
  for (const auto& [yaml, says] : cases) EXPECT_THAT(errors_of(yaml), ElementsAre(says)) << yaml;
}

TEST_F(ClusterConfig, CertificatesComeWhole) {
  const std::string pem = make_file("pem");
  EXPECT_THAT(errors_of("cluster: {tls: {ca: " + pem + ", cert: " + pem + "}}\n"),
              ElementsAre(HasSubstr("cluster.tls.key: is missing; TLS between nodes needs")));
  EXPECT_THAT(errors_of("etcd: {ca: " + pem + ", cert: " + pem + "}\n"),
              ElementsAre(HasSubstr("etcd.cert: a certificate and its private key are needed")));
  EXPECT_THAT(errors_of("etcd: {cert: " + pem + ", key: " + pem + "}\n"),
              ElementsAre(HasSubstr("etcd.cert: needs etcd.ca")));
  EXPECT_THAT(errors_of("etcd: {username: roost}\n"),
              ElementsAre(HasSubstr("etcd.username: user and password are needed")));
  EXPECT_THAT(errors_of("etcd: {ca: /nowhere}\n"),
              ElementsAre(HasSubstr("etcd.ca: \"/nowhere\" can't be read: No such file")));
}

}  // namespace
}  // namespace roost::server
