// SPDX-License-Identifier: Apache-2.0
// deploy/docs/metrics.md is what a node registers, to the letter. To write it anew:
//   REGENERATE=1 build/ci/tests/server_tests --gtest_filter='MetricsText.*'
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/server/running_server.h"

namespace roost::server {
namespace {

constexpr const char* kCommitted = "deploy/docs/metrics.md";
constexpr const char* kHead = R"(# Metrics

What `/metrics` has (`http.port`), in Prometheus' text format. Labels are few and bounded: never a
client id, a user or a topic. `roost_cluster_...`, `roost_link_...`, `roost_peer_...`,
`roost_replica...`, `roost_relay...`, `roost_gathers_...` and `roost_etcd_...` are of nodes of a
cluster only. Classes of clients: `metrics.classes` in [settings.md](settings.md).

Generated; `tests/server/metrics_text_test.cc` compares.

)";

// Opened, never started: the numbers are registered by then. Nobody listens at that etcd.
std::string all_metrics() {
  Config config = test_config({{"http.port", std::to_string(free_port())},
                               {"cluster.name", "docs"},
                               {"node.name", "n1"},
                               {"node.listen", "127.0.0.1:" + std::to_string(free_port())},
                               {"node.advertise", "127.0.0.1:" + std::to_string(free_port())},
                               {"etcd.endpoints", "127.0.0.1:" + std::to_string(free_port())}});
  support::VectorLog log;
  auto server = Server::open(config, log);
  return server ? (*server)->metrics_markdown() : server.error().message;
}

std::string read(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

TEST(MetricsText, IsWhatIsCommitted) {
  const std::string text = kHead + all_metrics();
  if (std::getenv("REGENERATE") != nullptr) std::ofstream(kCommitted) << text;
  EXPECT_EQ(read(kCommitted), text)
      << "run from the repository's root; after a change of the metrics run with REGENERATE=1";
}

}  // namespace
}  // namespace roost::server
