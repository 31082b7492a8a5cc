// SPDX-License-Identifier: Apache-2.0
// One core's part of a listener: takes new sockets from one listening fd, sees them through their
// handshakes, hands them up. Out of file descriptors it pauses instead of spinning.
// Thread: core-bound, except where said.
// Owner: the listener and the tasks it posts to the core, jointly.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/net/handshake.h"
#include "broker/net/listener.h"
#include "broker/net/log_window.h"
#include "broker/net/socket.h"
#include "broker/net/tls.h"

namespace roost::net {

// The TLS context in use; a newer one takes its place while connections go on with theirs.
// Thread: any thread.
class CurrentTls {
 public:
  explicit CurrentTls(std::unique_ptr<TlsContext> tls) : tls_(std::move(tls)) {}
  std::shared_ptr<const TlsContext> get() const {
    const std::lock_guard lock(mutex_);
    return tls_;
  }
  void set(std::unique_ptr<TlsContext> tls) {
    std::shared_ptr<const TlsContext> old(std::move(tls));
    const std::lock_guard lock(mutex_);
    tls_.swap(old);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> tls_;  // guarded by mutex_; null: none
};

// What the acceptors of one listener share; outlives them all.
// Thread: immutable after start(), the atomics from any thread.
struct ListenerState {
  ListenerState(ListenerSettings s, std::vector<NetCounters>& c, Log& l,
                std::unique_ptr<TlsContext> t)
      : settings(std::move(s)), counters(c), log(l), tls(std::move(t)) {}

  ListenerSettings settings;
  std::vector<NetCounters>& counters;  // one a core
  Log& log;
  CurrentTls tls;
  Listener::Accepted accepted;
  std::atomic<std::uint32_t> open{0};  // connections, those in handshake too
};

class Acceptor final : private core::Watcher, private core::Timer, public HandshakeOwner {
 public:
  // Accepts on one of `sockets`.
  Acceptor(core::Core& core, std::shared_ptr<const std::vector<Fd>> sockets, std::size_t index,
           std::shared_ptr<ListenerState> state);
  ~Acceptor() override;

  void start();
  void stop();      // no more accepts; handshakes go on
  void shutdown();  // ends those too

 private:
  void on_ready(std::uint32_t events) override;
  void on_timer() override;
  void on_handshake_done(Handshake& handshake, DetachedConnection connection) override;
  void on_handshake_failed(Handshake& handshake, const std::string& why) override;
  void take(DetachedConnection connection);
  void read_first(DetachedConnection& connection);
  bool is_full();
  bool may_accept();
  bool enter(DetachedConnection& connection);
  void say_refused(const PeerInfo& peer, std::string_view why);
  void pause(int error);
  void count(std::size_t layers_done, bool failed);

  core::Core& core_;
  const std::shared_ptr<const std::vector<Fd>> sockets_;
  const int fd_;
  const std::shared_ptr<ListenerState> state_;
  NetCounters& counters_;
  HandshakePace pace_;
  std::unordered_map<Handshake*, std::unique_ptr<Handshake>> handshakes_;
  bool watching_ = false;
  std::int64_t pause_ms_ = 0;
  LogWindow log_;
};

}  // namespace roost::net
