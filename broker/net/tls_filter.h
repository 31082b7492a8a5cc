// SPDX-License-Identifier: Apache-2.0
// One connection's TLS, the server's side: OpenSSL shakes hands; in TLS 1.3 what follows is ours.
// Thread: wherever its connection is.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "broker/net/byte_filter.h"

namespace roost::net {

// Once for each context, before its filters.
void prepare_for_filters(SSL_CTX& context);
// OpenSSL counts the filter as a user of `context`.
std::unique_ptr<ByteFilter> make_tls_filter(SSL_CTX& context);

}  // namespace roost::net
