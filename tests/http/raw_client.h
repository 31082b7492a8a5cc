// SPDX-License-Identifier: Apache-2.0
// A blocking client of an HTTP server on loopback that says exactly what a test wants.
// Thread: the test's.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace roost::http {

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{20, 0};  // a hang fails the test instead of the run
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(port);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&place), sizeof place) == 0;
  }
  ~Client() { ::close(fd_); }

  bool connected() const { return connected_; }
  void send(const std::string& text) { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }

  // One answer: header and as much body as it says.
  std::string read_answer(bool has_body = true) {
    while (text_.find("\r\n\r\n") == std::string::npos) {
      if (!read_more()) return std::exchange(text_, {});
    }
    const std::size_t header = text_.find("\r\n\r\n") + 4;
    std::size_t length = 0;
    const std::size_t field = text_.find("Content-Length: ");
    if (field < header && has_body) length = std::stoul(text_.substr(field + 16));
    while (text_.size() < header + length) {
      if (!read_more()) break;
    }
    std::string answer = text_.substr(0, header + length);
    text_.erase(0, answer.size());
    return answer;
  }
  // Bytes until `text` has come, or all there were.
  std::string read_until(std::string_view text) {
    for (;;) {
      const std::size_t at = text_.find(text);
      if (at != std::string::npos) {
        std::string read = text_.substr(0, at + text.size());
        text_.erase(0, read.size());
        return read;
      }
      if (!read_more()) return std::exchange(text_, {});
    }
  }
  // True when the server closed; false on bytes or a timeout.
  bool at_end() { return text_.empty() && !read_more() && ended_; }

 private:
  bool read_more() {
    char block[4096];
    const ssize_t n = ::recv(fd_, block, sizeof block, 0);
    ended_ = n == 0;
    if (n > 0) text_.append(block, static_cast<std::size_t>(n));
    return n > 0;
  }

  int fd_;
  bool connected_ = false, ended_ = false;
  std::string text_;
};

}  // namespace roost::http
