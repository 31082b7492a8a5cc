// SPDX-License-Identifier: Apache-2.0
// One core run by hand and connections on socket pairs: no threads, no sleeps.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/core.h"
#include "broker/net/connection.h"

namespace roost::net {

// The other end of a connection, driven by the test.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Peer() { close(); }

  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void half_close() const { ::shutdown(fd_, SHUT_WR); }
  // All of it, or as much as the kernel takes; returns how much.
  std::size_t send(std::string_view bytes) const {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  // What is there now.
  std::string receive() {
    std::string all;
    std::array<char, 65536> buffer;
    for (;;) {
      const auto got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got == 0) at_end_ = true;
      if (got < 0 && errno == ECONNRESET) reset_ = true;
      if (got <= 0) return all;
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  bool at_end() const { return at_end_; }  // FIN was read
  bool was_reset() const { return reset_; }

 private:
  int fd_;
  bool at_end_ = false;
  bool reset_ = false;
};

// Owns a connection, remembers what it said, and does what the test wants in its callbacks.
class Client final : public ConnectionEvents {
 public:
  std::unique_ptr<Connection> connection;
  std::string received;
  int offers = 0;
  int drained = 0;
  std::vector<CloseReason> closed;
  // Replaced where a test consumes otherwise than "all of it".
  std::function<std::size_t(ByteView, std::uint64_t&)> consume = [this](ByteView bytes,
                                                                        std::uint64_t&) {
    received += as_text(bytes);
    return bytes.size();
  };
  std::function<void()> when_drained = [] {};
  std::function<void()> when_closed = [] {};

 private:
  std::size_t on_bytes(ByteView bytes, std::uint64_t& wanted) override {
    ++offers;
    return consume(bytes, wanted);
  }
  void on_drained() override {
    ++drained;
    when_drained();
  }
  void on_closed(CloseReason reason) override {
    closed.push_back(reason);
    when_closed();
  }
};

// A connected pair: the connection's descriptor and its peer.
std::pair<int, Peer> socket_pair();
// The same over TCP on loopback: RST and kernel buffers as in life.
std::pair<int, Peer> tcp_pair();

// What connections live in.
struct Stage {
  void turn() { core.run_once(0); }
  void turns(int count) {
    for (int i = 0; i < count; ++i) turn();
  }
  // Gives `client` a connection on `fd`.
  void connect(Client& client, int fd, ConnectionLimits limits = {}) {
    DetachedConnection from;
    from.fd = fd;
    from.limits = limits;
    connect(client, std::move(from));
  }
  void connect(Client& client, DetachedConnection from) {
    client.connection = std::make_unique<Connection>(core, std::move(from), client, counters);
  }

  ManualClock clock;
  core::Core core{CoreId{0}, clock};
  NetCounters counters;
};

}  // namespace roost::net
