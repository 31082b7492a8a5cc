// SPDX-License-Identifier: Apache-2.0
#include "tests/etcd/etcd_cluster.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "broker/base/check.h"
#include "tests/etcd/child.h"

namespace roost::cluster {
namespace {

constexpr std::chrono::seconds kPatience{30};

std::string new_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "roost-etcd-XXXXXX").string();
  CHECK(mkdtemp(name.data()));
  return name;
}

void openssl(const std::vector<std::string>& arguments, const std::string& output) {
  std::vector<std::string> command = {"openssl"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Ran ran = run_child(command, output);
  ASSERT_EQ(ran.status, 0) << ran.output;
}

}  // namespace

// Below the range that outgoing connections take theirs from: none of those can come between.
std::uint16_t free_port() {
  static std::mt19937 random{std::random_device{}()};
  while (true) {
    const auto port = std::uniform_int_distribution<std::uint16_t>(12000, 31999)(random);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (is_free) return port;
  }
}

EtcdCluster::EtcdCluster(Settings settings) : settings_(settings), folder_(new_folder()) {
  for (std::size_t i = 0; i < settings_.members; ++i) {
    members_.push_back({free_port(), free_port(), 0, false});
  }
  if (settings_.with_tls) make_certificates();
  if (settings_.is_started) {
    start_all();
    leader();
  }
}

EtcdCluster::~EtcdCluster() {
  for (std::size_t i = 0; i < members_.size(); ++i) kill(i);
  std::filesystem::remove_all(folder_);
}

std::string EtcdCluster::endpoint(std::size_t member) const {
  return "127.0.0.1:" + std::to_string(members_[member].port);
}

EtcdOptions EtcdCluster::options() const {
  EtcdOptions options;
  for (std::size_t i = 0; i < members_.size(); ++i) options.endpoints.push_back(endpoint(i));
  if (settings_.with_tls) {
    options.ca_file = path("ca.pem");
    options.cert_file = path("cert.pem");
    options.key_file = path("cert.key");
  }
  return options;
}

std::vector<std::string> EtcdCluster::command(std::size_t member) const {
  std::string all;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    all += (i ? ",m" : "m") + std::to_string(i) +
           "=http://127.0.0.1:" + std::to_string(members_[i].peer_port);
  }
  const std::string peer = "http://127.0.0.1:" + std::to_string(members_[member].peer_port);
  const std::string client = scheme() + endpoint(member);
  const std::string name = "m" + std::to_string(member);
  std::vector<std::string> words = {"etcd",
                                    "--name",
                                    name,
                                    "--data-dir",
                                    path(name),
                                    "--listen-client-urls",
                                    client,
                                    "--advertise-client-urls",
                                    client,
                                    "--listen-peer-urls",
                                    peer,
                                    "--initial-advertise-peer-urls",
                                    peer,
                                    "--initial-cluster",
                                    all,
                                    "--initial-cluster-state",
                                    "new",
                                    "--heartbeat-interval",
                                    std::to_string(settings_.election_ms / 10),
                                    "--election-timeout",
                                    std::to_string(settings_.election_ms),
                                    "--logger",
                                    "zap"};
  if (settings_.with_tls) {
    for (const char* word : {"--client-cert-auth", "--trusted-ca-file", "ca.pem", "--cert-file",
                             "cert.pem", "--key-file", "cert.key"}) {
      words.push_back(word[0] == '-' ? word : path(word));
    }
  }
  return words;
}

void EtcdCluster::start(std::size_t member) {
  members_[member].process = start_child(command(member), path("log" + std::to_string(member)));
  ASSERT_GT(members_[member].process, 0);
}

void EtcdCluster::start_all() {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].process == 0) start(i);
  }
}

void EtcdCluster::kill(std::size_t member) {
  Member& one = members_[member];
  if (one.process == 0) return;
  ::kill(one.process, SIGKILL);
  waitpid(one.process, nullptr, 0);
  one.process = 0;
  one.is_paused = false;
}

void EtcdCluster::pause(std::size_t member) {
  ::kill(members_[member].process, SIGSTOP);
  members_[member].is_paused = true;
}

void EtcdCluster::resume(std::size_t member) {
  ::kill(members_[member].process, SIGCONT);
  members_[member].is_paused = false;
}

void EtcdCluster::restore(const std::string& snapshot) {
  CHECK(members_.size() == 1);
  kill(0);
  std::filesystem::remove_all(path("m0"));
  const std::string peer = "http://127.0.0.1:" + std::to_string(members_[0].peer_port);
  const Ran ran = run_child({"env", "ETCDCTL_API=3", "etcdctl", "snapshot", "restore", snapshot,
                             "--name", "m0", "--data-dir", path("m0"), "--initial-cluster",
                             "m0=" + peer, "--initial-advertise-peer-urls", peer},
                            path("restore.out"));
  ASSERT_EQ(ran.status, 0) << ran.output;
  start(0);
}

std::vector<std::string> EtcdCluster::control_command(const std::string& endpoints) const {
  std::vector<std::string> words = {"env", "ETCDCTL_API=3", "etcdctl", "--endpoints", endpoints};
  if (settings_.with_tls) {
    for (const char* word : {"--cacert", "ca.pem", "--cert", "cert.pem", "--key", "cert.key"}) {
      words.push_back(word[0] == '-' ? word : path(word));
    }
  }
  return words;
}

std::string EtcdCluster::control(const std::vector<std::string>& arguments) const {
  std::string endpoints;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].process == 0 || members_[i].is_paused) continue;
    endpoints += (endpoints.empty() ? "" : ",") + endpoint(i);
  }
  std::vector<std::string> words = control_command(endpoints);
  words.insert(words.end(), arguments.begin(), arguments.end());
  const Ran ran = run_child(words, path("etcdctl.out"));
  EXPECT_EQ(ran.status, 0) << arguments[0] << ": " << ran.output;
  return ran.output;
}

// A line: "127.0.0.1:port, id, version, size, is leader, ...".
std::size_t EtcdCluster::leader() const {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].process == 0 || members_[i].is_paused) continue;
      std::vector<std::string> words = control_command(endpoint(i));
      for (const char* word : {"--command-timeout", "1s", "endpoint", "status"}) {
        words.emplace_back(word);
      }
      const Ran ran = run_child(words, path("status.out"));
      std::istringstream fields(ran.output);
      std::string field;
      for (int column = 0; column < 5; ++column) std::getline(fields, field, ',');
      if (ran.status == 0 && field == " true") return i;
    }
  }
  ADD_FAILURE() << "no leader among the members of " << folder_;
  return 0;
}

void EtcdCluster::make_certificates() const {
  const std::string out = path("openssl.out");
  const auto key = [&](const std::string& name) {
    openssl({"ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path(name)}, out);
  };
  key("ca.key");
  openssl({"req", "-x509", "-new", "-key", path("ca.key"), "-out", path("ca.pem"), "-days", "2",
           "-subj", "/CN=Roost test authority"},
          out);
  key("cert.key");
  openssl({"req", "-new", "-key", path("cert.key"), "-out", path("cert.csr"), "-subj", "/CN=root"},
          out);
  std::ofstream(path("cert.ext")) << "subjectAltName=IP:127.0.0.1\n";
  openssl({"x509", "-req", "-in", path("cert.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
           "-CAcreateserial", "-out", path("cert.pem"), "-days", "2", "-extfile", path("cert.ext")},
          out);
}

}  // namespace roost::cluster
