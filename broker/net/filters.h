// SPDX-License-Identifier: Apache-2.0
// Which filters a listener's connections get.
// Thread: any thread.
#pragma once

#include <memory>
#include <vector>

#include "broker/net/byte_filter.h"
#include "broker/net/settings.h"
#include "broker/net/tls.h"

namespace roost::net {

// Socket side first: PROXY prelude, TLS, WebSocket. `tls` may be null.
std::vector<std::unique_ptr<ByteFilter>> make_filters(const ListenerSettings& settings,
                                                      const TlsContext* tls);

}  // namespace roost::net
