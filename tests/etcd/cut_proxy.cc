// SPDX-License-Identifier: Apache-2.0
#include "tests/etcd/cut_proxy.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "broker/base/check.h"
#include "tests/etcd/etcd_cluster.h"

namespace roost::cluster {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int tcp_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

bool send_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

CutProxy::CutProxy(std::uint16_t target) : target_(target) {
  listener_ = tcp_socket();
  wake_ = eventfd(0, EFD_CLOEXEC);
  sockaddr_in address{};
  do {
    port_ = free_port();
    address = loopback(port_);
  } while (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0);
  CHECK(listen(listener_, 16) == 0);
  thread_ = std::thread([this] { run(); });
}

CutProxy::~CutProxy() {
  tell([this] { is_over_ = true; });
  thread_.join();
  close_all();
  close(listener_);
  close(wake_);
}

void CutProxy::tell(const std::function<void()>& what) {
  const std::lock_guard lock(mutex_);
  what();
  CHECK(eventfd_write(wake_, 1) == 0);
}

void CutProxy::set(Mode mode) {
  tell([&] {
    mode_ = mode;
    if (mode == Mode::refuse) close_all();
  });
}

std::size_t CutProxy::lost() {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void CutProxy::cut() {
  tell([this] {
    close_all();
    mode_ = Mode::pass;
  });
}

void CutProxy::close_all() {
  for (const Pair& pair : pairs_) {
    close(pair.client);
    close(pair.server);
  }
  pairs_.clear();
}

void CutProxy::accept_one() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = tcp_socket();
  const sockaddr_in address = loopback(target_);
  if (mode_ == Mode::refuse ||
      connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(client);
    close(server);
    return;
  }
  pairs_.push_back({client, server});
}

bool CutProxy::move(int from, int to, bool is_lost) {
  std::array<char, 65536> data;
  const ssize_t size = recv(from, data.data(), data.size(), MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN;
  if (size == 0) return false;
  if (is_lost) lost_ += static_cast<std::size_t>(size);
  return is_lost || send_all(to, data.data(), static_cast<std::size_t>(size));
}

void CutProxy::run() {
  while (true) {
    std::vector<pollfd> sources = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      if (is_over_) return;
      for (const Pair& pair : pairs_) {
        sources.push_back({pair.client, POLLIN, 0});
        sources.push_back({pair.server, POLLIN, 0});
      }
    }
    poll(sources.data(), sources.size(), -1);
    const std::lock_guard lock(mutex_);
    if (sources[0].revents) {
      // Whoever told something may have closed what was polled.
      eventfd_t count = 0;
      eventfd_read(wake_, &count);
      continue;
    }
    for (std::size_t i = 0; i < pairs_.size();) {
      const Pair pair = pairs_[i];
      if (move(pair.client, pair.server, mode_ == Mode::lose_requests) &&
          move(pair.server, pair.client, mode_ == Mode::lose_answers)) {
        ++i;
        continue;
      }
      close(pair.client);
      close(pair.server);
      pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (sources[1].revents) accept_one();
  }
}

}  // namespace roost::cluster
