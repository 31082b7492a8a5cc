// SPDX-License-Identifier: Apache-2.0
#include "broker/net/listener.h"

#include <unistd.h>

#include <ctime>
#include <utility>

#include "broker/base/check.h"
#include "broker/net/acceptor.h"
#include "broker/net/socket.h"
#include "broker/net/tls.h"

namespace roost::net {

namespace {

class SocketListener final : public Listener {
 public:
  SocketListener(std::vector<Fd> sockets, std::shared_ptr<ListenerState> state, core::Cores& cores)
      : sockets_(std::make_shared<const std::vector<Fd>>(std::move(sockets))),
        state_(std::move(state)),
        cores_(cores) {}

  ~SocketListener() override {
    stop();
    each_core([](Acceptor& acceptor) { acceptor.shutdown(); });
  }

  void start(Accepted accepted) override {
    CHECK(acceptors_.empty());
    state_->accepted = std::move(accepted);
    for (std::uint16_t i = 0; i < cores_.size(); ++i) {
      for (std::size_t k = 0; k < sockets_->size(); ++k) {
        acceptors_.emplace_back(
            CoreId{i}, std::make_shared<Acceptor>(cores_.at(CoreId{i}), sockets_, k, state_));
      }
    }
    each_core([](Acceptor& acceptor) { acceptor.start(); });
  }

  void stop() override {
    if (stopped_) return;
    stopped_ = true;
    // The kernel turns clients away from now on; the cores forget the socket when they get to it.
    for (const Fd& socket : *sockets_) ::shutdown(socket.get(), SHUT_RD);
    if (!settings().unix_path.empty()) ::unlink(settings().unix_path.c_str());
    each_core([](Acceptor& acceptor) { acceptor.stop(); });
  }

  std::uint16_t port() const override { return bound_port(sockets_->front().get()); }

  std::string describe() const override {
    const ListenerSettings& my = settings();
    std::string text = my.websocket ? "ws" : "mqtt";
    if (my.tls) text += "+tls";
    if (my.proxy_protocol) text += "+proxy";
    if (!my.unix_path.empty()) return text + " on " + my.unix_path;
    const bool is_six = my.address.find(':') != std::string::npos;
    return text + " on " + (is_six ? '[' + my.address + ']' : my.address) + ':' +
           std::to_string(port());
  }

  const ListenerSettings& settings() const override { return state_->settings; }

  Result<void> reload() override {
    if (!settings().tls) return {};
    auto loaded = TlsContext::load(*settings().tls);
    if (!loaded) return Unexpected(loaded.error());
    if ((*loaded)->expires_at_s() <= ::time(nullptr)) {
      return error(ErrorKind::invalid_argument,
                   settings().tls->certificate_file + " has expired; put a newer one there");
    }
    state_->tls.set(*std::move(loaded));
    return {};
  }

  std::int64_t certificate_expires_at_s() const override {
    const auto tls = state_->tls.get();
    return tls == nullptr ? 0 : tls->expires_at_s();
  }

  void connection_closed() override { state_->open.fetch_sub(1); }

 private:
  // The tasks own their acceptor too, so that it outlives this object if a core is late.
  void each_core(void (*what)(Acceptor&)) {
    for (auto& [core, acceptor] : acceptors_) {
      cores_.at(core).post([what, acceptor = acceptor] { what(*acceptor); });
    }
  }

  const std::shared_ptr<const std::vector<Fd>> sockets_;
  const std::shared_ptr<ListenerState> state_;
  core::Cores& cores_;
  std::vector<std::pair<CoreId, std::shared_ptr<Acceptor>>> acceptors_;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(ListenerSettings settings, core::Cores& cores,
                                                 std::vector<NetCounters>& counters, Log& log) {
  CHECK(counters.size() >= cores.size());
  std::unique_ptr<TlsContext> tls;
  if (settings.tls) {
    auto loaded = TlsContext::load(*settings.tls);
    if (!loaded) return Unexpected(loaded.error());
    tls = std::move(loaded).value();
  }
  std::vector<Fd> sockets;
  if (!settings.unix_path.empty()) {
    auto socket = listen_unix(settings.unix_path, settings.unix_mode);
    if (!socket) return Unexpected(socket.error());
    sockets.push_back(std::move(socket).value());
  } else {
    auto opened = listen_tcp(settings.address, settings.port, log);
    if (!opened) return Unexpected(opened.error());
    sockets = std::move(opened).value();
    if (settings.silent_for_s > 0) {
      for (const Fd& socket : sockets) CHECK(defer_accept(socket, settings.silent_for_s));
    }
  }
  auto state = std::make_shared<ListenerState>(std::move(settings), counters, log, std::move(tls));
  return std::unique_ptr<Listener>(
      std::make_unique<SocketListener>(std::move(sockets), std::move(state), cores));
}

}  // namespace roost::net
