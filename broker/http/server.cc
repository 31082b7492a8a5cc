// SPDX-License-Identifier: Apache-2.0
#include "broker/http/server.h"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <unordered_set>

#include "broker/http/router.h"
#include "broker/http/unix_path.h"
#include "broker/net/socket.h"

namespace roost::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using beast::http::string_body;
using boost::system::error_code;
using Stream = asio::generic::stream_protocol;  // TCP and Unix
using Acceptor = asio::basic_socket_acceptor<Stream>;

constexpr std::chrono::milliseconds kAcceptPause{200};  // no files left: don't spin

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

class Connection;

struct Shared {
  Shared(Settings s, std::vector<Route> routes)
      : settings(std::move(s)), router(std::move(routes), settings.json_errors) {}

  const Settings settings;
  const Router router;
  std::unordered_set<Connection*> connections;  // own thread
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> refused{0};
};

// One client. Lives as long as an operation of its is under way.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Stream::socket socket, Shared& shared) : stream_(std::move(socket)), shared_(shared) {
    shared_.connections.insert(this);
  }
  ~Connection() { shared_.connections.erase(this); }

  void read() {
    parser_.emplace();
    parser_->header_limit(shared_.settings.header_bytes_max);
    parser_->body_limit(shared_.settings.body_bytes_max);
    arm_timeout();
    beast::http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code fault, std::size_t) { self->on_read(fault); });
  }

  void answer(Response response, bool keep_alive, bool with_body = true) {
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
    auto written = [self = shared_from_this()](error_code fault, std::size_t) {
      self->on_written(fault);
    };
    if (with_body) {
      beast::http::async_write(stream_, reply_, std::move(written));
      return;
    }
    header_writer_.emplace(reply_);
    beast::http::async_write_header(stream_, *header_writer_, std::move(written));
  }

  void refuse(unsigned status, const std::string& why) {
    answer(error_response(status, why, shared_.settings.json_errors), false);
  }

  void close() { stream_.close(); }

 private:
  void arm_timeout() {
    stream_.expires_after(std::chrono::milliseconds(shared_.settings.timeout_ms));
  }

  void on_read(error_code fault) {
    using beast::http::error;
    if (fault == error::header_limit) {
      refuse(431, "the request's header is too large");
    } else if (fault == error::body_limit) {
      refuse(413, "the request's body is too large");
    } else if (fault && fault.category() == make_error_code(error::end_of_stream).category() &&
               fault != error::end_of_stream && fault != error::partial_message) {
      refuse(400, "this is not HTTP/1.1: " + fault.message());
    } else if (!fault) {
      serve();
    }
    // Else: closed, timed out or stopped; the last reference goes.
  }

  void serve() {
    shared_.requests.fetch_add(1, std::memory_order_relaxed);
    const bool keep_alive = parser_->get().keep_alive();
    const Request request = plain_request(parser_->release());
    answer(shared_.router.handle(request), keep_alive, request.method != "HEAD");
  }

  void on_written(error_code fault) {
    if (fault) return;
    if (reply_.keep_alive()) {
      read();
      return;
    }
    // Reads to the end, so that the client gets the answer and not a reset.
    error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    discard();
  }

  void discard() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(4096),
                            [self = shared_from_this()](error_code fault, std::size_t bytes) {
                              self->discarded_ += bytes;
                              const auto most = self->shared_.settings.body_bytes_max;
                              if (!fault && self->discarded_ < most) self->discard();
                            });
  }

  beast::basic_stream<Stream> stream_;
  Shared& shared_;
  beast::flat_buffer buffer_;
  std::optional<beast::http::request_parser<string_body>> parser_;
  beast::http::response<string_body> reply_;
  std::optional<beast::http::response_serializer<string_body>> header_writer_;
  std::uint64_t discarded_ = 0;
};

class BeastServer final : public Server {
 public:
  BeastServer(Settings settings, std::vector<Route> routes)
      : shared_(std::move(settings), std::move(routes)), acceptor_(io_), pause_(io_) {}
  ~BeastServer() override {
    stop();
    remove_file();
  }

  Result<void> listen();

  void start() override {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }

  void stop() override {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] {
      error_code ignored;
      acceptor_.close(ignored);
      pause_.cancel();
      for (Connection* connection : shared_.connections) connection->close();
    });
    thread_.join();  // ends when no operation is left
    remove_file();
  }

  std::uint16_t port() const override { return port_; }
  std::uint64_t requests() const override { return shared_.requests.load(); }
  std::uint64_t refused_connections() const override { return shared_.refused.load(); }

 private:
  Result<tcp::endpoint> endpoint();
  Result<void> listen_unix();
  void remove_file() {
    if (std::exchange(has_file_, false)) ::unlink(shared_.settings.unix_path.c_str());
  }
  void accept();
  void accepted(error_code fault, Stream::socket socket);

  Shared shared_;  // before io_: operations that are thrown away refer to it
  asio::io_context io_{1};
  Acceptor acceptor_;
  asio::steady_timer pause_;
  std::uint16_t port_ = 0;
  bool has_file_ = false;  // a Unix socket's
  std::thread thread_;
};

