// SPDX-License-Identifier: Apache-2.0
#include "broker/http/connection.h"

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <openssl/ssl.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <tuple>

#include "broker/net/peer_info.h"
#include "broker/net/socket.h"
#include "broker/net/tls.h"

namespace roost::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using beast::http::string_body;
using boost::system::error_code;
using Plain = beast::basic_stream<Stream>;
using Tls = asio::ssl::stream<Plain>;

Plain& bottom(Plain& stream) { return stream; }
Plain& bottom(Tls& stream) { return stream.next_layer(); }

// Empty: a Unix socket.
std::string peer_of(const Stream::socket& socket) {
  error_code fault;
  const Stream::endpoint from = socket.remote_endpoint(fault);
  sockaddr_storage address{};
  if (fault || from.size() > sizeof address) return {};
  std::memcpy(&address, from.data(), from.size());
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return {};
  return std::string(net::host_of(net::address_text(address)));
}

Request plain_request(beast::http::request<string_body> message) {
  Request request;
  request.method = message.method_string();
  std::tie(request.path, request.query) =
      split_target({message.target().data(), message.target().size()});
  for (const auto& field : message) {
    request.headers.emplace_back(field.name_string(), field.value());
  }
  request.body = std::move(message.body());
  return request;
}

template <typename S>
class BeastConnection : public Connection, public std::enable_shared_from_this<BeastConnection<S>> {
 public:
  template <typename... Arguments>
  BeastConnection(Shared& shared, const char* busy, std::string peer, Arguments&&... stream)
      : stream_(std::forward<Arguments>(stream)...),
        shared_(shared),
        busy_(busy),
        peer_(std::move(peer)) {
    shared_.connections.insert(this);
  }
  ~BeastConnection() override { shared_.connections.erase(this); }

  void start();
  void close() override { bottom(stream_).close(); }

 private:
  void read_or_refuse() { busy_ == nullptr ? read() : refuse(503, busy_); }
  void read();
  void on_read(error_code fault);
  void serve_request();
  void answer(Response response, bool keep_alive, bool with_body = true);
  void on_written(error_code fault);
  void finish();
  void discard();

  void refuse(unsigned status, const std::string& why) {
    answer(error_response(status, why, shared_.settings.json_errors), false);
  }
  void arm_timeout() {
    bottom(stream_).expires_after(std::chrono::milliseconds(shared_.settings.timeout_ms));
  }

  S stream_;
  Shared& shared_;
  const char* const busy_;
  const std::string peer_;
  bool has_certificate_ = false;
  beast::flat_buffer buffer_;
  std::optional<beast::http::request_parser<string_body>> parser_;
  beast::http::response<string_body> reply_;
  std::optional<beast::http::response_serializer<string_body>> header_writer_;
  std::uint64_t discarded_ = 0;
};

template <>
void BeastConnection<Plain>::start() {
  read_or_refuse();
}

template <>
void BeastConnection<Tls>::start() {
  arm_timeout();
  stream_.async_handshake(asio::ssl::stream_base::server,
                          [self = shared_from_this()](error_code fault) {
                            if (fault) return;
                            SSL* const ssl = self->stream_.native_handle();
                            // One that isn't good ended the handshake.
                            self->has_certificate_ = ::SSL_get0_peer_certificate(ssl) != nullptr &&
                                                     ::SSL_get_verify_result(ssl) == X509_V_OK;
                            self->read_or_refuse();
                          });
}

template <typename S>
void BeastConnection<S>::read() {
  parser_.emplace();
  parser_->header_limit(shared_.settings.header_bytes_max);
  parser_->body_limit(shared_.settings.body_bytes_max);
  arm_timeout();
  beast::http::async_read(
      stream_, buffer_, *parser_,
      [self = this->shared_from_this()](error_code fault, std::size_t) { self->on_read(fault); });
}

template <typename S>
void BeastConnection<S>::on_read(error_code fault) {
  using beast::http::error;
  if (fault == error::header_limit) {
    refuse(431, "the request's header is too large");
  } else if (fault == error::body_limit) {
    refuse(413, "the request's body is too large");
  } else if (fault && fault.category() == make_error_code(error::end_of_stream).category() &&
             fault != error::end_of_stream && fault != error::partial_message) {
    refuse(400, "this is not HTTP/1.1: " + fault.message());
  } else if (!fault) {
    serve_request();
  }
  // Else: closed, timed out or stopped; the last reference goes.
}

template <typename S>
void BeastConnection<S>::serve_request() {
  shared_.requests.fetch_add(1, std::memory_order_relaxed);
  const bool keep_alive = parser_->get().keep_alive();
  Request request = plain_request(parser_->release());
  request.peer = peer_;
  request.has_certificate = has_certificate_;
  answer(shared_.router.handle(request), keep_alive, request.method != "HEAD");
}

template <typename S>
void BeastConnection<S>::answer(Response response, bool keep_alive, bool with_body) {
  reply_ = {};
  reply_.version(11);
  reply_.result(response.status);
  reply_.set(beast::http::field::content_type, response.content_type);
  reply_.set(beast::http::field::cache_control, "no-store");
  for (const auto& [name, value] : response.headers) reply_.set(name, value);
  reply_.keep_alive(keep_alive);
  reply_.content_length(response.body.size());
  if (with_body) reply_.body() = std::move(response.body);
  arm_timeout();
  auto written = [self = this->shared_from_this()](error_code fault, std::size_t) {
    self->on_written(fault);
  };
  if (with_body) {
    beast::http::async_write(stream_, reply_, std::move(written));
    return;
  }
  header_writer_.emplace(reply_);
  beast::http::async_write_header(stream_, *header_writer_, std::move(written));
}

template <typename S>
void BeastConnection<S>::on_written(error_code fault) {
  if (fault) return;
  if (reply_.keep_alive()) {
    read();
    return;
  }
  if constexpr (std::is_same_v<S, Tls>) {
    arm_timeout();
    stream_.async_shutdown([self = this->shared_from_this()](error_code) { self->finish(); });
  } else {
    finish();
  }
}

// Reads to the end, so that the client gets the answer and not a reset.
template <typename S>
void BeastConnection<S>::finish() {
  error_code ignored;
  bottom(stream_).socket().shutdown(asio::socket_base::shutdown_send, ignored);
  discard();
}

template <typename S>
void BeastConnection<S>::discard() {
  buffer_.clear();
  bottom(stream_).async_read_some(buffer_.prepare(4096), [self = this->shared_from_this()](
                                                             error_code fault, std::size_t bytes) {
    self->discarded_ += bytes;
    const auto most = self->shared_.settings.body_bytes_max;
    if (!fault && self->discarded_ < most) self->discard();
  });
}

}  // namespace

void serve(Stream::socket socket, Shared& shared, const net::TlsContext* tls, const char* busy) {
  std::string peer = peer_of(socket);
  if (tls == nullptr) {
    std::make_shared<BeastConnection<Plain>>(shared, busy, std::move(peer), std::move(socket))
        ->start();
    return;
  }
  SSL* const ssl = ::SSL_new(tls->native());
  if (ssl == nullptr) return;  // no memory: closed
  // The stream owns it.
  std::make_shared<BeastConnection<Tls>>(shared, busy, std::move(peer), Plain(std::move(socket)),
                                         ssl)
      ->start();
}

}  // namespace roost::http
