// SPDX-License-Identifier: Apache-2.0
#include "broker/net/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace roost::net {

namespace {

constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn

ErrorKind kind_of(int number) {
  switch (number) {
    case EADDRINUSE:
      return ErrorKind::already_exists;
    case EACCES:
    case EPERM:
      return ErrorKind::permission_denied;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::invalid_argument;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorKind::resource_exhausted;
    default:
      return ErrorKind::io;
  }
}

Unexpected<Error> failed(const std::string& what, int number) {
  std::string text = what + ": " + std::strerror(number);
  if (number == EADDRINUSE) text += "; another process listens there";
  if (number == EADDRNOTAVAIL) text += "; this machine has no such address";
  return error(kind_of(number), std::move(text));
}

// `mode`: of a Unix socket's file.
Result<Fd> listen_on(const sockaddr* address, socklen_t size, const std::string& name,
                     std::uint32_t mode = 0) {
  Fd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed("can't open a socket for " + name, errno);
  // Linux makes the file with the mode that the socket has: at no moment is it open to others.
  if (mode != 0) ::fchmod(fd.get(), mode);
  const int on = 1;
  const int off = 0;
  // Accepted sockets inherit TCP_NODELAY and SO_KEEPALIVE: no system call per connection.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (address->sa_family == AF_INET6) {
    const auto& any = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    const bool is_any = IN6_IS_ADDR_UNSPECIFIED(&any);
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, is_any ? &off : &on, sizeof(int));
  }
  if (::bind(fd.get(), address, size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return failed("can't listen on " + name, errno);
  }
  return fd;
}

void set_port(sockaddr* address, std::uint16_t port) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

Result<std::vector<Fd>> listen_all(std::uint16_t port, Log& log) {
  std::vector<Fd> sockets;
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  const std::string name = "*:" + std::to_string(port);
  auto both = listen_on(reinterpret_cast<const sockaddr*>(&six), sizeof(six), name);
  if (!both && both.error().kind == ErrorKind::invalid_argument) {
    log.write(LogLevel::warn, "this host has no IPv6; " + name + " serves IPv4 only");
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    both = listen_on(reinterpret_cast<const sockaddr*>(&four), sizeof(four), name);
  }
  if (!both) return Unexpected(both.error());
  sockets.push_back(std::move(both).value());
  return sockets;
}

// True if somebody accepts connections on the socket file.
bool is_served(const sockaddr_un& address) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int result =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return result == 0 || errno != ECONNREFUSED;  // a full backlog (EAGAIN) is somebody too
}

}  // namespace

Fd::Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

int Fd::release() { return std::exchange(fd_, -1); }

bool defer_accept(const Fd& listening, int seconds) {
  return ::setsockopt(listening.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)) ==
         0;
}

Result<std::vector<Fd>> listen_tcp(const std::string& host, std::uint16_t port, Log& log) {
  if (host == "*" || host == "::" || host.empty()) return listen_all(port, log);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  if (status != 0) {
    return error(ErrorKind::invalid_argument,
                 "can't listen on " + host + ": " + ::gai_strerror(status) +
                     "; give an IPv4 or IPv6 address, a name of this machine, or *");
  }
  std::vector<Fd> sockets;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    set_port(each->ai_addr, sockets.empty() ? port : bound_port(sockets.front().get()));
    sockaddr_storage address{};
    std::memcpy(&address, each->ai_addr, each->ai_addrlen);
    auto socket = listen_on(each->ai_addr, each->ai_addrlen, address_text(address));
    if (socket) {
      sockets.push_back(std::move(socket).value());
    } else if (each->ai_next != nullptr || !sockets.empty()) {
      // "localhost" is ::1 too, even where IPv6 is switched off.
      if (socket.error().kind != ErrorKind::invalid_argument) return Unexpected(socket.error());
      log.write(LogLevel::warn, socket.error().message);
    } else {
      return Unexpected(socket.error());
    }
  }
  return sockets;
}

Result<Fd> listen_unix(const std::string& path, std::uint32_t mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return error(ErrorKind::invalid_argument, "the path of a Unix socket has at most " +
                                                  std::to_string(sizeof(address.sun_path) - 1) +
                                                  " bytes: " + path);
  }
  path.copy(address.sun_path, path.size());
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) {
      return error(ErrorKind::already_exists, path +
                                                  " exists and is not a socket; remove it or "
                                                  "choose another path");
    }
    if (is_served(address)) {
      return error(ErrorKind::already_exists,
                   "can't listen on " + path + ": another process listens there");
    }
    ::unlink(path.c_str());
  }
  auto socket = listen_on(reinterpret_cast<const sockaddr*>(&address), sizeof(address), path, mode);
  if (socket && ::chmod(path.c_str(), mode) != 0)
    return failed("can't set the mode of " + path, errno);
  return socket;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  return 0;
}

std::string address_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &four.sin_addr, text, sizeof(text));
    return std::string(text) + ':' + std::to_string(ntohs(four.sin_port));
  }
  if (address.ss_family != AF_INET6) return "unix";
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  const std::string port = std::to_string(ntohs(six.sin6_port));
  if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
    ::inet_ntop(AF_INET, &six.sin6_addr.s6_addr[12], text, sizeof(text));
    return std::string(text) + ':' + port;
  }
  ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof(text));
  return '[' + std::string(text) + "]:" + port;
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_UNIX) return true;
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    return ntohl(four.sin_addr.s_addr) >> 24 == 127;
  }
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
}

}  // namespace roost::net
