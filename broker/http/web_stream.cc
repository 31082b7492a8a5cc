// SPDX-License-Identifier: Apache-2.0
#include "broker/http/web_stream.h"

#include <boost/asio/connect.hpp>

#include <utility>

namespace roost::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

WebStream::WebStream(asio::io_context& io, asio::ssl::context& tls, WebUrl url,
                     bool verifies_server)
    : url_(std::move(url)), verifies_server_(verifies_server), resolver_(io), stream_(io, tls) {}

void WebStream::connect(Done done) {
  done_ = std::move(done);
  resolver_.async_resolve(
      url_.host, url_.port,
      [self = shared_from_this()](error_code fault, const tcp::resolver::results_type& found) {
        if (!self->done_) return;
        if (fault) return std::exchange(self->done_, nullptr)(fault);
        asio::async_connect(self->stream_.next_layer(), found,
                            [self](error_code failed, const tcp::endpoint&) {
                              if (!self->done_) return;
                              if (failed) return std::exchange(self->done_, nullptr)(failed);
                              self->connected();
                            });
      });
}

void WebStream::connected() {
  error_code ignored;
  stream_.next_layer().set_option(tcp::no_delay(true), ignored);
  if (url_.is_tls) return shake_hands();
  std::exchange(done_, nullptr)({});
}

void WebStream::shake_hands() {
  error_code no_address;
  asio::ip::make_address(url_.host, no_address);
  if (no_address) ::SSL_set_tlsext_host_name(stream_.native_handle(), url_.host.c_str());
  if (verifies_server_) stream_.set_verify_callback(asio::ssl::host_name_verification(url_.host));
  stream_.async_handshake(asio::ssl::stream_base::client,
                          [self = shared_from_this()](error_code fault) {
                            if (self->done_) std::exchange(self->done_, nullptr)(fault);
                          });
}

void WebStream::close() {
  done_ = nullptr;
  resolver_.cancel();
  error_code ignored;
  stream_.next_layer().close(ignored);
}

bool WebStream::has_spoken() {
  error_code ignored;
  return !url_.is_tls && stream_.next_layer().available(ignored) > 0;
}

}  // namespace roost::http
