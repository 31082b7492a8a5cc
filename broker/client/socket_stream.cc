// SPDX-License-Identifier: Apache-2.0
// TCP, TLS and Unix sockets.
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "broker/client/loop_impl.h"
#include "broker/client/stream.h"

namespace roost::client {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using UnixSocket = asio::local::stream_protocol::socket;
using TlsSocket = asio::ssl::stream<tcp::socket>;

constexpr std::size_t kReadBytes = 64 * 1024;

// "Connection refused", as the C library says it.
std::string sentence(const error_code& problem) {
  if (problem == asio::error::eof || problem == asio::ssl::error::stream_truncated) {
    return "the connection was closed";
  }
  return problem.message();
}

// Everything but connecting, for any kind of socket.
template <typename Socket>
class SocketStream : public Stream, public std::enable_shared_from_this<SocketStream<Socket>> {
 public:
  SocketStream(Loop& loop, const Endpoint& endpoint)
      : io_(loop.impl().io), endpoint_(endpoint), buffer_(kReadBytes) {}

  void read(Got got) override {
    auto self = this->shared_from_this();
    socket().async_read_some(
        asio::buffer(buffer_), [self, got](const error_code& problem, std::size_t size) {
          if (self->closed_) return;
          got(problem ? sentence(problem) : "", ByteView(self->buffer_).first(size));
        });
  }

  void write(ByteView bytes, Done done) override {
    auto self = this->shared_from_this();
    asio::async_write(socket(), asio::buffer(bytes.data(), bytes.size()),
                      [self, done](const error_code& problem, std::size_t) {
                        if (!self->closed_) done(problem ? sentence(problem) : "");
                      });
  }

  void close() override {
    closed_ = true;
    resolver_.cancel();
    error_code ignored;
    if (is_open()) lowest().shutdown(asio::socket_base::shutdown_send, ignored);
    if (is_open()) lowest().close(ignored);
  }

 protected:
  virtual Socket& socket() = 0;
  virtual bool is_open() = 0;
  auto& lowest() { return socket().lowest_layer(); }

  asio::io_context& io_;
  const Endpoint endpoint_;
  bool closed_ = false;
  tcp::resolver resolver_{io_};  // of what isn't a Unix socket

 private:
  std::vector<std::uint8_t> buffer_;
};

class UnixStream final : public SocketStream<UnixSocket> {
 public:
  using SocketStream::SocketStream;

  void adopt(int fd) { socket_.assign(asio::local::stream_protocol(), fd); }

  void connect(Done done) override {
    auto self = shared_from_this();
    socket_.async_connect(asio::local::stream_protocol::endpoint(endpoint_.unix_path),
                          [self, this, done](const error_code& problem) {
                            if (!closed_) done(problem ? sentence(problem) : "");
                          });
  }

 private:
  UnixSocket& socket() override { return socket_; }
  bool is_open() override { return socket_.is_open(); }
  UnixSocket socket_{io_};
};

using Connected = std::function<void(const error_code&)>;

// Tries addresses in turn.
void connect_to(const std::vector<tcp::endpoint>& found, tcp::socket& socket,
                const Endpoint& endpoint, const Connected& done) {
  const auto tried = [&socket, done](const error_code& problem, const tcp::endpoint&) {
    error_code ignored;
    if (!problem) socket.set_option(tcp::no_delay(true), ignored);
    done(problem);
  };
  if (endpoint.bind_address.empty()) return asio::async_connect(socket, found, tried);
  error_code wrong;
  const auto from = asio::ip::make_address(endpoint.bind_address, wrong);
  if (wrong) return done(wrong);
  for (const tcp::endpoint& to : found) {
    if (to.address().is_v4() != from.is_v4()) continue;
    socket.open(to.protocol(), wrong);
    if (!wrong) socket.bind(tcp::endpoint(from, 0), wrong);
    if (wrong) return done(wrong);
    return socket.async_connect(to, [tried, to](const error_code& failed) { tried(failed, to); });
  }
  done(asio::error::address_family_not_supported);
}

// Resolves the host and tries its addresses; `endpoint` and `is_closed` live as long as `done`.
void connect_tcp(tcp::resolver& resolver, tcp::socket& socket, const Endpoint& endpoint,
                 const bool& is_closed, const Connected& done) {
  // An address needs no look-up, which would wait behind those of other streams.
  error_code is_name;
  const auto address = asio::ip::make_address(endpoint.host, is_name);
  if (!is_name) {
    return asio::post(socket.get_executor(), [&, done, to = tcp::endpoint(address, endpoint.port)] {
      if (!is_closed) connect_to({to}, socket, endpoint, done);
    });
  }
  resolver.async_resolve(
      endpoint.host, std::to_string(endpoint.port),
      [&, done](const error_code& problem, const tcp::resolver::results_type& found) {
        if (problem || is_closed) return done(problem);
        connect_to({found.begin(), found.end()}, socket, endpoint, done);
      });
}

class TcpStream final : public SocketStream<tcp::socket> {
 public:
  using SocketStream::SocketStream;

