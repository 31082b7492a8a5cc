// SPDX-License-Identifier: Apache-2.0
// What the sockets of one core count.
// Thread: written by the core, read by any thread.
#pragma once

#include "broker/base/counter.h"

namespace roost::net {

struct NetCounters {
  Counter connections_opened, connections_closed;  // difference: open now
  Counter bytes_in, bytes_out;                     // of the socket, TLS and framing included
  Counter reads, writes;                           // system calls
  Counter tls_handshakes, tls_handshake_failures;
  Counter tls_resumed;  // part of tls_handshakes: an earlier session went on
  Counter websocket_handshakes, websocket_refusals;
  Counter proxy_refusals;
  Counter accept_errors;        // EMFILE and the like; accepting pauses for a while
  Counter accepts_deferred;     // times that accepting waited for handshakes
  Counter connections_refused;  // over a listener's max_connections
  Counter reads_paused;         // back-pressure: a connection was not read for a while
};

}  // namespace roost::net
