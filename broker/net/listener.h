// SPDX-License-Identifier: Apache-2.0
// Accepts connections on one address and hands them up with their filters on. Every core watches
// the listening socket (EPOLLEXCLUSIVE), so a connection is accepted where there is time for it.
// Thread: open/close from the owner's thread; accepting is core-bound per core.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/base/log.h"
#include "broker/base/result.h"
#include "broker/core/cores.h"
#include "broker/net/connection.h"
#include "broker/net/settings.h"

namespace roost::net {

class Listener {
 public:
  // Called on the accepting core when all handshakes are done (PROXY, TLS, WebSocket).
  using Accepted = std::function<void(core::Core&, DetachedConnection)>;

  // Binds and listens; accepts only after start(). Errors: already_exists (address in use),
  // invalid_argument (host, certificate, key: says what to do), permission_denied, io.
  // "*" listens on IPv6 and IPv4; a host without IPv6 falls back to IPv4 with a log line.
  // `counters` (one a core) and `log` must outlive the cores' threads, the listener must not
  // outlive `cores`. What `accepted` refers to must outlive the cores' threads too, unless the
  // listener goes only after cores.stop().
  static Result<std::unique_ptr<Listener>> open(ListenerSettings settings, core::Cores& cores,
                                                std::vector<NetCounters>& counters, Log& log);
  virtual ~Listener() = default;

  virtual void start(Accepted accepted) = 0;
  virtual void stop() = 0;                   // no more accepts; existing connections go on
  virtual std::uint16_t port() const = 0;    // the one bound
  virtual std::string describe() const = 0;  // "mqtt+tls on 127.0.0.1:8883"
  virtual const ListenerSettings& settings() const = 0;
  // Reads certificate, key, CA and revocations again; who is connected stays. Errors: what open()
  // says of them, or the new certificate has expired: then the old ones go on. Any thread but a
  // core's (reads files).
  virtual Result<void> reload() = 0;
  // Of the certificate in use, as Unix time in s; 0: no TLS.
  virtual std::int64_t certificate_expires_at_s() const = 0;
  // The connection belonged to this listener and is gone (max_connections counts).
  virtual void connection_closed() = 0;
};

}  // namespace roost::net