  void connect(Done done) override {
    auto self = shared_from_this();
    connect_tcp(resolver_, socket_, endpoint_, closed_,
                [self, this, done](const error_code& problem) {
                  if (!closed_) done(problem ? sentence(problem) : "");
                });
  }

 private:
  tcp::socket& socket() override { return socket_; }
  bool is_open() override { return socket_.is_open(); }
  tcp::socket socket_{io_};
};

class TlsStream final : public SocketStream<TlsSocket> {
 public:
  using SocketStream::SocketStream;

  void connect(Done done) override {
    auto self = shared_from_this();
    if (const std::string problem = set_up(); !problem.empty()) {
      asio::post(io_, [self, this, done, problem] {
        if (!closed_) done(problem);
      });
      return;
    }
    connect_tcp(resolver_, socket_->next_layer(), endpoint_, closed_,
                [self, this, done](const error_code& problem) {
                  if (closed_) return;
                  if (problem) return done(sentence(problem));
                  socket_->async_handshake(TlsSocket::client,
                                           [self, this, done](const error_code& failed) {
                                             if (!closed_)
                                               done(failed ? "TLS: " + sentence(failed) : "");
                                           });
                });
  }

 private:
  // A sentence when a file can't be used.
  std::string set_up() {
    error_code problem;
    if (endpoint_.ca_file.empty() && endpoint_.ca_path.empty()) {
      context_.set_default_verify_paths(problem);
    }
    if (!endpoint_.ca_file.empty()) context_.load_verify_file(endpoint_.ca_file, problem);
    if (problem) return endpoint_.ca_file + ": " + problem.message();
    if (!endpoint_.ca_path.empty()) context_.add_verify_path(endpoint_.ca_path, problem);
    if (!endpoint_.certificate_file.empty()) {
      context_.use_certificate_chain_file(endpoint_.certificate_file, problem);
      if (problem) return endpoint_.certificate_file + ": " + problem.message();
      const auto& key =
          endpoint_.key_file.empty() ? endpoint_.certificate_file : endpoint_.key_file;
      context_.use_private_key_file(key, asio::ssl::context::pem, problem);
      if (problem) return key + ": " + problem.message();
    }
    const bool old_only = endpoint_.tls_version == "tlsv1.2";
    const bool new_only = endpoint_.tls_version == "tlsv1.3";
    SSL_CTX_set_min_proto_version(context_.native_handle(),
                                  new_only ? TLS1_3_VERSION : TLS1_2_VERSION);
    if (old_only) SSL_CTX_set_max_proto_version(context_.native_handle(), TLS1_2_VERSION);
    if (!endpoint_.ciphers.empty() &&
        SSL_CTX_set_cipher_list(context_.native_handle(), endpoint_.ciphers.c_str()) != 1) {
      return "no usable cipher in " + endpoint_.ciphers;
    }
    socket_ = std::make_unique<TlsSocket>(io_, context_);
    socket_->set_verify_mode(asio::ssl::verify_peer, problem);
    if (!endpoint_.insecure) {
      socket_->set_verify_callback(asio::ssl::host_name_verification(endpoint_.host), problem);
    }
    error_code is_name;
    asio::ip::make_address(endpoint_.host, is_name);
    if (is_name) SSL_set_tlsext_host_name(socket_->native_handle(), endpoint_.host.c_str());
    return "";
  }

  TlsSocket& socket() override { return *socket_; }
  bool is_open() override { return socket_ && socket_->lowest_layer().is_open(); }
  asio::ssl::context context_{asio::ssl::context::tls_client};
  std::unique_ptr<TlsSocket> socket_;
};

}  // namespace

std::shared_ptr<Stream> make_socket_stream(Loop& loop, const Endpoint& endpoint) {
  if (endpoint.transport == Transport::unix_socket) {
    return std::make_shared<UnixStream>(loop, endpoint);
  }
  if (is_secure(endpoint.transport)) return std::make_shared<TlsStream>(loop, endpoint);
  return std::make_shared<TcpStream>(loop, endpoint);
}

std::shared_ptr<Stream> adopt_stream(Loop& loop, int fd) {
  auto stream = std::make_shared<UnixStream>(loop, Endpoint{});
  stream->adopt(fd);
  return stream;
}

std::shared_ptr<Stream> make_stream(Loop& loop, const Endpoint& endpoint) {
  auto socket = make_socket_stream(loop, endpoint);
  if (!is_websocket(endpoint.transport)) return socket;
  return make_websocket_stream(std::move(socket), endpoint);
}

}  // namespace roost::client
