// SPDX-License-Identifier: Apache-2.0
#include "broker/net/filters.h"
#include "broker/net/proxy_protocol.h"
#include "broker/net/websocket.h"

namespace roost::net {

std::vector<std::unique_ptr<ByteFilter>> make_filters(const ListenerSettings& settings,
                                                      const TlsContext* tls) {
  std::vector<std::unique_ptr<ByteFilter>> filters;
  if (settings.proxy_protocol) filters.push_back(make_proxy_filter());
  if (tls != nullptr) filters.push_back(tls->make_filter());
  if (settings.websocket) filters.push_back(make_websocket_filter(settings.websocket_path));
  return filters;
}

}  // namespace roost::net
