// SPDX-License-Identifier: Apache-2.0
#include "broker/http/connection.h"

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
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

// How long a stream's client has to close after the end.
constexpr std::chrono::seconds kLinger{2};
constexpr std::size_t kPartBytes = 64 * 1024;

template <typename S>
class BeastConnection : public Connection, public std::enable_shared_from_this<BeastConnection<S>> {
 public:
  template <typename... Arguments>
  BeastConnection(Shared& shared, const char* busy, std::string peer, Arguments&&... stream)
      : Connection(shared),
        stream_(std::forward<Arguments>(stream)...),
        busy_(busy),
        peer_(std::move(peer)),
        timer_(stream_.get_executor()) {
    shared_.connections.insert(this);
  }
  ~BeastConnection() override {
    request_came();
    shared_.connections.erase(this);
  }

  void start();
  void close() override { bottom(stream_).close(); }
  void answered(Response response) override { answer(std::move(response)); }
  void go_on() override;

 private:
  void read_or_refuse() { busy_ == nullptr ? read() : refuse(503, busy_); }
  void read();
  void on_read(error_code fault);
  void serve_request();
  void answer(Response response);
  void set_head(const Response& response);
  void write_head(bool goes_on);
  void on_written(error_code fault);
  void finish();
  void discard();
  void stream(Response response);
  void watch_client();
  void write_chunk(std::string_view bytes);
  void write_part(std::size_t from);
  void end_streaming();
  void give_up();

  void refuse(unsigned status, const std::string& why) {
    keep_alive_ = false;
    with_body_ = true;
    answer(error_response(status, why, shared_.settings.json_errors));
  }
  void arm_timeout() {
    bottom(stream_).expires_after(std::chrono::milliseconds(shared_.settings.timeout_ms));
  }

  S stream_;
  const char* const busy_;
  const std::string peer_;
  bool has_certificate_ = false;
  beast::flat_buffer buffer_;
  std::optional<beast::http::request_parser<string_body>> parser_;
  beast::http::response<string_body> reply_;
  std::optional<beast::http::response_serializer<string_body>> header_writer_;
  std::uint64_t discarded_ = 0;
  // Of the request that is being answered.
  bool keep_alive_ = false;
  bool with_body_ = true;
  bool is_chunked_ = true;  // HTTP/1.0 knows no chunks
  // Of a stream.
  asio::steady_timer timer_;  // heartbeat, and at the end lingering
  std::shared_ptr<BodySource> source_;
  std::uint64_t number_ = 0;  // in Shared::streaming
  std::string chunk_;
};

template <>
void BeastConnection<Plain>::start() {
  await_request();
  read_or_refuse();
}

template <>
void BeastConnection<Tls>::start() {
  await_request();
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
  await_request();
  arm_timeout();
  beast::http::async_read(
      stream_, buffer_, *parser_,
      [self = this->shared_from_this()](error_code fault, std::size_t) { self->on_read(fault); });
}

template <typename S>
void BeastConnection<S>::on_read(error_code fault) {
  using beast::http::error;
  request_came();
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
  keep_alive_ = parser_->get().keep_alive();
  is_chunked_ = parser_->get().version() >= 11;
  Request request = plain_request(parser_->release());
  request.peer = peer_;
  request.has_certificate = has_certificate_;
  with_body_ = request.method != "HEAD";
  auto answer_now = shared_.serve_request(this->shared_from_this(), std::move(request));
  if (answer_now) answer(*std::move(answer_now));
}

template <typename S>
void BeastConnection<S>::set_head(const Response& response) {
  reply_ = {};
  reply_.version(11);
  reply_.result(response.status);
  reply_.set(beast::http::field::content_type, response.content_type);
  reply_.set(beast::http::field::cache_control, "no-store");
  for (const auto& [name, value] : response.headers) reply_.set(name, value);
  reply_.keep_alive(keep_alive_);
}

template <typename S>
void BeastConnection<S>::write_head(bool goes_on) {
  header_writer_.emplace(reply_);
  beast::http::async_write_header(
      stream_, *header_writer_,
      [self = this->shared_from_this(), goes_on](error_code fault, std::size_t) {
        if (!goes_on) return self->on_written(fault);
        if (fault) return self->give_up();
        self->watch_client();
        self->go_on();
      });
}

