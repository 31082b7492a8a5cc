// SPDX-License-Identifier: Apache-2.0
// A new connection on its way through PROXY prelude, TLS and WebSocket upgrade, before MQTT. With
// TLS its steps cost CPU time: they are left to the core's background, where who resumes a session
// or is half through comes before who begins.
// Thread: core-bound.
// Owner: its HandshakeOwner, which may delete it in either callback.
#pragma once

#include <string>
#include <vector>

#include "broker/core/core.h"
#include "broker/net/connection.h"
#include "broker/net/filter_stack.h"

namespace roost::net {

class Handshake;

class HandshakeOwner {
 public:
  // All layers stand.
  virtual void on_handshake_done(Handshake& handshake, DetachedConnection connection) = 0;
  // The socket is closed. `why` is empty if the peer just went.
  virtual void on_handshake_failed(Handshake& handshake, const std::string& why) = 0;

 protected:
  ~HandshakeOwner() = default;
};

class Handshake final : private core::Watcher, private core::Timer, private core::Background {
 public:
  enum class Cost : std::uint8_t { cheap, costly };

  // `from`: a fresh socket with the filters that are to shake hands. Fails after `timeout_ms`,
  // but for what it waited for its own core.
  Handshake(core::Core& core, DetachedConnection from, Cost cost, std::uint32_t timeout_ms,
            HandshakeOwner& owner, NetCounters& counters);
  ~Handshake() override;

  const PeerInfo& peer() const { return connection_.peer; }
  // How many layers stand, socket side first.
  std::size_t layers_done() const { return layers_done_; }

 private:
  void on_ready(std::uint32_t events) override;
  void on_timer() override;
  void on_background() override;
  void read();
  void keep(ByteView bytes);
  void found_end();
  void step(ByteView bytes);
  void send();
  void watch_for(bool reading, bool writing);
  void succeed(ByteView app);
  void refuse(std::string why);
  void end();

  core::Core& core_;
  HandshakeOwner& owner_;
  NetCounters& counters_;
  DetachedConnection connection_;
  FilterStack stack_;
  const Cost cost_;
  const std::uint32_t timeout_ms_;
  std::size_t layers_done_ = 0;
  std::vector<std::uint8_t> unread_;  // what the next step in the background begins with
  bool watching_ = false;
  bool reading_ = true;    // the socket is watched for bytes
  bool answered_ = false;  // the peer has had something from us
  bool refused_ = false;   // the peer reads why, then it's over
  bool kernel_full_ = false;
  std::string why_;
};

}  // namespace roost::net
