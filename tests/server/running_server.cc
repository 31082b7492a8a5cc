// SPDX-License-Identifier: Apache-2.0
#include "tests/server/running_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "broker/base/check.h"

namespace roost::server {

namespace {

int loopback_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  return fd;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Folders of this process's servers, gone when it ends.
class Folders {
 public:
  ~Folders() {
    std::error_code ignored;
    std::filesystem::remove_all(base_, ignored);
  }
  std::string next() { return base_ + "/" + std::to_string(++count_); }

 private:
  static std::string make() {
    std::string name = std::filesystem::temp_directory_path() / "roost-server-XXXXXX";
    CHECK(::mkdtemp(name.data()) != nullptr);
    return name;
  }
  const std::string base_ = make();
  std::atomic<int> count_{0};
};

std::string fresh_folder() {
  static Folders folders;
  return folders.next();
}

}  // namespace

std::uint16_t free_port() {
  // Below the range that outgoing connections take theirs from: one of those can't come between.
  static std::random_device seed;
  static std::mt19937 random(seed());
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (;;) {
    const auto port = std::uniform_int_distribution<std::uint16_t>(12000, 31999)(random);
    const sockaddr_in address = loopback(port);
    const int fd = loopback_socket();
    const int bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    const int reason = errno;
    ::close(fd);
    if (bound == 0) return port;
    CHECK(reason == EADDRINUSE);
  }
}

Config test_config(const Overrides& more) {
  ConfigSources sources;
  sources.overrides = {{"listeners.0.address", "127.0.0.1"},
                       {"listeners.0.port", "0"},
                       {"http.port", "0"},
                       {"threads", "3"},
                       {"data_dir", fresh_folder()},
                       {"store.reserve_bytes", "0"},
                       {"mqtt.sys_interval", "0"},
                       {"log.max_connection_lines", "0"}};
  sources.overrides.insert(sources.overrides.end(), more.begin(), more.end());
  ConfigOutcome outcome = load_config(sources);
  for (const std::string& error : outcome.errors) std::fprintf(stderr, "%s\n", error.c_str());
  CHECK(outcome.errors.empty());
  return std::move(outcome.config);
}

RunningServer::RunningServer(const Config& config) {
  auto opened = Server::open(config, log);
  if (!opened) std::fprintf(stderr, "%s\n", opened.error().message.c_str());
  CHECK(opened.has_value());
  server = std::move(*opened);
  server->start();
}

std::string RunningServer::get(std::string_view path) const {
  const int fd = loopback_socket();
  const sockaddr_in address = loopback(server->http_port());
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request =
        "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static_cast<void>(::send(fd, request.data(), request.size(), MSG_NOSIGNAL));
    char room[4096];
    for (ssize_t got = 0; (got = ::recv(fd, room, sizeof(room), 0)) > 0;) {
      answer.append(room, static_cast<std::size_t>(got));
    }
  }
  ::close(fd);
  return answer;
}

double RunningServer::metric(std::string_view series) const {
  const std::string all = get("/metrics");
  const std::string wanted = "\n" + std::string(series) + " ";
  const std::size_t at = all.find(wanted);
  return at == std::string::npos ? -1 : std::strtod(all.c_str() + at + wanted.size(), nullptr);
}

bool RunningServer::metric_becomes(std::string_view series, double value) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (metric(series) != value) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace roost::server
