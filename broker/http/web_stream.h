// SPDX-License-Identifier: Apache-2.0
// A connection to an origin: TCP, and TLS where its URL says so.
// Thread: own thread (its io_context's).
// Owner: shared; operations on the way keep it alive.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>

#include <functional>
#include <memory>

#include "broker/http/web_url.h"

namespace roost::http {

class WebStream : public std::enable_shared_from_this<WebStream> {
 public:
  using Done = std::function<void(const boost::system::error_code&)>;

  WebStream(boost::asio::io_context& io, boost::asio::ssl::context& tls, WebUrl url,
            bool verifies_server);

  // Looks the name up, connects, shakes hands. `done` isn't called after close().
  void connect(Done done);
  void close();
  // Bytes came that nobody has asked for: who is idle would read them as the next answer. With TLS
  // they may be the protocol's own: false.
  bool has_spoken();
  // Calls `next` with the Asio stream that carries HTTP.
  template <typename Next>
  void use(Next next) {
    if (url_.is_tls) {
      next(stream_);
    } else {
      next(stream_.next_layer());
    }
  }

 private:
  void connected();
  void shake_hands();

  const WebUrl url_;
  const bool verifies_server_;
  Done done_;  // null: connected, or closed
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;  // without TLS only its socket
};

}  // namespace roost::http
