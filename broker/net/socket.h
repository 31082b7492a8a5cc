// SPDX-License-Identifier: Apache-2.0
// Opening listening sockets, and addresses as text.
// Thread: any thread.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/log.h"
#include "broker/base/result.h"

namespace roost::net {

// Owns a file descriptor.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept;
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const { return fd_; }
  int release();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Listening, non-blocking sockets on every address that `host` stands for ("localhost" may be
// two). Port 0: the first picks a free one, the others follow it. "*" and "::" are IPv6 and IPv4
// in one socket; a host without IPv6 gets IPv4 and a log line.
Result<std::vector<Fd>> listen_tcp(const std::string& host, std::uint16_t port, Log& log);
// A TCP client is accepted when its first bytes are here, or after about `seconds` without any.
bool defer_accept(const Fd& listening, int seconds);

// A socket file that nobody serves any more is replaced; one that is served is already_exists.
Result<Fd> listen_unix(const std::string& path, std::uint32_t mode);

// The port a TCP socket is bound to.
std::uint16_t bound_port(int fd);

// "192.0.2.7:51234", "[2001:db8::7]:51234", "unix". IPv4 in IPv6 clothes appears as IPv4.
std::string address_text(const sockaddr_storage& address);
bool is_loopback(const sockaddr_storage& address);

}  // namespace roost::net
