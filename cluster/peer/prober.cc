// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/prober.h"

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "broker/base/check.h"
#include "cluster/peer/settings.h"
#include "cluster/peer/stream.h"

namespace roost::cluster::peer {
namespace {

constexpr std::size_t kResolvedMax = 256;

Prober::Found found_by(int error) {
  if (error == 0) return Prober::Found::listening;
  return error == ECONNREFUSED ? Prober::Found::refused : Prober::Found::unreachable;
}

// On one machine a connect to a port that nobody has may find itself, when the kernel chooses that
// port for its own end.
bool is_itself(int fd) {
  sockaddr_storage own{}, other{};
  socklen_t own_size = sizeof(own), other_size = sizeof(other);
  return getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) == 0 &&
         getpeername(fd, reinterpret_cast<sockaddr*>(&other), &other_size) == 0 &&
         own_size == other_size && std::memcmp(&own, &other, own_size) == 0;
}

// Nothing while it is under way.
std::optional<Prober::Found> result_of(int fd) {
  pollfd look{fd, POLLOUT, 0};
  if (poll(&look, 1, 0) <= 0) return std::nullopt;
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 && is_itself(fd) ? Prober::Found::refused : found_by(error);
}

void close_at_once(int fd) {
  const linger none{1, 0};  // leaves no TIME_WAIT behind
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  close(fd);
}

}  // namespace

Prober::Prober() : wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(wake_fd_ >= 0);
  thread_ = std::thread([this] { run(); });
}

Prober::~Prober() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake();
  thread_.join();
  for (const Probe& probe : probes_) close_at_once(probe.fd);
  close(wake_fd_);
}

void Prober::wake() { CHECK(eventfd_write(wake_fd_, 1) == 0 || errno == EAGAIN); }

void Prober::ask(const std::string& address, Tell tell) {
  {
    std::lock_guard lock(mutex_);
    inbox_.push_back({address, std::move(tell)});
  }
  wake();
}

void Prober::run() {
  while (wait()) {
    std::vector<Asked> asked;
    {
      std::lock_guard lock(mutex_);
      asked.swap(inbox_);
    }
    for (Asked& one : asked) begin(one);
    look();
  }
}

bool Prober::wait() {
  std::vector<pollfd> fds = {{wake_fd_, POLLIN, 0}};
  std::int64_t until = -1;
  for (const Probe& probe : probes_) {
    fds.push_back({probe.fd, POLLOUT, 0});
    until = until < 0 ? probe.until_ms : std::min(until, probe.until_ms);
  }
  const std::int64_t timeout = until < 0 ? -1 : std::max<std::int64_t>(0, until - now_ms());
  poll(fds.data(), fds.size(), static_cast<int>(timeout));
  eventfd_t ignored = 0;
  eventfd_read(wake_fd_, &ignored);
  std::lock_guard lock(mutex_);
  return !is_stopping_;
}

void Prober::begin(Asked& asked) {
  const Resolved& at = resolve(asked.address);
  if (at.size == 0) return asked.tell(Found::unreachable);
  const int fd = socket(at.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return asked.tell(Found::unreachable);
  const auto* address = reinterpret_cast<const sockaddr*>(&at.address);
  if (connect(fd, address, at.size) != 0 && errno != EINPROGRESS) {
    const Found found = found_by(errno);
    close_at_once(fd);
    return asked.tell(found);
  }
  probes_.push_back({fd, now_ms() + kProbeTimeoutMs, std::move(asked.tell)});
}

void Prober::look() {
  const std::int64_t now = now_ms();
  std::vector<Probe> probes;
  probes.swap(probes_);
  for (Probe& probe : probes) {
    auto found = result_of(probe.fd);
    if (!found && now < probe.until_ms) {
      probes_.push_back(std::move(probe));
      continue;
    }
    close_at_once(probe.fd);
    probe.tell(found.value_or(Found::unreachable));
  }
}

const Prober::Resolved& Prober::resolve(const std::string& address) {
  if (resolved_.size() > kResolvedMax) resolved_.clear();
  Resolved& known = resolved_[address];
  const std::int64_t now = now_ms();
  if (now < known.until_ms) return known;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return known;
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &list) != 0) {
    known.until_ms = now + kProbeTimeoutMs;  // what was known stands
    return known;
  }
  std::memcpy(&known.address, list->ai_addr, list->ai_addrlen);
  known.size = list->ai_addrlen;
  known.until_ms = now + kResolveMs;
  freeaddrinfo(list);
  return known;
}

}  // namespace roost::cluster::peer
