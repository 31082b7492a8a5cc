// SPDX-License-Identifier: Apache-2.0
// WebSocket (RFC 6455), the server's side, as a byte filter: the HTTP upgrade, then frames. MQTT
// packets flow through binary frames as a plain stream; where frames begin and end means nothing
// [MQTT-6.0.0-2]. Payloads are passed on as they come, so a frame's size costs no memory.
// Thread: wherever its connection is.
#pragma once

#include <memory>
#include <string>

#include "broker/net/byte_filter.h"

namespace roost::net {

// `path`: the only one served; empty: any.
std::unique_ptr<ByteFilter> make_websocket_filter(std::string path);

}  // namespace roost::net