Result<tcp::endpoint> BeastServer::endpoint() {
  const Settings& settings = shared_.settings;
  if (settings.address == "*") {
    error_code no_v6;
    tcp::acceptor probe(io_);
    probe.open(tcp::v6(), no_v6);
    return tcp::endpoint(no_v6 ? tcp::v4() : tcp::v6(), settings.port);
  }
  error_code fault;
  tcp::resolver resolver(io_);
  const auto found = resolver.resolve(settings.address, std::to_string(settings.port),
                                      tcp::resolver::passive, fault);
  if (fault || found.empty()) {
    return error(ErrorKind::invalid_argument,
                 "http.address \"" + settings.address +
                     "\" is no address of this machine: " + fault.message());
  }
  return found.begin()->endpoint();
}

Result<void> BeastServer::listen_unix() {
  const ShortUnixPath path(shared_.settings.unix_path);
  auto socket = net::listen_unix(path.text(), 0600);
  if (!socket) return Unexpected(std::move(socket).error());
  error_code fault;
  acceptor_.assign(Stream(AF_UNIX, 0), socket->get(), fault);
  if (fault) {
    return error(ErrorKind::io,
                 shared_.settings.unix_path + " can't be served: " + fault.message());
  }
  socket->release();
  has_file_ = true;
  return {};
}

Result<void> BeastServer::listen() {
  if (!shared_.settings.unix_path.empty()) return listen_unix();
  const auto place = endpoint();
  if (!place) return Unexpected(Error(place.error()));
  error_code fault;
  acceptor_.open(place->protocol(), fault);
  if (!fault) acceptor_.set_option(asio::socket_base::reuse_address(true), fault);
  if (!fault && place->protocol() == tcp::v6()) {
    error_code ignored;
    acceptor_.set_option(asio::ip::v6_only(false), ignored);
  }
  if (!fault) acceptor_.bind(*place, fault);
  if (!fault) acceptor_.listen(asio::socket_base::max_listen_connections, fault);
  if (fault) {
    ErrorKind kind = ErrorKind::io;
    std::string text = fault.message();
    if (fault == asio::error::address_in_use) kind = ErrorKind::already_exists;
    if (fault == asio::error::access_denied) kind = ErrorKind::permission_denied;
    if (fault == boost::system::errc::address_not_available) kind = ErrorKind::invalid_argument;
    if (kind == ErrorKind::already_exists) text += "; choose another with http.port, 0 is off";
    return error(kind, "HTTP can't listen on " + shared_.settings.address + " port " +
                           std::to_string(shared_.settings.port) + ": " + text);
  }
  port_ = net::bound_port(acceptor_.native_handle());
  return {};
}

void BeastServer::accept() {
  acceptor_.async_accept(
      [this](error_code fault, Stream::socket socket) { accepted(fault, std::move(socket)); });
}

void BeastServer::accepted(error_code fault, Stream::socket socket) {
  if (!acceptor_.is_open()) return;
  if (fault) {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](error_code stopped) {
      if (!stopped && acceptor_.is_open()) accept();
    });
    return;
  }
  const std::size_t open = shared_.connections.size();
  const std::size_t most = shared_.settings.max_connections;
  if (open < most) {
    std::make_shared<Connection>(std::move(socket), shared_)->read();
  } else {
    shared_.refused.fetch_add(1, std::memory_order_relaxed);
    // Those who are being told so are bounded too; beyond that the socket just closes.
    if (open < 2 * most) {
      std::make_shared<Connection>(std::move(socket), shared_)->refuse(503, "too many connections");
    }
  }
  accept();
}

}  // namespace

Response error_response(unsigned status, const std::string& text, bool as_json) {
  if (!as_json) return {status, text + "\n"};
  const boost::json::value body = {{"error", text}};
  return {status, boost::json::serialize(body) + "\n", "application/json"};
}

Result<std::unique_ptr<Server>> Server::open(Settings settings, std::vector<Route> routes) {
  auto server = std::make_unique<BeastServer>(std::move(settings), std::move(routes));
  if (auto listening = server->listen(); !listening) {
    return Unexpected(std::move(listening).error());
  }
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace roost::http
