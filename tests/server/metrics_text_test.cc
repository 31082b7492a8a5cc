// SPDX-License-Identifier: Apache-2.0
// deploy/docs/metrics.md is what a node registers, to the letter. To write it anew:
//   REGENERATE=1 build/ci/tests/server_tests --gtest_filter='MetricsText.*'
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

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
cluster only, `roost_bridge_...` and `roost_webhook_...` of nodes with such settings. Classes of
clients: `metrics.classes` in [settings.md](settings.md).

Generated; `tests/server/metrics_text_test.cc` compares.

)";

// Opened, never started: the numbers are registered by then. Nobody listens at that etcd. `pem`: a
// certificate with its key.
std::string all_metrics(const std::string& pem) {
  Config config = test_config({{"http.port", std::to_string(free_port())},
                               {"listeners.0.tls.cert", pem},
                               {"listeners.0.tls.key", pem},
                               {"cluster.name", "docs"},
                               {"node.name", "n1"},
                               {"node.listen", "127.0.0.1:" + std::to_string(free_port())},
                               {"node.advertise", "127.0.0.1:" + std::to_string(free_port())},
                               {"bridges.0.name", "cloud"},
                               {"bridges.0.url", "mqtt://127.0.0.1"},
                               {"bridges.0.topics", "# out 1"},
                               {"webhooks.0.name", "orders"},
                               {"webhooks.0.url", "http://127.0.0.1/"},
                               {"webhooks.0.filters", "orders/#"},
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
  const std::string pem =
      (std::filesystem::temp_directory_path() / ("metrics-" + std::to_string(::getpid()) + ".pem"))
          .string();
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=docs "
      "-keyout - -out - >" +
      pem + " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const std::string text = kHead + all_metrics(pem);
  std::filesystem::remove(pem);
  if (std::getenv("REGENERATE") != nullptr) std::ofstream(kCommitted) << text;
  EXPECT_EQ(read(kCommitted), text)
      << "run from the repository's root; after a change of the metrics run with REGENERATE=1";
}

}  // namespace
}  // namespace roost::server
