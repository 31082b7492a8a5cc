// SPDX-License-Identifier: Apache-2.0
#include "tests/http/loopback.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

namespace roost::http {

Peer::Peer(int fd, SSL_CTX* tls) : fd_(fd) {
  const timeval patience{20, 0};  // a hang fails the test instead of the run
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (tls == nullptr) return;
  ssl_ = ::SSL_new(tls);
  ::SSL_set_fd(ssl_, fd_);
  is_open_ = ::SSL_accept(ssl_) == 1;
}

Peer::~Peer() {
  if (ssl_ != nullptr) ::SSL_free(ssl_);
  ::shutdown(fd_, SHUT_RDWR);
}

bool Peer::read_more() {
  char block[4096];
  const auto n = ssl_ != nullptr ? ::SSL_read(ssl_, block, sizeof block)
                                 : static_cast<int>(::recv(fd_, block, sizeof block, 0));
  was_closed_ = n == 0;
  if (n > 0) text_.append(block, static_cast<std::size_t>(n));
  return n > 0;
}

std::string Peer::read_request() {
  while (is_open_ && text_.find("\r\n\r\n") == text_.npos) is_open_ = read_more();
  if (!is_open_) return {};
  const std::size_t header = text_.find("\r\n\r\n") + 4;
  std::size_t length = 0;
  const std::size_t field = text_.find("Content-Length: ");
  if (field < header) length = std::stoul(text_.substr(field + 16));
  while (text_.size() < header + length && read_more()) {
  }
  std::string request = text_.substr(0, header + length);
  text_.erase(0, request.size());
  return request;
}

void Peer::write(const std::string& text) {
  if (ssl_ != nullptr) {
    ::SSL_write(ssl_, text.data(), static_cast<int>(text.size()));
  } else {
    ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  }
}

void Peer::answer(const std::string& body, const std::string& more_header) {
  write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more_header +
        "\r\n" + body);
}

std::string Peer::server_name() const {
  const char* const name =
      ssl_ != nullptr ? ::SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name) : nullptr;
  return name != nullptr ? name : "";
}

Loopback::Loopback(Script script, const std::string& certificate, const std::string& key)
    : script_(std::move(script)), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  std::signal(SIGPIPE, SIG_IGN);  // what OpenSSL writes to a client that is gone
  if (!certificate.empty()) {
    tls_.reset(::SSL_CTX_new(::TLS_server_method()));
    EXPECT_EQ(::SSL_CTX_use_certificate_chain_file(tls_.get(), certificate.c_str()), 1);
    EXPECT_EQ(::SSL_CTX_use_PrivateKey_file(tls_.get(), key.c_str(), SSL_FILETYPE_PEM), 1);
  }
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&place), size), 0);
  EXPECT_EQ(::listen(fd_, 100), 0);
  EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&place), &size), 0);
  port_ = ntohs(place.sin_port);
  acceptor_ = std::thread([this] { accept(); });
}

void Loopback::accept() {
  for (;;) {
    const int fd = ::accept(fd_, nullptr, nullptr);
    if (fd < 0) return;
    const int number = connections_.fetch_add(1);
    fds_.push_back(fd);
    scripts_.emplace_back([this, fd, number] {
      Peer peer(fd, tls_.get());
      if (peer.is_open()) script_(peer, number);
    });
  }
}

Loopback::~Loopback() {
  ::shutdown(fd_, SHUT_RDWR);
  acceptor_.join();
  for (const int fd : fds_) ::shutdown(fd, SHUT_RDWR);
  for (std::thread& script : scripts_) script.join();
  for (const int fd : fds_) ::close(fd);
  ::close(fd_);
}

}  // namespace roost::http
