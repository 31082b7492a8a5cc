// SPDX-License-Identifier: Apache-2.0
#include "broker/net/filters.h"

namespace roost::net {

std::vector<std::unique_ptr<ByteFilter>> make_filters(const ListenerSettings&,
                                                      const TlsContext* tls) {
  std::vector<std::unique_ptr<ByteFilter>> filters;
  if (tls != nullptr) filters.push_back(tls->make_filter());
  return filters;
}

Result<std::unique_ptr<TlsContext>> TlsContext::load(const TlsSettings&) {
  return error(ErrorKind::invalid_argument, "TLS isn't built yet");
}

}  // namespace roost::net
