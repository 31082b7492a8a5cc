// SPDX-License-Identifier: Apache-2.0
#include "broker/net/acceptor.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "broker/net/filters.h"

namespace roost::net {

namespace {

// Small, so that a burst spreads over the cores: epoll wakes the next one while we accept.
constexpr int kBatch = 16;
constexpr std::size_t kFirstReadMax = 4096;
constexpr std::size_t kWaitingPerHandshake = 16;  // accepted, of those that may be under way
constexpr SteadyMs kHandshakesWaitMs = 5;
constexpr std::int64_t kPauseMinMs = 100;
constexpr std::int64_t kPauseMaxMs = 1000;

// The error is of that one connection, or only says that there is none.
bool is_passing(int number) {
  return number == EINTR || number == ECONNABORTED || number == EPROTO || number == EPERM ||
         number == ENETDOWN || number == EHOSTDOWN || number == EHOSTUNREACH ||
         number == ENETUNREACH || number == ETIMEDOUT;
}

}  // namespace

Acceptor::Acceptor(core::Core& core, std::shared_ptr<const std::vector<Fd>> sockets,
                   std::size_t index, std::shared_ptr<ListenerState> state)
    : core_(core),
      sockets_(std::move(sockets)),
      fd_((*sockets_)[index].get()),
      state_(std::move(state)),
      counters_(state_->counters[core.id().value]),
      pace_(core, state_->settings.handshakes_max),
      log_(state_->log) {}

Acceptor::~Acceptor() { shutdown(); }

void Acceptor::start() {
  if (watching_) return;
  watching_ = core_.watch(fd_, EPOLLIN, *this, true);
  if (!watching_) pause(ENOSPC);
}

void Acceptor::stop() {
  core_.timers().cancel(*this);
  if (watching_) core_.unwatch(fd_, *this);
  watching_ = false;
}

void Acceptor::shutdown() {
  stop();
  state_->open.fetch_sub(static_cast<std::uint32_t>(handshakes_.size()));
  handshakes_.clear();
}

void Acceptor::on_ready(std::uint32_t) {
  for (int i = 0; i < kBatch && may_accept(); ++i) {
    sockaddr_storage address{};
    address.ss_family = AF_UNIX;  // the kernel says nothing about unnamed peers
    socklen_t size = sizeof(address);
    DetachedConnection connection;
    connection.fd =
        ::accept4(fd_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection.fd < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (is_passing(errno)) continue;
      if (errno == EINVAL) return stop();  // the listener is closing
      pause(errno);
      return;
    }
    pause_ms_ = 0;
    connection.peer.address = address_text(address);
    connection.peer.is_loopback = is_loopback(address);
    connection.limits = state_->settings.connection;
    if (is_full()) {
      say_refused(
          connection.peer,
          "max_connections (" + std::to_string(state_->settings.max_connections) + ") are open");
      continue;
    }
    if (!enter(connection)) {
      state_->open.fetch_sub(1);
      continue;
    }
    counters_.connections_opened.add();
    take(std::move(connection));
  }
}

// Claims a place, or says that there is none.
bool Acceptor::is_full() {
  const std::uint32_t before = state_->open.fetch_add(1);
  if (state_->settings.max_connections == 0 || before < state_->settings.max_connections) {
    return false;
  }
  state_->open.fetch_sub(1);
  return true;
}

// Where too many come in a second, or have come already, the others wait in the kernel's queue.
bool Acceptor::may_accept() {
  const ListenerSettings& settings = state_->settings;
  SteadyMs wait_ms = 0;
  if (settings.tls && settings.handshakes_max > 0 &&
      core_.background_waiting() + pace_.waiting() >=
          kWaitingPerHandshake * settings.handshakes_max) {
    counters_.accepts_deferred.add();
    wait_ms = kHandshakesWaitMs;
  } else if (settings.admission != nullptr) {
    wait_ms = settings.admission->wait_ms(core_.now_ms());
  }
  if (wait_ms == 0) return true;
  if (watching_) core_.unwatch(fd_, *this);
  watching_ = false;
  core_.timers().arm(*this, core_.now_ms() + wait_ms);
  return false;
}

// Behind a PROXY header the address is named later.
bool Acceptor::enter(DetachedConnection& connection) {
  Admission* const admission = state_->settings.admission;
  if (admission == nullptr) return true;
  admission->accepted(core_.now_ms());
  const std::string_view host =
      state_->settings.proxy_protocol ? std::string_view() : host_of(connection.peer.address);
  const Admission::Answer answer = admission->enter(host, connection.place);
  if (answer == Admission::Answer::yes) return true;
  say_refused(connection.peer, to_text(answer));
  return false;
}

void Acceptor::say_refused(const PeerInfo& peer, std::string_view why) {
  counters_.connections_refused.add();
  log_.write(LogLevel::warn,
             state_->settings.name + ": refused " + peer.address + ": " + std::string(why),
             core_.now_ms());
}

void Acceptor::take(DetachedConnection connection) {
  connection.filters = make_filters(state_->settings, state_->tls.get().get());
  if (connection.filters.empty()) {
    read_first(connection);
    state_->accepted(core_, std::move(connection));
    return;
  }
  auto handshake = std::make_unique<Handshake>(
      core_, std::move(connection), state_->settings.tls ? &pace_ : nullptr,
      state_->settings.handshake_timeout_ms, *this, counters_);
  handshakes_.emplace(handshake.get(), std::move(handshake));
}

// Clients speak first, and often have spoken when we come to accept: then who is accepted is known
// by name at once. A FIN or an error is left for the connection to find.
void Acceptor::read_first(DetachedConnection& connection) {
  const MutableByteView room = core_.scratch().first(kFirstReadMax);
  const std::ptrdiff_t got = ::recv(connection.fd, room.data(), room.size(), MSG_DONTWAIT);
  counters_.reads.add();
  if (got <= 0) return;
  counters_.bytes_in.add(static_cast<std::uint64_t>(got));
  connection.unread.assign(room.begin(), room.begin() + got);
}

void Acceptor::on_handshake_done(Handshake& handshake, DetachedConnection connection) {
  count(handshake.layers_done(), false);
  if (connection.peer.tls_resumed) counters_.tls_resumed.add();
  handshakes_.erase(&handshake);
  if (state_->settings.admission != nullptr && state_->settings.proxy_protocol) {
    const Admission::Answer answer =
        state_->settings.admission->name(host_of(connection.peer.address), connection.place);
    if (answer != Admission::Answer::yes) {
      say_refused(connection.peer, to_text(answer));
      state_->open.fetch_sub(1);
      counters_.connections_closed.add();
      return;
    }
  }
  state_->accepted(core_, std::move(connection));
}

void Acceptor::on_handshake_failed(Handshake& handshake, const std::string& why) {
  if (!why.empty()) {
    log_.write(LogLevel::info,
               state_->settings.name + ": refused " + handshake.peer().address + ": " + why,
               core_.now_ms());
  }
  count(handshake.layers_done(), true);
  state_->open.fetch_sub(1);
  handshakes_.erase(&handshake);
}

// Layers stand in the order PROXY, TLS, WebSocket; the first that doesn't is the one that failed.
void Acceptor::count(std::size_t layers_done, bool failed) {
  const ListenerSettings& settings = state_->settings;
  const auto layer = [&](bool is_there, Counter* done, Counter& refused) {
    if (!is_there) return;
    if (layers_done > 0) {
      --layers_done;
      if (done != nullptr) done->add();
    } else if (std::exchange(failed, false)) {
      refused.add();
    }
  };
  layer(settings.proxy_protocol, nullptr, counters_.proxy_refusals);
  layer(settings.tls != nullptr, &counters_.tls_handshakes, counters_.tls_handshake_failures);
  layer(settings.websocket, &counters_.websocket_handshakes, counters_.websocket_refusals);
}

// Out of file descriptors or memory: what waits in the backlog can wait a little longer, and
// level-triggered epoll would otherwise call again at once.
void Acceptor::pause(int error) {
  counters_.accept_errors.add();
  pause_ms_ = std::clamp(2 * pause_ms_, kPauseMinMs, kPauseMaxMs);
  log_.write(LogLevel::warn,
             state_->settings.name + ": can't accept: " + std::strerror(error) +
                 "; trying again in " + std::to_string(pause_ms_) + " ms",
             core_.now_ms());
  if (watching_) core_.unwatch(fd_, *this);
  watching_ = false;
  core_.timers().arm(*this, core_.now_ms() + pause_ms_);
}

void Acceptor::on_timer() { start(); }

}  // namespace roost::net