template <typename S>
void BeastConnection<S>::answer(Response response) {
  if (response.stream != nullptr) return stream(std::move(response));
  set_head(response);
  reply_.content_length(response.body.size());
  arm_timeout();
  if (!with_body_) return write_head(false);
  reply_.body() = std::move(response.body);
  beast::http::async_write(stream_, reply_,
                           [self = this->shared_from_this()](error_code fault, std::size_t) {
                             self->on_written(fault);
                           });
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

template <typename S>
void BeastConnection<S>::stream(Response response) {
  source_ = std::move(response.stream);
  if (!with_body_ || !begin_stream()) {
    std::exchange(source_, nullptr)->close();
    if (with_body_) {
      response = error_response(503, "too many streams are open", true);
      response.headers.emplace_back("Retry-After", "10");
    }
    return answer(std::move(response));
  }
  keep_alive_ = false;
  set_head(response);
  if (is_chunked_) reply_.chunked(true);
  arm_timeout();
  write_head(true);
}

// What a client says while it is sent a stream doesn't matter, but that it goes away does.
template <typename S>
void BeastConnection<S>::watch_client() {
  bottom(stream_).expires_never();
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(1024),
                          [self = this->shared_from_this()](error_code fault, std::size_t n) {
                            self->discarded_ += n;
                            if (fault || self->discarded_ > self->shared_.settings.body_bytes_max) {
                              return self->give_up();
                            }
                            self->watch_client();
                          });
}

template <typename S>
void BeastConnection<S>::go_on() {
  if (source_ == nullptr) return;
  timer_.cancel();
  const BodySource::Taken taken = source_->take();
  if (taken.is_lost) {
    shared_.counters.slow_readers.fetch_add(1, std::memory_order_relaxed);
    return give_up();
  }
  if (!taken.bytes.empty()) return write_chunk(taken.bytes);
  if (taken.is_over) return end_streaming();
  number_ = shared_.await_more(this->shared_from_this(), *source_);
  if (source_->heartbeat().empty()) return;
  timer_.expires_after(std::chrono::milliseconds(shared_.settings.heartbeat_ms));
  timer_.async_wait([self = this->shared_from_this(), number = number_](error_code stopped) {
    if (stopped || self->source_ == nullptr) return;
    // Else there is something better to send already.
    if (Shared::take(self->shared_.streaming, number) != nullptr) {
      self->write_chunk(self->source_->heartbeat());
    }
  });
}

template <typename S>
void BeastConnection<S>::write_chunk(std::string_view bytes) {
  chunk_ = is_chunked_ ? chunk_of(bytes) : std::string(bytes);
  write_part(0);
}

// A part a timeout: who reads a large message slowly does read.
template <typename S>
void BeastConnection<S>::write_part(std::size_t from) {
  const std::string_view part = std::string_view(chunk_).substr(from, kPartBytes);
  arm_timeout();
  asio::async_write(
      stream_, asio::buffer(part),
      [self = this->shared_from_this(), end = from + part.size()](error_code fault, std::size_t) {
        if (!fault && end < self->chunk_.size()) return self->write_part(end);
        if (!fault) return self->go_on();
        if (fault == beast::error::timeout) {
          self->shared_.counters.slow_readers.fetch_add(1, std::memory_order_relaxed);
        }
        self->give_up();
      });
}

// The client may still be reading: it closes, or lingering ends.
template <typename S>
void BeastConnection<S>::end_streaming() {
  end_stream();
  std::exchange(source_, nullptr)->close();
  chunk_ = is_chunked_ ? chunk_of({}) : std::string();
  arm_timeout();
  asio::async_write(
      stream_, asio::buffer(chunk_),
      [self = this->shared_from_this()](error_code fault, std::size_t) {
        if (fault) return self->give_up();
        error_code ignored;
        bottom(self->stream_).socket().shutdown(asio::socket_base::shutdown_send, ignored);
        self->timer_.expires_after(kLinger);
        self->timer_.async_wait([self](error_code stopped) {
          if (!stopped) self->close();
        });
      });
}

template <typename S>
void BeastConnection<S>::give_up() {
  timer_.cancel();
  end_stream();
  shared_.streaming.erase(std::exchange(number_, 0));
  if (source_ != nullptr) std::exchange(source_, nullptr)->close();
  close();
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
