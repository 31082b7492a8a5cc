// SPDX-License-Identifier: Apache-2.0
// One connection's TLS, the server's side.
// Thread: wherever its connection is.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "broker/net/byte_filter.h"

namespace roost::net {

// OpenSSL counts the filter as a user of `context`.
std::unique_ptr<ByteFilter> make_tls_filter(SSL_CTX& context);

}  // namespace roost::net
