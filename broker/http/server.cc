// SPDX-License-Identifier: Apache-2.0
#include "broker/http/server.h"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

#include "broker/http/connection.h"
#include "broker/http/unix_path.h"
#include "broker/net/socket.h"
#include "broker/net/tls.h"

namespace roost::http {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Acceptor = asio::basic_socket_acceptor<Stream>;

constexpr std::chrono::milliseconds kAcceptPause{200};  // no files left: don't spin

class AsioServer final : public Server {
 public:
  AsioServer(Settings settings, std::vector<Route> routes)
      : own_thread_(std::make_shared<OwnThread>(
            [this](OwnThread::Work work) { asio::post(io_, std::move(work)); })),
        shared_(std::move(settings), std::move(routes), own_thread_),
        acceptor_(io_),
        pause_(io_) {}
  ~AsioServer() override {
    stop();
    remove_file();
  }

  Result<void> listen();

  void start() override;
  void stop() override;
  Result<void> reload_tls() override;

  std::uint16_t port() const override { return port_; }
  const ServerCounters& counters() const override { return shared_.counters; }

 private:
  Result<tcp::endpoint> endpoint();
  Result<void> listen_unix();
  std::shared_ptr<net::TlsContext> tls() const {
    const std::lock_guard lock(tls_mutex_);
    return tls_;
  }
  void remove_file() {
    if (std::exchange(has_file_, false)) ::unlink(shared_.settings.unix_path.c_str());
  }
  void accept();
  void accepted(error_code fault, Stream::socket socket);

  const std::shared_ptr<OwnThread> own_thread_;
  Shared shared_;  // before io_: operations that are thrown away refer to it
  mutable std::mutex tls_mutex_;
  std::shared_ptr<net::TlsContext> tls_;  // guarded by tls_mutex_; null: no TLS
  asio::io_context io_{1};
  // While answers are worked on elsewhere no operation is under way.
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  Acceptor acceptor_;
  asio::steady_timer pause_;
  std::uint16_t port_ = 0;
  bool has_file_ = false;  // a Unix socket's
  std::thread thread_;
};

void AsioServer::start() {
  work_.emplace(io_.get_executor());
  accept();
  thread_ = std::thread([this] { io_.run(); });
}

// Handlers that run are waited for; who waits for them isn't.
void AsioServer::stop() {
  if (!thread_.joinable()) return;
  shared_.stop_workers();
  asio::post(io_, [this] {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (Connection* connection : shared_.connections) connection->close();
    shared_.waiting.clear();
    shared_.streaming.clear();
    work_.reset();
  });
  thread_.join();  // ends when no operation is left
  own_thread_->close();
  shared_.waiting.clear();  // who came meanwhile
  shared_.streaming.clear();
  remove_file();
}

Result<tcp::endpoint> AsioServer::endpoint() {
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

Result<void> AsioServer::listen_unix() {
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

Result<void> AsioServer::reload_tls() {
  if (shared_.settings.tls == nullptr) return {};
  auto loaded = net::TlsContext::load(*shared_.settings.tls);
  if (!loaded) return Unexpected(loaded.error());
  const std::lock_guard lock(tls_mutex_);
  tls_ = *std::move(loaded);
  return {};
}

Result<void> AsioServer::listen() {
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

void AsioServer::accept() {
  acceptor_.async_accept(
      [this](error_code fault, Stream::socket socket) { accepted(fault, std::move(socket)); });
}

void AsioServer::accepted(error_code fault, Stream::socket socket) {
  if (!acceptor_.is_open()) return;
  if (fault) {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](error_code stopped) {
      if (!stopped && acceptor_.is_open()) accept();
    });
    return;
  }
  if (shared_.has_room()) {
    serve(std::move(socket), shared_, tls().get());
  } else {
    shared_.counters.refused.fetch_add(1, std::memory_order_relaxed);
    // Those who are being told so are bounded too; beyond that the socket just closes.
    const std::size_t streams = shared_.counters.streams.load();
    if (shared_.connections.size() - streams < 2 * shared_.settings.max_connections) {
      serve(std::move(socket), shared_, tls().get(), "too many connections");
    }
  }
  accept();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(Settings settings, std::vector<Route> routes) {
  auto server = std::make_unique<AsioServer>(std::move(settings), std::move(routes));
  if (auto loaded = server->reload_tls(); !loaded) return Unexpected(std::move(loaded).error());
  if (auto listening = server->listen(); !listening) {
    return Unexpected(std::move(listening).error());
  }
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace roost::http
