// SPDX-License-Identifier: Apache-2.0
// A server on loopback that does exactly what a test says, with blocking sockets and, where it has
// a certificate, TLS.
// Thread: own thread (tests); the script runs on the server's.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace roost::http {

// One accepted connection.
class Peer {
 public:
  Peer(int fd, SSL_CTX* tls);  // shakes hands
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  bool is_open() const { return is_open_; }
  // The client closed, which is more than that it is silent.
  bool was_closed() const { return was_closed_; }
  // One request, header and body; empty at the end.
  std::string read_request();
  void write(const std::string& text);
  void answer(const std::string& body, const std::string& more_header = {});
  // What the client named in its handshake.
  std::string server_name() const;

 private:
  bool read_more();

  int fd_;
  SSL* ssl_ = nullptr;
  bool is_open_ = true;
  bool was_closed_ = false;
  std::string text_;
};

class Loopback {
 public:
  // Called for each connection in turn, one thread each; `number` from 0.
  using Script = std::function<void(Peer& peer, int number)>;

  // `certificate` and `key`: PEM files; empty: no TLS.
  explicit Loopback(Script script, const std::string& certificate = {},
                    const std::string& key = {});
  ~Loopback();  // shuts all connections and joins

  std::uint16_t port() const { return port_; }
  int connections() const { return connections_.load(); }

 private:
  void accept();

  const Script script_;
  std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> tls_{nullptr, &::SSL_CTX_free};
  int fd_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::vector<int> fds_;              // of the acceptor's thread until it was joined
  std::vector<std::thread> scripts_;  // likewise
  std::thread acceptor_;
};

}  // namespace roost::http
