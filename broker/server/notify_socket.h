// SPDX-License-Identifier: Apache-2.0
// The datagram socket on which a service manager hears of its service; what libsystemd's sd_notify
// does. systemd's sd_notify(3) says which lines there are.
// Thread: any.
// Owner: ServiceState.
#pragma once

#include <string>
#include <string_view>

namespace roost::server {

class NotifySocket {
 public:
  // `path`: NOTIFY_SOCKET, absolute, or "@name" for an abstract one; anything else is nobody.
  explicit NotifySocket(std::string_view path);
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  bool is_open() const { return fd_ >= 0; }
  // "NAME=value" lines. Never blocks; a message for which there is no room, or nobody, is lost.
  void send(std::string_view lines) const;

 private:
  std::string address_;  // the bytes of a sockaddr_un
  int fd_ = -1;
};

}  // namespace roost::server
