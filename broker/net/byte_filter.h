// SPDX-License-Identifier: Apache-2.0
// A transformation between the socket's bytes and MQTT's, without a socket: TLS, WebSocket, the
// PROXY prelude. A stack of them sits on a Connection; because a filter holds no socket, thread or
// core, a connection can move between cores with its filters.
// Thread: wherever its connection is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/bytes.h"

namespace roost::net {

struct PeerInfo;

enum class FilterStatus : std::uint8_t {
  ok,
  closed,  // the peer ended this layer properly (close_notify, WebSocket close)
  failed,  // broken or refused; last_error() says why. What is in `out_wire` is still sent
};

// Bytes produced by a filter. Appending may reallocate; the buffers are the core's, reused.
using FilterOutput = std::vector<std::uint8_t>;

class ByteFilter {
 public:
  virtual ~ByteFilter() = default;
  // Bytes from the wire side. Appends what they mean to `out_app`, and what must be answered on
  // this layer (handshake, pong) to `out_wire`.
  virtual FilterStatus from_wire(ByteView wire, FilterOutput& out_app, FilterOutput& out_wire) = 0;
  // Bytes from the application side, to be wrapped. Before the handshake is done they are kept.
  virtual FilterStatus to_wire(ByteView app, FilterOutput& out_wire) = 0;
  // Ends the layer politely.
  virtual void end(FilterOutput& out_wire) = 0;
  virtual bool handshake_done() const = 0;
  // From now on bytes pass unchanged both ways: the filter may be taken off the stack.
  virtual bool transparent() const { return false; }
  // Adds what the layer learnt about the peer; called once after the handshake.
  virtual void describe(PeerInfo& peer) const = 0;
  virtual std::string last_error() const = 0;
};

}  // namespace roost::net
