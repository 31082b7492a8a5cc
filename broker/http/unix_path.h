// SPDX-License-Identifier: Apache-2.0
// A Unix socket's path as the system takes it: an address has room for 107 bytes, a longer path is
// reached through its folder, opened here.
// Thread: own thread.
// Owner: who listens or connects; needed until that is done.
#pragma once

#include <string>

#include "broker/net/socket.h"

namespace roost::http {

class ShortUnixPath {
 public:
  explicit ShortUnixPath(const std::string& path);
  const std::string& text() const { return text_; }  // `path` itself, or where that leads, too

 private:
  net::Fd folder_;
  std::string text_;
};

}  // namespace roost::http
